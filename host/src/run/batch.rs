//! The runs of a plan file, one after the other: those that are done already are not made again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::batch_series::{Finding, Searched, SweepPart, findings, search};
use super::batch_state::{BatchState, FinishedRun, FoundRate};
use super::interrupt::Interrupts;
use super::sweep::paced;
use super::{Ended, Report, RunStatus, SeriesWatcher, Setup};
use crate::clock;
use crate::error::Error;
use crate::plan::{Plan, PluginSource, Series, Target};
use crate::plugin::sha256;
use crate::report::{BatchRow, RunVerdict, SCHEMA_VERSION};
use crate::units::Span;

/// How soon an interrupt ends a wait between two runs.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A run of a plan file.
#[derive(Debug, Clone)]
pub struct BatchRun {
    pub name: String,
    pub plan: Plan,
    /// As they were written, for the results; the values of headers are not among them.
    pub settings: Value,
    /// Of everything that decides what the run does: two runs are the same where this is.
    pub digest: String,
    /// `None` where it is a run for itself, or a search.
    pub sweep: Option<SweepPart>,
}

impl BatchRun {
    /// `settings` with every value go into the digest. Runs that are the same in all of it are told apart by `nth`.
    ///
    /// # Errors
    /// A file that the run reads cannot be read.
    pub fn new(name: String, plan: Plan, settings: &[(String, Vec<String>)], nth: usize) -> Result<BatchRun> {
        let plugin = match &plan.plugin {
            PluginSource::Bundled(name) => (*name).to_owned(),
            PluginSource::File(path) => file_digest(path)?,
            PluginSource::Installed(plugin) => plugin.sha256.clone(),
        };
        let what = json!({
            "settings": settings.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            // The environment may say where.
            "target": match &plan.target {
                Target::BuiltIn => "mock",
                Target::Provider(provider) => provider.base.as_str(),
            },
            "plugin": plugin,
            "tokenizer": plan.tokenizer.as_deref().map(file_digest).transpose()?,
            "dataset": plan.dataset.as_ref().map(|dataset| dataset.digest()),
            "nth": nth,
        });
        let shown = settings.iter().filter(|(key, _)| key != "header");
        Ok(BatchRun {
            digest: sha256(what.to_string()),
            settings: shown.map(|(key, values)| (key.clone(), json!(values))).collect(),
            name,
            plan,
            sweep: None,
        })
    }
}

fn file_digest(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(sha256(bytes))
}

/// Sees the runs as they go, for people. Numbers are those of the runs, from 1.
pub trait BatchWatcher: SeriesWatcher {
    /// This run is done already.
    fn skips(&mut self, number: usize);
    /// The run is a search, and this is its next step, from 1.
    fn tries(&mut self, number: usize, step: usize, plan: &Plan);
    /// A run has ended.
    fn ends(&mut self, number: usize, done: &BatchDone);
    /// Nothing is sent for so long.
    fn cools_down(&mut self, wait: Span);
}

/// A run that is done.
#[derive(Debug)]
pub struct BatchDone {
    pub index: usize,
    pub row: BatchRow,
    /// What it found, also where it was done before.
    pub status: RunStatus,
    /// What the run itself reported, a search by the step that tells the most; `None` where it was done before.
    pub report: Option<Report>,
    /// Whether the target kept up with its rate, where there is one and it can be told.
    pub keeps_up: Option<bool>,
    /// What a search found.
    pub found: Option<FoundRate>,
    /// As the document of the plan has it.
    pub json: Value,
}

/// How it ended.
#[derive(Debug)]
pub struct BatchEnd {
    pub runs: Vec<BatchDone>,
    /// How the last run ended.
    pub ended: Ended,
    /// The state could not be kept.
    pub unkept: Option<anyhow::Error>,
}

