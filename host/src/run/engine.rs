//! The engine of every run: from requests that are ready to be sent to their records. `llmperf load`,
//! `llmperf correctness`, each run of a series and a [`super::Client`] differ in where requests come from, when they are due,
//! and in who takes the records; all else is here, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use anyhow::Result;

use super::background::Need;
use super::build::{self, Ready};
use super::control::Stop;
use super::decode::Decoding;
use super::faults::Faults;
use super::io::{Io, IoReport, Sender};
use super::record::Recorder;
use super::schedule::Schedule;
use super::turns::{self, NotReached};
use super::{QUEUED_RECORDS, Setup, decode, machine};
use crate::load::{Dropped, Source};
use crate::metrics::Health;
use crate::record::RequestRecord;
use crate::transport::{Habit, Transport};
use crate::units::Span;

/// What is to be sent, and when.
pub(super) struct Feed {
    pub(super) source: Source<Ready>,
    /// The threads that fill the source; they end when it is gone, or when there is no more.
    pub(super) builders: Vec<JoinHandle<()>>,
    /// With the turns that follow others in their sessions.
    pub(super) requests: u64,
    pub(super) schedule: Schedule,
}

impl Feed {
    /// The workload of the plan. Its builders begin at once.
    pub(super) fn of_plan(setup: &Setup, need: &Need) -> Result<Feed> {
        let Setup { plan, builder, .. } = setup;
        let schedule = Schedule::of_plan(plan, builder);
        let (source, builders) = build::start(builder, plan.requests(), schedule.ahead, need)?;
        Ok(Feed { source, builders, requests: plan.requests(), schedule })
    }
}

/// A run that is on. It ends when its source does, or when its [`Stop`] says so; records come until then.
pub(super) struct Engine {
    io: JoinHandle<Result<IoReport>>,
    /// Those that decode and build.
    threads: Vec<JoinHandle<()>>,
    not_reached: NotReached,
    reading_waits: Arc<AtomicU64>,
    record_waits: Arc<AtomicU64>,
}

/// What an engine has to tell once it has stopped.
pub(super) struct Finished {
    /// How long each connection took that was opened ahead.
    pub(super) opened_ahead: Vec<Span>,
    /// What the server does with connections after an answer.
    pub(super) habit: Option<Habit>,
    /// Requests that were due and found no slot.
    pub(super) dropped: Dropped,
    /// What slots waited for requests that never came.
    pub(super) unused: Span,
    /// How the client fared meanwhile.
    pub(super) health: Health,
    /// Turns that were never due.
    pub(super) turns_not_reached: u64,
}

/// Starts every thread between a request and its record. Each exchange goes to the recorder too.
pub(super) fn start(
    setup: &Setup,
    feed: Feed,
    recorder: Option<&Recorder>,
    (stop, faults, need): (&Stop, &Faults, &Need),
) -> Result<(Engine, Receiver<RequestRecord>)> {
    let Setup { plan, clock, builder, reader, .. } = setup;
    let Feed { source, builders, requests, schedule } = feed;
    let record_waits = Arc::new(AtomicU64::new(0));
    let (record_sender, records) = sync_channel(QUEUED_RECORDS);
    let decoders = machine::cores().saturating_sub(1).max(1);
    let decoding = Decoding {
        reader: reader.clone(),
        records: record_sender,
        record_waits: Arc::clone(&record_waits),
        faults: faults.clone(),
    };
    let queue = decode::queue_of(schedule.slots.count, decoders);
    let (handover, mut threads) = decode::start(&decoding, (decoders, queue), recorder, need)?;
    drop(decoding);
    let (turns, turn_builders, not_reached) = turns::start(builder, requests, &reader.answers, need)?;
    threads.extend(builders.into_iter().chain(turn_builders));
    let transport = Transport::new(*clock, plan.deadlines)?;
    let reading_waits = transport.decode_waits();
    let credential = builder.provider.credential.clone();
    let io = Io {
        sender: Sender { transport, clock: *clock, handover, phase: stop.watch(), credential, turns },
        base: builder.provider.base.clone(),
        schedule,
        stop: stop.clone(),
        need: need.clone(),
    };
    let io = io.start(source)?;
    Ok((Engine { io, threads, not_reached, reading_waits, record_waits }, records))
}

impl Engine {
    /// Waits until it has stopped. A panic of one of its threads is the caller's.
    pub(super) fn finish(self) -> Result<Finished> {
        let IoReport { opened_ahead, habit, dropped, unused, mut health } = machine::join(self.io)?;
        self.threads.into_iter().for_each(machine::join);
        health.reading_waits = self.reading_waits.load(Ordering::Relaxed);
        health.record_waits = self.record_waits.load(Ordering::Relaxed);
        let turns_not_reached = self.not_reached.count();
        Ok(Finished { opened_ahead, habit, dropped, unused, health, turns_not_reached })
    }

    /// Waits until it has stopped, and ignores how it ended.
    pub(super) fn abandon(self) {
        drop(self.io.join());
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}
