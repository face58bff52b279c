//! One run after the other, each with a load of its own, and what they come to together.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::interrupt::Interrupts;
use super::{Ended, Report, Setup, Watcher, load};
use crate::clock;
use crate::error::Error;
use crate::metrics::{Pace, PaceCounter};
use crate::plan::{Loads, Plan};
use crate::record::RequestRecord;
use crate::report::{ascii_json, write_atomically};

/// A run of a sweep.
#[derive(Debug)]
pub struct SweepRun {
    /// Which of the loads.
    pub index: usize,
    pub plan: Plan,
    pub report: Report,
    /// Of an open loop; `None` for a closed one and for too few requests.
    pub pace: Option<Pace>,
}

impl SweepRun {
    /// The summary of the run, and where its files are.
    pub fn document(&self) -> Value {
        let mut document = self.report.json.clone();
        let files = self.report.files.as_ref().ok().and_then(Option::as_ref);
        document["run_dir"] = json!(files.map(|files| files.run_dir.display().to_string()));
        document
    }
}

/// Sees a series of runs as it goes, for people.
pub trait SeriesWatcher {
    /// A run begins that is number `number`, from 1, with this plan.
    fn begins(&mut self, number: usize, plan: &Plan);
    /// Who watches the run that has just begun.
    fn run(&mut self) -> &mut dyn Watcher;
}

/// How a sweep ended.
#[derive(Debug)]
pub struct SweepEnd {
    pub runs: Vec<SweepRun>,
    pub ended: Ended,
}

/// Runs every load in its order. It ends early, with the runs there are, where one was interrupted or its plugin failed.
pub fn sweep(plan: &Plan, loads: &Loads, watcher: &mut dyn SeriesWatcher) -> Result<SweepEnd, Error> {
    let interrupts = Interrupts::watch()?;
    let mut end = SweepEnd { runs: Vec::new(), ended: Ended::Complete };
    for index in 0..loads.len() {
        let plan = loads.plan(plan, index);
        watcher.begins(index + 1, &plan);
        let Some((report, pace)) = paced(plan.clone(), watcher.run(), &interrupts)? else {
            end.ended = Ended::Interrupted;
            break;
        };
        end.ended = report.ended;
        end.runs.push(SweepRun { index, plan, report, pace });
        if !matches!(end.ended, Ended::Complete | Ended::TimedOut) {
            break;
        }
    }
    Ok(end)
}

/// One run, and whether the target kept up in it. `None` where an interrupt came before it began: a run sees those only
/// that come while it runs.
pub(super) fn paced(
    plan: Plan,
    watcher: &mut dyn Watcher,
    interrupts: &Interrupts,
) -> Result<Option<(Report, Option<Pace>)>, Error> {
    let open_loop = plan.arrival.is_some();
    let mut paced = Paced { watcher, counter: open_loop.then(PaceCounter::default) };
    let setup = Setup::new(plan)?;
    if interrupts.seen() {
        return Ok(None);
    }
    let report = load(setup, &mut paced)?;
    let pace = paced.counter.and_then(PaceCounter::finish);
    Ok(Some((report, pace)))
}

struct Paced<'a> {
    watcher: &'a mut dyn Watcher,
    counter: Option<PaceCounter>,
}

impl Watcher for Paced<'_> {
    fn started(&mut self, requests: u64) {
        self.watcher.started(requests);
    }
    fn finished(&mut self, record: &RequestRecord) {
        if let Some(counter) = &mut self.counter {
            counter.add(record);
        }
        self.watcher.finished(record);
    }
    fn ended(&mut self) {
        self.watcher.ended();
    }
}

/// Writes what a series comes to beside the directories of its runs, as `<kind>_<time>.json`.
pub fn write_series(dir: &Path, kind: &str, json: &Value) -> Result<PathBuf> {
    let timestamp = clock::unix_seconds();
    let mut path = dir.join(format!("{kind}_{timestamp}.json"));
    let mut n = 2;
    while path.exists() {
        path = dir.join(format!("{kind}_{timestamp}_{n}.json"));
        n += 1;
    }
    write_atomically(&path, format!("{}\n", ascii_json(json)).as_bytes())?;
    Ok(path)
}
