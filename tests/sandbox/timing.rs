//! How far what was measured is from what the server did.

use std::collections::HashMap;

use serde_json::Value;

use crate::harness::Outcome;

/// Of the requests that succeeded: how late the first token was stamped, and how far each gap between tokens is from the server's;
/// in ms, from the least on.
pub(crate) struct Errors {
    pub(crate) ttft: Vec<f64>,
    pub(crate) gaps: Vec<f64>,
}

impl Errors {
    pub(crate) fn of(outcome: &Outcome, truth: &HashMap<String, Value>) -> Errors {
        let mut errors = Errors { ttft: vec![], gaps: vec![] };
        let list = |value: &Value| -> Vec<f64> {
            value.as_array().into_iter().flatten().filter_map(Value::as_f64).map(|ns| ns / 1e6).collect()
        };
        for record in outcome.records.iter().filter(|record| record["failure"].is_null()) {
            let row = &truth[record["response_id"].as_str().expect("an id")];
            let (came, went) = (list(&record["token_event_ns"]), list(&row["token_ns"]));
            let ms = |value: &Value| value.as_f64().expect("an instant") / 1e6;
            errors.ttft.push((came[0] - ms(&record["sent_ns"])) - (went[0] - ms(&row["request_ns"])));
            let gap = |at: &[f64]| at[1] - at[0];
            errors.gaps.extend(came.windows(2).zip(went.windows(2)).map(|(c, w)| (gap(c) - gap(w)).abs()));
        }
        errors.ttft.sort_by(f64::total_cmp);
        errors.gaps.sort_by(f64::total_cmp);
        errors
    }
}

/// The value below which this share of them lies.
pub(crate) fn at(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}
