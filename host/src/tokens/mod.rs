//! Tokens: loading a tokenizer and counting with it. The only room that names the `tokenizers` crate.
//! It never downloads anything, and a count never depends on chance, on a length limit or on special tokens
//! added around a text.

mod file;
mod words;

use std::fmt;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};
use tokenizers::models::ModelWrapper;

use self::words::Words;
use crate::units::Tokens;

/// The Llama 1/2 tokenizer, which LLMPerf counts with (data/README.md).
const LLAMA: &[u8] = include_bytes!("../../data/llama-tokenizer.json.zst");

/// A text that no vocabulary holds as a whole: words, a private-use character and the last code point.
const UNKNOWN_TEXT: &str = "llmperf \u{e000}\u{10ffff}\n";

/// A tokenizer, ready to count. A clone shares everything; all methods may be called from many threads at once.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    digest: String,
    model: tokenizers::Tokenizer,
    /// A faster way to the same counts, where there is one.
    words: Option<Words>,
}

impl Tokenizer {
    /// The built-in Llama tokenizer.
    ///
    /// # Errors
    /// Only where the binary itself is damaged.
    pub fn embedded() -> Result<Tokenizer> {
        let json = zstd::decode_all(LLAMA).context("built-in tokenizer")?;
        Tokenizer::from_json("llama", &json).context("built-in tokenizer")
    }

    /// The tokenizer in a `tokenizer.json` (Hugging Face `tokenizers` format), or in a directory that holds one.
    /// Its name is the path as given.
    ///
    /// # Errors
    /// The file cannot be read, or is not such a file: the error says what it looks like and what to give instead.
    pub fn from_file(path: &Path) -> Result<Tokenizer> {
        let name = path.display().to_string();
        let json = file::read(path).with_context(|| format!("tokenizer {name}"))?;
        Tokenizer::from_json(&name, &json)
            .map_err(|error| file::explain(&json, &error))
            .with_context(|| format!("tokenizer {name}"))
    }

    /// What the results call this tokenizer: `llama` for the built-in one, else the path it came from.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// SHA-256 of the `tokenizer.json`, lowercase hex.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// How many tokens the text is, without BOS and EOS. The name of a special token inside the text, such as
    /// `</s>`, counts as that token.
    pub fn count(&self, text: &str) -> Tokens {
        let by_words = self.inner.words.as_ref().and_then(|words| words.count(text));
        let by_library = || self.inner.model.encode_fast(text, false).expect(ANSWERS).len() as u64;
        Tokens(by_words.unwrap_or_else(by_library))
    }

    /// Where the first `tokens` tokens of the text end: a byte offset on a character boundary, the text's length
    /// where it has no more tokens than that. A character that is several tokens is ended by its first one.
    ///
    /// The text before the offset may still be another number of tokens, since a tokenizer can look ahead;
    /// who needs it exact counts again.
    pub fn prefix(&self, text: &str, tokens: Tokens) -> usize {
        let by_words = self.inner.words.as_ref().and_then(|words| words.prefix(text, tokens.0));
        by_words.unwrap_or_else(|| self.prefix_by_library(text, tokens))
    }

    fn prefix_by_library(&self, text: &str, tokens: Tokens) -> usize {
        let Some(last) = tokens.0.checked_sub(1) else {
            return 0;
        };
        let encoding = self.inner.model.encode(text, false).expect(ANSWERS);
        let offsets = encoding.get_offsets();
        let end = usize::try_from(last).ok().and_then(|last| offsets.get(last)).map_or(text.len(), |o| o.1);
        text.ceil_char_boundary(end)
    }

    fn from_json(name: &str, json: &[u8]) -> Result<Tokenizer> {
        let model = load(json)?;
        let digest = Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Tokenizer {
            inner: Arc::new(Inner { name: name.to_owned(), digest, words: Words::of(&model), model }),
        })
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { name, digest, .. } = &*self.inner;
        f.debug_struct("Tokenizer").field("name", name).field("digest", digest).finish_non_exhaustive()
    }
}

/// The invariant [`load`] establishes: the library's models fail only on unknown text, for want of a token for it.
const ANSWERS: &str =
    "a tokenizer that answers unknown text, as checked when it was loaded, answers any text";

