//! The I/O thread: it opens connections, runs the slots and sees that the run ends. Nothing else runs on it.

use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use url::Url;

use super::background::Need;
use super::build::Ready;
use super::control::{Stop, watch_over};
use super::decode::Handover;
use super::health::{Gauges, Watch};
use super::machine;
use super::schedule::Schedule;
use super::turns::Turns;
use crate::clock::{Clock, unix_seconds};
use crate::load::{Admitted, Course, Dropped, Launch, Phase, PhaseWatch, Source, run_arrivals, run_slots};
use crate::metrics::Health;
use crate::provider::Credential;
use crate::record::{Exchange, Failure, FailureKind, RequestInfo, Start, Unsent};
use crate::transport::{Habit, Transport};
use crate::units::{Span, Stamp};

/// What the I/O thread has to tell.
#[derive(Debug)]
pub(super) struct IoReport {
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
}

/// Everything the I/O thread works with.
pub(super) struct Io {
    pub(super) sender: Sender,
    /// Where connections are opened to.
    pub(super) base: Url,
    pub(super) schedule: Schedule,
    pub(super) stop: Stop,
    pub(super) need: Need,
}

impl Io {
    /// Starts the thread. It ends with the run.
    pub(super) fn start(self, source: Source<Ready>) -> Result<JoinHandle<Result<IoReport>>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        machine::spawn("io", move || runtime.block_on(self.run(source)))
    }

    async fn run(self, source: Source<Ready>) -> Result<IoReport> {
        let clock = self.sender.clock;
        let (started, start) = oneshot::channel();
        let (done, until_done) = oneshot::channel();
        let watching =
            tokio::spawn(watch_over(clock, start, self.schedule.limits, self.stop.clone(), until_done));
        let mut phase = self.stop.watch();
        let opened_ahead = tokio::select! {
            biased;
            () = phase.reached(Phase::Draining) => vec![],
            opened = self.get_ready(&source) => opened,
        };
        let gauges = Gauges { ready: source.gauge(), decoding: self.sender.handover.gauge() };
        let health = Watch::begin(clock, gauges, self.need.clone())?;
        let course = Course::start(self.schedule.division, clock.now());
        // Fails where an interrupt came first and was all there was to watch for.
        let _ = started.send(course.clone());
        let slots = self.schedule.slots;
        let launch = Launch { source: Arc::new(source), course: course.clone(), phase, clock };
        // Every request is sent through this; it is dropped with the last of them, and the decode threads end.
        let sender = self.sender;
        let transport = sender.transport.clone();
        let launched = self.schedule.launched;
        let send = move |ready, due, admitted: Admitted| -> Pin<Box<dyn Future<Output = Stamp> + Send>> {
            let due = launched.as_ref().map_or(due, |launched| launched.due(&ready, due));
            Box::pin(sender.clone().send(ready, Start { due, warmup: admitted.warmup }, course.clone()))
        };
        let (dropped, unused) = match self.schedule.due_times {
            Some(due_times) => {
                let overflow = self.schedule.overflow;
                (run_arrivals(due_times, slots.count, overflow, launch, send).await?, Span(0))
            }
            None => (Dropped::default(), run_slots(slots, launch, send).await),
        };
        let health = health.end().await?;
        // Nothing is measured any more that the work left could disturb.
        self.need.arise();
        drop(done);
        watching.await.context("the watch over the run failed")??;
        Ok(IoReport { opened_ahead, habit: transport.habit(), dropped, unused, health })
    }

    async fn get_ready(&self, source: &Source<Ready>) -> Vec<Span> {
        // What cannot be built may take the plugin its whole budget; the faults must be seen, not awaited.
        source.prefill(self.schedule.ahead, Ready::is_ok).await;
        self.sender.transport.preopen(&self.base, self.schedule.connections).await
    }
}

/// Sends requests and hands their traces over.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) transport: Transport,
    pub(super) clock: Clock,
    pub(super) handover: Handover,
    pub(super) phase: PhaseWatch,
    pub(super) credential: Credential,
    /// What follows an answer.
    pub(super) turns: Turns,
}

impl Sender {
    /// Sends a request, and after its answer the turns that follow it in its session; returns when its slot became free.
    async fn send(mut self, mut ready: Ready, mut start: Start, course: Course) -> Stamp {
        let mut session = self.turns.begin(&ready);
        loop {
            let ended = self.exchange(ready, start).await;
            let next = match &mut session {
                Some(session) => session.next(ended, self.clock, &mut self.phase).await,
                None => None,
            };
            // Where the course is over, so is the session.
            match next
                .and_then(|(ready, due)| Some((ready, Start { due, warmup: course.admit(due)?.warmup })))
            {
                Some(next) => (ready, start) = next,
                None => return ended,
            }
        }
    }

    /// Sends one request; returns when its connection became free.
    async fn exchange(&mut self, ready: Ready, start: Start) -> Stamp {
        let exchange = match ready {
            Ok(request) => {
                let parts = self.handover.of(request.info.id);
                // A signature holds for minutes only, and a token may have been renewed; what this takes is lag.
                match self.credential.send(&request, unix_seconds()) {
                    Ok(outgoing) => {
                        let cancelled = self.phase.reached(Phase::Cancelling);
                        let trace = self.transport.exchange(request, outgoing, start, parts, cancelled).await;
                        Exchange::End(Box::new(trace))
                    }
                    Err(error) => self.unsent(request.info, start, unsigned(&error)),
                }
            }
            Err((info, failure)) => self.unsent(info, start, failure),
        };
        let free_at = match &exchange {
            Exchange::End(trace) => trace.end,
            _ => self.clock.now(),
        };
        // Fails only where the decode threads are gone, and then the run is over.
        let _ = self.handover.of(exchange.id()).send(exchange).await;
        free_at
    }

    fn unsent(&self, info: RequestInfo, start: Start, failure: Failure) -> Exchange {
        Exchange::Unsent(Unsent { info, start, sent: self.clock.now(), failure })
    }
}

fn unsigned(error: &anyhow::Error) -> Failure {
    Failure::new(FailureKind::PluginRequest, format!("its credential cannot be put on: {error:#}"))
}
