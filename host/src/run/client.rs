//! llmperf from Rust: launch requests as you like, take answers as they become ready, with the metrics of a load test. It is
//! the same engine as that of `llmperf load`, with its slots, its one thread that stamps, its sandboxed plugins; only what is
//! sent and when comes from you.
//!
//! ```no_run
//! # async fn ask() -> Result<(), llmperf::error::Error> {
//! use llmperf::{Client, LoadInput, Request};
//!
//! let input = LoadInput { model: Some("llama3.2".into()), llm_api: Some("ollama".into()), ..LoadInput::default() };
//! let mut client = Client::new(input)?;
//! client.launch(Request::new("Why is the sky blue?").max_tokens(100))?;
//! while let Some(answer) = client.next_ready().await {
//!     println!("{} after {:?}", answer.text(), answer.metrics().ttft);
//! }
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread};

use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::background::Need;
use super::build::{Builder, Ready};
use super::control::{Ended, Stop};
use super::engine::{self, Engine, Feed};
use super::faults::Faults;
use super::launched::Launched;
use super::schedule::Schedule;
use super::{QUEUED_RECORDS, Setup, machine};
use crate::error::Error;
use crate::load::{Lane, Phase, lanes};
use crate::metrics::{Accumulator, Summary, TokenBasis, request};
use crate::plan::{LoadInput, Plan, resolve};
use crate::record::{Failure, Message, Outcome, RequestRecord, RequestSpec};
use crate::units::{RequestId, Span, Tokens};

/// Requests built ahead of a free slot.
const BUILT_AHEAD: usize = 4;

/// A request to launch: LLMPerf's `RequestConfig`. The model and the API are the client's.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The conversation so far, in order.
    pub messages: Vec<Message>,
    /// The most output tokens to ask for; `None` leaves it to the target.
    pub max_tokens: Option<u64>,
    /// Merged over the body of this request, and over what the client says for all.
    pub sampling: Map<String, Value>,
}

impl Request {
    /// Asks this, as the user.
    pub fn new(prompt: impl Into<String>) -> Request {
        let message = Message { role: "user".to_owned(), text: prompt.into() };
        Request { messages: vec![message], max_tokens: None, sampling: Map::new() }
    }

    /// The same, with an upper limit of output tokens.
    #[must_use]
    pub fn max_tokens(mut self, tokens: u64) -> Request {
        self.max_tokens = Some(tokens);
        self
    }

    /// The same, with a sampling parameter more.
    #[must_use]
    pub fn sampling(mut self, name: impl Into<String>, value: impl Into<Value>) -> Request {
        self.sampling.insert(name.into(), value.into());
        self
    }
}

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The request, as it was launched.
    pub request: Request,
    /// Everything that was measured, as a line of `records.jsonl` has it.
    pub record: RequestRecord,
}

impl Answer {
    /// The text of the answer; empty where there is none.
    pub fn text(&self) -> &str {
        self.record.output.as_ref().map_or("", |output| &output.text)
    }

    /// Why it failed; `None` where it did not. A failed request is data, never an error of the client.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.record.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Ok | Outcome::Cancelled => None,
        }
    }

    /// Its metrics, by the formulas of [`crate::metrics::request`], with tokens as the local tokenizer counts them.
    pub fn metrics(&self) -> AnswerMetrics {
        let (record, basis) = (&self.record, TokenBasis::Local);
        AnswerMetrics {
            ttft: request::ttft(record),
            ttft_due: request::ttft_due(record),
            e2el: request::e2el(record),
            itl: request::itl(record).collect(),
            tpot_ms: request::tpot_ms(record, basis),
            output_throughput: request::output_throughput(record, basis),
            isl: record.isl,
            osl: record.osl,
        }
    }
}

