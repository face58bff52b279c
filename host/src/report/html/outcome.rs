//! What came of the run: its headline, its verdict, the headline numbers, the objectives and the failures.

use serde_json::Value;

use super::facts::load;
use super::latencies::{definition, word};
use super::text::{
    WIDE_TABLE, decimals, defined, escaped, foreign, foreign_at, number, number_at, percent, utc,
};

/// Kinds of failure that are shown; the summary has all.
const MOST_FAILURES: usize = 50;

pub(super) fn headline(summary: &Value, manifest: &Value) -> String {
    let at = |pointer: &str| foreign_at(manifest, pointer);
    let target = match manifest.pointer("/plan/target").and_then(Value::as_str) {
        Some("mock") => "the built-in target".to_owned(),
        _ => at("/plan/base_url"),
    };
    let started = manifest.get("started_unix_s").and_then(Value::as_u64).map_or(String::new(), utc);
    let window = number_at(summary, "/window_s", 1);
    format!(
        "<header><h1>{}</h1><p>{} at {target} · {} · measured {window} s · plugin {} {} · {started}</p></header>\n<main>\n",
        at("/plan/model"),
        at("/plan/llm_api"),
        load(manifest),
        at("/plugin/name"),
        at("/plugin/version"),
    )
}

/// Whether to believe the run. A replay has no verdict of its own, and a run that was killed was not judged.
pub(super) fn verdict(summary: &Value) -> String {
    let Some(level) = summary.pointer("/verdict/level").and_then(Value::as_str) else {
        let why = match summary.get("from_records") {
            Some(_) => {
                "These numbers were made again from the records of a run, which do not say how the client fared."
            }
            None => "This is a replay: whether to believe the run was said when it was made.",
        };
        return format!("<section class=\"verdict\"><h2>No verdict</h2><p>{why}</p></section>\n");
    };
    let class = match level {
        "valid" => "valid",
        "doubtful" => "doubtful",
        _ => "invalid",
    };
    let reasons = summary.pointer("/verdict/reasons").and_then(Value::as_array);
    let reasons: String = reasons.into_iter().flatten().map(reason).collect();
    let list = if reasons.is_empty() { String::new() } else { format!("<ul>{reasons}</ul>") };
    let word = foreign(&level.to_uppercase());
    format!("<section class=\"verdict {class}\" id=\"verdict\"><h2>{word}</h2>{list}</section>\n")
}

fn reason(reason: &Value) -> String {
    let remedy = foreign_at(reason, "/remedy");
    let remedy =
        if remedy.is_empty() { remedy } else { format!(" <span class=\"quiet\">→ {remedy}</span>") };
    format!("<li>{}{remedy}</li>", foreign_at(reason, "/message"))
}

/// The numbers one looks for first.
pub(super) fn tiles(summary: &Value) -> String {
    let rate = |name: &str, word: &str| {
        let rate = summary.pointer(&format!("/rates/{name}"))?;
        let value = rate.get("value").filter(|value| !value.is_null())?;
        let shown = match name {
            "error_rate" => percent(value),
            _ => format!("{} <small>/s</small>", number(value, decimals(value.as_f64().unwrap_or_default()))),
        };
        Some(tile(&defined(word, &definition(rate)), &shown, ""))
    };
    let latency = |name: &str| {
        let metric = summary.pointer(&format!("/metrics/{name}"))?;
        let median = metric.get("p50").and_then(Value::as_f64)?;
        let at = |key: &str| number_at(metric, key, decimals(median));
        let more = format!("<i>p95 {}</i> <i>p99 {}</i>", at("/p95"), at("/p99"));
        let name = defined(&format!("{} p50", word(name)), &definition(metric));
        Some(tile(&name, &format!("{} <small>ms</small>", at("/p50")), &more))
    };
    let tiles = [
        Some(requests(summary)),
        rate("request_throughput", "Requests"),
        rate("output_throughput", "Output tokens"),
        latency("ttft"),
        latency("itl"),
        latency("e2el"),
        rate("error_rate", "Error rate"),
        rate("goodput", "Goodput"),
    ];
    format!("<div class=\"tiles\">{}</div>\n", tiles.into_iter().flatten().collect::<String>())
}

