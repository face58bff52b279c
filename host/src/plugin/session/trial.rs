//! Trying a plugin out, for `llmperf plugin check`: several decoders in one instance, which no run has, and what each call
//! costs.

use wasmtime::component::ResourceAny;

use super::{Fault, Purpose, Session, api, convert, shorten, used_fuel};
use crate::record::{Delta, EventBatch, Head};

/// A decoder of a response, in the instance that opened it.
#[derive(Debug, Clone, Copy)]
pub struct OpenDecoder(ResourceAny);

impl Session {
    /// Starts decoding a response, beside those that are open already.
    pub fn open(&mut self, task: &str, head: &Head) -> Result<OpenDecoder, Fault> {
        self.call(Purpose::Decode, |plugin, store| {
            let decoder = plugin.llmperf_plugin_api().decoder();
            convert::with_head(head, |head| decoder.call_constructor(store, task, head))
        })
        .map(OpenDecoder)
    }

    /// Decodes the next events of an open response.
    pub fn push(&mut self, decoder: OpenDecoder, events: &EventBatch) -> Result<Vec<Delta>, Fault> {
        let answer = self.call(Purpose::Decode, |plugin, store| {
            let guest_events: Vec<_> =
                events.iter().map(|event| api::Event { name: event.name, data: event.data }).collect();
            plugin.llmperf_plugin_api().decoder().call_push(store, decoder.0, &guest_events)
        })?;
        deltas_of(answer, events.len())
    }

    /// Tells an open decoder that the body has ended; `complete` is false where it was cut off. The decoder ends with it.
    pub fn close(&mut self, decoder: OpenDecoder, complete: bool) -> Result<Vec<Delta>, Fault> {
        let answer = self.call(Purpose::Decode, |plugin, store| {
            plugin.llmperf_plugin_api().decoder().call_finish(store, decoder.0, complete)
        })?;
        let deltas = deltas_of(answer, 1)?;
        let fuel = self.fuel_used();
        self.call(Purpose::Decode, |_, store| decoder.0.resource_drop(store))?;
        // What `finish` took is what a reader of the costs asks for.
        let left = self.limits.fuel_per_call.saturating_sub(fuel);
        self.store.set_fuel(left).expect("the engine was made with fuel");
        Ok(deltas)
    }

    /// Fuel that the last call took, of `Limits::fuel_per_call`. The same call on the same state takes the same, on any machine.
    pub fn fuel_used(&self) -> u64 {
        used_fuel(&self.store, self.limits)
    }

    /// Bytes by which its memory has grown since it started.
    pub fn memory_grown(&self) -> usize {
        self.store.data().limiter.grown()
    }
}

fn deltas_of(answer: Result<Vec<api::Delta>, String>, events: usize) -> Result<Vec<Delta>, Fault> {
    let deltas = answer.map_err(|message| Fault::Error(shorten(&message)))?;
    convert::deltas(deltas, events).map_err(Fault::Error)
}
