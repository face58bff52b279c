//! A prompt of an exact number of tokens: an instruction, then lines over and over, the last one cut.
//! Its length is counted on its whole text, never assumed from its parts.

use crate::tokens::Tokenizer;
use crate::units::Tokens;

/// A line to fill prompts with.
pub(super) struct Line {
    /// With its newline.
    text: String,
    /// Tokens behind another line, where the tokenizer never joins across a newline.
    tokens: Tokens,
}

/// Cuts a text into its lines and counts each.
pub(super) fn lines(text: &str, tokenizer: &Tokenizer) -> Vec<Line> {
    let newline = tokenizer.count("\n");
    let count = |line: &str| tokenizer.count(&format!("\n{line}")).0.saturating_sub(newline.0);
    text.split_inclusive('\n')
        .map(|line| Line { text: line.to_owned(), tokens: Tokens(count(line)) })
        .collect()
}

/// Whether the lines have any tokens, without which no prompt would ever be long enough.
pub(super) fn have_tokens(lines: &[Line]) -> bool {
    lines.iter().any(|line| line.tokens > Tokens(0))
}

/// A prompt that grows.
pub(super) struct Draft<'a> {
    tokenizer: &'a Tokenizer,
    text: String,
    /// Bytes of the text that are never cut.
    instruction: usize,
    /// The sum of its parts' tokens, an estimate of its own.
    tokens: Tokens,
    /// The lines to add, over and over. They [`have_tokens`].
    lines: Vec<&'a Line>,
    next: usize,
}

impl<'a> Draft<'a> {
    /// A prompt that begins with this text, of this many tokens.
    pub(super) fn new(tokenizer: &'a Tokenizer, text: String, tokens: Tokens, lines: Vec<&'a Line>) -> Self {
        Draft { tokenizer, instruction: text.len(), text, tokens, lines, next: 0 }
    }

    /// The prompt of `target` tokens, and how many it really has: another number only where the tokenizer gives
    /// none of the places to cut exactly that many. The target is no less than what the draft began with.
    pub(super) fn finish(mut self, target: Tokens) -> (String, Tokens) {
        while self.tokens + self.line().tokens <= target {
            self.push_line();
        }
        let whole_lines = self.text.len();
        let missing = target.0.saturating_sub(self.tokens.0);
        if missing > 0 {
            // The newline stands for the line before, so that this line is cut as one in mid-text.
            let tail = format!("\n{}", self.line().text);
            let end = self.tokenizer.prefix(&tail, self.tokenizer.count("\n") + Tokens(missing));
            self.text.push_str(tail.get(1..end).unwrap_or_default());
        }
        let tokens = self.tokenizer.count(&self.text);
        if tokens == target {
            return (self.text, tokens);
        }
        self.text.truncate(whole_lines);
        self.search(target)
    }

    /// The same for a tokenizer whose counts of parts do not add up: the whole text is counted, and cut at the
    /// first place that fits near the end of its last token.
    fn search(mut self, target: Tokens) -> (String, Tokens) {
        /// Bytes to both sides. Longer than most words: within them the count moves on by a token.
        const REACH: usize = 16;
        self.grow(target);
        let near = self.tokenizer.prefix(&self.text, target);
        let ends = (0..=REACH).flat_map(|step| [near.saturating_sub(step), near + step]);
        let mut best = (self.text.len(), self.tokenizer.count(&self.text));
        for end in ends.filter(|&end| end >= self.instruction && self.text.is_char_boundary(end)) {
            let tokens = self.tokenizer.count(&self.text[..end]);
            if tokens.0.abs_diff(target.0) < best.1.0.abs_diff(target.0) {
                best = (end, tokens);
            }
            if tokens == target {
                break;
            }
        }
        self.text.truncate(best.0);
        (self.text, best.1)
    }

    /// Adds lines until the whole text has the tokens, or a tokenizer's counts make no sense.
    fn grow(&mut self, target: Tokens) {
        /// Each round adds twice what is missing, so even an estimate that is far off needs few.
        const ROUNDS: usize = 16;
        self.push_line();
        for _ in 0..ROUNDS {
            let missing = target.0.saturating_sub(self.tokenizer.count(&self.text).0);
            if missing == 0 {
                return;
            }
            let enough = self.tokens + Tokens(2 * missing);
            while self.tokens < enough {
                self.push_line();
            }
        }
    }

