//! What was run, where, and how the client fared: the manifest and the client's health as tables.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::text::{escaped, foreign};
use super::words::Words;
use crate::report::compare::fill;
use crate::report::console::grouped;

/// Rows of one table, at most: a file may hold any number of keys.
const MOST_ROWS: usize = 120;

/// How the load was made, for people.
pub(super) fn load(manifest: &Value, words: &Words) -> String {
    let plan = manifest.get("plan").unwrap_or(&Value::Null);
    let concurrency = plan.get("num_concurrent_requests").and_then(Value::as_u64).unwrap_or(0);
    let concurrency = grouped(concurrency as f64, 0);
    let arrival = plan.get("arrival").filter(|arrival| !arrival.is_null());
    let rate = arrival.and_then(|arrival| arrival.get("request_rate_per_s")?.as_f64());
    let process = arrival.and_then(|arrival| arrival.get("process")?.as_str()).unwrap_or_default();
    match (rate, arrival.is_some() || plan.get("overflow").is_some_and(Value::is_string)) {
        (Some(rate), _) => {
            let gaps = [("rate", &*rate.to_string()), ("process", &*foreign(process)), ("n", &*concurrency)];
            fill(words.open, &gaps)
        }
        (None, true) => fill(words.scheduled, &[("n", &concurrency)]),
        (None, false) => fill(words.closed, &[("n", &concurrency)]),
    }
}

/// The plan, the machine and the client.
pub(super) fn facts(summary: &Value, manifest: &Value, words: &Words) -> String {
    let of = |document: &Value, key: &str| document.get(key).cloned().unwrap_or(Value::Null);
    let program = Map::from_iter(
        ["plugin", "tokenizer", "machine", "llmperf_version", "replay"]
            .map(|key| (key.to_owned(), of(manifest, key))),
    );
    let client = Map::from_iter(
        ["ended", "connections", "health", "error_bar", "tokens", "finish_reasons", "body_bytes"]
            .map(|key| (key.to_owned(), of(summary, key))),
    );
    format!(
        "<section><div class=\"columns\">{}{}{}</div></section>\n",
        table(words.plan, "plan", &of(manifest, "plan")),
        table(words.program, "machine", &Value::Object(program)),
        table(words.client, "client", &Value::Object(client)),
    )
}

fn table(title: &str, id: &str, value: &Value) -> String {
    let mut rows = Vec::new();
    flatten("", value, &mut rows);
    if rows.is_empty() {
        return String::new();
    }
    let mut html = format!("<div><h2>{title}</h2><table class=\"facts\" id=\"{id}\"><tbody>");
    for (key, value) in rows.iter().take(MOST_ROWS) {
        let _ = write!(html, "<tr><th scope=\"row\">{key}</th><td>{value}</td></tr>");
    }
    html += "</tbody></table></div>";
    html
}

/// `a.b` and its value for everything that is said in a document; what is undefined or empty is left out.
fn flatten(path: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let shown = match value {
        Value::Null => return,
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| flatten(&inner(key), value, rows));
            return;
        }
        Value::Array(items) if items.is_empty() => return,
        Value::Array(items) => foreign(&items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Value::Number(_) => {
            format!("<data value=\"{}\">{}</data>", escaped(&value.to_string()), plain(value))
        }
        other => foreign(&plain(other)),
    };
    rows.push((foreign(path), shown));
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // Whole numbers as they are: a seed is a name.
            Some(shown) if number.is_f64() && shown.fract() != 0.0 => {
                let text = format!("{shown:.4}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            Some(shown) if number.is_f64() && shown.abs() < 1e15 => format!("{shown:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}
