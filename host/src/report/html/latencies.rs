//! The table of latencies and lengths, and what each number means.

use serde_json::{Map, Value};

use super::text::{WIDE_TABLE, decimals, defined, escaped, foreign, foreign_at, interval, number_at};

/// The metrics of `summary.json` that are shown, in this order, under the words of the console.
const SHOWN: [(&str, &str, &str); 10] = [
    ("ttft", "TTFT", "ms"),
    ("ttft_due", "TTFT from due", "ms"),
    ("ttfo", "TTFO", "ms"),
    ("e2el", "E2EL", "ms"),
    ("itl", "ITL", "ms"),
    ("tokens_per_event", "Tokens/event", ""),
    ("tpot", "TPOT", "ms"),
    ("output_throughput_per_request", "Per request", "tok/s"),
    ("isl", "ISL", "tokens"),
    ("osl", "OSL", "tokens"),
];

/// The statistics of `summary.json` that are shown; what a narrow screen shows without scrolling comes first.
const COLUMNS: [&str; 8] = ["p50", "p90", "p95", "p99", "mean", "stddev", "min", "max"];
const INTERVALS: [(&str, &str); 2] = [("p50_ci95", "p50 95 %"), ("p99_ci95", "p99 95 %")];

/// The word for a metric of `summary.json`.
pub(super) fn word(name: &str) -> &str {
    SHOWN.iter().find(|(key, ..)| *key == name).map_or(name, |(_, word, _)| word)
}

/// What a metric is, for its tooltip.
pub(super) fn definition(described: &Value) -> String {
    let text = |key: &str| described.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{}: {}. Defined when {}.", text("title"), text("formula"), text("defined_when"))
}

/// The table; nothing where no request succeeded.
pub(super) fn latencies(summary: &Value) -> String {
    let rows: String = SHOWN.iter().filter_map(|shown| row(summary, *shown)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings = COLUMNS.iter().chain(INTERVALS.iter().map(|(_, heading)| heading));
    let headings: String = headings.map(|heading| format!("<th scope=\"col\">{heading}</th>")).collect();
    let marked = "~ too few values for a 95 % interval (p50 needs 6, p90 36, p95 72, p99 368)";
    let marked = if rows.contains('~') { format!("<p class=\"quiet\">{marked}</p>") } else { String::new() };
    format!(
        "<section><h2>Latencies and lengths</h2>{WIDE_TABLE}<table id=\"latencies\"><thead><tr><th scope=\"col\"></th>\
         <th class=\"text rest\" scope=\"col\">unit</th><th class=\"rest\" scope=\"col\">n</th>{headings}</tr></thead><tbody>{rows}</tbody></table></div>\
         {marked}</section>
"
    )
}

/// `None` where the metric has no value, or says what another row says already.
fn row(summary: &Value, (name, word, unit): (&str, &str, &str)) -> Option<String> {
    let metric = summary.pointer(&format!("/metrics/{name}"))?;
    let median = metric.get("p50").and_then(Value::as_f64)?;
    let of_ttft = || summary.pointer("/metrics/ttft");
    let like_ttft = || COLUMNS.iter().all(|key| of_ttft().and_then(|ttft| ttft.get(key)) == metric.get(key));
    if name == "ttfo" && like_ttft() {
        return None;
    }
    let decimals = decimals(median);
    let cells: String = COLUMNS.iter().map(|key| cell(metric, key, decimals)).collect();
    let intervals = INTERVALS.iter().map(|(key, _)| {
        format!("<td class=\"quiet\">{}</td>", interval(metric.get(key).unwrap_or(&Value::Null), decimals))
    });
    let word = defined(word, &definition(metric));
    let n = number_at(metric, "/n", 0);
    Some(format!(
        "<tr data-metric=\"{name}\"><th scope=\"row\">{word}</th><td class=\"text quiet rest\">{unit}</td><td class=\"rest\">{n}</td>{cells}{}</tr>",
        intervals.collect::<String>()
    ))
}

/// A percentile without an interval is marked: so few values do not support it.
fn cell(metric: &Value, key: &str, decimals: usize) -> String {
    let supported = match metric.get(format!("{key}_ci95")) {
        Some(interval) => !interval.is_null(),
        None => true,
    };
    let mark = if supported { "" } else { "~" };
    format!("<td data-stat=\"{key}\">{mark}{}</td>", number_at(metric, &format!("/{key}"), decimals))
}

/// Every number's definition as text, for paper and for who cannot hover.
pub(super) fn definitions(summary: &Value) -> String {
    let group = |key: &str| summary.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let rows: String = group("rates")
        .chain(group("metrics"))
        .map(|(name, described)| {
            let title = foreign_at(described, "/title");
            let (formula, when) = (foreign_at(described, "/formula"), foreign_at(described, "/defined_when"));
            let word = match word(name) {
                other if other == name => String::new(),
                word => format!(" ({})", escaped(word)),
            };
            format!(
                "<tr><th scope=\"row\">{title}{word}</th><td>{formula}<br><span class=\"quiet\">in {}, defined when {when}</span></td></tr>",
                foreign(described.get("unit").and_then(Value::as_str).unwrap_or("–"))
            )
        })
        .collect();
    format!(
        "<section><h2>Definitions</h2><table class=\"facts definitions\"><tbody>{rows}</tbody></table></section>\n"
    )
}
