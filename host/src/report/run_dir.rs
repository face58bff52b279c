//! The directory of a run, read back: its summary and manifest as JSON, and where its records are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::SCHEMA_VERSION;

/// Run directories that a hint names.
const MOST_NAMED: usize = 3;

/// The directory of a run that has ended.
#[derive(Debug)]
pub struct RunDir {
    pub(super) summary: Value,
    pub(super) manifest: Value,
    pub(super) records: PathBuf,
}

impl RunDir {
    /// Opens it.
    ///
    /// # Errors
    /// Names the directory that is none of a run, or the file in it that is missing, cannot be read, or is of another version.
    pub fn open(dir: &Path) -> Result<RunDir> {
        let metadata = fs::metadata(dir).with_context(|| format!("cannot read {}", dir.display()))?;
        if !metadata.is_dir() {
            bail!("{} is a file\nhint: name the run's directory, which holds summary.json", dir.display());
        }
        let records = dir.join("records.jsonl");
        if !dir.join("manifest.json").is_file() && !records.is_file() {
            return Err(no_run(dir));
        }
        let summary = dir.join("summary.json");
        if !summary.is_file() {
            bail!("{} is missing: the run was killed, or has not ended", summary.display());
        }
        if !records.is_file() {
            bail!("{} is missing\nhint: it is written beside summary.json; copy both", records.display());
        }
        Ok(RunDir { summary: document(&summary)?, manifest: document(&dir.join("manifest.json"))?, records })
    }
}

fn document(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a file of llmperf's", path.display()))?;
    match value.get("schema_version").and_then(Value::as_u64) {
        Some(SCHEMA_VERSION) => Ok(value),
        Some(other) => bail!(
            "{} has the shape of version {other}; this llmperf reads {SCHEMA_VERSION}\nhint: use the llmperf that wrote it",
            path.display()
        ),
        None => bail!("{} is not a file of llmperf's: it has no schema_version", path.display()),
    }
}

/// `--results-dir` holds run directories; whoever names it is told which.
fn no_run(dir: &Path) -> anyhow::Error {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut runs: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.join("summary.json").is_file()).collect();
    runs.sort();
    let named: Vec<String> = runs.iter().take(MOST_NAMED).map(|path| path.display().to_string()).collect();
    let hint = match named.as_slice() {
        [] => "name a directory that `--results-dir` made for a run".to_owned(),
        [only] => format!("name the run in it: {only}"),
        several if runs.len() > MOST_NAMED => {
            format!("name one of the runs in it: {}, …", several.join(", "))
        }
        several => format!("name one of the runs in it: {}", several.join(", ")),
    };
    anyhow!("{} is not the directory of a run: it has no manifest.json\nhint: {hint}", dir.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_run_is_named_with_the_remedy() {
        let results = tempfile::tempdir().unwrap();
        let check = |path: &Path, expected: &str| {
            let error = format!("{:#}", RunDir::open(path).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        check(&results.path().join("missing"), "cannot read");
        check(results.path(), "name a directory that `--results-dir` made");
        let run = results.path().join("run");
        fs::create_dir(&run).unwrap();
        fs::write(run.join("manifest.json"), "{\"schema_version\": 1}").unwrap();
        check(&run, "summary.json is missing: the run was killed");
        fs::write(run.join("summary.json"), "{\"schema_version\": 7}").unwrap();
        check(&run, "records.jsonl is missing");
        fs::write(run.join("records.jsonl"), "").unwrap();
        check(&run, "has the shape of version 7");
        fs::write(run.join("summary.json"), "[1]").unwrap();
        check(&run, "no schema_version");
        check(&run.join("summary.json"), "is a file\nhint: name the run's directory");
        check(results.path(), "name the run in it: ");
        fs::write(run.join("summary.json"), "{\"schema_version\": 1}").unwrap();
        assert!(RunDir::open(&run).is_ok());
    }
}
