//! Framed events of a response, kept in one buffer so that an event costs no allocation of its own.

use super::surrogates;
use crate::units::Stamp;

/// Events cut from a response body, in order, each with the arrival of the read that held its last byte.
#[derive(Debug, Clone, Default)]
pub struct EventBatch {
    buf: Vec<u8>,
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    at: Stamp,
    name_start: usize,
    data_start: usize,
    end: usize,
}

/// One event of an [`EventBatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramedEvent<'a> {
    /// Arrival of the read that held the event's last byte.
    pub at: Stamp,
    /// SSE event name, or the eventstream's `:event-type` / `:exception-type`; empty where there is none.
    pub name: &'a str,
    /// The payload.
    pub data: &'a [u8],
}

impl EventBatch {
    /// Appends an event.
    pub fn push(&mut self, at: Stamp, name: &str, data: &[u8]) {
        let name_start = self.buf.len();
        self.buf.extend_from_slice(name.as_bytes());
        let data_start = self.buf.len();
        self.buf.extend_from_slice(data);
        self.items.push(Item { at, name_start, data_start, end: self.buf.len() });
    }

    /// The events, in order of arrival.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = FramedEvent<'_>> {
        self.items.iter().map(|item| self.view(item))
    }

    /// The event at `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<FramedEvent<'_>> {
        self.items.get(index).map(|item| self.view(item))
    }

    fn view(&self, item: &Item) -> FramedEvent<'_> {
        FramedEvent {
            at: item.at,
            // `push` takes a `str`; crossing out leaves ASCII behind, which can break no more than the event's own name.
            name: std::str::from_utf8(&self.buf[item.name_start..item.data_start]).unwrap_or_default(),
            data: &self.buf[item.data_start..item.end],
        }
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Gives out the bytes held, to cross something out in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buf
    }

    /// Replaces halves of characters in what looks like JSON, so that it can be read.
    pub fn mend_surrogates(&mut self) {
        if !surrogates::may_be_in(&self.buf) {
            return;
        }
        for item in &self.items {
            let data = &mut self.buf[item.data_start..item.end];
            if matches!(data.trim_ascii_start().first(), Some(b'{' | b'[')) {
                surrogates::mend(data);
            }
        }
    }

    /// Forgets the events and keeps the memory.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.items.clear();
    }
}
