//! What the mock is told to do: plain data, easy to fill from flags.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};

use super::answer::Answers;
use super::delay::Delay;
use super::fault::FaultRule;
use crate::units::Span;

/// Everything that decides how the mock answers.
#[derive(Debug, Clone, PartialEq)]
pub struct MockConfig {
    /// Time from the last byte of the request to the first token-bearing write.
    pub ttft: Delay,
    /// Time from one token-bearing event to the next. The schedule does not drift: each event is due one sample after
    /// the one before was *due*.
    pub itl: Delay,
    /// Decides every delay, word and share. Request `n` gets the same ones whatever runs beside it.
    pub seed: u64,
    /// Tokens of every answer; `None` obeys the request's `max_tokens`.
    pub output_tokens: Option<u64>,
    /// Texts to answer with, by what was asked; where they have none, and for reasoning, words are drawn.
    pub answers: Option<Answers>,
    /// Tokens of an answer whose request asked for no number.
    pub default_output_tokens: u64,
    /// How many of the answer's tokens, the first ones, are reasoning. They count towards `max_tokens`.
    pub reasoning_tokens: u64,
    /// What usage says of the prompt; `None` estimates a token for every four bytes of text.
    pub prompt_tokens: Option<u64>,
    /// Tokens in one event. One `itl` sample per event, not per token.
    pub tokens_per_event: u32,
    /// Events handed to the kernel in one write; it is due when the last of them is (the first write: after `ttft`).
    pub events_per_write: u32,
    /// Cuts every write into pieces of at most this many bytes; `None` writes whole.
    pub split: Option<usize>,
    /// Whether answers report usage.
    pub usage: UsageMode,
    /// Where the chunk without text stands.
    pub role: RoleChunk,
    /// Whether a stream ends with its end marker (`data: [DONE]`, `message_stop`).
    pub done: bool,
    /// Whether an SSE comment stands before every token-bearing event.
    pub comments: bool,
    /// Requests that are answered at a time; more wait their turn, and the clock of their answer starts with it. `None`
    /// answers all at once.
    pub max_concurrent: Option<usize>,
    /// All that apply to a request shape its answer; of those that break it, the first wins.
    pub faults: Vec<FaultRule>,
    /// Where to log what was really done, one JSON line a request; `None` logs nothing.
    pub truth: Option<PathBuf>,
    /// The model named in answers and in `/v1/models`; `None` repeats the request's and lists `mock`.
    pub model: Option<String>,
    /// The key a request has to bring; `None` lets everyone in.
    pub api_key: Option<String>,
    /// Threads of a spawned mock; [`serve`](super::serve) runs on its caller's.
    pub threads: usize,
}

impl Default for MockConfig {
    fn default() -> Self {
        MockConfig {
            ttft: Delay::Fixed(Span::from_millis(50)),
            itl: Delay::Fixed(Span::from_millis(10)),
            seed: 0,
            output_tokens: None,
            answers: None,
            default_output_tokens: 100,
            reasoning_tokens: 0,
            prompt_tokens: None,
            tokens_per_event: 1,
            events_per_write: 1,
            split: None,
            usage: UsageMode::Auto,
            role: RoleChunk::First,
            done: true,
            comments: false,
            max_concurrent: None,
            faults: Vec::new(),
            truth: None,
            model: None,
            api_key: None,
            threads: 1,
        }
    }
}

impl MockConfig {
    /// Refuses numbers no answer can be made with.
    ///
    /// # Errors
    /// A count that is 0 and has to be at least 1, named as its flag is.
    pub fn validate(&self) -> Result<()> {
        ensure!(self.tokens_per_event >= 1, "tokens per event is 0: an event carries at least 1");
        ensure!(self.events_per_write >= 1, "events per write is 0: a write carries at least 1");
        ensure!(self.split != Some(0), "split is 0 bytes: a piece has at least 1");
        ensure!(self.max_concurrent != Some(0), "max concurrent is 0: nothing would ever be answered");
        ensure!(self.threads >= 1, "threads is 0: the mock needs at least 1");
        Ok(())
    }
}

/// When an answer reports usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageMode {
    /// As the API does: OpenAI streams when the request asks (`stream_options.include_usage`), all else always.
    #[default]
    Auto,
    /// In every answer, asked for or not.
    Always,
    /// In none, streamed or not.
    Never,
}

impl FromStr for UsageMode {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "auto" => UsageMode::Auto,
            "always" => UsageMode::Always,
            "never" => UsageMode::Never,
            _ => bail!("unknown usage mode {text:?}: expected auto, always or never"),
        })
    }
}

/// When the chunk without text that names the role (OpenAI) or opens the message (Anthropic) is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoleChunk {
    /// With the response head, long before the first token.
    #[default]
    First,
    /// OpenAI: after the first token-bearing write. Anthropic: right before it, for nothing may come earlier.
    Late,
    /// It is left out.
    None,
}

impl FromStr for RoleChunk {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "first" => RoleChunk::First,
            "late" => RoleChunk::Late,
            "none" => RoleChunk::None,
            _ => bail!("unknown role chunk {text:?}: expected first, late or none"),
        })
    }
}
