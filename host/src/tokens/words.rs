//! Counting word by word, for tokenizers whose tokens never reach over the start of a word: then the count of a text is
//! the sum of the counts of its words, and words come again and again. SentencePiece models (Llama 1/2, Mistral, Gemma)
//! are of this kind; exactly the same counts as by the library come out, an order of magnitude sooner.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use serde_json::{Value, json};
use tokenizers::Model;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::BPE;

/// How SentencePiece writes a space, of which each word begins with one.
const META_SPACE: char = '\u{2581}';
/// Words that are remembered. A language has some 20,000 in use; a server that invents them gains nothing but its own slowness.
const MAX_WORDS: usize = 1 << 16;
/// Longer ones hardly come twice.
const MAX_WORD_BYTES: usize = 48;

/// The counts of words seen so far, and what counts a new one.
pub(super) struct Words {
    model: BPE,
    /// Texts that are tokens of their own wherever they stand; a text that holds one is the library's.
    apart: Vec<String>,
    // Read for every word by every decode thread, written for a new one only.
    known: RwLock<HashMap<Box<str>, u32>>,
}

impl Words {
    /// `None` where the tokenizer is not of this kind.
    pub(super) fn of(library: &tokenizers::Tokenizer) -> Option<Words> {
        let ModelWrapper::BPE(model) = library.get_model() else { return None };
        let plain = library.get_pre_tokenizer().is_none()
            && serde_json::to_value(library.get_normalizer()).ok()? == sentence_piece()
            && model.continuing_subword_prefix.is_none()
            && model.end_of_word_suffix.is_none()
            && !model.ignore_merges;
        let vocabulary = if plain { model.get_vocab() } else { return None };
        let starts_words = |token: &str| !token.trim_start_matches(META_SPACE).contains([META_SPACE, ' ']);
        if !vocabulary.contains_key("\u{2581}") || !vocabulary.keys().all(|token| starts_words(token)) {
            return None;
        }
        let apart = library.get_added_tokens_decoder().into_values().map(|token| token.content).collect();
        Some(Words { model: model.clone(), apart, known: RwLock::default() })
    }

    /// How many tokens the text is; `None` where the library has to say.
    pub(super) fn count(&self, text: &str) -> Option<u64> {
        self.is_ours(text).then(|| pieces(text).map(|piece| u64::from(self.count_piece(&piece))).sum())
    }

    /// Where the first `tokens` tokens of the text end, as [`super::Tokenizer::prefix`] says it.
    pub(super) fn prefix(&self, text: &str, tokens: u64) -> Option<usize> {
        if !self.is_ours(text) {
            return None;
        }
        let (mut start, mut left) = (0, tokens);
        for piece in pieces(text) {
            let count = u64::from(self.count_piece(&piece));
            if left <= count {
                return Some(start + self.end_within(&piece, usize::try_from(left).ok()?));
            }
            left -= count;
            start += piece.text.len();
        }
        Some(text.len())
    }

    fn is_ours(&self, text: &str) -> bool {
        !self.apart.iter().any(|token| text.contains(token.as_str()))
    }

    fn count_piece(&self, piece: &Piece<'_>) -> u32 {
        let key = piece.key();
        if let Some(&count) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&*key) {
            return count;
        }
        let count = self.tokenize(&key).len() as u32;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if key.len() <= MAX_WORD_BYTES && known.len() < MAX_WORDS {
            known.insert(key.into(), count);
        }
        count
    }

    /// Byte offset in the piece's text at which its first `tokens` tokens end, on a character boundary.
    fn end_within(&self, piece: &Piece<'_>, tokens: usize) -> usize {
        let Some(last) = tokens.checked_sub(1) else { return 0 };
        let end = self.tokenize(&piece.key()).get(last).map_or(usize::MAX, |token| token.offsets.1);
        // The space in front belongs to the first character.
        let mut written = 0;
        for (at, c) in piece.text.char_indices() {
            if written >= end {
                return at;
            }
            written += if at == 0 && piece.is_first { META_SPACE.len_utf8() } else { 0 };
            written += if c == ' ' { META_SPACE.len_utf8() } else { c.len_utf8() };
        }
        piece.text.len()
    }

    fn tokenize(&self, word: &str) -> Vec<tokenizers::Token> {
        self.model.tokenize(&word.replace(' ', "\u{2581}")).expect(super::ANSWERS)
    }
}

/// The normalizer of such models, as `tokenizer.json` has it.
fn sentence_piece() -> Value {
    json!({"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u{2581}"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"},
    ]})
}

/// A word with the spaces before it.
struct Piece<'a> {
    text: &'a str,
    /// The text's first word gets a space in front.
    is_first: bool,
}

impl<'a> Piece<'a> {
    fn key(&self) -> std::borrow::Cow<'a, str> {
        if self.is_first { format!(" {}", self.text).into() } else { self.text.into() }
    }
}

/// The words of a text; joined they are the text.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_first = rest.len() == text.len();
        let word = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
        let end = rest[word..].find(is_space).map_or(rest.len(), |end| word + end);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(Piece { text: piece, is_first })
    })
}

fn is_space(c: char) -> bool {
    c == ' ' || c == META_SPACE
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use crate::tokens::Tokenizer;
    use crate::units::Tokens;

    static LLAMA: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::embedded().expect("it is built in"));

    fn by_library(text: &str) -> u64 {
        LLAMA.inner.model.encode_fast(text, false).expect("an encoding").len() as u64
    }

    #[test]
    fn the_built_in_tokenizer_is_of_this_kind() {
        assert!(LLAMA.inner.words.is_some());
    }

    #[test]
    fn a_text_with_a_special_token_is_left_to_the_library() {
        let words = LLAMA.inner.words.as_ref().expect("of this kind");
        assert_eq!(words.count("so </s> it ends"), None);
        assert_eq!(LLAMA.count("so </s> it ends"), Tokens(by_library("so </s> it ends")));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn counts_and_cuts_are_those_of_the_library(
            text in r"([a-zA-Z',.]{0,9}| {1,3}|\n|\t|▁|[0-9]{1,3}|é|\PC){0,60}",
            tokens in 0u64..40,
        ) {
            prop_assert_eq!(LLAMA.count(&text), Tokens(by_library(&text)));
            let words = LLAMA.inner.words.as_ref().expect("of this kind");
            if let Some(cut) = words.prefix(&text, tokens) {
                prop_assert_eq!(cut, LLAMA.prefix_by_library(&text, Tokens(tokens)), "{:?}", text);
            }
        }
    }
}