/// The metrics of one request. What is not defined, as of one that failed before its first token, is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerMetrics {
    /// Time to first token: first token - sent.
    pub ttft: Option<Span>,
    /// The same from when it was launched: what it waited for a slot included.
    pub ttft_due: Option<Span>,
    /// End-to-end latency: last token - sent.
    pub e2el: Option<Span>,
    /// Inter-token latencies: the gaps between events that brought tokens.
    pub itl: Vec<Span>,
    /// Milliseconds per output token after the first.
    pub tpot_ms: Option<f64>,
    /// Output tokens per second of this one request.
    pub output_throughput: Option<f64>,
    /// Input tokens of its messages' texts.
    pub isl: Tokens,
    /// Output tokens, reasoning included.
    pub osl: Tokens,
}

/// Sends requests to a model and measures the answers.
///
/// Requests run as they are launched, [`LoadInput::num_concurrent_requests`] at a time; those beyond wait in line. Dropping it
/// cancels what still runs, and waits for its threads to end.
pub struct Client {
    setup: Setup,
    stop: Stop,
    launched: Launched,
    /// What was launched and not taken.
    outstanding: HashMap<RequestId, Request>,
    next_id: u64,
    /// What was taken.
    taken: Accumulator,
    /// `None` once it ends.
    running: Option<Running>,
}

struct Running {
    jobs: SyncSender<Job>,
    answers: mpsc::Receiver<RequestRecord>,
    engine: Engine,
    passing: JoinHandle<()>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("outstanding", &self.outstanding.len()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for these settings, named as the flags of `llmperf load`; keys come from the environment, as there. What is
    /// about a workload, a schedule, a time limit of the run or its results is not used.
    ///
    /// # Errors
    /// A setting, the environment, the tokenizer or the plugin is not usable. Nothing was sent.
    pub fn new(input: LoadInput) -> Result<Client, Error> {
        Client::of(resolve(input, &|name| std::env::var(name).ok()).map_err(Error::usage)?)
    }

    /// A client for a plan that was made already.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn of(mut plan: Plan) -> Result<Client, Error> {
        plan.save_text = true;
        let setup = Setup::new(plan)?;
        setup.ensure_open_files()?;
        let (stop, launched) = (Stop::new(), Launched::default());
        let running = start(&setup, &stop, &launched)?;
        let context = setup.reader.context(setup.plan.token_basis, None);
        Ok(Client {
            setup,
            stop,
            launched,
            outstanding: HashMap::new(),
            next_id: 0,
            taken: Accumulator::new(context),
            running: Some(running),
        })
    }

    /// Launches a request and returns: it is sent when a slot is free, and due from now on. Its number tells its answer from
    /// others. It may be called anywhere, in a runtime or not; nothing is awaited, and no more is done here than to count the
    /// tokens of its messages. What the plugin or the target refuse is an answer that failed.
    ///
    /// # Errors
    /// 4096 requests were launched whose answers nobody took.
    pub fn launch(&mut self, request: Request) -> Result<RequestId, Error> {
        let id = RequestId(self.next_id);
        self.try_launch(id, request).map_err(Error::usage)?;
        self.next_id += 1;
        Ok(id)
    }

    fn try_launch(&mut self, id: RequestId, request: Request) -> Result<()> {
        if self.outstanding.len() >= QUEUED_RECORDS {
            bail!(
                "{QUEUED_RECORDS} requests are launched already\nhint: take answers, with next_ready, before you launch more"
            );
        }
        let isl = request.messages.iter().map(|message| self.setup.tokenizer.count(&message.text)).sum();
        let spec = RequestSpec {
            id,
            session: None,
            messages: request.messages.clone(),
            isl_target: isl,
            isl,
            max_tokens: request.max_tokens.map(Tokens),
        };
        let sampling = (!request.sampling.is_empty()).then(|| {
            let mut sampling = self.setup.plan.sampling.clone();
            sampling.extend(request.sampling.clone());
            Value::Object(sampling).to_string()
        });
        let ended = || anyhow!("the client's threads have ended");
        let running = self.running.as_ref().ok_or_else(ended)?;
        self.launched.at(id, self.setup.clock.now());
        // There is room for all that may be outstanding.
        running.jobs.try_send(Job { spec, sampling }).map_err(|_| ended())?;
        self.outstanding.insert(id, request);
        Ok(())
    }