fn load(json: &[u8]) -> Result<tokenizers::Tokenizer> {
    // Some contradictions inside a file make the library panic (a merge longer than any token, for one).
    let mut library = catch_unwind(|| tokenizers::Tokenizer::from_bytes(json))
        .map_err(|_| anyhow!("the file contradicts itself"))?
        .map_err(|error| anyhow!(error))?;

    // A file may carry limits for training and serving. A count is of the whole text, and the same every time.
    library.with_truncation(None).map_err(|error| anyhow!(error))?;
    library.with_padding(None);
    // Without a pre-tokenizer, as in Llama's, a "word" is a whole text: a cache of them is never hit, and grew to 100 MiB.
    let whole_texts = library.get_pre_tokenizer().is_none();
    if let ModelWrapper::BPE(bpe) = library.get_model()
        && (bpe.dropout.is_some() || whole_texts)
    {
        let mut bpe = bpe.clone();
        bpe.dropout = None;
        if whole_texts {
            bpe.resize_cache(0);
        }
        library.with_model(bpe);
    }

    let answer = catch_unwind(|| library.encode(UNKNOWN_TEXT, false).map(|encoding| encoding.len()));
    match answer.unwrap_or_else(|_| Err("the library gave up".into())) {
        Ok(_) => Ok(library),
        Err(error) => bail!("text outside its vocabulary makes it fail: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn tokenizer(json: &Value) -> Result<Tokenizer> {
        Tokenizer::from_json("test", json.to_string().as_bytes())
    }

    /// A tokenizer of whole words; `"unk"` decides whether it can answer others.
    fn words(unk: &str) -> Value {
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "shall": 1, "I": 2}, "unk_token": unk}
        })
    }

    /// A byte-pair tokenizer of the letters a and b and the pairs of them.
    fn pairs(dropout: Option<f64>) -> Value {
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
            "model": {"type": "BPE", "dropout": dropout, "unk_token": "[UNK]", "continuing_subword_prefix": null,
                      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                      "vocab": {"[UNK]": 0, "a": 1, "b": 2, "ab": 3}, "merges": [["a", "b"]]}
        })
    }

    #[test]
    fn the_built_in_tokenizer_gives_the_reference_counts() {
        let llama = Tokenizer::embedded().unwrap();
        let vectors: Value = serde_json::from_str(include_str!("llama-vectors.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 353);
        for case in cases {
            let text = case["text"].as_str().unwrap();
            let ids: Vec<u64> =
                case["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
            let encoding = llama.inner.model.encode(text, true).unwrap();
            assert!(encoding.get_ids().iter().map(|&id| u64::from(id)).eq(ids.iter().copied()), "{text:?}");
            // The reference puts <s> in front of every text.
            assert_eq!(llama.count(text), Tokens(ids.len() as u64 - 1), "{text:?}");
        }
    }

    #[test]
    fn a_tokenizer_says_its_name_and_the_digest_of_its_file() {
        let llama = Tokenizer::embedded().unwrap();
        assert_eq!(llama.name(), "llama");
        // Also what makes the embedded file the one that data/README.md describes.
        assert_eq!(llama.digest(), "413d2faffc718e0d67d7eb5c8267fb2934f5159057f345c5f03beeddb9befec3");

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokenizer.json");
        fs::write(&file, zstd::decode_all(LLAMA).unwrap()).unwrap();
        for path in [file.as_path(), directory.path()] {
            let same = Tokenizer::from_file(path).unwrap();
            assert_eq!(same.name(), path.display().to_string());
            assert_eq!(same.digest(), llama.digest());
            assert_eq!(same.count("Hello world"), Tokens(2));
        }
    }

    #[test]
    fn a_prefix_ends_with_its_last_token() {
        let llama = Tokenizer::embedded().unwrap();
        let check = |text: &str, tokens: u64, expected: &str| {
            assert_eq!(&text[..llama.prefix(text, Tokens(tokens))], expected, "{tokens} of {text:?}");
        };
        check("Hello world", 0, "");
        check("Hello world", 1, "Hello");
        check("Hello world", 2, "Hello world");
        check("Hello world", 3, "Hello world");
        check("Hello world", u64::MAX, "Hello world");
        check("", 1, "");
        // Four byte tokens behind a lone space.
        check("\u{1f642}!", 2, "\u{1f642}");
    }

    #[test]
    fn limits_chance_and_padding_in_a_file_are_ignored() {
        let mut file = pairs(Some(1.0));
        file["truncation"] =
            json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
        file["padding"] = json!({"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
                                 "pad_id": 0, "pad_type_id": 0, "pad_token": "[UNK]"});
        assert_eq!(tokenizer(&file).unwrap().count("ababab"), Tokens(3));
    }

    #[test]
    fn another_kind_of_model_works() {
        let words = tokenizer(&words("[UNK]")).unwrap();
        assert_eq!(words.count("shall I compare thee"), Tokens(4));
        assert_eq!(words.prefix("shall I compare thee", Tokens(2)), "shall I".len());
    }

    #[test]
    fn an_unusable_file_is_an_error_with_a_hint() {
        let directory = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], expected: &str| {
            let file = directory.path().join("tokenizer.json");
            fs::write(&file, bytes).unwrap();
            let text = format!("{:#}", Tokenizer::from_file(&file).unwrap_err());
            assert!(text.starts_with(&format!("tokenizer {}: ", file.display())), "{text}");
            assert!(text.contains(expected), "{text:?} does not say {expected:?}");
            assert!(text.contains("\nhint: "), "{text:?} has no hint");
        };
        check(b"<html>", "HTML");
        check(words("missing").to_string().as_bytes(), "text outside its vocabulary makes it fail");
        let mut torn = pairs(None);
        torn["model"]["merges"] = json!([["[UNK]", "ab"]]);
        check(torn.to_string().as_bytes(), "contradicts itself");
        torn["model"]["merges"] = json!([["a", "c"]]);
        check(torn.to_string().as_bytes(), "`c`");
        torn["model"]["type"] = json!("Morse");
        check(torn.to_string().as_bytes(), "not a usable tokenizer.json");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_cut_at_the_end_of_a_token_keeps_the_tokens_before_it(rest in "[ -~\n]{0,200}", tokens in 1u64..100) {
            let llama = llama();
            let text = format!("The{rest}");
            let end = llama.prefix(&text, Tokens(tokens));
            prop_assert_eq!(llama.count(&text[..end]), Tokens(tokens.min(llama.count(&text).0)));
        }
    }

    fn llama() -> &'static Tokenizer {
        static LLAMA: std::sync::LazyLock<Tokenizer> =
            std::sync::LazyLock::new(|| Tokenizer::embedded().unwrap());
        &LLAMA
    }
}
