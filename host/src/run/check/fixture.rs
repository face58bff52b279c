//! A fixture: a recorded answer as bytes, what asked for it, and what must be read in it. `sdk::testing` reads the same files.

use std::path::Path;

use anyhow::{Context, Result};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::question::Question;
use crate::record::Head;

/// How an answer is cut into reads. What is read in it may not depend on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutting {
    /// As the fixture says.
    Listed,
    Whole,
    Bytewise,
}

/// All of them, in the order in which a fixture is read.
pub const CUTTINGS: [Cutting; 3] = [Cutting::Listed, Cutting::Whole, Cutting::Bytewise];

/// An answer, and what must be read in it.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub name: String,
    /// What asked for it; that of a plain chat where the fixture does not say.
    pub question: Question,
    /// `request.json`: what must be built for the question, where that matters.
    pub request: Option<Value>,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Where a sender cuts it, in order; none at its ends.
    cuts: Vec<usize>,
    /// `expected.json`
    pub expected: Value,
}

impl Fixture {
    /// Reads a directory; `None` where it holds no answer.
    ///
    /// # Errors
    /// A file of it cannot be read; names the file.
    pub fn read(dir: &Path, name: String) -> Result<Option<Fixture>> {
        let Ok(body) = std::fs::read(dir.join("response.bin")) else { return Ok(None) };
        let (meta, expected) = (json(dir, "response.meta.json")?, json(dir, "expected.json")?);
        let if_there = |file: &str| dir.join(file).is_file().then(|| json(dir, file)).transpose();
        let status = meta["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let status = status
            .filter(|status| StatusCode::from_u16(*status).is_ok())
            .with_context(|| format!("{}: no HTTP status", dir.join("response.meta.json").display()))?;
        let spec = if_there("spec.json")?;
        Ok(Some(Fixture {
            name,
            request: if spec.is_some() { if_there("request.json")? } else { None },
            question: Question::of_json(&spec.unwrap_or_default()),
            status,
            headers: pairs(&meta["headers"]),
            cuts: cuts(&meta["chunk_boundaries"], &expected, body.len()),
            body,
            expected,
        }))
    }

    /// The head of the answer. A header that none can be is left out.
    pub fn head(&self) -> Head {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            {
                headers.append(name, value);
            }
        }
        // It was looked at when the fixture was read.
        Head { status: StatusCode::from_u16(self.status).unwrap_or_default(), headers }
    }

    /// The pieces of a cutting.
    pub fn pieces(&self, cutting: Cutting) -> Vec<&[u8]> {
        match cutting {
            Cutting::Whole => vec![&self.body],
            Cutting::Bytewise => self.body.chunks(1).collect(),
            Cutting::Listed => {
                let starts = std::iter::once(0).chain(self.cuts.iter().copied());
                let ends = self.cuts.iter().copied().chain(std::iter::once(self.body.len()));
                starts.zip(ends).map(|(start, end)| &self.body[start..end]).collect()
            }
        }
    }

    /// The offset after each event with visible text.
    pub fn content_ends(&self) -> Vec<usize> {
        offsets(&self.expected["content_event_end_offsets"])
    }
}

fn json(dir: &Path, file: &str) -> Result<Value> {
    let path = dir.join(file);
    let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// `null` is a cut after each event with visible text, `{"every": n}` one after every n bytes.
fn cuts(listed: &Value, expected: &Value, length: usize) -> Vec<usize> {
    let mut cuts = match listed {
        Value::Array(_) => offsets(listed),
        Value::Object(_) => {
            let every = listed["every"].as_u64().and_then(|every| usize::try_from(every).ok()).unwrap_or(1);
            (0..length).step_by(every.max(1)).collect()
        }
        _ => offsets(&expected["content_event_end_offsets"]),
    };
    cuts.retain(|cut| (1..length).contains(cut));
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

fn offsets(values: &Value) -> Vec<usize> {
    let values = values.as_array().into_iter().flatten().filter_map(Value::as_u64);
    values.filter_map(|offset| usize::try_from(offset).ok()).collect()
}

fn pairs(values: &Value) -> Vec<(String, String)> {
    values.as_array().into_iter().flatten().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

/// A value as an option or a header has it.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cutting_is_all_of_the_body() {
        let fixture = |listed: &str| Fixture {
            name: String::new(),
            question: Question::of_json(&Value::Null),
            request: None,
            status: 200,
            headers: vec![],
            cuts: cuts(&serde_json::from_str(listed).expect("JSON"), &Value::Null, 10),
            body: b"0123456789".to_vec(),
            expected: Value::Null,
        };
        for listed in ["null", "[3, 3, 0, 7, 10, 99]", "[7, 3]", "{\"every\": 4}", "{\"every\": 0}"] {
            for cutting in CUTTINGS {
                assert_eq!(fixture(listed).pieces(cutting).concat(), b"0123456789", "{listed} {cutting:?}");
            }
        }
        assert_eq!(fixture("[3, 7]").pieces(Cutting::Listed), [&b"012"[..], b"3456", b"789"]);
        assert_eq!(fixture("{\"every\": 4}").pieces(Cutting::Listed).len(), 3);
        assert_eq!(fixture("null").pieces(Cutting::Bytewise).len(), 10);
    }

    #[test]
    fn a_broken_fixture_is_named_and_a_directory_without_an_answer_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(Fixture::read(dir.path(), String::new()).expect("nothing is wrong").is_none());
        let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).expect("a file");
        write("response.bin", "x");
        let error = |word: &str| {
            let error = format!("{:#}", Fixture::read(dir.path(), String::new()).expect_err(word));
            assert!(error.contains(word), "{error}");
        };
        error("response.meta.json cannot be read");
        write("response.meta.json", "{");
        error("response.meta.json is no JSON");
        write("response.meta.json", r#"{"status": 99}"#);
        error("expected.json cannot be read");
        write("expected.json", "{}");
        error("no HTTP status");
    }
}
