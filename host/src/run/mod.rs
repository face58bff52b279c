//! A load test from its plan to its results: starts every part, and sees that what was started is finished.
//! This is where the rooms below meet; it decides nothing about metrics, wire formats or schedules itself.

mod batch;
mod batch_state;
mod build;
mod calibrate;
mod calibration;
pub mod check;
mod client;
mod control;
mod correctness;
mod decode;
mod events;
mod health;
mod install;
mod interrupt;
mod io;
mod judgement;
mod machine;
mod manifest;
mod plugin_log;
mod reader;
mod record;
mod recorded;
mod renewal;
mod replay;
mod results;
mod search;
mod setup;
mod sweep;
mod tally;
mod turns;
mod understand;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::Result;

use crate::clock;
use crate::error::Error;
use crate::load::{Overflow, Phase, Slots};
use crate::metrics::{Block, Summary};
use crate::plan::Plan;
use crate::plugin::Usage;
use crate::record::RequestRecord;
use crate::report::{add_dialects, plugin_json};
use crate::transport::Transport;
use crate::units::Span;

pub use batch::{BatchDone, BatchEnd, BatchRun, BatchWatcher, run_batch};
pub use batch_state::{BatchState, FinishedRun};
pub use calibrate::{CalibrationLoad, LOADS, QUICK_LOADS, calibrate};
pub use calibration::{default_path as calibration_path, store as store_calibration};
pub use client::{Answer, AnswerMetrics, Client, Request};
pub use control::Ended;
pub use correctness::{Checked, correctness};
pub use install::{Proposal, propose};
pub use judgement::Judgement;
pub use replay::{Replayed, replay};
pub use results::ResultFiles;
pub use search::{SearchEnd, SearchStep, find_max_rate};
pub use setup::{Setup, plugin_engine};
pub use sweep::{SeriesWatcher, SweepEnd, SweepRun, sweep, write_series};

use build::Builder;
use control::{Stop, TimeLimits};
use io::{DueTimes, Io, IoReport, Sender};
use judgement::judgement;
use record::Recorder;
use recorded::Footer;
use results::Results;
use tally::{Tallied, Tally};

/// Records on their way to the results; a slow disk holds up decoding, never reading.
const QUEUED_RECORDS: usize = 4096;
/// Requests built before the first is sent, at least: a slot that ends at once finds its next one ready.
const MIN_READY: usize = 256;
/// Memory that requests built ahead may take.
const READY_BYTES: usize = 64 << 20;

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
    /// The run begins, and will send so many requests.
    fn started(&mut self, requests: u64);
    /// A request has ended.
    fn finished(&mut self, record: &RequestRecord);
    /// Nothing more will come.
    fn ended(&mut self);
}

