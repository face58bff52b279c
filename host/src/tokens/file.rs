//! What a path named as a tokenizer really holds: it is read with a bound, and a wrong file is called by its name.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

/// No tokenizer.json in use is near this (Gemma's, the largest common one, is 33 MB); /dev/zero has no end.
const MAX_BYTES: u64 = 256 << 20;

const FILE_NAME: &str = "tokenizer.json";
const HINT: &str = "hint: give a model's tokenizer.json (Hugging Face `tokenizers` format) or the directory that \
                    holds it, or none to count with the built-in Llama tokenizer";
const HINT_CONVERT: &str = "hint: this format is not read; most models on the Hugging Face hub carry a \
                            tokenizer.json of the same vocabulary, and \
                            AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes one";

/// Reads the file, or the `tokenizer.json` in the directory.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let path = locate(path)?;
    let mut bytes = Vec::new();
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("larger than {} MiB, so not a tokenizer.json\n{HINT}", MAX_BYTES >> 20);
    }
    Ok(bytes)
}

/// The error for bytes that did not load: what they look like, else why the library refused them.
pub(super) fn explain(bytes: &[u8], refusal: &anyhow::Error) -> anyhow::Error {
    if let Some((what, hint)) = lookalike(bytes) {
        return anyhow!("{what}\n{hint}");
    }
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Err(error) => anyhow!("not JSON: {error}\n{HINT}"),
        Ok(value) => match other_json(&value) {
            Some(what) => anyhow!("{what}\n{HINT}"),
            None => anyhow!("not a usable tokenizer.json: {refusal:#}\n{HINT}"),
        },
    }
}

fn locate(path: &Path) -> Result<PathBuf> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => bail!("{error}\n{HINT}"),
    };
    if !metadata.is_dir() {
        return Ok(path.to_owned());
    }
    let inside = path.join(FILE_NAME);
    if inside.exists() {
        return Ok(inside);
    }
    let holds = |name: &str| path.join(name).exists();
    if holds("tokenizer.model") || holds("spiece.model") {
        bail!("a directory with a sentencepiece model and no {FILE_NAME}\n{HINT_CONVERT}");
    }
    if holds("vocab.json") && holds("merges.txt") {
        bail!("a directory with vocab.json and merges.txt and no {FILE_NAME}\n{HINT_CONVERT}");
    }
    bail!("a directory without a {FILE_NAME}\n{HINT}")
}

/// What bytes that are no JSON at all look like, and the remedy.
fn lookalike(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = bytes.trim_ascii_start();
    if start.is_empty() {
        return Some(("empty", HINT));
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Some((
            "a git-lfs pointer, not the file it stands for",
            "hint: fetch it with `git lfs pull` in that checkout",
        ));
    }
    if start.starts_with(b"<") {
        return Some((
            "looks like an HTML or XML page, not a tokenizer.json",
            "hint: download the raw file (on the hub /resolve/main/, not /blob/main/; gated models need a login)",
        ));
    }
    if is_sentencepiece(bytes) {
        return Some(("looks like a sentencepiece model (tokenizer.model)", HINT_CONVERT));
    }
    if is_tiktoken(bytes) {
        return Some(("looks like a tiktoken vocabulary", HINT_CONVERT));
    }
    let packed = [&b"\x1f\x8b"[..], b"PK\x03\x04", b"\x28\xb5\x2f\xfd"];
    if packed.iter().any(|magic| bytes.starts_with(magic)) {
        return Some(("a compressed file", "hint: unpack it first"));
    }
    let marks = [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"];
    if marks.iter().any(|mark| bytes.starts_with(mark)) {
        return Some(("begins with a byte order mark", "hint: save it as UTF-8 without one"));
    }
    std::str::from_utf8(bytes).is_err().then_some(("binary, not a tokenizer.json", HINT))
}

/// A protobuf that begins with its first piece, text and score: `0a len { 0a len "<unk>" 15 … }`.
fn is_sentencepiece(bytes: &[u8]) -> bool {
    matches!(bytes, [0x0a, _, 0x0a, length, rest @ ..] if rest.get(usize::from(*length)) == Some(&0x15))
}

/// Lines of `base64 rank`; the first one is rank 0.
fn is_tiktoken(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    line.strip_suffix(b" 0").is_some_and(|token| !token.is_empty() && token.iter().all(is_base64))
}

/// Which of a model's other JSON files this is.
fn other_json(value: &serde_json::Value) -> Option<&'static str> {
    let Some(object) = value.as_object() else {
        return Some("JSON, but not an object");
    };
    let has = |key: &str| object.contains_key(key);
    if has("model") && has("added_tokens") {
        None
    } else if has("tokenizer_class") {
        Some("looks like a tokenizer_config.json, which names the tokenizer but is not it")
    } else if has("model_type") || has("architectures") {
        Some("looks like a model's config.json")
    } else if !object.is_empty() && object.values().all(serde_json::Value::is_number) {
        Some("looks like a vocab.json, which is only the vocabulary")
    } else if has("model") {
        None
    } else {
        Some("JSON, but without the `model` of a tokenizer.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &str) {
        let text = explain(bytes, &anyhow!("refused")).to_string();
        assert!(text.contains(expected), "{text:?} does not say {expected:?}");
        assert!(text.contains("\nhint: "), "{text:?} has no hint");
    }

    #[test]
    fn a_wrong_file_is_called_by_its_name() {
        check(b"", "empty");
        check(b" \n\t", "empty");
        check(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs pointer");
        check(b"\n<!DOCTYPE html><html>", "HTML");
        check(b"\x0a\x0e\x0a\x05<unk>\x15\x00\x00\x00\x00\x18\x02", "sentencepiece");
        check(b"IQ== 0\nIg== 1\n", "tiktoken");
        check(b"\x1f\x8b\x08\x00", "compressed");
        check(b"\xef\xbb\xbf{}", "byte order mark");
        check(b"\xff\xfe{\0}\0", "byte order mark");
        check(b"\x00\xff\x80", "binary");
        check(b"{\"model\": ", "not JSON: EOF");
        check(b"hello", "not JSON: expected value at line 1 column 1");
        check(b"[1]", "not an object");
        check(b"{}", "without the `model`");
        check(br#"{"tokenizer_class": "LlamaTokenizer"}"#, "tokenizer_config.json");
        check(br#"{"model_type": "llama"}"#, "config.json");
        check(br#"{"a": 0, "b": 1}"#, "vocab.json");
        check(br#"{"model": {}, "added_tokens": []}"#, "not a usable tokenizer.json: refused");
    }

    #[test]
    fn a_directory_is_searched_and_described() {
        let directory = tempfile::tempdir().unwrap();
        let check = |expected: &str| {
            let text = format!("{:#}", read(directory.path()).unwrap_err());
            assert!(text.contains(expected), "{text:?} does not say {expected:?}");
        };
        check("a directory without a tokenizer.json");
        fs::write(directory.path().join("vocab.json"), "{}").unwrap();
        fs::write(directory.path().join("merges.txt"), "").unwrap();
        check("vocab.json and merges.txt");
        fs::write(directory.path().join("tokenizer.model"), "").unwrap();
        check("sentencepiece");
        fs::write(directory.path().join("tokenizer.json"), "{}").unwrap();
        assert_eq!(read(directory.path()).unwrap(), b"{}");
    }

    #[test]
    fn a_missing_file_is_an_error_with_a_hint() {
        let text = format!("{:#}", read(Path::new("/nowhere/tokenizer.json")).unwrap_err());
        assert!(text.contains("No such file") && text.contains("hint: "), "{text}");
    }
}
