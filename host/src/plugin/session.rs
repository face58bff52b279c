//! One instance of a plugin in a store of its own, and the calls into it.

mod trial;

use std::fmt;

pub use trial::OpenDecoder;
use wasmtime::component::ResourceAny;
use wasmtime::{Store, Trap};

use super::bindings::exports::llmperf::plugin::api;
use super::bindings::{self, PluginPre};
use super::convert::{self, Description};
use super::limits::{Growth, Limits};
use super::sandbox::State;
use crate::record::{BuiltRequest, Delta, EventBatch, Failure, FailureKind, Head, RequestSpec};

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
    ) -> Result<Session, Fault> {
        let mut store = Store::new(engine, State::new(limits, together));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.answer_bytes);
        refuel(&mut store, limits);
        match pre.instantiate(&mut store) {
            Ok(plugin) => Ok(Session { store, plugin, limits, turns: 0, is_broken: false }),
            Err(error) => Err(classify(&error, &store)),
        }
    }

    /// Whether it can serve another request as a fresh instance would.
    pub(super) fn is_as_new(&self) -> bool {
        !self.is_broken && !self.store.data().limiter.has_grown()
    }

    fn broken(&mut self, error: &wasmtime::Error) -> Fault {
        self.is_broken = true;
        classify(error, &self.store)
    }

    /// Asks the plugin what it is.
    pub fn describe(&mut self) -> Result<Description, Fault> {
        let api = self.plugin.llmperf_plugin_api();
        refuel(&mut self.store, self.limits);
        match api.call_describe(&mut self.store) {
            Ok(description) => convert::description(description).map_err(Fault::Error),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Has the plugin build the request for `spec`.
    pub fn build_request(
        &mut self,
        spec: &RequestSpec,
        context: &convert::Context<'_>,
    ) -> Result<BuiltRequest, Fault> {
        let api = self.plugin.llmperf_plugin_api();
        refuel(&mut self.store, self.limits);
        let store = &mut self.store;
        match convert::with_spec(spec, context, |spec| api.call_build_request(store, spec)) {
            Ok(Ok(request)) => Ok(convert::built(request)),
            Ok(Err(message)) => Err(Fault::Error(shorten(&message))),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Has the plugin explain an answer that is no success.
    pub fn explain(&mut self, head: &Head, body: &[u8]) -> Result<Failure, Fault> {
        let api = self.plugin.llmperf_plugin_api();
        refuel(&mut self.store, self.limits);
        let store = &mut self.store;
        match convert::with_head(head, |head| api.call_explain(store, head, body)) {
            Ok(failure) => Ok(convert::failure(FailureKind::HttpStatus, failure)),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Starts decoding a response with this head. The session then belongs to that response.
    pub fn decode(mut self, task: &str, head: &Head) -> Result<ResponseDecoder, Fault> {
        let decoder = self.plugin.llmperf_plugin_api().decoder();
        refuel(&mut self.store, self.limits);
        let store = &mut self.store;
        match convert::with_head(head, |head| decoder.call_constructor(store, task, head)) {
            Ok(decoder) => Ok(ResponseDecoder { session: self, decoder }),
            Err(error) => Err(self.broken(&error)),
        }
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
        let Session { store, plugin, limits, .. } = &mut self.session;
        let guest_events: Vec<_> =
            events.iter().map(|event| api::Event { name: event.name, data: event.data }).collect();
        refuel(store, *limits);
        let answer =
            plugin.llmperf_plugin_api().decoder().call_push(&mut *store, self.decoder, &guest_events);
        self.deltas(answer, events.len())
    }

    /// Tells the decoder that the body has ended; `complete` is false where it was cut off.
    pub fn finish(&mut self, complete: bool) -> Result<Vec<Delta>, Fault> {
        let Session { store, plugin, limits, .. } = &mut self.session;
        refuel(store, *limits);
        let answer = plugin.llmperf_plugin_api().decoder().call_finish(&mut *store, self.decoder, complete);
        self.deltas(answer, 1)
    }

    /// The instance, to serve another request; the decoder in it ends.
    pub fn into_session(mut self) -> Session {
        refuel(&mut self.session.store, self.session.limits);
        self.session.is_broken |= self.decoder.resource_drop(&mut self.session.store).is_err();
        self.session
    }

    fn deltas(
        &mut self,
        answer: wasmtime::Result<Result<Vec<api::Delta>, String>>,
        events: usize,
    ) -> Result<Vec<Delta>, Fault> {
        match answer {
            Ok(Ok(deltas)) => convert::deltas(deltas, events).map_err(Fault::Error),
            Ok(Err(message)) => Err(Fault::Error(shorten(&message))),
            Err(error) => Err(self.session.broken(&error)),
        }
    }

    /// What the guest wrote to stdout and stderr since the last call, up to its bound.
    pub fn take_log(&self) -> String {
        self.session.take_log()
    }
}

fn refuel(store: &mut Store<State>, limits: Limits) {
    store.set_fuel(limits.fuel_per_call).expect("the engine was made with fuel");
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
            if cause.contains("forcing trap when growing")
                || cause.contains("hostcall")
                || cause.contains("resource limit exceeded")
            {
                Fault::Limit(with_log(cause))
            } else {
                Fault::Trap(with_log(cause))
            }
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