/// Runs the load test that was set up.
pub fn load(setup: Setup, watcher: &mut dyn Watcher) -> Result<Report, Error> {
    let Setup { plan, clock, builder, reader, .. } = &setup;
    // The built-in target holds the other end of every connection.
    let files_each = if setup.mock.is_some() { 2 } else { 1 };
    machine::ensure_open_files(plan.concurrency, files_each).map_err(Error::usage)?;
    let started = clock::unix_seconds();
    let mut results = Results::create(&setup, started)?;
    let header = || manifest::of(&setup, started);
    let recorder = plan.record.as_deref().map(|dir| Recorder::start(dir, header())).transpose()?;

    let (source, builders) = build::start(builder, plan.requests(), requests_ahead(plan))?;
    let record_waits = Arc::new(AtomicU64::new(0));
    let (record_sender, records) = sync_channel(QUEUED_RECORDS);
    let decoders = machine::cores().saturating_sub(1).max(1);
    let (handover, decoders) =
        decode::start(reader, decoders, recorder.as_ref(), &record_sender, &record_waits)?;
    drop(record_sender);

    let (turns, turn_builders, not_reached) = turns::start(builder, plan.requests(), &reader.answers)?;
    let stop = Stop::new();
    let transport = Transport::new(*clock, plan.deadlines)?;
    let reading_waits = transport.decode_waits();
    let io = Io {
        sender: Sender {
            transport,
            clock: *clock,
            handover,
            phase: stop.watch(),
            credential: builder.provider.credential.clone(),
            turns,
        },
        base: builder.provider.base.clone(),
        slots: Slots { count: plan.concurrency, ramp_up: plan.ramp_up },
        overflow: plan.overflow,
        division: plan.division,
        due_times: due_times(plan, builder),
        launched: None,
        connections: connections_ahead(plan),
        ahead: requests_ahead(plan),
        limits: TimeLimits {
            timeout: plan.timeout,
            schedule: schedule_length(plan),
            drain: plan.drain,
            interruptible: true,
        },
        stop: stop.clone(),
    };
    watcher.started(plan.requests());
    let io = io.start(source)?;
    let tally = Tally::new(plan.token_basis, plan.division.measured, &plan.goals.slos, &plan.dialects);
    let tally = std::thread::scope(|scope| {
        let (results, watcher) = (&mut results, &mut *watcher);
        let collecting = scope.spawn(|| {
            machine::step_back();
            collect(records, tally, results, watcher, (&stop, plan.limits.faults_in_a_row))
        });
        collecting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    watcher.ended();

    let IoReport { opened_ahead, dropped, mut health } = machine::join(io)?;
    decoders.into_iter().for_each(machine::join);
    builders.into_iter().chain(turn_builders).for_each(machine::join);
    let turns_not_reached = not_reached.count();
    let ended = stop.reason();
    let Tallied { summary, dialects, timeline } = tally.finish(dropped.measured);
    health.reading_waits = reading_waits.load(Ordering::Relaxed);
    health.record_waits = record_waits.load(Ordering::Relaxed);
    let judgement = judgement(&setup, &summary, health, &timeline, ended);
    let mut json = results::report_json(&summary, ended, &opened_ahead);
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
    let footer = || Footer::json(dropped.measured, ended, &opened_ahead);
    let recording = recorder.map(|recorder| recorder.finish(footer())).transpose();
    Ok(Report {
        summary,
        dialects,
        ended,
        judgement,
        plugin_usage,
        opened_ahead,
        turns_not_reached,
        json,
        files,
        recording,
    })
}

/// How many connections are opened before the first request: one for each that will run at a time, as far as that is known.
fn connections_ahead(plan: &Plan) -> usize {
    let at_once = match &plan.arrival {
        None => plan.concurrency,
        // As if an answer took two seconds; where it takes longer, more are opened as they are needed.
        Some(arrival) => plan.concurrency.min((2.0 * arrival.profile.highest_rate()).ceil() as usize),
    };
    let at_once = match trace_rate(plan) {
        Some(rate) => at_once.min((2.0 * rate).ceil() as usize),
        None => at_once,
    };
    at_once.min(usize::try_from(plan.requests()).unwrap_or(usize::MAX))
}

/// When requests are due, where that is known before the run.
fn due_times(plan: &Plan, builder: &Builder) -> Option<DueTimes> {
    if let (Some(speed), Some(dataset)) = (plan.replay, plan.dataset.clone()) {
        let sessions = builder.workload.sessions(plan.requests());
        return Some(Box::new((0..sessions).map(move |session| speed.apply(dataset.due(session)))));
    }
    let arrival = plan.arrival.clone()?;
    // No more than there are sessions to start: what is due and is not there could be neither sent nor dropped.
    let sessions = usize::try_from(builder.workload.sessions(plan.requests())).unwrap_or(usize::MAX);
    Some(Box::new(arrival.due_times(plan.workload.seed).take(sessions)))
}

/// When a line that waits must end, because its schedule has: what still waits then would be another load.
fn schedule_length(plan: &Plan) -> Option<Span> {
    let arrival = plan.arrival.as_ref().filter(|_| plan.overflow == Overflow::Queue)?;
    arrival.profile.length()
}

/// Sessions that a trace starts a second, on average, where its times are replayed.
fn trace_rate(plan: &Plan) -> Option<f64> {
    let (speed, dataset) = (plan.replay?, plan.dataset.as_ref()?);
    let length = speed.apply(dataset.length()).as_secs();
    Some(if length > 0.0 { dataset.rows() as f64 / length } else { f64::MAX })
}

/// How many requests are built ahead of their time.
fn requests_ahead(plan: &Plan) -> usize {
    let prompt = match &plan.dataset {
        Some(dataset) => dataset.mean_prompt_bytes() as f64,
        // Some 5 bytes a token in JSON.
        None => plan.workload.isl.mean * 5.0,
    };
    let prefix = plan.prefix.map_or(0.0, |prefix| prefix.tokens.0 as f64 * 5.0);
    // And the rest of a request.
    let bytes_each = (prompt + prefix) as usize + 2048;
    let affordable = READY_BYTES / bytes_each;
    (2 * plan.concurrency).max(MIN_READY).min(affordable).max(plan.concurrency)
}

/// Takes records as they come until there are no more: to the file, to the watcher, and into the summary. None is kept.
fn collect(
    incoming: Receiver<RequestRecord>,
    mut tally: Tally,
    results: &mut Results,
    watcher: &mut dyn Watcher,
    (stop, most_faults): (&Stop, u32),
) -> Tally {
    let mut plugin_faults_in_a_row = 0;
    for record in incoming {
        results.keep(&record);
        watcher.finished(&record);
        plugin_faults_in_a_row = if is_plugin_fault(&record) { plugin_faults_in_a_row + 1 } else { 0 };
        if plugin_faults_in_a_row == most_faults {
            stop.because(Ended::PluginFaults, Phase::Cancelling);
        }
        tally.add(&record);
    }
    tally
}

fn is_plugin_fault(record: &RequestRecord) -> bool {
    matches!(&record.outcome, crate::record::Outcome::Failed(failure) if failure.kind.is_plugin_fault())
}
