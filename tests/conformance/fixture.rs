//! A fixture: an answer as bytes, and what must be read in it.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// How an answer is cut into writes. What is read in it may not depend on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cutting {
    /// As the fixture says.
    Listed,
    Whole,
    Bytewise,
}

/// All of them, in the order in which a fixture is served.
pub(crate) const CUTTINGS: [Cutting; 3] = [Cutting::Listed, Cutting::Whole, Cutting::Bytewise];

/// What a request must say for its answer to be read as the fixture means it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ask {
    pub(crate) api: String,
    pub(crate) model: String,
    pub(crate) options: Vec<String>,
    /// JSON object text.
    pub(crate) sampling: String,
}

/// An answer, and what must be read in it.
#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    /// `plugin/name`.
    pub(crate) name: String,
    pub(crate) ask: Ask,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Where a sender cuts it, in order; none at its ends.
    cuts: Vec<usize>,
    pub(crate) expected: Value,
}

impl Fixture {
    /// Reads a directory; `None` where it holds no answer.
    pub(crate) fn read(dir: &Path, name: String, api: &str, options: &[&str]) -> Option<Fixture> {
        let body = std::fs::read(dir.join("response.bin")).ok()?;
        let (meta, expected) = (json(&dir.join("response.meta.json")), json(&dir.join("expected.json")));
        let spec_file = dir.join("spec.json");
        let spec = if spec_file.is_file() { json(&spec_file) } else { Value::Null };
        let given = spec["options"].as_object().into_iter().flatten();
        let given = given.map(|(name, value)| format!("{name}={}", text(value)));
        let mut sampling = spec["sampling"].as_object().cloned().unwrap_or_default();
        if spec["stream"] == false {
            sampling.insert("stream".to_owned(), false.into());
        }
        Some(Fixture {
            name,
            ask: Ask {
                api: api.to_owned(),
                model: spec["model"].as_str().unwrap_or("m").to_owned(),
                options: options.iter().map(|&option| option.to_owned()).chain(given).collect(),
                sampling: Value::Object(sampling).to_string(),
            },
            status: u16::try_from(meta["status"].as_u64().expect("a status")).expect("a status"),
            headers: pairs(&meta["headers"]),
            cuts: cuts(&meta["chunk_boundaries"], &expected, body.len()),
            body,
            expected,
        })
    }

    /// The writes of a cutting.
    pub(crate) fn writes(&self, cutting: Cutting) -> Vec<&[u8]> {
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
    pub(crate) fn content_ends(&self) -> Vec<usize> {
        offsets(&self.expected["content_event_end_offsets"])
    }
}

/// The fixtures that come with the bundled plugins, and those that take the host's own framing to be read.
pub(crate) fn bundled() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let plugins =
        dirs(&root.join("plugins")).into_iter().map(|plugin| (file_name(&plugin), plugin.join("fixtures")));
    let samples = dirs(&root.join("tests/samples")).into_iter().map(|samples| (file_name(&samples), samples));
    let mut fixtures = Vec::new();
    for (api, cases) in plugins.chain(samples).filter(|(_, cases)| cases.is_dir()) {
        for case in dirs(&cases) {
            fixtures.extend(Fixture::read(&case, format!("{api}/{}", file_name(&case)), &api, &[]));
        }
    }
    fixtures
}

/// The directories in a directory, in order.
pub(crate) fn dirs(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut dirs: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    dirs.sort();
    dirs
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

pub(crate) fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `null` is a cut after each event with visible text, `{"every": n}` one after so many bytes.
fn cuts(listed: &Value, expected: &Value, length: usize) -> Vec<usize> {
    let mut cuts = match listed {
        Value::Array(_) => offsets(listed),
        Value::Object(_) => {
            let every = usize::try_from(listed["every"].as_u64().expect("a number")).expect("a length");
            (0..length).step_by(every.max(1)).collect()
        }
        _ => offsets(&expected["content_event_end_offsets"]),
    };
    cuts.retain(|cut| (1..length).contains(cut));
    cuts.dedup();
    cuts
}

fn offsets(values: &Value) -> Vec<usize> {
    let values = values.as_array().into_iter().flatten().filter_map(Value::as_u64);
    values.map(|offset| usize::try_from(offset).expect("an offset")).collect()
}

fn pairs(values: &Value) -> Vec<(String, String)> {
    values.as_array().into_iter().flatten().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
