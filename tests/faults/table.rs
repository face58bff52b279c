//! A table of faults: what goes wrong, and the outcome, exit code and verdict of the run it happens in.

use serde_json::Value;

use crate::support::{Done, Results};

/// One fault and what must come of it.
pub(crate) struct Case {
    /// What goes wrong.
    pub(crate) name: &'static str,
    /// Runs `llmperf` in it, to its end.
    pub(crate) run: fn() -> (Done, Results),
    /// `None` where a signal ends it.
    pub(crate) exit: Option<i32>,
    /// `ended` of summary.json; empty where the run leaves no summary.
    pub(crate) ended: &'static str,
    /// The kind of every failed request; empty where none fails.
    pub(crate) failure: &'static str,
    /// `valid`, `doubtful` or `invalid`; empty where the machine decides it.
    pub(crate) verdict: &'static str,
    /// Kinds of reasons that the verdict must give.
    pub(crate) reasons: &'static [&'static str],
    /// Parts of what it says on stdout or stderr.
    pub(crate) says: &'static [&'static str],
}

impl Case {
    /// A run that ends by itself, without a failure and with exit code 0.
    pub(crate) const fn new(name: &'static str, run: fn() -> (Done, Results)) -> Case {
        Case {
            name,
            run,
            exit: Some(0),
            ended: "complete",
            failure: "",
            verdict: "",
            reasons: &[],
            says: &[],
        }
    }
}

/// Runs each case and compares what came of it.
pub(crate) fn check(cases: &[Case]) {
    for case in cases {
        println!("{}", case.name);
        check_one(case);
    }
}

fn check_one(case: &Case) {
    let (done, results) = (case.run)();
    let name = case.name;
    assert_eq!(done.code, case.exit, "{name}: {done:?}");
    for words in case.says {
        assert!(
            done.stdout.contains(words) || done.stderr.contains(words),
            "{name}: no {words:?} in {done:?}"
        );
    }
    if case.ended.is_empty() {
        return;
    }
    let summary = results.summary();
    assert_eq!(summary["ended"], case.ended, "{name}: {summary}");
    let kinds = |list: &Value| -> Vec<String> {
        let rows = list.as_array().expect("a list").iter();
        rows.map(|row| row["kind"].as_str().expect("a kind").to_owned()).collect()
    };
    let failures = kinds(&summary["failures"]);
    assert!(failures.iter().all(|kind| kind == case.failure), "{name}: {failures:?}");
    assert_eq!(failures.is_empty(), case.failure.is_empty(), "{name}: {failures:?}");
    let verdict = &summary["verdict"];
    if !case.verdict.is_empty() {
        assert_eq!(verdict["level"], case.verdict, "{name}: {verdict}");
    }
    let reasons = kinds(&verdict["reasons"]);
    for reason in case.reasons {
        assert!(reasons.iter().any(|found| found == reason), "{name}: no {reason} in {verdict}");
    }
}
