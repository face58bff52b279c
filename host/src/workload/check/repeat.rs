//! Questions that are asked more than once. No reply is right by itself; two to the same question should be the same.

use rand_chacha::ChaCha8Rng;

use super::{Question, Verses};
use crate::units::Tokens;

const BEFORE: &str = "Say in plain words, in at most five sentences, what the following lines mean.\n\n";

/// Long enough that no two prompts have the same few lines, short enough that the reply is most of the work.
const LENGTH: Tokens = Tokens(120);

pub(super) fn question(verses: &Verses, rng: &mut ChaCha8Rng) -> Question {
    let floor = verses.tokenizer.count(BEFORE);
    let prompt = verses.grow(BEFORE.to_owned(), floor, LENGTH, rng).0;
    Question { prompt, target: Some(LENGTH), facts: vec![] }
}

/// Any, as long as it hangs on nothing but the prompt.
pub(super) fn right_reply(prompt: &str) -> Option<String> {
    prompt.strip_prefix(BEFORE)?.lines().next().map(str::to_owned)
}
