//! The directory of a run, read back: its summary and manifest as JSON, and where its records are. Where the run was killed
//! before it wrote a summary, one is made of its records.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::files::each_record;
use super::{Manifest, SCHEMA_VERSION, SummaryTerms, summarise};

/// Run directories that a hint names.
const MOST_NAMED: usize = 3;
pub(super) const SUMMARY: &str = "summary.json";
const MANIFEST: &str = "manifest.json";
const RECORDS: &str = "records.jsonl";

/// The directory of a run.
#[derive(Debug)]
pub struct RunDir {
    /// That of the run; where it was killed, what its records say.
    pub(super) summary: Value,
    pub(super) manifest: Value,
    pub(super) records: PathBuf,
    /// How many records the summary was made of, where the run wrote none.
    pub(super) made_of: Option<u64>,
    /// The records end inside a line, which is left out.
    pub(super) torn: bool,
}

impl RunDir {
    /// Opens it.
    ///
    /// # Errors
    /// Names the directory that is none of a run, or the file in it that is missing, cannot be read, or is of another version.
    pub fn open(dir: &Path) -> Result<RunDir> {
        let metadata = fs::metadata(dir).with_context(|| format!("cannot read {}", dir.display()))?;
        if !metadata.is_dir() {
            bail!("{} is a file\nhint: name the run's directory, which holds manifest.json", dir.display());
        }
        let records = dir.join(RECORDS);
        if !RunDir::is_one(dir) && !records.is_file() {
            return Err(no_run(dir));
        }
        if !records.is_file() {
            bail!("{} is missing\nhint: it is written next to {MANIFEST}; copy both", records.display());
        }
        let path = dir.join(SUMMARY);
        if path.is_file() {
            let (summary, manifest) = (document(&path)?, document(&dir.join(MANIFEST))?);
            let torn = is_torn(&records)?;
            return Ok(RunDir { summary, manifest, records, made_of: None, torn });
        }
        let manifest = document(&dir.join(MANIFEST))?;
        let read = Manifest::of(&manifest).map_err(anyhow::Error::from);
        let terms = read.and_then(|manifest| SummaryTerms::of(&manifest));
        let terms = terms.with_context(|| format!("{} cannot be read", dir.join(MANIFEST).display()))?;
        let made = summarise(&records, &terms, |_| ())?;
        if made.records == 0 {
            bail!(
                "{} has no {SUMMARY} and no whole record: the run was killed before its first request ended\nhint: run it again",
                dir.display()
            );
        }
        Ok(RunDir { summary: made.json, manifest, records, made_of: Some(made.records), torn: made.torn })
    }

    /// Whether a directory is that of a run, finished or not.
    pub fn is_one(dir: &Path) -> bool {
        dir.join(MANIFEST).is_file()
    }

    /// What of the run's files is not whole, for people.
    pub fn damage(&self) -> Vec<String> {
        let torn = "records.jsonl ends inside a line, which is left out".to_owned();
        match (self.made_of, self.torn) {
            (None, false) => vec![],
            (None, true) => vec![torn],
            (Some(records), is_torn) => {
                let lost = match self.summary["counts"]["dropped"].is_null() {
                    true => "its verdict and what was dropped are not known",
                    false => "its verdict is not known",
                };
                let made = format!(
                    "the run was killed or has not ended: it has no summary.json, and these numbers are from the {records} requests in its records.jsonl; {lost}"
                );
                std::iter::once(made).chain(is_torn.then_some(torn)).collect()
            }
        }
    }

    /// The summary, as `summary.json` has it.
    pub fn summary(&self) -> &Value {
        &self.summary
    }

    /// The manifest.
    pub fn manifest(&self) -> &Value {
        &self.manifest
    }

    /// Where the records are.
    pub fn records(&self) -> &Path {
        &self.records
    }
}

/// Whether a records file ends inside a line. Only where its last byte ends no line are the records read.
fn is_torn(records: &Path) -> Result<bool> {
    let last = || -> std::io::Result<Option<u8>> {
        let mut file = File::open(records)?;
        if file.metadata()?.len() == 0 {
            return Ok(None);
        }
        let mut byte = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut byte)?;
        Ok(Some(byte[0]))
    };
    match last().with_context(|| format!("cannot read {}", records.display()))? {
        None | Some(b'\n') => Ok(false),
        Some(_) => each_record(records, |_| ()),
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
        entries.map(|entry| entry.path()).filter(|path| RunDir::is_one(path)).collect();
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
    use serde_json::json;

    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Context, summarize};
    use crate::record::RequestRecord;
    use crate::report::{summary_json, write_record};
    use crate::units::Span;

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
        check(&run, "records.jsonl is missing");
        fs::write(run.join("records.jsonl"), "").unwrap();
        check(&run, "no whole record: the run was killed before its first request ended\nhint: run it again");
        fs::write(run.join("records.jsonl"), "{\"id\":").unwrap();
        check(&run, "no whole record");
        fs::write(run.join("summary.json"), "{\"schema_version\": 7}").unwrap();
        check(&run, "has the shape of version 7");
        fs::write(run.join("summary.json"), "[1]").unwrap();
        check(&run, "no schema_version");
        check(&run.join("summary.json"), "is a file\nhint: name the run's directory");
        check(results.path(), "name the run in it: ");
        fs::write(run.join("summary.json"), "{\"schema_version\": 1}").unwrap();
        let opened = RunDir::open(&run).unwrap();
        assert_eq!(opened.damage(), ["records.jsonl ends inside a line, which is left out"]);
        fs::write(run.join("records.jsonl"), "").unwrap();
        assert_eq!(RunDir::open(&run).unwrap().damage(), Vec::<String>::new());
    }

    #[test]
    fn a_run_without_a_summary_has_that_of_its_whole_records() {
        let dir = tempfile::tempdir().unwrap();
        let records: Vec<RequestRecord> = (0..40).map(|id| record(id, &[50 + id, 90 + 2 * id])).collect();
        let mut lines = Vec::new();
        records.iter().for_each(|record| write_record(record, &mut lines));
        lines.extend_from_slice(b"{\"id\": 40, \"warm");
        fs::write(dir.path().join("records.jsonl"), lines).unwrap();
        let plan = |rest: Value| {
            let manifest = json!({"schema_version": 1, "plan": rest});
            fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
            RunDir::open(dir.path()).unwrap()
        };
        let run = plan(json!({"duration_s": 0.1, "tokens": "local", "dialects": ["vllm"]}));
        let context = Context { measured: Some(Span::from_millis(100)), ..Context::default() };
        let expected = summary_json(&summarize(&records, context));
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&run.summary[key], value, "{key}");
        }
        assert!(run.summary["dialects"]["vllm"].is_object());
        assert_eq!(run.summary["from_records"], json!({"records": 40, "torn": true}));
        assert_eq!((run.made_of, run.torn, run.damage().len()), (Some(40), true, 2));
        // What was dropped in an open loop is in no record.
        let run = plan(json!({"overflow": "drop", "slo": ["ttft<80ms"]}));
        assert_eq!(
            (&run.summary["counts"]["dropped"], &run.summary["counts"]["ok"]),
            (&Value::Null, &json!(40))
        );
        assert_eq!(run.summary["slo"][0]["text"], "ttft<80ms");
    }
}
