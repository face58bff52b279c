//! Sweeps and searches among the runs of a plan file. A sweep is as many runs as it has loads, each done or not by itself; a
//! search decides as it goes what it sends next, so it is one run, and made as a whole.

use anyhow::Result;
use serde_json::{Value, json};

use super::batch::{BatchDone, BatchRun, BatchWatcher};
use super::batch_state::FoundRate;
use super::search::SearchEnd;
use super::sweep::{SeriesWatcher, write_series};
use super::{Ended, Report, RunStatus, Watcher, find_max_rate};
use crate::error::Error;
use crate::metrics::{Saturation, by_rate, by_throughput};
use crate::plan::{Plan, SearchPlan};
use crate::report::{LoadAxis, RunVerdict, saturation_line};

/// What makes a run one load of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepPart {
    /// The name of the sweep.
    pub of: String,
    pub axis: LoadAxis,
    /// Requests at a time, or a second.
    pub load: f64,
}

/// A search that was made.
pub(super) struct Searched {
    /// Of the highest rate that passed; where none did, of the last.
    pub(super) report: Report,
    pub(super) found: FoundRate,
    pub(super) status: RunStatus,
    /// The gravest of its steps.
    pub(super) verdict: Option<RunVerdict>,
    pub(super) json: Value,
}

/// Makes a search into the directory of its run. There is nothing of it where it ended before its first step did.
pub(super) fn search(
    run: &BatchRun,
    how: SearchPlan,
    number: usize,
    watcher: &mut dyn BatchWatcher,
) -> Result<(Ended, Option<Searched>), Error> {
    let end = find_max_rate(&run.plan, how, &mut Steps { watcher, number })?;
    let (json, line, ended) = (end.json(), end.line(), end.ended);
    let (passed, status) = (end.bracket.passed.is_some(), end.status());
    let verdicts = end.steps.iter().map(|step| RunVerdict::of(&step.run.report.judgement.verdict));
    let verdict = RunVerdict::gravest(verdicts);
    let document = match &run.plan.results_dir {
        Some(dir) => write_series(dir, "find_max_rate", &json)?.file_name().unwrap_or_default().into(),
        None => "".into(),
    };
    let found = FoundRate { line, passed, document };
    Ok((ended, telling(end).map(|report| Searched { report, found, status, verdict, json })))
}

/// The report that stands for the search. That results of any step could not be written is not lost.
fn telling(end: SearchEnd) -> Option<Report> {
    let passed = |rate: f64| end.bracket.passed == Some(rate);
    let best = end.steps.iter().rposition(|step| passed(step.rate));
    let best = best.or(end.steps.len().checked_sub(1))?;
    let (mut told, mut unwritten) = (None, None);
    for (at, step) in end.steps.into_iter().enumerate() {
        match at == best {
            true => told = Some(step.run.report),
            false => unwritten = unwritten.or(step.run.report.files.err()),
        }
    }
    let mut report = told?;
    if let Some(error) = unwritten {
        report.files = Err(error);
    }
    Some(report)
}

/// Shows the steps of a search as what they are.
struct Steps<'a> {
    watcher: &'a mut dyn BatchWatcher,
    number: usize,
}

impl SeriesWatcher for Steps<'_> {
    fn begins(&mut self, number: usize, plan: &Plan) {
        self.watcher.tries(self.number, number, plan);
    }
    fn run(&mut self) -> &mut dyn Watcher {
        self.watcher.run()
    }
}

/// What several runs, or the steps of one, show together.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Of the sweep, or of the search.
    pub name: String,
    /// For people.
    pub line: String,
    pub(super) json: Value,
}

/// What the sweeps and searches among these runs found; of a sweep, from those of its loads that are done.
pub(super) fn findings(runs: &[BatchRun], done: &[BatchDone]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut at = 0;
    while at < done.len() {
        let of = |done: &BatchDone| runs[done.index].sweep.as_ref();
        match (of(&done[at]), &done[at].found) {
            (Some(part), _) => {
                let same = |other: &&BatchDone| of(other).is_some_and(|other| other.of == part.of);
                let parts: Vec<&BatchDone> = done[at..].iter().take_while(same).collect();
                at += parts.len();
                findings.push(sweep(runs, part, &parts));
            }
            (None, Some(found)) => {
                let name = runs[done[at].index].name.clone();
                let json = json!({ "name": name, "kind": "find_max_rate", "rule": found.line });
                findings.push(Finding { name, line: found.line.clone(), json });
                at += 1;
            }
            (None, None) => at += 1,
        }
    }
    findings
}

fn sweep(runs: &[BatchRun], part: &SweepPart, parts: &[&BatchDone]) -> Finding {
    let load = |done: &&BatchDone| runs[done.index].sweep.as_ref().map_or(0.0, |part| part.load);
    let loads: Vec<f64> = parts.iter().map(load).collect();
    let saturation = match part.axis {
        LoadAxis::Concurrency => {
            let throughputs = parts.iter().map(|done| done.row.output_tokens_per_s);
            by_throughput(&loads.iter().copied().zip(throughputs).collect::<Vec<_>>())
        }
        LoadAxis::RequestRate => {
            let kept_up = parts.iter().map(|done| done.keeps_up);
            by_rate(&loads.iter().copied().zip(kept_up).collect::<Vec<_>>())
        }
    };
    let line = saturation_line(part.axis, &loads, saturation);
    let at = match saturation {
        Saturation::At(at) => loads.get(at).copied(),
        _ => None,
    };
    let json = json!({ "name": part.of, "kind": "sweep", "saturation_at": at, "rule": line });
    Finding { name: part.of.clone(), line, json }
}