/// Makes the runs that `state` does not know as done, in their order. It ends early, with what there is, where one was
/// interrupted or its plugin failed; a run of which no request succeeds ends nothing, and is made again the next time.
///
/// # Errors
/// What a run needs cannot be loaded. That is found for all of them before the first begins.
pub fn run_batch(
    runs: &[BatchRun],
    mut state: Option<BatchState>,
    cool_down: Span,
    watcher: &mut dyn BatchWatcher,
) -> Result<BatchEnd, Error> {
    let is_done = |state: &Option<BatchState>, run: &BatchRun| {
        state.as_ref().is_some_and(|state| state.find(&run.digest).is_some())
    };
    check_parts(runs.iter().filter(|run| !is_done(&state, run)))?;
    let interrupts = Interrupts::watch()?;
    let mut end = BatchEnd { runs: Vec::new(), ended: Ended::Complete, unkept: None };
    let mut has_run = false;
    for (index, run) in runs.iter().enumerate() {
        if let Some(done) = state.as_ref().and_then(|state| done_before(state, index, run)) {
            watcher.skips(index + 1);
            end.runs.push(done);
            continue;
        }
        if has_run && cool_down > Span(0) {
            watcher.cools_down(cool_down);
            wait(cool_down, &interrupts);
        }
        has_run = true;
        if interrupts.seen() {
            end.ended = Ended::Interrupted;
            break;
        }
        watcher.begins(index + 1, &run.plan);
        let made = make_dir(&run.plan).map_err(Error::usage);
        let made = made.and_then(|()| make(run, index + 1, watcher, &interrupts));
        let (ended, made) = made.map_err(|error| of_run(error, &run.name))?;
        end.ended = ended;
        let Some(made) = made else { break };
        if let (Some(state), Some(finished)) = (&mut state, made.finished(run, ended)) {
            end.unkept = end.unkept.or(state.add(finished).err());
        }
        let done = made.done(index, run);
        watcher.ends(index + 1, &done);
        end.runs.push(done);
        if !matches!(end.ended, Ended::Complete | Ended::TimedOut) {
            break;
        }
    }
    Ok(end)
}

/// A run that was made.
struct Made {
    report: Report,
    status: RunStatus,
    verdict: Option<RunVerdict>,
    keeps_up: Option<bool>,
    found: Option<FoundRate>,
    /// Of a search.
    search: Option<Value>,
}

/// Makes a run. There is nothing of it where an interrupt came before it began.
fn make(
    run: &BatchRun,
    number: usize,
    watcher: &mut dyn BatchWatcher,
    interrupts: &Interrupts,
) -> Result<(Ended, Option<Made>), Error> {
    if let Some(Series::Search(how)) = run.plan.goals.series {
        let (ended, searched) = search(run, how, number, watcher)?;
        let made = searched.map(|Searched { report, found, status, verdict, json }| Made {
            report,
            status,
            verdict,
            keeps_up: None,
            found: Some(found),
            search: Some(json),
        });
        return Ok((ended, made));
    }
    let Some((report, pace)) = paced(run.plan.clone(), watcher.run(), interrupts)? else {
        return Ok((Ended::Interrupted, None));
    };
    let has_dropped = report.summary.counts.dropped > 0;
    let keeps_up = if has_dropped { Some(false) } else { pace.map(|pace| pace.keeps_up) };
    let verdict = Some(RunVerdict::of(&report.judgement.verdict));
    let status = RunStatus::of(&report);
    Ok((report.ended, Some(Made { report, status, verdict, keeps_up, found: None, search: None })))
}

impl Made {
    fn dir<'a>(&'a self, run: &'a BatchRun) -> Option<&'a Path> {
        match self.found {
            Some(_) => run.plan.results_dir.as_deref(),
            None => Some(self.report.files.as_ref().ok()?.as_ref()?.run_dir.as_path()),
        }
    }

    /// What is to be remembered of the run; `None` where it is to be made again.
    fn finished(&self, run: &BatchRun, ended: Ended) -> Option<FinishedRun> {
        let to_its_end = matches!(ended, Ended::Complete | Ended::TimedOut);
        let is_written = self.report.files.is_ok();
        (to_its_end && is_written && self.report.summary.counts.ok > 0).then_some(())?;
        Some(FinishedRun {
            digest: run.digest.clone(),
            finished_unix_s: clock::unix_seconds(),
            run_dir: self.dir(run)?.to_owned(),
            row: self.row(run),
            keeps_up: self.keeps_up,
            found: self.found.clone(),
        })
    }

    fn row(&self, run: &BatchRun) -> BatchRow {
        BatchRow::of(&run.name, &self.report.summary, self.verdict.clone())
    }

    fn done(self, index: usize, run: &BatchRun) -> BatchDone {
        let row = self.row(run);
        let results = self.search.clone().unwrap_or_else(|| self.report.json.clone());
        let json = document(run, self.dir(run), results, false);
        let Made { report, status, keeps_up, found, .. } = self;
        BatchDone { index, row, status, json, report: Some(report), keeps_up, found }
    }
}

