//! One instance of a plugin in a store of its own, and the calls into it.

mod trial;

use std::fmt;

pub use trial::OpenDecoder;
use wasmtime::component::ResourceAny;
use wasmtime::{Store, Trap, UpdateDeadline, bail};

use super::bindings::exports::llmperf::plugin::api;
use super::bindings::{self, PluginPre};
use super::convert::{self, Description};
use super::limits::{Growth, Limits};
use super::sandbox::State;
use super::usage::{Meter, Purpose};
use crate::clock;
use crate::record::{BuiltRequest, Delta, EventBatch, Failure, FailureKind, Head, RequestSpec};
use crate::units::Span;

/// What a guest that has the host work for it is ended with.
const OUT_OF_TIME: &str = "a call used more CPU than it may (the time ran out)";
/// By these the errors of the sandbox's own limits are known from the guest's; the engine has no type for them.
const LIMIT_WORDS: [&str; 5] = [
    OUT_OF_TIME,
    "forcing trap when growing",
    "hostcall",
    "resource limit exceeded",
    // The engine's own, of 100,000 in an instance.
    "handle limit exceeded",
];

/// What a guest may keep of a panic message in an error.
const MAX_MESSAGE_CHARS: usize = 500;

/// Why a call into a plugin failed. It fails the request it served and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The guest trapped: a panic, a wild access, too deep a recursion.
    Trap(String),
    /// The guest passed its limit of CPU, memory or answer size.
    Limit(String),
    /// The guest returned an error, or something that breaks the contract.
    Error(String),
}

impl Fault {
    /// The failure of the request that met this fault.
    pub fn into_failure(self) -> Failure {
        let kind = match self {
            Fault::Trap(_) => FailureKind::PluginTrap,
            Fault::Limit(_) => FailureKind::PluginLimit,
            Fault::Error(_) => FailureKind::PluginError,
        };
        Failure::new(kind, self.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Trap(why) => write!(f, "the plugin trapped: {why}"),
            Fault::Limit(why) => write!(f, "the plugin passed its limit: {why}"),
            Fault::Error(why) => write!(f, "the plugin failed: {why}"),
        }
    }
}

impl std::error::Error for Fault {}

/// A running instance of a plugin. After a fault it is dead: drop it.
pub struct Session {
    store: Store<State>,
    plugin: bindings::Plugin,
    limits: Limits,
    meter: Meter,
    /// Requests it has served.
    pub(super) turns: u32,
    /// A call trapped or passed a limit; nothing is known of the guest's state.
    is_broken: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn start(
        engine: &wasmtime::Engine,
        pre: &PluginPre<State>,
        limits: Limits,
        together: Growth,
        meter: Meter,
    ) -> Result<Session, Fault> {
        let began = clock::thread_cpu();
        let mut store = Store::new(engine, State::new(limits, together, meter.clone()));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.answer_bytes);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |store| {
            let used = cpu_since(store.data().call_began);
            if used > limits.cpu_per_call { bail!(OUT_OF_TIME) } else { Ok(UpdateDeadline::Continue(1)) }
        });
        refuel(&mut store, limits, began);
        let instance = pre.instantiate(&mut store);
        meter.called(Purpose::Start, cpu_since(began), used_fuel(&store, limits));
        match instance {
            Ok(plugin) => Ok(Session { store, plugin, limits, meter, turns: 0, is_broken: false }),
            Err(error) => {
                meter.failed();
                Err(classify(&error, &store))
            }
        }
    }

    /// Whether it can serve another request as a fresh instance would.
    pub(super) fn is_as_new(&self) -> bool {
        !self.is_broken && !self.store.data().limiter.has_grown()
    }

    /// One call into the guest with a full budget. What it uses is counted, and what goes wrong.
    fn call<T>(
        &mut self,
        purpose: Purpose,
        call: impl FnOnce(&bindings::Plugin, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let began = clock::thread_cpu();
        refuel(&mut self.store, self.limits, began);
        let answer = call(&self.plugin, &mut self.store);
        let fuel = used_fuel(&self.store, self.limits);
        self.meter.called(purpose, cpu_since(began), fuel);
        answer.map_err(|error| {
            self.is_broken = true;
            self.meter.failed();
            classify(&error, &self.store)
        })
    }

    /// The guest did not keep to the contract, or says itself that it failed.
    fn error(&self, why: String) -> Fault {
        self.meter.failed();
        Fault::Error(why)
    }

    /// Asks the plugin what it is.
    pub fn describe(&mut self) -> Result<Description, Fault> {
        let description =
            self.call(Purpose::Build, |plugin, store| plugin.llmperf_plugin_api().call_describe(store))?;
        convert::description(description).map_err(|why| self.error(why))
    }

    /// Has the plugin build the request for `spec`.
    pub fn build_request(
        &mut self,
        spec: &RequestSpec,
        context: &convert::Context<'_>,
    ) -> Result<BuiltRequest, Fault> {
        let built = self.call(Purpose::Build, |plugin, store| {
            let api = plugin.llmperf_plugin_api();
            convert::with_spec(spec, context, |spec| api.call_build_request(store, spec))
        })?;
        built.map(convert::built).map_err(|message| self.error(shorten(&message)))
    }

    /// Has the plugin explain an answer that is no success.
    pub fn explain(&mut self, head: &Head, body: &[u8]) -> Result<Failure, Fault> {
        let failure = self.call(Purpose::Decode, |plugin, store| {
            let api = plugin.llmperf_plugin_api();
            convert::with_head(head, |head| api.call_explain(store, head, body))
        })?;
        Ok(convert::failure(FailureKind::HttpStatus, failure))
    }

    /// Starts decoding a response with this head. The session then belongs to that response.
    pub fn decode(mut self, task: &str, head: &Head) -> Result<ResponseDecoder, Fault> {
        let decoder = self.call(Purpose::Decode, |plugin, store| {
            let decoder = plugin.llmperf_plugin_api().decoder();
            convert::with_head(head, |head| decoder.call_constructor(store, task, head))
        })?;
        Ok(ResponseDecoder { session: self, decoder })
    }

    /// What the guest wrote to stdout and stderr since the last call, up to its bound.
    pub fn take_log(&self) -> String {
        self.store.data().log.take()
    }
}

