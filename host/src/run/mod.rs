//! A load test from its plan to its results: starts every part, and sees that what was started is finished.
//! This is where the rooms below meet; it decides nothing about metrics, wire formats or schedules itself.

mod background;
mod batch;
mod batch_lock;
mod batch_series;
mod batch_state;
mod build;
mod calibrate;
mod calibration;
pub mod check;
mod client;
mod control;
mod correctness;
mod decode;
mod engine;
mod events;
mod faults;
mod footer;
mod health;
mod install;
mod interrupt;
mod io;
mod judgement;
mod launched;
mod machine;
mod manifest;
mod plugin_log;
mod preview;
mod reader;
mod record;
mod renewal;
mod replay;
mod replies;
mod results;
mod resummarise;
mod schedule;
mod search;
mod setup;
mod status;
mod sweep;
mod turns;
mod understand;

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use anyhow::Result;

use crate::clock;
use crate::error::Error;
use crate::metrics::{Block, Health, Summary, Tallied, Tally};
use crate::plugin::Usage;
use crate::record::RequestRecord;
use crate::report::{add_dialects, plugin_json};
use crate::transport::Habit;
use crate::units::Span;

pub use batch::{BatchDone, BatchEnd, BatchRun, BatchWatcher, run_batch};
pub use batch_lock::BatchLock;
pub use batch_series::{Finding, SweepPart};
pub use batch_state::{BatchState, FinishedRun, FoundRate};
pub use calibrate::{CalibrationLoad, LOADS, QUICK_LOADS, calibrate};
pub use calibration::{default_path as calibration_path, is_first_uncalibrated, store as store_calibration};
pub use client::{Answer, AnswerMetrics, Client, Request};
pub use control::Ended;
pub use correctness::{Checked, correctness};
pub use install::{Proposal, propose};
pub use interrupt::EndSignals;
pub use judgement::Judgement;
pub use preview::first_request;
pub use replay::{Replayed, replay};
pub use results::ResultFiles;
pub use search::{SearchEnd, SearchStep, find_max_rate};
pub use setup::{Setup, plugin_engine};
pub use status::{Answered, RunStatus};
pub use sweep::{SeriesWatcher, SweepEnd, SweepRun, sweep, write_series};

use background::{Need, Work};
use control::Stop;
use engine::{Feed, Finished};
use faults::Faults;
use footer::Footer;
use judgement::{idle_slots, judgement};
use record::Recorder;
use results::{Results, habit_word};

/// Records on their way to the results; a slow disk holds up decoding, never reading.
const QUEUED_RECORDS: usize = 4096;
/// A finished load test.
#[derive(Debug)]
pub struct Report {
    pub summary: Summary,
    /// The same run in other tools' terms.
    pub dialects: Vec<Block>,
    pub ended: Ended,
    pub judgement: Judgement,
    /// What the plugin used.
    pub plugin_usage: Usage,
    /// How long each connection took that was opened before the first request.
    pub opened_ahead: Vec<Span>,
    /// What the server does with connections after an answer; `None` where too little was sent to know.
    pub habit: Option<Habit>,
    /// Requests that were never due, because their session ended with an earlier one that failed, or with the run.
    pub turns_not_reached: u64,
    /// All of it as `summary.json` has it.
    pub json: serde_json::Value,
    /// Where the results went; `None` where none were to be saved. An error, say a full disk, does not cost the summary.
    pub files: Result<Option<ResultFiles>>,
    /// The recording; `None` where there was to be none. An error does not cost the summary either.
    pub recording: Result<Option<PathBuf>>,
}

/// Sees a run as it goes, for people. It may be slow or absent; the run does not wait for its answers.
pub trait Watcher: Send {
    /// The run begins; the number of requests it will send.
    fn started(&mut self, requests: u64);
    /// A request has ended.
    fn finished(&mut self, record: &RequestRecord);
    /// Nothing more will come.
    fn ended(&mut self);
}

/// Runs the load test that was set up.
pub fn load(setup: Setup, watcher: &mut dyn Watcher) -> Result<Report, Error> {
    let Setup { plan, reader, .. } = &setup;
    setup.ensure_open_files()?;
    let started = clock::unix_seconds();
    let mut results = Results::create(&setup, started)?;
    let header = || manifest::of(&setup, started);
    let recorder = plan.record.as_deref().map(|dir| Recorder::start(dir, header())).transpose()?;

    let need = Need::at_start();
    let feed = Feed::of_plan(&setup, &need)?;
    let stop = Stop::new();
    let faults = Faults::new(plan.limits.faults_in_a_row, &stop);
    watcher.started(plan.requests());
    let (engine, records) = engine::start(&setup, feed, recorder.as_ref(), (&stop, &faults, &need))?;
    let context = reader.context(plan.token_basis, plan.division.measured);
    let mut tally = Tally::new(context, &plan.goals.slos, &plan.dialects);
    collect(&need, records, &mut tally, &mut results, watcher);
    watcher.ended();

    let Finished { opened_ahead, habit, dropped, unused, health, turns_not_reached } = engine.finish()?;
    let (ended, server) = (stop.reason(), habit.map(habit_word));
    let Tallied { summary, dialects, timeline } = tally.finish(dropped.measured);
    let health = Health { idle_slots: idle_slots(plan, &timeline, unused), ..health };
    let judgement = judgement(&setup, &summary, health, &timeline, ended);
    let mut json = results::report_json(&summary, ended, &opened_ahead, server);
    if dropped.warmup > 0 {
        json["dropped_in_warmup"] = dropped.warmup.into();
    }
    if plan.dataset.as_ref().is_some_and(|dataset| dataset.has_sessions()) {
        json["turns_not_reached"] = turns_not_reached.into();
    }
    judgement.write(&mut json);
    let plugin_usage = reader.plugin.usage();
    json["plugin"] = plugin_json(&plugin_usage);
    add_dialects(&mut json, &dialects);
    let files = results.finish(&setup, &json);
    let footer = || Footer::json(dropped.measured, ended, &opened_ahead, server);
    let recording = recorder.map(|recorder| recorder.finish(footer())).transpose();
    Ok(Report {
        summary,
        dialects,
        ended,
        judgement,
        plugin_usage,
        opened_ahead,
        habit,
        turns_not_reached,
        json,
        files,
        recording,
    })
}

/// Takes records as they come until there are no more: to the file, to the watcher, and into the summary. None is kept.
fn collect(
    need: &Need,
    incoming: Receiver<RequestRecord>,
    tally: &mut Tally,
    results: &mut Results,
    watcher: &mut dyn Watcher,
) {
    let work = Work::new(need, move || {
        let Ok(record) = incoming.recv() else { return false };
        results.keep(&record);
        watcher.finished(&record);
        tally.add(&record);
        true
    });
    std::thread::scope(|scope| {
        let background = scope.spawn(|| work.in_background(0));
        work.in_front();
        background.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
