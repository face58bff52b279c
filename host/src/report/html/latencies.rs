//! The table of latencies and lengths, and what each number means.

use serde_json::{Map, Value};

use super::text::{WIDE_TABLE, decimals, defined, escaped, foreign, foreign_at, interval, number_at};
use super::words::Words;
use crate::report::compare::fill;

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
pub(super) fn word<'a>(name: &'a str, words: &Words) -> &'a str {
    match name {
        "ttft_due" => words.ttft_due,
        "tokens_per_event" => words.tokens_per_event,
        "output_throughput_per_request" => words.per_request,
        _ => SHOWN.iter().find(|(key, ..)| *key == name).map_or(name, |(_, word, _)| word),
    }
}

/// What a metric is, for its tooltip.
pub(super) fn definition(name: &str, described: &Value, words: &Words) -> String {
    let text = |key: &str| described.get(key).and_then(Value::as_str).unwrap_or_default();
    let title = words.name(name).unwrap_or(text("title"));
    fill(words.definition, &[("title", title), ("formula", text("formula")), ("when", text("defined_when"))])
}

/// The table; nothing where no request succeeded.
pub(super) fn latencies(summary: &Value, words: &Words) -> String {
    let rows: String = SHOWN.iter().filter_map(|shown| row(summary, *shown, words)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings = COLUMNS.iter().chain(INTERVALS.iter().map(|(_, heading)| heading));
    let headings: String = headings.map(|heading| format!("<th scope=\"col\">{heading}</th>")).collect();
    let Words { latencies, unit, few, .. } = words;
    let marked = if rows.contains('~') { format!("<p class=\"quiet\">{few}</p>") } else { String::new() };
    format!(
        "<section><h2>{latencies}</h2>{WIDE_TABLE}<table id=\"latencies\"><thead><tr><th scope=\"col\"></th>\
         <th class=\"text rest\" scope=\"col\">{unit}</th><th class=\"rest\" scope=\"col\">n</th>{headings}</tr></thead><tbody>{rows}</tbody></table></div>\
         {marked}</section>
"
    )
}

/// `None` where the metric has no value, or says what another row says already.
fn row(summary: &Value, (name, _, unit): (&str, &str, &str), words: &Words) -> Option<String> {
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
    let word = defined(word(name, words), &definition(name, metric, words));
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
pub(super) fn definitions(summary: &Value, words: &Words) -> String {
    let group = |key: &str| summary.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let rows: String = group("rates")
        .chain(group("metrics"))
        .map(|(name, described)| {
            let title = words.name(name).map_or_else(|| foreign_at(described, "/title"), str::to_owned);
            let (formula, when) = (foreign_at(described, "/formula"), foreign_at(described, "/defined_when"));
            let word = match word(name, words) {
                other if other == name => String::new(),
                word => format!(" ({})", escaped(word)),
            };
            let unit = foreign(described.get("unit").and_then(Value::as_str).unwrap_or("–"));
            let when = fill(words.defined_when, &[("unit", &unit), ("when", &when)]);
            format!(
                "<tr><th scope=\"row\">{title}{word}</th><td>{formula}<br><span class=\"quiet\">{when}</span></td></tr>"
            )
        })
        .collect();
    let heading = words.definitions;
    format!(
        "<section><h2>{heading}</h2><table class=\"facts definitions\"><tbody>{rows}</tbody></table></section>\n"
    )
}
