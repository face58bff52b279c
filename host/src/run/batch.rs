//! The runs of a plan file, one after the other: those that are done already are not made again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::batch_state::{BatchState, FinishedRun};
use super::interrupt::Interrupts;
use super::sweep::paced;
use super::{Ended, Report, SeriesWatcher, Setup};
use crate::clock;
use crate::error::Error;
use crate::plan::{Plan, PluginSource, Target};
use crate::report::{BatchRow, SCHEMA_VERSION};
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
            digest: hex(&Sha256::digest(what.to_string())),
            settings: shown.map(|(key, values)| (key.clone(), json!(values))).collect(),
            name,
            plan,
        })
    }
}

fn file_digest(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(hex(&Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sees the runs as they go, for people. Numbers are those of the runs, from 1.
pub trait BatchWatcher: SeriesWatcher {
    /// This run is done already.
    fn skips(&mut self, number: usize);
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
    /// What the run itself reported; `None` where it was done before.
    pub report: Option<Report>,
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
        let made = made.and_then(|()| paced(run.plan.clone(), watcher.run(), &interrupts));
        let Some((report, _)) = made.map_err(|error| of_run(error, &run.name))? else {
            end.ended = Ended::Interrupted;
            break;
        };
        end.ended = report.ended;
        if let (Some(state), Some(finished)) = (&mut state, finished(run, &report)) {
            end.unkept = end.unkept.or(state.add(finished).err());
        }
        let row = BatchRow::of(&run.name, &report.summary);
        let dir = report.files.as_ref().ok().and_then(Option::as_ref).map(|files| files.run_dir.as_path());
        let json = document(run, dir, report.json.clone(), false);
        let done = BatchDone { index, row, json, report: Some(report) };
        watcher.ends(index + 1, &done);
        end.runs.push(done);
        if !matches!(end.ended, Ended::Complete | Ended::TimedOut) {
            break;
        }
    }
    Ok(end)
}

fn done_before(state: &BatchState, index: usize, run: &BatchRun) -> Option<BatchDone> {
    let finished = state.find(&run.digest)?;
    let dir = state.dir_of(finished);
    let summary = std::fs::read_to_string(dir.join("summary.json")).ok();
    let summary = summary.and_then(|text| serde_json::from_str(&text).ok())?;
    // It may have been renamed since.
    let row = BatchRow { name: run.name.clone(), ..finished.row.clone() };
    Some(BatchDone { index, row, report: None, json: document(run, Some(&dir), summary, true) })
}

/// What is to be remembered of a run; `None` where it is to be made again.
fn finished(run: &BatchRun, report: &Report) -> Option<FinishedRun> {
    let to_its_end = matches!(report.ended, Ended::Complete | Ended::TimedOut);
    let files = report.files.as_ref().ok()?.as_ref()?;
    (to_its_end && report.summary.counts.ok > 0).then(|| FinishedRun {
        digest: run.digest.clone(),
        finished_unix_s: clock::unix_seconds(),
        run_dir: files.run_dir.clone(),
        row: BatchRow::of(&run.name, &report.summary),
    })
}

fn document(run: &BatchRun, dir: Option<&Path>, summary: Value, before: bool) -> Value {
    json!({
        "name": run.name,
        "digest": run.digest,
        "settings": run.settings,
        "done_before": before,
        "run_dir": dir.map(|dir| dir.display().to_string()),
        "summary": summary,
    })
}

/// The document of all of them.
impl BatchEnd {
    /// All of it as `plan_<time>.json` has it.
    pub fn json(&self, of: usize) -> Value {
        json!({
            "schema_version": SCHEMA_VERSION,
            "kind": "plan",
            "runs_planned": of,
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
