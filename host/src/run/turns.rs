//! Sessions of several turns: the answer to one goes back as part of the next. Decode threads tell the answers, builders of
//! their own make the next request of them, and the slot that holds the session waits for both; none of it runs on the
//! I/O thread, and none of it between `sent` and `end` of a request of the session.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::background::{self, Need};
use super::build::{Builder, Ready};
use super::machine;
use crate::clock::Clock;
use crate::load::{Phase, PhaseWatch};
use crate::record::Outcome;
use crate::units::{RequestId, Span, Stamp};

/// Turns that wait for one builder; a slot waits for one at most, so this only decouples.
const QUEUED_TURNS: usize = 256;
/// A turn that takes longer than this to come is needed: that is some hundred times what it takes where a core is free.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where the answers that some session waits for go.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    // Decode threads and slots meet here, once a turn; it is held for one insertion or removal.
    waiting: Arc<Mutex<HashMap<RequestId, oneshot::Sender<String>>>>,
    /// How many wait: where none ever does, which is any run without sessions, nothing is locked.
    count: Arc<AtomicU64>,
}

impl Answers {
    /// Tells the answer to whoever waits for it. One that is no success is not told, and ends the wait.
    pub(super) fn tell(&self, id: RequestId, outcome: &Outcome, text: &str) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(waiting) = waiting {
            self.count.fetch_sub(1, Ordering::AcqRel);
            if *outcome == Outcome::Ok {
                // Fails only where the run has ended meanwhile.
                let _ = waiting.send(text.to_owned());
            }
        }
    }

    fn expect(&self, id: RequestId) -> oneshot::Receiver<String> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        self.count.fetch_add(1, Ordering::AcqRel);
        receiver
    }
}

/// Turns that were never due.
#[derive(Debug, Clone, Default)]
pub(super) struct NotReached(Arc<AtomicU64>);

impl NotReached {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A turn to build: the request, and the answers before it.
struct Job {
    id: RequestId,
    answers: Vec<String>,
    built: oneshot::Sender<Built>,
}

/// A turn that was built, the time to think before it, and the answers back.
struct Built {
    ready: Ready,
    think: Span,
    answers: Vec<String>,
}

/// Begins sessions. `None` inside where the run has none, so that its requests pay nothing for them.
#[derive(Clone)]
pub(super) struct Turns(Option<Arc<Shared>>);

struct Shared {
    builder: Arc<Builder>,
    /// Requests of the run; a session that goes beyond is cut off.
    requests: u64,
    answers: Answers,
    jobs: Vec<mpsc::Sender<Job>>,
    not_reached: NotReached,
    need: Need,
}

/// Starts builders for the turns that follow others, where there are any. They end when every copy of the turns is gone.
pub(super) fn start(
    builder: &Arc<Builder>,
    requests: u64,
    answers: &Answers,
    need: &Need,
) -> Result<(Turns, Vec<JoinHandle<()>>, NotReached)> {
    let has_sessions = builder.workload.sessions(requests) < requests;
    let not_reached = NotReached::default();
    if !has_sessions {
        return Ok((Turns(None), vec![], not_reached));
    }
    let (jobs, receivers): (Vec<_>, Vec<_>) =
        (0..machine::cores()).map(|_| mpsc::channel(QUEUED_TURNS)).unzip();
    let mut threads = vec![];
    for mut jobs in receivers {
        let builder = Arc::clone(builder);
        threads.extend(background::spawn("turns", need, 0, move || work(&builder, &mut jobs))?);
    }
    let shared = Shared {
        builder: Arc::clone(builder),
        requests,
        answers: answers.clone(),
        jobs,
        not_reached: not_reached.clone(),
        need: need.clone(),
    };
    Ok((Turns(Some(Arc::new(shared))), threads, not_reached))
}

fn work(builder: &Builder, jobs: &mut mpsc::Receiver<Job>) -> bool {
    let Some(Job { id, answers, built }) = jobs.blocking_recv() else { return false };
    let (ready, think) = builder.build(id, &answers);
    // Fails only where the run has ended meanwhile.
    let _ = built.send(Built { ready, think, answers });
    true
}

impl Turns {
    /// The session that this request begins, before it is sent; `None` where nothing follows it.
    pub(super) fn begin(&self, first: &Ready) -> Option<Session> {
        let shared = self.0.as_ref()?;
        let id = match first {
            Ok(request) => request.info.id,
            Err((info, _)) => info.id,
        };
        let (_, end) = shared.builder.workload.session(id);
        let end = RequestId(end.0.min(shared.requests));
        let next = RequestId(id.0 + 1);
        let mut session = Session { shared: Arc::clone(shared), next, end, answers: vec![], answer: None };
        session.expect_answer(first);
        (next < end).then_some(session)
    }
}

/// A session that runs. Dropping it counts the turns that it did not come to.
pub(super) struct Session {
    shared: Arc<Shared>,
    next: RequestId,
    /// The request behind the last.
    end: RequestId,
    answers: Vec<String>,
    /// The answer to the request before the next; `None` where there will be none.
    answer: Option<oneshot::Receiver<String>>,
}

impl Session {
    /// The next turn and when it is due: its time to think after the answer before it, which ended at `ended`. It returns
    /// when it is due. `None` where the session is over, or the turn before failed, or the run launches nothing more.
    pub(super) async fn next(
        &mut self,
        ended: Stamp,
        clock: Clock,
        phase: &mut PhaseWatch,
    ) -> Option<(Ready, Stamp)> {
        if self.next >= self.end {
            return None;
        }
        tokio::select! {
            biased;
            () = phase.reached(Phase::Draining) => None,
            turn = self.ready_turn(ended, clock) => turn,
        }
    }

    async fn ready_turn(&mut self, ended: Stamp, clock: Clock) -> Option<(Ready, Stamp)> {
        let need = self.shared.need.clone();
        let (ready, think) = {
            let mut building = std::pin::pin!(self.build());
            tokio::select! {
                biased;
                built = &mut building => built,
                () = tokio::time::sleep(PATIENCE) => {
                    need.arise();
                    building.await
                }
            }
        }?;
        let due = ended + think;
        if think > Span(0) {
            sleep_until(Instant::from_std(clock.instant(due))).await;
        }
        self.next.0 += 1;
        self.expect_answer(&ready);
        Some((ready, due))
    }

    /// The next turn, once the answer before it is known, and the time to think before it.
    async fn build(&mut self) -> Option<(Ready, Span)> {
        self.answers.push(self.answer.take()?.await.ok()?);
        let (built, building) = oneshot::channel();
        let job = Job { id: self.next, answers: std::mem::take(&mut self.answers), built };
        let jobs = &self.shared.jobs;
        let builder = usize::try_from(self.next.0 % jobs.len() as u64).expect("smaller than a usize");
        jobs[builder].send(job).await.ok()?;
        let Built { ready, think, answers } = building.await.ok()?;
        self.answers = answers;
        Some((ready, think))
    }

    /// Waits for the answer to this request, before it is sent, where another turn follows and needs it.
    fn expect_answer(&mut self, ready: &Ready) {
        if let Ok(request) = ready
            && self.next < self.end
        {
            self.answer = Some(self.shared.answers.expect(request.info.id));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let left = self.end.0.saturating_sub(self.next.0);
        self.shared.not_reached.0.fetch_add(left, Ordering::Relaxed);
    }
}
