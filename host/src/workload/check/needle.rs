//! A fact hidden at a random depth of a long text, to be found: what a server that cuts or garbles its context gets wrong.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::number::has_number;
use super::{Question, Verses};
use crate::record::Grade;
use crate::units::Tokens;
use crate::workload::WorkloadError;

const BEFORE: &str = "Read the following lines. One of them tells the number of a ship.\n\n";
const NEEDLE: &str = "The number of the ship is ";
const AFTER: &str = "\n\nWhat is the number of the ship? Print the number first.";
/// No line of a sonnet has a digit. All have as many digits, so that the length of a prompt hangs on its text alone.
const NUMBERS: std::ops::Range<u32> = 10_000..100_000;
/// The whole is counted and mended so often at most; the parts' counts are off by a token or two at their borders.
const ROUNDS: usize = 6;

/// What is hidden, and how deep: 0 is above the first line.
struct Needle {
    number: u32,
    depth: f64,
}

impl Needle {
    fn draw(rng: &mut ChaCha8Rng) -> Needle {
        Needle { number: rng.random_range(NUMBERS), depth: rng.random() }
    }

    fn line(&self) -> String {
        format!("{NEEDLE}{}.\n", self.number)
    }
}

/// Checks that the prompt without any verse has not more than `tokens` tokens.
pub(super) fn fits(verses: &Verses, tokens: Tokens) -> Result<(), WorkloadError> {
    let needle = Needle { number: NUMBERS.start, depth: 0.0 };
    let floor = verses.tokenizer.count(&format!("{BEFORE}{}{AFTER}", needle.line()));
    if tokens < floor { Err(WorkloadError::NeedleFloor { tokens, floor }) } else { Ok(()) }
}

pub(super) fn question(verses: &Verses, tokens: Tokens, rng: &mut ChaCha8Rng) -> Question {
    let needle = Needle::draw(rng);
    let order = rng.clone();
    let floor = verses.tokenizer.count(BEFORE);
    let around = verses.tokenizer.count(&format!("{}{AFTER}", needle.line()));
    let mut room = tokens.0.saturating_sub(around.0);
    let mut best: Option<(u64, String)> = None;
    for _ in 0..ROUNDS {
        let text = verses.grow(BEFORE.to_owned(), floor, Tokens(room.max(floor.0)), &mut order.clone()).0;
        let prompt = hide(&text, &needle) + AFTER;
        let count = verses.tokenizer.count(&prompt);
        let off = count.0.abs_diff(tokens.0);
        if best.as_ref().is_none_or(|(least, _)| off < *least) {
            best = Some((off, prompt));
        }
        if off == 0 {
            break;
        }
        room = (room + tokens.0).saturating_sub(count.0);
    }
    let prompt = best.expect("there is one round at least").1;
    let facts = vec![("needle", json!(needle.number)), ("depth", json!(needle.depth))];
    Question { prompt, target: Some(tokens), facts }
}

pub(super) fn grade(rng: &mut ChaCha8Rng, reply: &str) -> Grade {
    let expected = Needle::draw(rng).number.to_string();
    Grade::right_if(has_number(reply, &expected), expected)
}

pub(super) fn right_reply(prompt: &str) -> Option<String> {
    let (_, rest) = prompt.strip_prefix(BEFORE)?.split_once(NEEDLE)?;
    Some(rest.split_once('.')?.0.to_owned())
}

/// The text with the needle's line between two of its own, the last of which may be cut.
fn hide(text: &str, needle: &Needle) -> String {
    let lines: Vec<usize> = text[BEFORE.len()..].match_indices('\n').map(|(at, _)| at + 1).collect();
    let places: Vec<usize> = std::iter::once(0).chain(lines).collect();
    let place = places[((needle.depth * places.len() as f64) as usize).min(places.len() - 1)];
    let (above, below) = text.split_at(BEFORE.len() + place);
    format!("{above}{}{below}", needle.line())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::tokens::Tokenizer;

    fn verses() -> Verses {
        Verses::new(Tokenizer::embedded().unwrap()).unwrap()
    }

    fn asked(verses: &Verses, tokens: u64, seed: u64) -> Question {
        question(verses, Tokens(tokens), &mut ChaCha8Rng::seed_from_u64(seed))
    }

    #[test]
    fn a_prompt_has_the_length_that_was_asked_for() {
        let verses = verses();
        for tokens in [100, 500, 3000] {
            let exact = (0..20).filter(|&seed| {
                let found = verses.tokenizer.count(&asked(&verses, tokens, seed).prompt).0;
                assert!(found.abs_diff(tokens) <= 2, "{found} of {tokens}");
                found == tokens
            });
            assert!(exact.count() >= 18, "{tokens}");
        }
    }

    #[test]
    fn the_needle_is_a_line_of_its_own_at_every_depth() {
        let verses = verses();
        let depths = (0..40).map(|seed| {
            let prompt = asked(&verses, 1000, seed).prompt;
            let at = prompt.find(&format!("\n{NEEDLE}")).expect("a line of its own");
            assert_eq!(prompt.matches(NEEDLE).count(), 1);
            at as f64 / prompt.len() as f64
        });
        let depths: Vec<f64> = depths.collect();
        assert!(depths.iter().any(|&depth| depth < 0.2) && depths.iter().any(|&depth| depth > 0.8));
    }

    #[test]
    fn a_length_below_the_frame_is_refused() {
        let error = fits(&verses(), Tokens(10)).unwrap_err().to_string();
        assert!(error.starts_with("--needle-tokens is 10, but the shortest possible prompt has "), "{error}");
        assert!(error.contains("\nhint: "), "{error}");
    }
}