fn done_before(state: &BatchState, index: usize, run: &BatchRun) -> Option<BatchDone> {
    let finished = state.find(&run.digest)?;
    let results = std::fs::read_to_string(state.document_of(finished)).ok();
    let results = results.and_then(|text| serde_json::from_str(&text).ok())?;
    let (status, verdict) = match &finished.found {
        None => (RunStatus::of_saved(&results), RunVerdict::read(&results)),
        Some(found) => {
            let steps = || results["runs"].as_array().into_iter().flatten();
            let statuses: Vec<RunStatus> = steps().map(RunStatus::of_saved).collect();
            let verdict = RunVerdict::gravest(steps().filter_map(RunVerdict::read));
            (RunStatus::of_search(&statuses, found.passed), verdict)
        }
    };
    // It may have been renamed since.
    let row = BatchRow { name: run.name.clone(), verdict, ..finished.row.clone() };
    let json = document(run, Some(&state.dir_of(finished)), results, true);
    let (keeps_up, found) = (finished.keeps_up, finished.found.clone());
    Some(BatchDone { index, row, status, report: None, json, keeps_up, found })
}

/// A run as the document of the plan has it: with its summary, or with all of a search.
fn document(run: &BatchRun, dir: Option<&Path>, results: Value, before: bool) -> Value {
    let part = run.sweep.as_ref();
    let what = if matches!(run.plan.goals.series, Some(Series::Search(_))) { "search" } else { "summary" };
    json!({
        "name": run.name,
        "digest": run.digest,
        "settings": run.settings,
        "sweep": part.map(|part| json!({ "of": part.of, "axis": part.axis.name(), "load": part.load })),
        "done_before": before,
        "run_dir": dir.map(|dir| dir.display().to_string()),
        what: results,
    })
}

impl BatchEnd {
    /// What all of them found together, those that were done before among them.
    pub fn status(&self, runs: &[BatchRun]) -> RunStatus {
        let sweep = |done: &BatchDone| runs[done.index].sweep.as_ref().map(|part| part.of.as_str());
        let same = |a: &BatchDone, b: &BatchDone| sweep(a).is_some() && sweep(a) == sweep(b);
        let groups = self.runs.chunk_by(same);
        let statuses = |group: &[BatchDone]| group.iter().map(|done| done.status).collect();
        RunStatus::of_plan(&groups.map(statuses).collect::<Vec<_>>())
    }

    /// What the sweeps and searches of the plan found.
    pub fn findings(&self, runs: &[BatchRun]) -> Vec<Finding> {
        findings(runs, &self.runs)
    }

    /// All of it as `plan_<time>.json` has it.
    pub fn json(&self, runs: &[BatchRun]) -> Value {
        let findings = self.findings(runs).into_iter().map(|finding| finding.json);
        json!({
            "schema_version": SCHEMA_VERSION,
            "kind": "plan",
            "runs_planned": runs.len(),
            "findings": findings.collect::<Vec<_>>(),
            "runs": self.runs.iter().map(|run| &run.json).collect::<Vec<_>>(),
        })
    }
}

/// Loads what each run needs and lets go of it, once for all runs that need the same.
fn check_parts<'a>(runs: impl Iterator<Item = &'a BatchRun>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for run in runs {
        let plan = &run.plan;
        let data = plan.dataset.as_ref().map(|dataset| dataset.path().to_owned());
        let parts = (&plan.plugin, &plan.plugin_options, &plan.tokenizer, plan.workload, plan.prefix, data);
        if seen.insert(format!("{parts:?} {}", plan.llm_api)) {
            Setup::new(plan.clone()).map_err(|error| of_run(error, &run.name))?;
        }
    }
    Ok(())
}

fn of_run(error: Error, name: &str) -> Error {
    Error { kind: error.kind, cause: error.cause.context(format!("run {name:?}")) }
}

fn make_dir(plan: &Plan) -> Result<()> {
    let Some(dir): Option<&PathBuf> = plan.results_dir.as_ref() else { return Ok(()) };
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))
}

fn wait(span: Span, interrupts: &Interrupts) {
    let mut left = Duration::from(span);
    while left > Duration::ZERO && !interrupts.seen() {
        let step = left.min(LOOK_EVERY);
        std::thread::sleep(step);
        left -= step;
    }
}
