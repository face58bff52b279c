//! A load test from its plan to its results: starts every part, and sees that what was started is finished.
//! This is where the rooms below meet; it decides nothing about metrics, wire formats or schedules itself.

mod build;
mod control;
mod decode;
mod events;
mod interrupt;
mod io;
mod machine;
mod manifest;
mod plugin_log;
mod reader;
mod results;
mod search;
mod setup;
mod sweep;
mod understand;

use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::Result;

use crate::error::Error;
use crate::load::Phase;
use crate::metrics::{Context, SloCounter, Summary, summarize};
use crate::plan::Plan;
use crate::record::RequestRecord;
use crate::transport::Transport;
use crate::units::Span;

pub use control::Ended;
pub use results::ResultFiles;
pub use search::{SearchEnd, SearchStep, find_max_rate};
pub use setup::Setup;
pub use sweep::{SeriesWatcher, SweepEnd, SweepRun, sweep, write_series};

use control::{Stop, TimeLimits};
use io::{DueTimes, Io, IoReport, Sender};
use results::Results;

/// What plugins are asked to speak: a conversation.
const TASK: &str = "chat";
/// Records on their way to the results; a slow disk holds up decoding, never reading.
const QUEUED_RECORDS: usize = 4096;
/// Requests built before the first is sent, at least: a slot that ends at once finds its next one ready.
const MIN_READY: usize = 256;
/// Memory that requests built ahead may take.
const READY_BYTES: usize = 64 << 20;
/// A plugin that fails this often in a row will not recover.
const MAX_PLUGIN_FAULTS_IN_A_ROW: u32 = 10;

/// A finished load test.
#[derive(Debug)]
pub struct Report {
    pub summary: Summary,
    pub ended: Ended,
    /// How long each connection took that was opened before the first request.
    pub opened_ahead: Vec<Span>,
    /// All of it as `summary.json` has it.
    pub json: serde_json::Value,
    /// Where the results went; `None` where none were to be saved. An error, say a full disk, does not cost the summary.
    pub files: Result<Option<ResultFiles>>,
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
    let mut results = Results::create(&setup)?;

    let (source, builders) = build::start(builder, plan.requests)?;
    let (record_sender, records) = sync_channel(QUEUED_RECORDS);
    let decoders = machine::cores().saturating_sub(1).max(1);
    let (handover, decoders) = decode::start(reader, decoders, &record_sender)?;
    drop(record_sender);

    let stop = Stop::new();
    let transport = Transport::new(*clock, plan.deadlines)?;
    let io = Io {
        sender: Sender { transport, clock: *clock, handover, phase: stop.watch() },
        base: builder.provider.base.clone(),
        slots: plan.concurrency,
        due_times: plan.arrival.map(|arrival| Box::new(arrival.due_times(plan.workload.seed)) as DueTimes),
        connections: connections_ahead(plan),
        ahead: requests_ahead(plan),
        limits: TimeLimits { timeout: plan.timeout, drain: plan.drain },
        stop: stop.clone(),
    };
    watcher.started(plan.requests);
    let io = io.start(source)?;
    let mut slos = SloCounter::new(&plan.goals.slos, plan.token_basis);
    let records = std::thread::scope(|scope| {
        let (results, watcher, slos) = (&mut results, &mut *watcher, &mut slos);
        let collecting = scope.spawn(|| {
            machine::step_back();
            collect(records, results, watcher, slos, &stop)
        });
        collecting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    watcher.ended();

    let IoReport { opened_ahead, dropped } = machine::join(io)?;
    decoders.into_iter().for_each(machine::join);
    builders.into_iter().for_each(machine::join);
    let ended = stop.reason();
    let mut summary = summarize(&records, Context { dropped, token_basis: plan.token_basis });
    if !plan.goals.slos.is_empty() {
        summary.slo = Some(slos.finish(summary.window, dropped));
    }
    let json = results::report_json(&summary, ended, &opened_ahead);
    let files = results.finish(&setup, &json, &records);
    Ok(Report { summary, ended, opened_ahead, json, files })
}

/// How many connections are opened before the first request: one for each that will run at a time, as far as that is known.
fn connections_ahead(plan: &Plan) -> usize {
    let at_once = match plan.arrival {
        None => plan.concurrency,
        // As if an answer took two seconds; where it takes longer, more are opened as they are needed.
        Some(arrival) => plan.concurrency.min((2.0 * arrival.rate).ceil() as usize),
    };
    at_once.min(usize::try_from(plan.requests).unwrap_or(usize::MAX))
}

/// How many requests are built ahead of their time.
fn requests_ahead(plan: &Plan) -> usize {
    // Some 5 bytes a token in JSON, and the rest of a request.
    let bytes_each = (plan.workload.isl.mean * 5.0) as usize + 2048;
    let affordable = READY_BYTES / bytes_each;
    (2 * plan.concurrency).max(MIN_READY).min(affordable).max(plan.concurrency)
}

/// Takes records as they come until there are no more: to the file, to the watcher, and kept for the summary.
fn collect(
    incoming: Receiver<RequestRecord>,
    results: &mut Results,
    watcher: &mut dyn Watcher,
    slos: &mut SloCounter,
    stop: &Stop,
) -> Vec<RequestRecord> {
    let mut records = Vec::new();
    let mut plugin_faults_in_a_row = 0;
    for mut record in incoming {
        results.keep(&record);
        watcher.finished(&record);
        slos.add(&record);
        plugin_faults_in_a_row = if is_plugin_fault(&record) { plugin_faults_in_a_row + 1 } else { 0 };
        if plugin_faults_in_a_row == MAX_PLUGIN_FAULTS_IN_A_ROW {
            stop.because(Ended::PluginFaults, Phase::Cancelling);
        }
        // The text is in the file by now, and no metric needs it.
        record.output = None;
        records.push(record);
    }
    records
}

fn is_plugin_fault(record: &RequestRecord) -> bool {
    matches!(&record.outcome, crate::record::Outcome::Failed(failure) if failure.kind.is_plugin_fault())
}