/// One response being decoded. It sees events in order and in any batching; it has no clock.
#[derive(Debug)]
pub struct ResponseDecoder {
    session: Session,
    decoder: ResourceAny,
}

impl ResponseDecoder {
    /// Decodes the next events of the response.
    pub fn push(&mut self, events: &EventBatch) -> Result<Vec<Delta>, Fault> {
        let decoder = self.decoder;
        self.session.meter.decodes(events.len());
        let answer = self.session.call(Purpose::Decode, |plugin, store| {
            let guest_events: Vec<_> =
                events.iter().map(|event| api::Event { name: event.name, data: event.data }).collect();
            plugin.llmperf_plugin_api().decoder().call_push(store, decoder, &guest_events)
        })?;
        self.deltas(answer, events.len())
    }

    /// Tells the decoder that the body has ended; `complete` is false where it was cut off.
    pub fn finish(&mut self, complete: bool) -> Result<Vec<Delta>, Fault> {
        let decoder = self.decoder;
        let answer = self.session.call(Purpose::Decode, |plugin, store| {
            plugin.llmperf_plugin_api().decoder().call_finish(store, decoder, complete)
        })?;
        self.deltas(answer, 1)
    }

    /// The instance, to serve another request; the decoder in it ends.
    pub fn into_session(self) -> Session {
        let ResponseDecoder { mut session, decoder } = self;
        // What goes wrong breaks the session, and the answer stands.
        let _ = session.call(Purpose::Decode, |_, store| decoder.resource_drop(store));
        session
    }

    fn deltas(&self, answer: Result<Vec<api::Delta>, String>, events: usize) -> Result<Vec<Delta>, Fault> {
        let deltas = answer.map_err(|message| shorten(&message));
        deltas.and_then(|deltas| convert::deltas(deltas, events)).map_err(|why| self.session.error(why))
    }

    /// What the guest wrote to stdout and stderr since the last call, up to its bound.
    pub fn take_log(&self) -> String {
        self.session.take_log()
    }
}

/// CPU time that this thread has used since.
fn cpu_since(began: Span) -> Span {
    Span(clock::thread_cpu().0.saturating_sub(began.0))
}

/// A full budget, from now on.
fn refuel(store: &mut Store<State>, limits: Limits, now: Span) {
    store.set_fuel(limits.fuel_per_call).expect("the engine was made with fuel");
    store.data_mut().call_began = now;
}

fn used_fuel(store: &Store<State>, limits: Limits) -> u64 {
    limits.fuel_per_call.saturating_sub(store.get_fuel().expect("the engine was made with fuel"))
}

fn classify(error: &wasmtime::Error, store: &Store<State>) -> Fault {
    let said = store.data().log.take();
    let said = said.trim();
    let with_log =
        |what: String| if said.is_empty() { what } else { format!("{what}; it wrote: {}", shorten(said)) };
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            Fault::Limit("a call used more CPU than it may (the fuel ran out)".to_owned())
        }
        Some(trap) => Fault::Trap(with_log(trap.to_string())),
        None => {
            let cause = error.root_cause().to_string();
            let is_limit = LIMIT_WORDS.iter().any(|words| cause.contains(words));
            if is_limit { Fault::Limit(with_log(cause)) } else { Fault::Trap(with_log(cause)) }
        }
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_MESSAGE_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
