//! A fixture of the host's own kind, with what `llmperf load` must be told for its answer to be read as it is meant.

use std::ops::Deref;
use std::path::{Path, PathBuf};

pub(crate) use llmperf::run::check::CUTTINGS;
pub(crate) use llmperf::run::check::Cutting;
use llmperf::run::check::{self, Question};
use serde_json::Value;

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
    /// Its name is `plugin/name`.
    pub(crate) answer: check::Fixture,
    pub(crate) ask: Ask,
}

impl Deref for Fixture {
    type Target = check::Fixture;

    fn deref(&self) -> &check::Fixture {
        &self.answer
    }
}

impl Fixture {
    /// Reads a directory; `None` where it holds no answer.
    pub(crate) fn read(dir: &Path, name: String, api: &str, options: &[&str]) -> Option<Fixture> {
        let answer = check::Fixture::read(dir, name).unwrap_or_else(|error| panic!("{error:#}"))?;
        let Question { model, stream, sampling, options: given, .. } = &answer.question;
        let mut sampling: Value = serde_json::from_str(sampling).expect("sampling is JSON");
        if !stream {
            sampling["stream"] = false.into();
        }
        let given = given.iter().map(|(name, value)| format!("{name}={value}"));
        let ask = Ask {
            api: api.to_owned(),
            model: model.clone(),
            options: options.iter().map(|&option| option.to_owned()).chain(given).collect(),
            sampling: sampling.to_string(),
        };
        Some(Fixture { answer, ask })
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
