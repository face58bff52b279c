//! What a reader must know before believing a comparison.

use super::super::analysis::load_differs;
use super::super::document::fill;
use super::super::number::number;
use super::super::words::Words;
use super::super::{ComparedRun, Tool};
use crate::metrics::{Level, Metric, Moment, Quantity};

/// Inputs that differ by less than this make little difference to what is measured.
const SAME_INPUT: f64 = 1.05;

pub(super) fn notes(runs: &[ComparedRun], words: &Words) -> Vec<String> {
    let all = |tool: Tool| runs.iter().all(|run| run.tool == tool);
    let any = |tool: Tool| runs.iter().any(|run| run.tool == tool);
    let mut notes: Vec<String> = Vec::new();
    if all(Tool::LegacyLlmperf) {
        notes.push(words.note_legacy.to_owned());
    } else if any(Tool::LegacyLlmperf) && any(Tool::Llmperf) {
        notes.push(words.note_mixed.to_owned());
    } else if !all(Tool::Llmperf) {
        notes.push(words.note_format.to_owned());
    }
    if runs.windows(2).any(|pair| load_differs(&pair[0], &pair[1])) {
        notes.push(words.note_load.to_owned());
    }
    let inputs = || runs.iter().filter_map(|run| Some(run.distributions.get(&Metric::Isl)?.mean));
    if let (Some(low), Some(high)) = (inputs().reduce(f64::min), inputs().reduce(f64::max))
        && high > low * SAME_INPUT
    {
        notes.push(fill(words.note_input, &[("low", &number(low)), ("high", &number(high))]));
    }
    notes.extend(runs.iter().flat_map(|run| of_run(run, words)));
    notes
}

/// What of the run's files is not whole.
pub(super) fn damage(run: &ComparedRun, words: &Words) -> Vec<String> {
    let label = ("run", run.label.as_str());
    let n = (run.ok + run.failed).to_string();
    let made = run.from_records.then(|| fill(words.note_from_records, &[label, ("n", &n)]));
    let torn = run.torn.then(|| fill(words.note_torn, &[label]));
    made.into_iter().chain(torn).collect()
}

fn of_run(run: &ComparedRun, words: &Words) -> Vec<String> {
    let mut notes = Vec::new();
    let label = ("run", run.label.as_str());
    if let Some(verdict) = run.verdict.as_deref().filter(|verdict| *verdict != "VALID") {
        notes.push(fill(words.note_verdict, &[label, ("verdict", words.verdict_of(verdict))]));
    }
    notes.extend(damage(run, words));
    if run.failed > 0 {
        let (failed, all) = (run.failed.to_string(), (run.ok + run.failed).to_string());
        notes.push(fill(words.note_failed, &[label, ("failed", &failed), ("all", &all)]));
    }
    let median = run.estimates.get(Quantity::Of(Metric::E2el, Moment::At(Level::P50)));
    match (&run.sample, median.and_then(|median| median.ci95)) {
        (None, _) => notes.push(fill(words.note_no_records, &[label])),
        (Some(_), None) => notes.push(fill(words.note_few, &[label, ("n", &run.ok.to_string())])),
        (Some(_), Some(_)) => {}
    }
    notes
}
