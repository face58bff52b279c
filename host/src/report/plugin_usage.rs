//! What the plugin used in a run, in `summary.json` and in one line for people. It is the client's own cost and no part of any
//! latency: a plugin never runs between a request and its answer.

use serde_json::{Value, json};

use super::console::grouped;
use crate::plugin::{Usage, Work};

/// What each number means; `summary.json` repeats it.
const DEFINITIONS: [(&str, &str); 9] = [
    ("building", "calls that had a request built, warm-up included"),
    ("decoding", "calls that began, read or ended an answer, or explained one that is no success"),
    ("cpu_ms", "CPU time of the threads in these calls, conversion of what goes in and out included"),
    ("fuel", "units of CPU that limits count, about one WebAssembly instruction each"),
    ("events", "events that were given to it to decode"),
    (
        "instances",
        "instances that were started; starting_cpu_ms is what that took, ending them is in no number",
    ),
    ("peak_memory_bytes", "the most linear memory that one instance held"),
    ("most_fuel_of_a_call", "compared with the limit fuel, which ends a call"),
    ("faults", "calls that trapped, passed a limit, returned an error or broke the contract"),
];

/// `plugin` of `summary.json`.
pub fn plugin_json(usage: &Usage) -> Value {
    json!({
        "building": { "calls": usage.building.calls, "cpu_ms": usage.building.cpu.as_ms(),
            "fuel": usage.building.fuel, "cpu_us_per_request": usage.cpu_us_per_request() },
        "decoding": { "calls": usage.decoding.calls, "cpu_ms": usage.decoding.cpu.as_ms(),
            "fuel": usage.decoding.fuel, "events": usage.events, "cpu_us_per_event": usage.cpu_us_per_event() },
        "instances": usage.instances,
        "starting_cpu_ms": usage.starting.as_ms(),
        "peak_memory_bytes": usage.peak_memory_bytes,
        "most_fuel_of_a_call": usage.most_fuel,
        "faults": usage.faults,
        "definitions": DEFINITIONS.iter().map(|&(key, what)| (key.to_owned(), what.into()))
            .collect::<serde_json::Map<String, Value>>(),
    })
}

/// A line for the console, ended; empty where the plugin was never called.
pub fn plugin_line(usage: &Usage) -> String {
    if usage.building.calls + usage.decoding.calls == 0 {
        return String::new();
    }
    let each = |what: &str, of: Option<f64>| of.map(|us| format!(" ({what} {us:.1} µs)")).unwrap_or_default();
    let ms = |work: &Work| grouped(work.cpu.as_ms(), 1);
    let plural = if usage.faults == 1 { "" } else { "s" };
    format!(
        "\nPlugin       building {} ms{}, decoding {} ms{} of CPU\n             at most {} MiB in an instance, {} started; {} fault{plural}\n",
        ms(&usage.building),
        each("each", usage.cpu_us_per_request()),
        ms(&usage.decoding),
        each("an event", usage.cpu_us_per_event()),
        grouped(usage.peak_memory_bytes as f64 / f64::from(1 << 20), 1),
        grouped(usage.instances as f64, 0),
        grouped(usage.faults as f64, 0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    fn usage() -> Usage {
        Usage {
            building: Work { calls: 200, cpu: Span::from_millis(10), fuel: 7_000_000 },
            decoding: Work { calls: 800, cpu: Span::from_millis(50), fuel: 90_000_000 },
            events: 20_000,
            instances: 4,
            starting: Span(80_000),
            peak_memory_bytes: 1_310_720,
            most_fuel: 900_000,
            faults: 1,
        }
    }

    #[test]
    fn the_cost_of_a_plugin_is_said_in_all_and_for_each() {
        assert_eq!(
            plugin_line(&usage()),
            "\nPlugin       building 10.0 ms (each 50.0 µs), decoding 50.0 ms (an event 2.5 µs) of CPU\n             \
             at most 1.2 MiB in an instance, 4 started; 1 fault\n"
        );
        assert_eq!(plugin_line(&Usage::default()), "");
        let json = plugin_json(&usage());
        let number = |pointer: &str| json.pointer(pointer).and_then(Value::as_f64);
        assert_eq!(number("/building/cpu_us_per_request"), Some(50.0));
        assert_eq!(number("/decoding/cpu_us_per_event"), Some(2.5));
        assert_eq!(number("/starting_cpu_ms"), Some(0.08));
        assert!(json["definitions"]["faults"].is_string());
        assert_eq!(plugin_json(&Usage::default()).pointer("/decoding/cpu_us_per_event"), Some(&Value::Null));
    }
}
