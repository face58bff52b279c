//! The text that prompts are made of: the lines of Shakespeare's sonnets, counted once, in an order of one's own.

use std::fmt;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::WorkloadError;
use super::prompt::{self, Draft, Line};
use crate::tokens::Tokenizer;
use crate::units::Tokens;

/// All 154 sonnets, a verse a line (data/README.md).
const SONNETS: &[u8] = include_bytes!("../../data/sonnets.txt.zst");

/// What a generator of random numbers is for. Each has a seed of its own, so that none repeats another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One stream a request.
    Request,
    /// One stream a block of a trace.
    Block,
    /// One stream in all.
    Prefix,
    /// One stream a request: whether it has the prefix.
    Share,
    /// One stream a request: what a check asks.
    Check,
}

/// The random numbers of this purpose and number.
pub(super) fn random(seed: u64, purpose: Purpose, stream: u64) -> ChaCha8Rng {
    // The seed itself is that of the sonnet requests; any odd constant keeps the others apart from it.
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (purpose as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rng.set_stream(stream);
    rng
}

/// The lines, and the tokenizer they were counted with.
pub(super) struct Verses {
    pub(super) tokenizer: Tokenizer,
    lines: Vec<Line>,
    /// Tokens of a newline on its own.
    newline: Tokens,
}

impl Verses {
    /// Counts the lines.
    ///
    /// # Errors
    /// The tokenizer finds no tokens in them.
    pub(super) fn new(tokenizer: Tokenizer) -> Result<Verses, WorkloadError> {
        let lines = prompt::lines(&sonnets(), &tokenizer);
        if !prompt::have_tokens(&lines) {
            return Err(WorkloadError::SilentTokenizer { name: tokenizer.name().to_owned() });
        }
        let newline = tokenizer.count("\n");
        Ok(Verses { tokenizer, lines, newline })
    }

    /// A text that begins with `start`, which has `floor` tokens, and goes on to `target` tokens; with its true count.
    pub(super) fn grow(
        &self,
        start: String,
        floor: Tokens,
        target: Tokens,
        rng: &mut ChaCha8Rng,
    ) -> (String, Tokens) {
        let mut order: Vec<&Line> = self.lines.iter().collect();
        order.shuffle(rng);
        Draft::new(&self.tokenizer, start, floor, order).finish(target)
    }

    /// Whole lines of `tokens` tokens behind another line, the newline at the end included: blocks of it follow each other
    /// without a token across their border, wherever the tokenizer never joins across a newline.
    pub(super) fn block(&self, tokens: Tokens, rng: &mut ChaCha8Rng) -> String {
        // Cut as text that stands behind a newline; it trades that one for its own.
        let (text, _) = self.grow("\n".to_owned(), self.newline, tokens, rng);
        format!("{}\n", text.strip_prefix('\n').unwrap_or(&text))
    }
}

impl fmt::Debug for Verses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verses").field("tokenizer", &self.tokenizer).finish_non_exhaustive()
    }
}

pub(super) fn sonnets() -> String {
    let bytes =
        zstd::decode_all(SONNETS).expect("the embedded sonnets are whole: a test checks their digest");
    String::from_utf8(bytes).expect("the embedded sonnets are ASCII: a test checks their digest")
}
