//! What came of the run: its headline, its verdict, the headline numbers, the objectives and the failures.

use serde_json::Value;

use super::facts::load;
use super::latencies::{definition, word};
use super::text::{WIDE_TABLE, decimals, defined, foreign, foreign_at, number, number_at, percent, utc};
use super::words::Words;
use crate::report::compare::fill;

/// Kinds of failure that are shown; the summary has all.
const MOST_FAILURES: usize = 50;

pub(super) fn headline(summary: &Value, manifest: &Value, words: &Words) -> String {
    let at = |pointer: &str| foreign_at(manifest, pointer);
    let target = match manifest.pointer("/plan/target").and_then(Value::as_str) {
        Some("mock") => words.built_in.to_owned(),
        _ => at("/plan/base_url"),
    };
    let started = manifest.get("started_unix_s").and_then(Value::as_u64).map_or(String::new(), utc);
    let window = number_at(summary, "/window_s", 1);
    let plugin = format!("{} {}", at("/plugin/name"), at("/plugin/version"));
    let text = fill(
        words.headline,
        &[
            ("api", &at("/plan/llm_api")),
            ("target", &target),
            ("load", &load(manifest, words)),
            ("window", &window),
            ("plugin", &plugin),
            ("started", &started),
        ],
    );
    format!("<header><h1>{}</h1><p>{text}</p></header>\n<main>\n", at("/plan/model"))
}

/// Whether to believe the run. A replay has no verdict of its own, and a run that was killed was not judged.
pub(super) fn verdict(summary: &Value, words: &Words) -> String {
    let Some(level) = summary.pointer("/verdict/level").and_then(Value::as_str) else {
        let why = if summary.get("from_records").is_some() { words.not_judged } else { words.replay };
        return format!("<section class=\"verdict\"><h2>{}</h2><p>{why}</p></section>\n", words.no_verdict);
    };
    let (class, word) = match level {
        "valid" => ("valid", words.valid),
        "doubtful" => ("doubtful", words.doubtful),
        "invalid" => ("invalid", words.invalid),
        other => ("invalid", other),
    };
    let reasons = summary.pointer("/verdict/reasons").and_then(Value::as_array);
    let reasons: String = reasons.into_iter().flatten().map(|said| reason(said, words)).collect();
    let list = if reasons.is_empty() { String::new() } else { format!("<ul>{reasons}</ul>") };
    let word = foreign(&word.to_uppercase());
    format!("<section class=\"verdict {class}\" id=\"verdict\"><h2>{word}</h2>{list}</section>\n")
}

fn reason(reason: &Value, words: &Words) -> String {
    let remedy = foreign_at(reason, "/remedy");
    let remedy =
        if remedy.is_empty() { remedy } else { format!(" <span class=\"quiet\">→ {remedy}</span>") };
    let kind = reason.get("kind").and_then(Value::as_str).and_then(|kind| words.name(kind));
    let kind = kind.map_or(String::new(), |kind| format!("<b>{kind}</b>："));
    format!("<li>{kind}{}{remedy}</li>", foreign_at(reason, "/message"))
}

/// The numbers one looks for first.
pub(super) fn tiles(summary: &Value, words: &Words) -> String {
    let rate = |name: &str, word: &str| {
        let per_second = words.per_second;
        let rate = summary.pointer(&format!("/rates/{name}"))?;
        let value = rate.get("value").filter(|value| !value.is_null())?;
        let shown = match name {
            "error_rate" => percent(value),
            _ => format!(
                "{} <small>{per_second}</small>",
                number(value, decimals(value.as_f64().unwrap_or_default()))
            ),
        };
        Some(tile(&defined(word, &definition(name, rate, words)), &shown, ""))
    };
    let latency = |name: &str| {
        let metric = summary.pointer(&format!("/metrics/{name}"))?;
        let median = metric.get("p50").and_then(Value::as_f64)?;
        let at = |key: &str| number_at(metric, key, decimals(median));
        let more = format!("<i>p95 {}</i> <i>p99 {}</i>", at("/p95"), at("/p99"));
        let name = defined(&format!("{} p50", word(name, words)), &definition(name, metric, words));
        Some(tile(&name, &format!("{} <small>ms</small>", at("/p50")), &more))
    };
    let tiles = [
        Some(requests(summary, words)),
        rate("request_throughput", words.requests_per_s),
        rate("output_throughput", words.tokens_per_s),
        latency("ttft"),
        latency("itl"),
        latency("e2el"),
        rate("error_rate", words.error_rate),
        rate("goodput", words.goodput),
    ];
    format!("<div class=\"tiles\">{}</div>\n", tiles.into_iter().flatten().collect::<String>())
}

