//! The shape of `summary.json`, which `--output json` prints too. Undefined is `null`, never 0; every number
//! carries its formula. Keys are only ever added within one [`SCHEMA_VERSION`].

use serde_json::{Map, Value, json};

use super::python_json::dumps;
use crate::metrics::{
    Aggregate, Attainment, Bound, Definition, Distribution, Failures, Level, Metric, SloReport, Summary,
    TokenBasis, TokenCount,
};
use crate::record::FailureKind;

/// The version of this shape.
pub const SCHEMA_VERSION: u64 = 1;

/// The summary as JSON, for the caller to add what it knows of the run.
pub fn summary_json(summary: &Summary) -> Value {
    let counts = summary.counts;
    let tokens = &summary.tokens;
    json!({
        "schema_version": SCHEMA_VERSION,
        "counts": {
            "scheduled": counts.scheduled(),
            "sent": counts.sent(),
            "dropped": counts.dropped,
            "ok": counts.ok,
            "failed": counts.failed,
            "cancelled": counts.cancelled,
            "warmup": counts.warmup,
        },
        "window_s": summary.window.map(|window| window.as_secs()),
        "rates": object(Aggregate::ALL.map(|aggregate| {
            let definition = aggregate.definition();
            (definition.name, rate(definition, aggregate_value(summary, aggregate)))
        })),
        "metrics": object(Metric::ALL.map(|metric| {
            let definition = metric.definition();
            (definition.name, statistics(definition, summary.distributions.get(&metric)))
        })),
        "tokens": {
            "basis": match summary.token_basis {
                TokenBasis::Local => "local",
                TokenBasis::Server => "server",
            },
            "input": token_count(&tokens.input),
            "output": token_count(&tokens.output),
            "reasoning": token_count(&tokens.reasoning),
            "cached_input_server_tokens": tokens.cached_input,
            "cached_input_share": tokens.cached_share,
        },
        "slo": summary.slo.as_ref().map_or(vec![], |slo| objectives(slo, summary)),
        "goodput": summary.slo.as_ref().map(|slo| json!({
            "good_requests": slo.good, "due_requests": slo.due, "share": slo.good_share(),
        })),
        "failures": failures(&summary.failures),
        "finish_reasons": summary.finish_reasons,
        "endings": {
            "streamed": summary.endings.streamed,
            "without_end_marker": summary.endings.without_marker,
            "without_finish_reason": summary.endings.without_reason,
        },
        "body_bytes": summary.body_bytes,
        "notes": summary.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// A JSON document of printable ASCII alone, indented: whatever texts it holds, a terminal that shows it is safe.
pub fn ascii_json(value: &Value) -> String {
    dumps(value)
}

fn aggregate_value(summary: &Summary, aggregate: Aggregate) -> Option<f64> {
    match aggregate {
        Aggregate::OutputThroughput => summary.output_throughput,
        Aggregate::RequestThroughput => summary.request_throughput,
        Aggregate::Goodput => summary.slo.as_ref().and_then(|slo| slo.goodput),
        Aggregate::ErrorRate => summary.error_rate,
    }
}

fn object<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn described(definition: Definition) -> Map<String, Value> {
    let text = |key: &str, value: &str| (key.to_owned(), json!(value));
    Map::from_iter([
        text("title", definition.title),
        text("unit", definition.unit.name()),
        text("formula", definition.formula),
        text("defined_when", definition.defined_when),
    ])
}

fn rate(definition: Definition, value: Option<f64>) -> Value {
    let mut map = described(definition);
    map.insert("value".to_owned(), json!(value));
    Value::Object(map)
}

fn statistics(definition: Definition, distribution: Option<&Distribution>) -> Value {
    let mut map = described(definition);
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("n", json!(distribution.map_or(0, |d| d.n)));
    put("mean", json!(distribution.map(|d| d.mean)));
    put("stddev", json!(distribution.and_then(|d| d.stddev)));
    put("min", json!(distribution.map(|d| d.min)));
    for level in Level::ALL {
        let quantile = distribution.and_then(|d| d.at(level));
        // A dot in a key has to be quoted in every query language.
        let key = level.name().replace('.', "_");
        put(&key, json!(quantile.map(|q| q.value)));
        put(&format!("{key}_ci95"), json!(quantile.and_then(|q| q.ci95)));
    }
    put("max", json!(distribution.map(|d| d.max)));
    // Of the percentiles; 0 where they are those of the values themselves.
    put("exact", json!(distribution.map(|d| d.relative_error == 0.0)));
    put("relative_error", json!(distribution.map(|d| d.relative_error)));
    Value::Object(map)
}

fn objectives(report: &SloReport, summary: &Summary) -> Vec<Value> {
    report.attainments.iter().map(|attainment| objective(attainment, summary)).collect()
}

fn objective(attainment: &Attainment, summary: &Summary) -> Value {
    let slo = &attainment.slo;
    let (Bound::Below(bound) | Bound::Above(bound)) = slo.bound;
    json!({
        "text": slo.to_string(),
        "metric": slo.metric.definition().name,
        "unit": slo.metric.definition().unit.name(),
        "bound": bound,
        "target_share": slo.share.unwrap_or(1.0),
        "of": if slo.metric == Metric::Itl { "gaps" } else { "requests" },
        "n": attainment.of,
        "hits": attainment.hits,
        "attainment": attainment.share(),
        "ci95": attainment.ci95,
        "met": attainment.met,
        "value": at_share(attainment, summary),
        "worst": attainment.worst,
    })
}

/// What the successful requests, or gaps, had at the objective's percentile, where that is one that results show.
fn at_share(attainment: &Attainment, summary: &Summary) -> Option<f64> {
    let slo = &attainment.slo;
    let Some(share) = slo.share else { return attainment.worst };
    let share = if matches!(slo.bound, Bound::Above(_)) { 1.0 - share } else { share };
    let level = Level::ALL.into_iter().find(|level| (level.share() - share).abs() < 1e-9)?;
    Some(summary.distributions.get(&slo.metric)?.at(level)?.value)
}

fn token_count(count: &TokenCount) -> Value {
    json!({
        "local_tokens": count.local,
        "server_tokens": count.server,
        "server_reported_requests": count.reported,
        "disagreement": count.disagreement,
    })
}

fn failures(failures: &Failures) -> Value {
    let mut rows = Vec::new();
    for (kind, codes) in failures {
        for (code, group) in codes {
            rows.push(json!({
                "kind": kind,
                "code": Some(code).filter(|code| !code.is_empty()),
                "count": group.count,
                "example": group.example,
            }));
        }
    }
    Value::Array(rows)
}

/// The kind's name in results.
pub(super) fn kind_name(kind: FailureKind) -> String {
    match json!(kind) {
        Value::String(name) => name,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::metrics::{Context, summarize};
    use crate::record::{Failure, Outcome, RequestRecord};

    fn summary() -> Summary {
        let failure =
            Failure { code: "503".to_owned(), ..Failure::new(FailureKind::HttpStatus, "busy\u{9b}2J") };
        let failed = RequestRecord { outcome: Outcome::Failed(failure), end: ms(502), ..record(2, &[]) };
        summarize(
            &[record(0, &[52, 62, 82]), record(1, &[53, 63]), failed],
            Context { dropped: 1, ..Context::default() },
        )
    }

    #[test]
    fn every_number_carries_its_formula_and_undefined_is_null() {
        let json = summary_json(&summary());
        let check =
            |pointer: &str, expected: Value| assert_eq!(json.pointer(pointer), Some(&expected), "{pointer}");
        check("/schema_version", json!(1));
        check(
            "/counts",
            json!({"scheduled": 4, "sent": 3, "dropped": 1, "ok": 2, "failed": 1, "cancelled": 0, "warmup": 0}),
        );
        check("/window_s", json!(0.5));
        check("/rates/output_throughput/value", json!(10.0));
        check("/rates/output_throughput/unit", json!("tokens/s"));
        check(
            "/metrics/ttft",
            json!({
                "title": "Time to first token", "unit": "ms", "formula": "first_token - sent",
                "defined_when": "a token came", "n": 2, "mean": 50.5, "stddev": std::f64::consts::FRAC_1_SQRT_2, "min": 50.0,
                "p25": 50.25, "p25_ci95": null, "p50": 50.5, "p50_ci95": null, "p75": 50.75, "p75_ci95": null,
                "p90": 50.9, "p90_ci95": null, "p95": 50.95, "p95_ci95": null, "p99": 50.99, "p99_ci95": null,
                "p99_9": null, "p99_9_ci95": null, "max": 51.0, "exact": true,
                "relative_error": 0.0,
            }),
        );
        check("/metrics/connect/n", json!(0));
        check("/metrics/connect/mean", Value::Null);
        check(
            "/tokens/output",
            json!({
                "local_tokens": 5, "server_tokens": null, "server_reported_requests": 0, "disagreement": null,
            }),
        );
        check(
            "/failures",
            json!([{"kind": "http_status", "code": "503", "count": 1, "example": "busy\u{9b}2J"}]),
        );
        check("/finish_reasons", json!({"stop": 2}));
    }

    #[test]
    fn intervals_are_pairs() {
        let records: Vec<RequestRecord> = (0..40).map(|id| record(id, &[50 + id])).collect();
        let json = summary_json(&summarize(&records, Context::default()));
        assert_eq!(json.pointer("/metrics/ttft/p50_ci95"), Some(&json!([61.0, 74.0])));
        assert_eq!(json.pointer("/metrics/ttft/p95_ci95"), Some(&Value::Null));
    }

    #[test]
    fn what_is_printed_is_ascii_and_means_the_same() {
        let json = summary_json(&summary());
        let text = ascii_json(&json);
        assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json);
    }

    #[test]
    fn a_failure_kind_has_its_wire_name() {
        assert_eq!(kind_name(FailureKind::ConnectTimeout), "connect_timeout");
    }
}
