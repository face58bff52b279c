//! Where a decoder writes what it found. Notes which event a piece came with, so that no plugin has to count.

use crate::{Decode, Delta, Event, Failure, Piece, Usage};

/// Collects the pieces that a decoder finds in a batch of events. Empty strings are skipped: an event that
/// adds no character is no token event.
///
/// ```
/// # use llmperf_sdk::*;
/// let mut out = Out::new();
/// out.text("");
/// out.text("Hi");
/// out.end();
/// let pieces: Vec<Piece> = out.into_deltas().into_iter().map(|delta| delta.piece).collect();
/// assert_eq!(pieces, [Piece::Text("Hi".into()), Piece::End]);
/// ```
#[derive(Debug, Default)]
pub struct Out {
    event: u32,
    deltas: Vec<Delta>,
}

impl Out {
    /// Nothing found yet.
    pub fn new() -> Out {
        Out::default()
    }

    /// Visible answer text.
    pub fn text(&mut self, text: impl Into<String>) {
        self.words(text.into(), Piece::Text);
    }

    /// Reasoning, which is not part of the answer.
    pub fn reasoning(&mut self, text: impl Into<String>) {
        self.words(text.into(), Piece::Reasoning);
    }

    /// A fragment of the tool call with this index: first its name, then its arguments as text.
    pub fn tool_call(&mut self, index: u32, fragment: impl Into<String>) {
        self.words(fragment.into(), |fragment| Piece::ToolCall((index, fragment)));
    }

    /// Text of a refusal.
    pub fn refusal(&mut self, text: impl Into<String>) {
        self.words(text.into(), Piece::Refusal);
    }

    /// Token counts as the server says them. The last report of each field wins. One without any count is
    /// skipped.
    pub fn usage(&mut self, usage: Usage) {
        if usage != Usage::default() {
            self.put(Piece::Usage(usage));
        }
    }

    /// The provider's own word for why it stopped. The host takes `error` for a failure.
    pub fn finish(&mut self, word: impl Into<String>) {
        self.words(word.into(), Piece::Finish);
    }

    /// The response says that it failed.
    pub fn failure(&mut self, failure: Failure) {
        self.put(Piece::Failure(failure));
    }

    /// The protocol's own end marker.
    pub fn end(&mut self) {
        self.put(Piece::End);
    }

    /// The ids of the tokens that arrived.
    pub fn token_ids(&mut self, ids: Vec<u32>) {
        if !ids.is_empty() {
            self.put(Piece::TokenIds(ids));
        }
    }

    /// What the server says of its own time. The name ends in its unit: `queue_ms`, `total_time_s`.
    pub fn server_timing(&mut self, name: impl Into<String>, value: f64) {
        self.put(Piece::ServerTiming((name.into(), value)));
    }

    /// An embedding with its number of dimensions.
    pub fn embedding(&mut self, dimensions: u32) {
        self.put(Piece::Embedding(dimensions));
    }

    /// Whether the event of this moment meant visible text and nothing else, so far.
    ///
    /// ```
    /// # use llmperf_sdk::Out;
    /// let mut out = Out::new();
    /// assert!(!out.is_only_text());
    /// out.text("Hi");
    /// assert!(out.is_only_text());
    /// out.end();
    /// assert!(!out.is_only_text());
    /// ```
    pub fn is_only_text(&self) -> bool {
        let mut found = self.deltas.iter().rev().take_while(|delta| delta.event == self.event);
        matches!(found.next(), Some(Delta { piece: Piece::Text(_), .. })) && found.next().is_none()
    }

    /// What was found, in order.
    pub fn into_deltas(self) -> Vec<Delta> {
        self.deltas
    }

    fn words(&mut self, text: String, piece: impl FnOnce(String) -> Piece) {
        if !text.is_empty() {
            self.put(piece(text));
        }
    }

    fn put(&mut self, piece: Piece) {
        self.deltas.push(Delta { event: self.event, piece });
    }
}

/// Runs a decoder over a batch of events, as the component does when the host calls it.
///
/// ```
/// # use llmperf_sdk::*;
/// struct Plain;
///
/// impl Decode for Plain {
///     fn new(_task: &str, _head: &ResponseHead) -> Plain {
///         Plain
///     }
///     fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
///         out.text(event.text()?);
///         Ok(())
///     }
/// }
///
/// let deltas = decode(&mut Plain, &[Event::new("", "Hi"), Event::new("", b"\xff")]);
/// assert_eq!(deltas[0], Delta { event: 0, piece: Piece::Text("Hi".into()) });
/// assert!(matches!(&deltas[1], Delta { event: 1, piece: Piece::Failure(_) }));
/// ```
pub fn decode<D: Decode>(decoder: &mut D, events: &[Event]) -> Vec<Delta> {
    let mut out = Out { event: 0, deltas: Vec::with_capacity(events.len()) };
    for event in events {
        if let Err(failure) = decoder.push(event, &mut out) {
            out.failure(failure);
        }
        out.event += 1;
    }
    out.deltas
}