    fn line(&self) -> &'a Line {
        self.lines[self.next % self.lines.len()]
    }

    fn push_line(&mut self) {
        let line = self.line();
        self.text.push_str(&line.text);
        self.tokens += line.tokens;
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use serde_json::{Value, json};

    use super::*;

    const INSTRUCTION: &str = "Randomly stream lines from the following text:\n\n";
    const VERSES: &str = "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\n\
                          Rough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date;\n";

    fn loaded(tokenizer: &Value) -> Tokenizer {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
        Tokenizer::from_file(directory.path()).unwrap()
    }

    /// A tokenizer of printable ASCII characters and newlines, with this normalizer and these merges.
    fn characters(normalizer: &Value, merges: &[[&str; 2]]) -> Tokenizer {
        let letters = (' '..='~').chain(['\n']).map(String::from);
        let vocab: serde_json::Map<String, Value> = letters
            .chain(merges.iter().map(|pair| pair.concat()))
            .enumerate()
            .map(|(id, token)| (token, json!(id)))
            .collect();
        loaded(&json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": normalizer,
            "pre_tokenizer": null, "post_processor": null, "decoder": null,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                      "vocab": vocab, "merges": merges}
        }))
    }

    fn finish(tokenizer: &Tokenizer, lines: &[Line], target: u64) -> (String, u64) {
        let floor = tokenizer.count(INSTRUCTION);
        let draft = Draft::new(tokenizer, INSTRUCTION.to_owned(), floor, lines.iter().collect());
        let (text, tokens) = draft.finish(Tokens(target));
        assert!(text.starts_with(INSTRUCTION));
        assert_eq!(tokens, tokenizer.count(&text));
        (text, tokens.0)
    }

    /// Every length up to 400 tokens beyond the instruction is exact.
    fn check(tokenizer: &Tokenizer) {
        let lines = lines(VERSES, tokenizer);
        let floor = tokenizer.count(INSTRUCTION).0;
        for target in floor..floor + 400 {
            assert_eq!(finish(tokenizer, &lines, target).1, target);
        }
    }

    #[test]
    fn the_lines_follow_in_order_and_over_again() {
        let tokenizer = Tokenizer::embedded().unwrap();
        let (text, _) = finish(&tokenizer, &lines(VERSES, &tokenizer), 200);
        assert!(format!("{INSTRUCTION}{}", VERSES.repeat(9)).starts_with(&text));
        assert!(text.len() > INSTRUCTION.len() + VERSES.len());
    }

    #[test]
    fn the_built_in_tokenizer_gets_exact_lengths() {
        check(&Tokenizer::embedded().unwrap());
    }

    #[test]
    fn a_tokenizer_of_words_gets_exact_lengths() {
        check(&loaded(&json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "thou": 1}, "unk_token": "[UNK]"}
        })));
    }

    #[test]
    fn a_tokenizer_that_joins_lines_gets_exact_lengths() {
        let merges =
            [[",", "\n"], [":", "\n"], [":\n", "R"], [",\n", "A"], ["\n", "T"], ["t", "h"], ["th", "e"]];
        check(&characters(&Value::Null, &merges));
    }

    #[test]
    fn a_length_that_no_text_has_is_missed_by_one() {
        let doubling = json!({"type": "Replace", "pattern": {"Regex": "(?s)."}, "content": "xx"});
        let tokenizer = characters(&doubling, &[]);
        let lines = lines(VERSES, &tokenizer);
        for target in [500, 501, 502, 503] {
            let (_, tokens) = finish(&tokenizer, &lines, target);
            assert_eq!(tokens.abs_diff(target), target % 2, "{target}");
        }
    }

    #[test]
    fn a_very_long_prompt_is_made_quickly() {
        let tokenizer = Tokenizer::embedded().unwrap();
        let started = Instant::now();
        assert_eq!(finish(&tokenizer, &lines(VERSES, &tokenizer), 100_000).1, 100_000);
        // Measured 0.3 s; quadratic work would take minutes.
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn lines_that_a_tokenizer_does_not_see_have_no_tokens() {
        let blind =
            characters(&json!({"type": "Replace", "pattern": {"Regex": "(?s)."}, "content": ""}), &[]);
        assert!(!have_tokens(&lines(VERSES, &blind)));
        assert!(have_tokens(&lines(VERSES, &Tokenizer::embedded().unwrap())));
    }
}
