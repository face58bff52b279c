//! A results directory, read back.

use std::fs;
use std::path::{Path, PathBuf};

use llmperf::record::RequestRecord;
use llmperf::report::{ReadRecords, read_records};
use serde_json::Value;
use tempfile::TempDir;

/// Where a run puts its results.
pub(crate) struct Results(TempDir);

impl Results {
    pub(crate) fn new() -> Results {
        Results(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// `--results-dir` with its value.
    pub(crate) fn flag(&self) -> [&str; 2] {
        ["--results-dir", self.path().to_str().expect("a path in UTF-8")]
    }

    /// The directories of its runs.
    pub(crate) fn run_dirs(&self) -> Vec<PathBuf> {
        entries(self.path()).into_iter().filter(|path| path.is_dir()).collect()
    }

    /// The directory of its only run.
    #[track_caller]
    pub(crate) fn run_dir(&self) -> PathBuf {
        let mut dirs = self.run_dirs();
        assert_eq!(dirs.len(), 1, "{dirs:?}");
        dirs.remove(0)
    }

    /// The records of its only run, by id; the file is whole.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        let ReadRecords { mut records, torn } = self.read_records();
        assert!(!torn);
        records.sort_by_key(|record| record.id);
        records
    }

    pub(crate) fn read_records(&self) -> ReadRecords {
        read_records(&self.run_dir().join("records.jsonl")).expect("records")
    }

    /// A JSON file of its only run.
    #[track_caller]
    pub(crate) fn of_run(&self, name: &str) -> Value {
        json(&self.run_dir().join(name))
    }

    /// `summary.json` of its only run.
    #[track_caller]
    pub(crate) fn summary(&self) -> Value {
        self.of_run("summary.json")
    }

    /// LLMPerf's file whose name ends in `_<part>.json`.
    #[track_caller]
    pub(crate) fn llmperf(&self, part: &str) -> Value {
        let end = format!("_{part}.json");
        let files = entries(self.path()).into_iter().filter(|path| path.to_string_lossy().ends_with(&end));
        let files: Vec<PathBuf> = files.collect();
        assert_eq!(files.len(), 1, "{files:?}");
        json(&files[0])
    }

    /// Every file below, with its path.
    pub(crate) fn all_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut dirs = vec![self.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for path in entries(&dir) {
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    let bytes = fs::read(&path).expect("a file");
                    files.push((path, bytes));
                }
            }
        }
        files
    }
}

/// Counts of `summary.json`: sent, ok, failed, cancelled; the first is the sum of the others.
#[track_caller]
pub(crate) fn counts(summary: &Value) -> [u64; 4] {
    let counts =
        ["sent", "ok", "failed", "cancelled"].map(|key| summary["counts"][key].as_u64().expect("a count"));
    assert_eq!(counts[0], counts[1..].iter().sum::<u64>(), "{summary}");
    assert_eq!(
        summary["counts"]["scheduled"],
        counts[0] + summary["counts"]["dropped"].as_u64().expect("a count")
    );
    counts
}

pub(crate) fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    entries
}

#[track_caller]
fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()))
}