fn requests(summary: &Value) -> String {
    let count = |name: &str| number_at(summary, &format!("/counts/{name}"), 0);
    let failed = format!(
        "<i>{} failed</i> <i>{} cancelled</i> <i>{} dropped</i>",
        count("failed"),
        count("cancelled"),
        count("dropped")
    );
    let what = "Successful requests of those scheduled. Scheduled = sent + dropped, sent = ok + failed + cancelled; \
                warm-up requests are in none of these.";
    let shown = format!("{} <small>of {}</small>", count("ok"), count("scheduled"));
    tile(&defined("Successful", what), &shown, &failed)
}

fn tile(name: &str, shown: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!("<span class=\"more\">{more}</span>") };
    format!("<div class=\"tile\"><span class=\"name\">{name}</span><b>{shown}</b>{more}</div>")
}

/// The objectives of `--slo`; nothing where there are none.
pub(super) fn objectives(summary: &Value) -> String {
    let rows = summary.get("slo").and_then(Value::as_array).into_iter().flatten();
    let rows: String = rows.map(objective).collect();
    if rows.is_empty() {
        return String::new();
    }
    let good = |name: &str| number_at(summary, &format!("/goodput/{name}"), 0);
    format!(
        "<section><h2>Objectives</h2>{WIDE_TABLE}<table id=\"objectives\"><thead><tr><th scope=\"col\"></th><th class=\"text\" scope=\"col\">result</th>\
         <th scope=\"col\">share that met it</th><th scope=\"col\">95 % interval</th><th scope=\"col\">of</th><th scope=\"col\">worst</th></tr></thead>\
         <tbody>{rows}</tbody></table></div><p class=\"quiet\">{} of {} due requests met all of them; failed, dropped and cancelled ones are misses</p></section>\n",
        good("good_requests"),
        good("due_requests"),
    )
}

fn objective(objective: &Value) -> String {
    let field = |name: &str| objective.get(name).unwrap_or(&Value::Null);
    let (class, result) =
        if field("met") == &Value::Bool(true) { ("met", "met") } else { ("missed", "missed") };
    let interval = match field("ci95").as_array().map(Vec::as_slice) {
        Some([low, high]) => format!("{} – {}", percent(low), percent(high)),
        _ => String::new(),
    };
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"text {class}\">{result}</td><td>{}</td><td>{interval}</td><td>{} {}</td><td>{} {}</td></tr>",
        foreign_at(objective, "/text"),
        percent(field("attainment")),
        number(field("n"), 0),
        foreign_at(objective, "/of"),
        number(field("worst"), 1),
        foreign_at(objective, "/unit"),
    )
}

/// Failures by kind and code, the most frequent first, each with an example.
pub(super) fn failures(summary: &Value) -> String {
    let count = |row: &Value| row.get("count").and_then(Value::as_u64).unwrap_or(0);
    let mut rows: Vec<&Value> =
        summary.get("failures").and_then(Value::as_array).into_iter().flatten().collect();
    if rows.is_empty() {
        return "<section><h2>Failures</h2><p class=\"quiet\">None.</p></section>\n".to_owned();
    }
    rows.sort_by_key(|row| std::cmp::Reverse(count(row)));
    let all: u64 = rows.iter().map(|row| count(row)).sum();
    let shown: String = rows.iter().take(MOST_FAILURES).map(|row| failure(row, count(row), all)).collect();
    let hidden = rows.len().saturating_sub(MOST_FAILURES);
    let hidden =
        if hidden > 0 { format!("<p class=\"quiet\">and {hidden} more kinds</p>") } else { String::new() };
    format!(
        "<section><h2>Failures</h2>{WIDE_TABLE}<table id=\"failures\"><thead><tr><th scope=\"col\">kind</th><th class=\"text\" scope=\"col\">code</th>\
         <th scope=\"col\">count</th><th class=\"text\" scope=\"col\">of all failures</th><th class=\"text\" scope=\"col\">an example</th></tr></thead><tbody>{shown}</tbody></table></div>{hidden}</section>\n"
    )
}

fn failure(row: &Value, count: u64, all: u64) -> String {
    let share = if all > 0 { count as f64 / all as f64 } else { 0.0 };
    let label = escaped(&format!("{:.1} % of all failures", share * 100.0));
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
