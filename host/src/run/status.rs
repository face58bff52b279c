//! What a run found, as far as an exit code depends on it: of a run that was made, of one that was done before, and of several
//! together.

use serde_json::Value;

use super::Report;
use crate::metrics::{Failures, Summary, Validity};
use crate::report::RunVerdict;

/// What a run found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStatus {
    pub answered: Answered,
    /// All objectives were met; true where there are none.
    pub objectives_met: bool,
    pub validity: Validity,
}

/// Whether any request succeeded. The later is the graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    Some,
    Nothing,
    /// Nothing, and no failure was the target's.
    OnlyPluginFaults,
}

impl Answered {
    /// By the number of successful requests, and by those that failed.
    pub fn of(ok: u64, failures: &Failures) -> Answered {
        match ok {
            0 if !failures.is_empty() && failures.keys().all(|kind| kind.is_plugin_fault()) => {
                Answered::OnlyPluginFaults
            }
            0 => Answered::Nothing,
            _ => Answered::Some,
        }
    }
}

impl RunStatus {
    /// Of a run that was made.
    pub fn of(report: &Report) -> RunStatus {
        RunStatus { validity: report.judgement.verdict.validity, ..RunStatus::of_summary(&report.summary) }
    }

    /// Of a run that nobody judges, as a replay.
    pub fn of_summary(summary: &Summary) -> RunStatus {
        RunStatus {
            answered: Answered::of(summary.counts.ok, &summary.failures),
            objectives_met: summary.slo.as_ref().is_none_or(|slo| slo.all_met()),
            validity: Validity::Valid,
        }
    }

    /// Of a run that was done before, by its `summary.json`. Only runs with an answer are done.
    pub(super) fn of_saved(summary: &Value) -> RunStatus {
        let objectives = summary["slo"].as_array().into_iter().flatten();
        RunStatus {
            answered: Answered::Some,
            objectives_met: objectives.into_iter().all(|slo| slo["met"] != false),
            validity: RunVerdict::read(summary).map_or(Validity::Valid, |verdict| verdict.validity),
        }
    }

    /// Of the loads of a sweep: one that is answered, and one that meets the objectives, is enough.
    pub fn of_sweep(loads: &[RunStatus]) -> RunStatus {
        RunStatus {
            answered: loads.iter().map(|load| load.answered).min().unwrap_or(Answered::Nothing),
            objectives_met: loads.iter().any(|load| load.objectives_met),
            validity: gravest(loads),
        }
    }

    /// Of the steps of a search, in which some rate `passed` or none did.
    pub fn of_search(steps: &[RunStatus], passed: bool) -> RunStatus {
        RunStatus { objectives_met: passed, ..RunStatus::of_sweep(steps) }
    }

    /// Of the runs of a plan, those of a sweep together: as the gravest of them.
    pub fn of_plan(groups: &[Vec<RunStatus>]) -> RunStatus {
        let runs: Vec<RunStatus> = groups.iter().flatten().copied().collect();
        RunStatus {
            answered: runs.iter().map(|run| run.answered).max().unwrap_or(Answered::Some),
            objectives_met: groups.iter().all(|group| group.iter().any(|run| run.objectives_met)),
            validity: gravest(&runs),
        }
    }

    /// Whether the numbers are not what they claim to be.
    pub fn is_invalid(self) -> bool {
        self.validity == Validity::Invalid
    }
}

fn gravest(runs: &[RunStatus]) -> Validity {
    runs.iter().map(|run| run.validity).max().unwrap_or(Validity::Valid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_that_was_done_before_counts_as_its_summary_says() {
        let check = |summary: Value, objectives_met: bool, validity: Validity| {
            let expected = RunStatus { answered: Answered::Some, objectives_met, validity };
            assert_eq!(RunStatus::of_saved(&summary), expected, "{summary}");
        };
        check(json!({}), true, Validity::Valid);
        check(json!({"slo": [], "verdict": {"level": "doubtful"}}), true, Validity::Doubtful);
        check(json!({"slo": [{"met": true}, {"met": false}]}), false, Validity::Valid);
        check(
            json!({"slo": [{"met": true}], "verdict": {"level": "invalid", "reasons": []}}),
            true,
            Validity::Invalid,
        );
    }
}
