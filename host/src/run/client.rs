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
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::build::{Builder, Ready};
use super::control::{Ended, Stop, TimeLimits};
use super::io::{Io, IoReport, Sender};
use super::{QUEUED_RECORDS, Setup, decode, machine, turns};
use crate::error::Error;
use crate::load::{Division, Lane, NO_LIMIT, Overflow, Phase, Slots, lanes};
use crate::metrics::{Accumulator, Context, Summary, TokenBasis, request};
use crate::plan::{LoadInput, Plan, default, resolve};
use crate::record::{Failure, Message, Outcome, RequestRecord, RequestSpec};
use crate::transport::Transport;
use crate::units::{RequestId, Span, Stamp, Tokens};

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

    /// The same, with at most so many output tokens.
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

/// What became of a request.
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
    io: JoinHandle<Result<IoReport>>,
    threads: Vec<JoinHandle<()>>,
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
        let files_each = if setup.mock.is_some() { 2 } else { 1 };
        machine::ensure_open_files(setup.plan.concurrency, files_each).map_err(Error::usage)?;
        let (stop, launched) = (Stop::new(), Launched::default());
        let running = start(&setup, &stop, &launched)?;
        let context = Context { token_basis: setup.plan.token_basis, ..Context::default() };
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

    /// Launches a request and returns at once. Its number tells its answer from others.
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
        self.launched.at(id, self.setup.clock.now());
        let ended = || anyhow!("the client's threads have ended");
        let running = self.running.as_ref().ok_or_else(ended)?;
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

/// Answers as they become ready, until none is outstanding; for plain threads, since it waits.
impl Iterator for Client {
    type Item = Answer;

    fn next(&mut self) -> Option<Answer> {
        if self.outstanding.is_empty() {
            return None;
        }
        let record = self.running.as_mut()?.answers.blocking_recv()?;
        self.take(record)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(Running { jobs, answers, io, threads }) = self.running.take() else { return };
        self.stop.because(Ended::Complete, Phase::Cancelling);
        // Each thread ends when what it reads from, or writes to, is gone.
        drop((jobs, answers));
        let _ = io.join();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// A request to build.
struct Job {
    spec: RequestSpec,
    /// JSON object text; `None` where it is the client's own.
    sampling: Option<String>,
}

/// When requests were launched: they are due then, however long they wait for a slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Launched {
    // Whoever launches and the I/O thread meet here, once a request; it is held for one insertion or removal.
    at: Arc<Mutex<HashMap<RequestId, Stamp>>>,
}

impl Launched {
    fn at(&self, id: RequestId, at: Stamp) {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).insert(id, at);
    }

    /// When this request was due.
    pub(super) fn due(&self, ready: &Ready, otherwise: Stamp) -> Stamp {
        let id = match ready {
            Ok(request) => request.info.id,
            Err((info, _)) => info.id,
        };
        self.at.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).unwrap_or(otherwise)
    }
}

/// Starts the parts of a load test, with a source that is fed as requests are launched.
fn start(setup: &Setup, stop: &Stop, launched: &Launched) -> Result<Running> {
    let Setup { plan, clock, builder, reader, .. } = setup;
    let (mut built, source) = lanes(1, BUILT_AHEAD);
    let lane = built.pop().ok_or_else(|| anyhow!("one lane was made"))?;
    let (jobs, to_build) = sync_channel(QUEUED_RECORDS);
    let (record_sender, records) = sync_channel(QUEUED_RECORDS);
    let waits = Arc::new(AtomicU64::new(0));
    let decoders = machine::cores().saturating_sub(1).max(1);
    let (handover, mut threads) = decode::start(reader, decoders, None, &record_sender, &waits)?;
    let (turns, _, _) = turns::start(builder, 1, &reader.answers)?;
    let (answer_sender, answers) = mpsc::channel(QUEUED_RECORDS);
    threads.push(machine::spawn("answers", move || pass_on(&records, &answer_sender))?);
    let for_building = Arc::clone(builder);
    threads.push(machine::spawn("build", move || build(&for_building, &lane, &to_build))?);
    let io = Io {
        sender: Sender {
            transport: Transport::new(*clock, plan.deadlines)?,
            clock: *clock,
            handover,
            phase: stop.watch(),
            credential: builder.provider.credential.clone(),
            turns,
        },
        base: builder.provider.base.clone(),
        slots: Slots { count: plan.concurrency, ramp_up: Span(0) },
        overflow: Overflow::Queue,
        division: Division {
            warmup_requests: 0,
            warmup: Span(0),
            measured_requests: NO_LIMIT,
            measured: None,
        },
        due_times: None,
        launched: Some(launched.clone()),
        connections: plan.concurrency,
        ahead: 0,
        limits: limits(plan),
        stop: stop.clone(),
    };
    Ok(Running { jobs, answers, io: io.start(source)?, threads })
}

/// A client has no end but its own, and signals are its program's.
fn limits(plan: &Plan) -> TimeLimits {
    let longest = Span::from_secs(default::LONGEST_S as u64);
    TimeLimits { timeout: longest, schedule: None, drain: plan.drain, interruptible: false }
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