fn requests(summary: &Value, words: &Words) -> String {
    let count = |name: &str| number_at(summary, &format!("/counts/{name}"), 0);
    let counted = |sentence: &str, name: &str| fill(sentence, &[("n", &count(name))]);
    let failed = format!(
        "<i>{}</i> <i>{}</i> <i>{}</i>",
        counted(words.failed, "failed"),
        counted(words.cancelled, "cancelled"),
        counted(words.dropped, "dropped")
    );
    let shown = format!("{} <small>{}</small>", count("ok"), counted(words.successful_of, "scheduled"));
    tile(&defined(words.successful, words.counted), &shown, &failed)
}

fn tile(name: &str, shown: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!("<span class=\"more\">{more}</span>") };
    format!("<div class=\"tile\"><span class=\"name\">{name}</span><b>{shown}</b>{more}</div>")
}

/// The objectives of `--slo`; nothing where there are none.
pub(super) fn objectives(summary: &Value, words: &Words) -> String {
    let rows = summary.get("slo").and_then(Value::as_array).into_iter().flatten();
    let rows: String = rows.map(|row| objective(row, words)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let good = |name: &str| number_at(summary, &format!("/goodput/{name}"), 0);
    let Words { objectives, result, share_met, interval, of, worst, .. } = words;
    let met = fill(words.objectives_met, &[("good", &good("good_requests")), ("due", &good("due_requests"))]);
    format!(
        "<section><h2>{objectives}</h2>{WIDE_TABLE}<table id=\"objectives\"><thead><tr><th scope=\"col\"></th><th class=\"text\" scope=\"col\">{result}</th>\
         <th scope=\"col\">{share_met}</th><th scope=\"col\">{interval}</th><th scope=\"col\">{of}</th><th scope=\"col\">{worst}</th></tr></thead>\
         <tbody>{rows}</tbody></table></div><p class=\"quiet\">{met}</p></section>\n"
    )
}

fn objective(objective: &Value, words: &Words) -> String {
    let field = |name: &str| objective.get(name).unwrap_or(&Value::Null);
    let (class, result) =
        if field("met") == &Value::Bool(true) { ("met", words.met) } else { ("missed", words.missed) };
    let interval = match field("ci95").as_array().map(Vec::as_slice) {
        Some([low, high]) => format!("{} – {}", percent(low), percent(high)),
        _ => String::new(),
    };
    let of = field("of").as_str().unwrap_or_default();
    let of = words.name(of).map_or_else(|| foreign(of), str::to_owned);
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"text {class}\">{result}</td><td>{}</td><td>{interval}</td><td>{} {of}</td><td>{} {}</td></tr>",
        foreign_at(objective, "/text"),
        percent(field("attainment")),
        number(field("n"), 0),
        number(field("worst"), 1),
        foreign_at(objective, "/unit"),
    )
}

/// Failures by kind and code, the most frequent first, each with an example.
pub(super) fn failures(summary: &Value, words: &Words) -> String {
    let count = |row: &Value| row.get("count").and_then(Value::as_u64).unwrap_or(0);
    let mut rows: Vec<&Value> =
        summary.get("failures").and_then(Value::as_array).into_iter().flatten().collect();
    if rows.is_empty() {
        return format!(
            "<section><h2>{}</h2><p class=\"quiet\">{}</p></section>\n",
            words.failures, words.none
        );
    }
    rows.sort_by_key(|row| std::cmp::Reverse(count(row)));
    let all: u64 = rows.iter().map(|row| count(row)).sum();
    let shown: String =
        rows.iter().take(MOST_FAILURES).map(|row| failure(row, count(row), all, words)).collect();
    let hidden = rows.len().saturating_sub(MOST_FAILURES);
    let hidden =
        if hidden > 0 { fill(words.more_kinds, &[("n", &hidden.to_string())]) } else { String::new() };
    let hidden = if hidden.is_empty() { hidden } else { format!("<p class=\"quiet\">{hidden}</p>") };
    let Words { failures, kind, code, count, of_failures, example, .. } = words;
    format!(
        "<section><h2>{failures}</h2>{WIDE_TABLE}<table id=\"failures\"><thead><tr><th scope=\"col\">{kind}</th><th class=\"text\" scope=\"col\">{code}</th>\
         <th scope=\"col\">{count}</th><th class=\"text\" scope=\"col\">{of_failures}</th><th class=\"text\" scope=\"col\">{example}</th></tr></thead><tbody>{shown}</tbody></table></div>{hidden}</section>\n"
    )
}

fn failure(row: &Value, count: u64, all: u64, words: &Words) -> String {
    let share = if all > 0 { count as f64 / all as f64 } else { 0.0 };
    let label = fill(words.share_of_failures, &[("share", &format!("{:.1}", share * 100.0))]);
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td>{}</td><td class=\"text\"><svg class=\"share\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{label}\"><rect width=\"100\" height=\"8\"/><rect width=\"{:.1}\" height=\"8\"/></svg></td><td class=\"text long\">{}</td></tr>",
        foreign_at(row, "/kind"),
        foreign_at(row, "/code"),
        number_at(row, "/count", 0),
        share * 100.0,
        foreign_at(row, "/example"),
    )
}