    /// The next answer to become ready, in the order in which they do; `None` once every request that was launched was
    /// answered and taken.
    pub async fn next_ready(&mut self) -> Option<Answer> {
        if self.outstanding.is_empty() {
            return None;
        }
        let record = self.running.as_mut()?.answers.recv().await?;
        self.take(record)
    }

    /// An answer that is ready now, without waiting.
    pub fn try_next_ready(&mut self) -> Option<Answer> {
        let record = self.running.as_mut()?.answers.try_recv().ok()?;
        self.take(record)
    }

    /// How many requests were launched whose answers were not taken.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// The statistics of the answers that were taken so far, as of a load test of just these.
    pub fn summary(&self) -> Summary {
        self.taken.clone().finish()
    }

    fn take(&mut self, record: RequestRecord) -> Option<Answer> {
        let request = self.outstanding.remove(&record.id)?;
        self.taken.add(&record);
        Some(Answer { request, record })
    }
}

/// Answers as they become ready, until none is outstanding. It holds its thread meanwhile: right for plain threads; within a
/// runtime [`Client::next_ready`] lets others go on.
impl Iterator for Client {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        if self.outstanding.is_empty() {
            return None;
        }
        let record = waited_for(self.running.as_mut()?.answers.recv())?;
        self.take(record)
    }
}

/// Waits for what a thread of ours will send. Tokio's own way panics where the caller runs in a runtime.
fn waited_for<T>(work: impl Future<Output = T>) -> T {
    struct Sleeper(Thread);
    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Sleeper(std::thread::current())));
    // A task's budget would be renewed by the runtime only, which waits for this.
    let mut work = pin!(tokio::task::unconstrained(work));
    loop {
        match work.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(Running { jobs, answers, engine, passing }) = self.running.take() else { return };
        self.stop.because(Ended::Complete, Phase::Cancelling);
        // Each thread ends when what it reads from, or writes to, is gone.
        drop((jobs, answers));
        engine.abandon();
        drop(passing.join());
    }
}

/// A request to build.
struct Job {
    spec: RequestSpec,
    /// JSON object text; `None` where it is the client's own.
    sampling: Option<String>,
}

/// Starts the engine with a source that is filled as requests are launched.
fn start(setup: &Setup, stop: &Stop, launched: &Launched) -> Result<Running> {
    let (mut built, source) = lanes(1, BUILT_AHEAD);
    let lane = built.pop().ok_or_else(|| anyhow!("one lane was made"))?;
    let (jobs, to_build) = sync_channel(QUEUED_RECORDS);
    let builder = Arc::clone(&setup.builder);
    let builders = vec![machine::spawn("build", move || build(&builder, &lane, &to_build))?];
    let schedule = Schedule::as_launched(&setup.plan, launched.clone());
    let feed = Feed { source, builders, requests: 1, schedule };
    // It is the program's to give up on a plugin, and every request is built when it is launched.
    let (faults, need) = (Faults::default(), Need::at_start());
    let (engine, records) = engine::start(setup, feed, None, (stop, &faults, &need))?;
    let (answer_sender, answers) = mpsc::channel(QUEUED_RECORDS);
    let passing = machine::spawn("answers", move || pass_on(&records, &answer_sender))?;
    Ok(Running { jobs, answers, engine, passing })
}

fn build(builder: &Builder, lane: &Lane<Ready>, jobs: &Receiver<Job>) {
    for Job { spec, sampling } in jobs {
        let sampling = sampling.as_deref().unwrap_or(&builder.sampling);
        let ready = builder.prepare(&spec, sampling).map(Arc::new).map_err(|why| (spec.info(), why));
        if !lane.put(ready) {
            return;
        }
    }
}

fn pass_on(records: &Receiver<RequestRecord>, answers: &mpsc::Sender<RequestRecord>) {
    for record in records {
        if answers.blocking_send(record).is_err() {
            return;
        }
    }
}
