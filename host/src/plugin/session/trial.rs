//! Trying a plugin out, for `llmperf plugin check`: several decoders in one instance, which no run has, and what each call
//! costs.

use wasmtime::component::ResourceAny;

use super::{Fault, Session, api, convert, refuel, shorten};
use crate::record::{Delta, EventBatch, Head};

/// A decoder of a response, in the instance that opened it.
#[derive(Debug, Clone, Copy)]
pub struct OpenDecoder(ResourceAny);

impl Session {
    /// Starts decoding a response, beside those that are open already.
    pub fn open(&mut self, task: &str, head: &Head) -> Result<OpenDecoder, Fault> {
        let decoder = self.plugin.llmperf_plugin_api().decoder();
        refuel(&mut self.store, self.limits);
        let store = &mut self.store;
        match convert::with_head(head, |head| decoder.call_constructor(store, task, head)) {
            Ok(decoder) => Ok(OpenDecoder(decoder)),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Decodes the next events of an open response.
    pub fn push(&mut self, decoder: OpenDecoder, events: &EventBatch) -> Result<Vec<Delta>, Fault> {
        let guest_events: Vec<_> =
            events.iter().map(|event| api::Event { name: event.name, data: event.data }).collect();
        refuel(&mut self.store, self.limits);
        let calls = self.plugin.llmperf_plugin_api().decoder();
        let answer = calls.call_push(&mut self.store, decoder.0, &guest_events);
        self.deltas_of(answer, events.len())
    }

    /// Tells an open decoder that the body has ended; `complete` is false where it was cut off. The decoder ends with it.
    pub fn close(&mut self, decoder: OpenDecoder, complete: bool) -> Result<Vec<Delta>, Fault> {
        refuel(&mut self.store, self.limits);
        let calls = self.plugin.llmperf_plugin_api().decoder();
        let answer = calls.call_finish(&mut self.store, decoder.0, complete);
        let deltas = self.deltas_of(answer, 1)?;
        let fuel = self.fuel_used();
        refuel(&mut self.store, self.limits);
        if let Err(error) = decoder.0.resource_drop(&mut self.store) {
            return Err(self.broken(&error));
        }
        // What `finish` took is what a reader of the costs asks for.
        let left = self.limits.fuel_per_call.saturating_sub(fuel);
        self.store.set_fuel(left).expect("the engine was made with fuel");
        Ok(deltas)
    }

    fn deltas_of(
        &mut self,
        answer: wasmtime::Result<Result<Vec<api::Delta>, String>>,
        events: usize,
    ) -> Result<Vec<Delta>, Fault> {
        match answer {
            Ok(Ok(deltas)) => convert::deltas(deltas, events).map_err(Fault::Error),
            Ok(Err(message)) => Err(Fault::Error(shorten(&message))),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Fuel that the last call took, of `Limits::fuel_per_call`. The same call on the same state takes the same, on any machine.
    pub fn fuel_used(&self) -> u64 {
        self.limits.fuel_per_call.saturating_sub(self.store.get_fuel().unwrap_or_default())
    }

    /// Bytes by which its memory has grown since it started.
    pub fn memory_grown(&self) -> usize {
        self.store.data().limiter.grown()
    }
}
