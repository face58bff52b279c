//! Which runs of a plan file are done: a file in the results directory, so that a plan goes on where it stopped.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::results::pretty;
use crate::report::{BatchRow, write_atomically};

/// The shape of the file; another is not read.
const SCHEMA_VERSION: u32 = 1;
const FILE: &str = "plan-state.json";

/// The finished runs of a results directory.
#[derive(Debug, Clone)]
pub struct BatchState {
    dir: PathBuf,
    kept: Kept,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    schema_version: u32,
    runs: Vec<FinishedRun>,
}

/// A run that came to its end, with requests that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishedRun {
    /// Of everything that decides what the run does.
    pub digest: String,
    /// Seconds since 1970.
    pub finished_unix_s: u64,
    /// Below the results directory.
    pub run_dir: PathBuf,
    pub row: BatchRow,
    /// Whether the target kept up with its rate; `None` in a closed loop, and where it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_up: Option<bool>,
    /// What a search found; `None` of another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FoundRate>,
}

/// What a search for the highest rate came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundRate {
    /// For people.
    pub line: String,
    /// Some rate passed.
    pub passed: bool,
    /// The document of the search, in the directory of the run.
    pub document: PathBuf,
}

impl FinishedRun {
    /// Its results in one document, below the results directory.
    fn document(&self) -> PathBuf {
        let name = self.found.as_ref().map_or(Path::new("summary.json"), |found| &found.document);
        self.run_dir.join(name)
    }
}

impl BatchState {
    /// Reads what there is; nothing where there is no file.
    ///
    /// # Errors
    /// Names the file where it is none of ours.
    pub fn read(dir: &Path) -> Result<BatchState> {
        let path = dir.join(FILE);
        let kept = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Kept { schema_version: SCHEMA_VERSION, runs: vec![] }
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!(
                    "{} does not say which runs are done\nhint: start anew with --restart",
                    path.display()
                )
            })?,
        };
        if kept.schema_version != SCHEMA_VERSION {
            bail!(
                "{} has shape {}, and this llmperf reads {SCHEMA_VERSION}\nhint: start anew with --restart",
                path.display(),
                kept.schema_version
            );
        }
        Ok(BatchState { dir: dir.to_owned(), kept })
    }

    /// Of a directory whose finished runs do not count.
    pub fn empty(dir: &Path) -> BatchState {
        BatchState { dir: dir.to_owned(), kept: Kept { schema_version: SCHEMA_VERSION, runs: vec![] } }
    }

    /// The finished run with this digest, where its results are still there.
    pub fn find(&self, digest: &str) -> Option<&FinishedRun> {
        let run = self.kept.runs.iter().find(|run| run.digest == digest)?;
        self.document_of(run).is_file().then_some(run)
    }

    /// Where the results of a finished run are.
    pub fn dir_of(&self, run: &FinishedRun) -> PathBuf {
        self.dir.join(&run.run_dir)
    }

    /// The document of a finished run.
    pub(super) fn document_of(&self, run: &FinishedRun) -> PathBuf {
        self.dir.join(run.document())
    }

    /// Takes a run in, in place of an older one with its digest, and writes the file.
    pub(super) fn add(&mut self, mut run: FinishedRun) -> Result<()> {
        run.run_dir = run.run_dir.strip_prefix(&self.dir).unwrap_or(&run.run_dir).to_owned();
        self.kept.runs.retain(|other| other.digest != run.digest);
        self.kept.runs.push(run);
        write_atomically(&self.dir.join(FILE), &pretty(&serde_json::to_value(&self.kept)?))
    }
}
