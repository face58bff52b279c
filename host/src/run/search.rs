//! The search for the highest rate that meets the objectives: each step is a run of its own, long enough to be sure.

use serde_json::Value;

use super::interrupt::Interrupts;
use super::sweep::{SeriesWatcher, SweepRun, paced};
use super::{Ended, Report, RunStatus};
use crate::error::Error;
use crate::load::{Bracket, Division, RateSearch, Trial};
use crate::metrics::{Attainment, Pace, Sureness};
use crate::plan::{Plan, SearchPlan};
use crate::report::{LoadAxis, SeriesRow, bracket_line, search_json, series_table};
use crate::units::Span;

/// A rate that was tried.
#[derive(Debug)]
pub struct SearchStep {
    pub rate: f64,
    pub trial: Trial,
    /// What decided it, for people.
    pub reason: String,
    /// The longest run at this rate, on which the verdict rests.
    pub run: SweepRun,
}

/// How a search ended.
#[derive(Debug)]
pub struct SearchEnd {
    pub bracket: Bracket,
    pub steps: Vec<SearchStep>,
    /// How the last run ended; the bracket is what there was where it was interrupted.
    pub ended: Ended,
}

impl SearchEnd {
    /// A line for each step, what decided it, and what was found; each ended.
    pub fn text(&self) -> String {
        let table = series_table(LoadAxis::RequestRate, &self.rows());
        format!("{table}\n{}\n", self.line())
    }

    /// What was found.
    pub fn line(&self) -> String {
        bracket_line(self.bracket)
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let documents = self.steps.iter().map(|step| step.run.document()).collect();
        search_json(&self.rows(), documents, self.bracket)
    }

    /// What its steps found together.
    pub fn status(&self) -> RunStatus {
        let steps: Vec<RunStatus> = self.steps.iter().map(|step| RunStatus::of(&step.run.report)).collect();
        RunStatus::of_search(&steps, self.bracket.passed.is_some())
    }

    fn rows(&self) -> Vec<SeriesRow<'_>> {
        let rows = self.steps.iter().map(|step| SeriesRow {
            load: step.rate,
            summary: &step.run.report.summary,
            verdict: &step.run.report.judgement.verdict,
            pace: step.run.pace,
            trial: Some((step.trial, step.reason.as_str())),
        });
        rows.collect()
    }
}

/// Searches. It ends early where a run was interrupted or the plugin failed, and where nothing at all succeeds.
pub fn find_max_rate(
    plan: &Plan,
    how: SearchPlan,
    watcher: &mut dyn SeriesWatcher,
) -> Result<SearchEnd, Error> {
    let interrupts = Interrupts::watch()?;
    let mut search = RateSearch::new(how.first_rate, how.max_rate);
    let mut steps = Vec::new();
    let mut runs = 0;
    while let Some(rate) = search.next() {
        let mut step = None;
        for doubling in 0..SearchPlan::RUNS_A_STEP {
            // A server that remembers a prompt answers it faster than it could answer a new one.
            let seed = plan.workload.seed.wrapping_add(runs as u64);
            let plan = step_plan(plan, how, rate, doubling, seed);
            runs += 1;
            watcher.begins(runs, &plan);
            let run = paced(plan.clone(), watcher.run(), &interrupts)?;
            let ended = run.as_ref().map_or(Ended::Interrupted, |(report, _)| report.ended);
            let Some((report, pace)) = run.filter(|_| matches!(ended, Ended::Complete | Ended::TimedOut))
            else {
                return Ok(SearchEnd { bracket: search.bracket(), steps, ended });
            };
            let (trial, reason) = judge(&report, pace);
            step = Some(SearchStep {
                rate,
                trial,
                reason,
                run: SweepRun { index: steps.len(), plan, report, pace },
            });
            if trial != Trial::Undecided {
                break;
            }
        }
        let Some(step) = step else { break };
        search.tell(step.trial);
        let nothing_works = steps.is_empty() && step.run.report.summary.counts.ok == 0;
        steps.push(step);
        if nothing_works {
            break;
        }
    }
    Ok(SearchEnd { bracket: search.bracket(), steps, ended: Ended::Complete })
}

/// The plan of a step's run.
fn step_plan(plan: &Plan, how: SearchPlan, rate: f64, doubling: u32, seed: u64) -> Plan {
    let mut plan = plan.clone();
    let requests = how.requests(&plan.goals.slos, rate, doubling);
    plan.division = Division { measured_requests: requests, measured: None, ..plan.division };
    plan.workload.seed = seed;
    plan.set_rate(rate);
    // Random arrivals may take longer than their mean, and the last answers as long as an answer may.
    let arriving = Span((2e9 * requests as f64 / rate) as u64);
    plan.timeout = Span(arriving.0.saturating_add(plan.deadlines.total.0));
    plan
}

/// A rate passes where every objective is surely met. It fails where one is surely missed, where requests were dropped, and
/// where the target did not keep up: its queue would grow for as long as the load lasts.
fn judge(report: &Report, pace: Option<Pace>) -> (Trial, String) {
    let summary = &report.summary;
    if summary.counts.dropped > 0 {
        return (Trial::Failed, format!("{} requests dropped", summary.counts.dropped));
    }
    if summary.counts.ok == 0 {
        return (Trial::Failed, "no request succeeded".to_owned());
    }
    let attainments = summary.slo.as_ref().map_or(&[][..], |slo| &slo.attainments);
    if let Some(missed) = attainments.iter().find(|a| a.sureness() == Sureness::Missed) {
        return (Trial::Failed, seen(missed));
    }
    if let Some(pace) = pace.filter(|pace| !pace.keeps_up) {
        let reason = format!("{:.3} of {:.3} requests/s achieved", pace.achieved, pace.offered);
        return (Trial::Failed, reason);
    }
    match attainments.iter().find(|a| a.sureness() == Sureness::Unsure) {
        Some(unsure) => (Trial::Undecided, seen(unsure)),
        None => (Trial::Passed, String::new()),
    }
}

fn seen(attainment: &Attainment) -> String {
    let share = |share: f64| format!("{:.2}", share * 100.0);
    let interval =
        attainment.ci95.map_or(String::new(), |(low, high)| format!(" ({} to {})", share(low), share(high)));
    let value =
        attainment.share().map_or("nothing to judge it by".to_owned(), |value| format!("{} %", share(value)));
    format!("{}: {value}{interval}", attainment.slo)
}
