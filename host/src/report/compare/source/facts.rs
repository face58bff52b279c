//! What advice takes of a run beside its numbers: who was asked, what was dropped, whether the target kept up, and how many
//! replies a correctness test found right.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::read_json;
use crate::metrics::{Pace, PaceCounter, Rate};
use crate::record::RequestRecord;
use crate::report::compare::ComparedRun;

/// What is known of a run beside its numbers. The default is what LLMPerf's files say: nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Who was asked; empty where no manifest says so.
    pub target: String,
    /// Measured requests that were due, sent or not.
    pub due: u64,
    /// Due and never sent.
    pub dropped: u64,
    /// Failed because the deadline of a request passed: the longest answers are not among the latencies.
    pub timed_out: u64,
    /// Of an open loop with enough requests.
    pub pace: Option<Pace>,
    /// At most one for each check.
    pub accuracy: Vec<Accuracy>,
    /// Whether the run is a correctness test itself.
    pub is_check: bool,
}

/// What a correctness test found.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    /// The word of `--check`.
    pub check: String,
    /// Right replies of those that were judged.
    pub right: Rate,
}

impl Facts {
    /// Of the run whose summary this is.
    ///
    /// # Errors
    /// Names a `correctness.json` beside the summary that is no JSON.
    pub(super) fn of(path: &Path, summary: &Value, plan: &Value, records: &[RequestRecord]) -> Result<Facts> {
        let count = |key: &str| summary["counts"][key].as_u64().unwrap_or(0);
        let failures = summary["failures"].as_array().map_or(&[][..], Vec::as_slice);
        let timed_out = failures.iter().filter(|row| row["kind"] == "timeout");
        let mut pace = PaceCounter::default();
        records.iter().for_each(|record| pace.add(record));
        let correctness = path.with_file_name("correctness.json");
        let accuracy = if correctness.is_file() { accuracy(&read_json(&correctness)?) } else { None };
        Ok(Facts {
            target: ["llm_api", "base_url"].map(|key| plan[key].as_str().unwrap_or("")).join(" "),
            due: count("scheduled"),
            dropped: count("dropped"),
            timed_out: timed_out.filter_map(|row| row["count"].as_u64()).sum(),
            pace: pace.finish().filter(|_| !plan["arrival"].is_null()),
            accuracy: accuracy.into_iter().collect(),
            is_check: correctness.is_file(),
        })
    }
}

/// `None` where nothing was judged, and of `--check repeat`, which finds out whether replies are the same, not whether they are
/// right.
fn accuracy(json: &Value) -> Option<Accuracy> {
    let check = json["check"].as_str().filter(|check| *check != "repeat")?.to_owned();
    let count = |key: &str| json["counts"][key].as_u64();
    let right = Rate { hits: count("right")?, of: count("judged").filter(|&of| of > 0)? };
    (right.hits <= right.of).then_some(Accuracy { check, right })
}

/// Gives the correctness tests to the load tests of the same model at the same target, and takes them out of the runs: they
/// send other requests, so their speed is that of another load. One whose model has no load test stays a run.
pub(super) fn give_checks(runs: &mut Vec<ComparedRun>) {
    let (checks, mut loads): (Vec<_>, Vec<_>) = runs.drain(..).partition(|run| run.facts.is_check);
    let mut alone = Vec::new();
    for check in checks {
        let same = |run: &&mut ComparedRun| run.is_of_model(&check);
        let mut of_model: Vec<&mut ComparedRun> = loads.iter_mut().filter(same).collect();
        if of_model.is_empty() {
            alone.push(check);
            continue;
        }
        of_model.iter_mut().for_each(|run| check.facts.accuracy.iter().for_each(|found| take(run, found)));
    }
    loads.extend(alone);
    *runs = loads;
}

/// Of two tests by one check, which may have asked the same questions, the one that judged more replies counts.
fn take(run: &mut ComparedRun, found: &Accuracy) {
    match run.facts.accuracy.iter_mut().find(|known| known.check == found.check) {
        Some(known) if known.right.of >= found.right.of => {}
        Some(known) => *known = found.clone(),
        None => run.facts.accuracy.push(found.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::report::compare::report::tests::run;

    #[test]
    fn facts_are_those_of_summary_manifest_and_records() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("summary.json");
        let summary = json!({
            "counts": {"scheduled": 23, "dropped": 3},
            "failures": [{"kind": "timeout", "count": 2}, {"kind": "reset", "count": 5}, {"kind": "timeout", "count": 1}],
        });
        let plan =
            |arrival: Value| json!({"llm_api": "openai", "base_url": "http://a/v1", "arrival": arrival});
        // Due and answered every 10 ms.
        let records: Vec<RequestRecord> = (0..20)
            .map(|id| RequestRecord { due: ms(10 * id), end: ms(10 * id + 4), ..record(id, &[3]) })
            .collect();
        let of = |arrival| Facts::of(&path, &summary, &plan(arrival), &records).unwrap();
        let open_loop = of(json!({"request_rate_per_s": 100.0}));
        assert!(open_loop.pace.is_some_and(|pace| pace.keeps_up && (pace.offered - 100.0).abs() < 1e-6));
        assert_eq!((open_loop.due, open_loop.dropped, open_loop.timed_out), (23, 3, 3));
        assert_eq!((open_loop.target.as_str(), open_loop.is_check), ("openai http://a/v1", false));
        assert_eq!(of(Value::Null).pace, None, "a closed loop has no rate of its own");

        let written = json!({"check": "json", "counts": {"right": 3, "judged": 4}});
        std::fs::write(directory.path().join("correctness.json"), written.to_string()).unwrap();
        let check = of(Value::Null);
        assert!(check.is_check);
        assert_eq!(check.accuracy, [Accuracy { check: "json".to_owned(), right: Rate { hits: 3, of: 4 } }]);
    }

    #[test]
    fn only_what_judges_replies_is_an_accuracy() {
        let of = |check: &str, right: u64, judged: u64| {
            let json = json!({"check": check, "counts": {"right": right, "judged": judged}});
            accuracy(&json).map(|found| (found.right.hits, found.right.of))
        };
        assert_eq!(of("number", 55, 60), Some((55, 60)));
        assert_eq!(of("repeat", 60, 60), None);
        assert_eq!(of("number", 0, 0), None);
        assert_eq!(of("number", 61, 60), None);
        assert_eq!(accuracy(&json!([])), None);
    }

    #[test]
    fn a_correctness_test_goes_to_the_load_tests_of_its_model() {
        let check = |model: &str, check: &str, hits, of| {
            let mut run = run(model, 20);
            let accuracy = vec![Accuracy { check: check.to_owned(), right: Rate { hits, of } }];
            run.facts = Facts { is_check: true, accuracy, ..Facts::default() };
            run
        };
        let mut runs = vec![
            check("a:1b", "number", 9, 10),
            run("a:1b", 20),
            run("b:2b", 30),
            check("a:1b", "number", 90, 100),
            check("a:1b", "json", 4, 10),
            check("c:3b", "number", 1, 10),
        ];
        give_checks(&mut runs);
        let models: Vec<&str> = runs.iter().map(|run| run.model.as_str()).collect();
        assert_eq!(models, ["a:1b", "b:2b", "c:3b"]);
        let found: Vec<_> =
            runs[0].facts.accuracy.iter().map(|found| (&*found.check, found.right.of)).collect();
        assert_eq!(found, [("number", 100), ("json", 10)]);
        assert!(runs[1].facts.accuracy.is_empty());
    }
}
