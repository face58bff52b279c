//! The results directory of a run: LLMPerf's two files, and a directory of the run's own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Ended, Setup, manifest};
use crate::metrics::llmperf::Rows;
use crate::metrics::{Distribution, Summary};
use crate::plan::ReplayPlan;
use crate::record::RequestRecord;
use crate::report::llmperf::{LlmperfFiles, LlmperfRun, file_base};
use crate::report::{Manifest, RecordsWriter, ascii_json, summary_json, write_atomically};
use crate::transport::Habit;
use crate::units::Span;

/// Where the results of a run are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFiles {
    /// LLMPerf's summary and individual responses.
    pub llmperf: Vec<PathBuf>,
    /// The run's own directory: `manifest.json`, `records.jsonl`, `summary.json`.
    pub run_dir: PathBuf,
}

/// Results being written; nothing at all where the plan saves none.
pub(super) struct Results(Option<Open>);

struct Open {
    /// The first record that could not be written ends the writing, not the run.
    failed: Option<anyhow::Error>,
    results_dir: PathBuf,
    run_dir: PathBuf,
    records: RecordsWriter,
    /// What the files of LLMPerf's load test need of each record; `None` of another test.
    rows: Option<Rows>,
    timestamp: u64,
}

impl Results {
    /// Makes the run's directory and writes its manifest, so that a run that is killed says what it was.
    pub(super) fn create(setup: &Setup, timestamp: u64) -> Result<Results> {
        let Some(results_dir) = setup.plan.results_dir.clone() else { return Ok(Results(None)) };
        let test = if setup.plan.check.is_some() { "correctness" } else { "load" };
        let base = format!("{}_{test}_{timestamp}", setup.plan.model);
        let rows = setup.plan.check.is_none().then(Rows::default);
        Results::open(results_dir, &base, &manifest::of(setup, timestamp), timestamp, rows)
    }

    /// The same for the results of a replay.
    pub(super) fn of_replay(plan: &ReplayPlan, recorded: &Manifest, manifest: &Value) -> Result<Results> {
        let Some(results_dir) = plan.results_dir.clone() else { return Ok(Results(None)) };
        let base = format!("{}_replay_{}", recorded.model(), recorded.started());
        Results::open(results_dir, &base, manifest, recorded.started(), Some(Rows::default()))
    }

    fn open(
        results_dir: PathBuf,
        base: &str,
        manifest: &Value,
        timestamp: u64,
        rows: Option<Rows>,
    ) -> Result<Results> {
        let run_dir = new_run_dir(&results_dir, base)?;
        write_atomically(&run_dir.join("manifest.json"), &pretty(manifest))?;
        let records = RecordsWriter::create(&run_dir.join("records.jsonl"))?;
        Ok(Results(Some(Open { failed: None, results_dir, run_dir, records, rows, timestamp })))
    }

    /// Keeps the record of a request that has just ended.
    pub(super) fn keep(&mut self, record: &RequestRecord) {
        if let Some(open) = self.0.as_mut().filter(|open| open.failed.is_none()) {
            open.failed = open.records.append(record).err();
            if let Some(rows) = &mut open.rows {
                rows.add(record);
            }
        }
    }

    /// Writes what is known only at the end. The pair of LLMPerf's files is a load test's; that of its correctness test is made
    /// of more than records.
    pub(super) fn finish(self, setup: &Setup, json: &Value) -> Result<Option<ResultFiles>> {
        let Some(open) = self.0 else { return Ok(None) };
        let plan = &setup.plan;
        if plan.check.is_some() {
            return open.complete(json, None).map(Some);
        }
        let run = LlmperfRun {
            model: &plan.model,
            mean_input_tokens: plan.workload.isl.mean,
            stddev_input_tokens: plan.workload.isl.stddev,
            mean_output_tokens: plan.workload.osl.mean,
            stddev_output_tokens: plan.workload.osl.stddev,
            num_concurrent_requests: plan.concurrency as u64,
            additional_sampling_params: &plan.sampling,
            metadata: &plan.metadata,
            timestamp: open.timestamp,
        };
        let results_dir = open.results_dir.clone();
        open.complete(json, Some((&results_dir, &run))).map(Some)
    }

    /// The same for a replay. LLMPerf's files go beside the others: they would have the names of those of the run.
    pub(super) fn finish_replay(self, recorded: &Manifest, json: &Value) -> Result<Option<ResultFiles>> {
        let Some(open) = self.0 else { return Ok(None) };
        let (metadata, run_dir) = (recorded.metadata(), open.run_dir.clone());
        open.complete(json, Some((&run_dir, &recorded.llmperf_run(&metadata)))).map(Some)
    }
}

impl Open {
    fn complete(self, json: &Value, llmperf: Option<(&Path, &LlmperfRun<'_>)>) -> Result<ResultFiles> {
        if let Some(error) = self.failed {
            return Err(error.context("the results are not complete"));
        }
        write_atomically(&self.run_dir.join("summary.json"), &pretty(json))?;
        let llmperf = match (llmperf, self.rows) {
            (Some((dir, run)), Some(rows)) => LlmperfFiles::of(run, rows).write(dir)?.into(),
            _ => vec![],
        };
        Ok(ResultFiles { llmperf, run_dir: self.run_dir })
    }
}

/// A directory that was not there before: two runs in one second, or into one directory, do not meet.
fn new_run_dir(results_dir: &Path, base: &str) -> Result<PathBuf> {
    let base = file_base(base);
    let names = std::iter::once(base.clone()).chain((2..).map(|n| format!("{base}_{n}")));
    for name in names {
        let dir = results_dir.join(name);
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be made", dir.display()));
            }
        }
    }
    unreachable!("the names do not end")
}

/// `summary.json`: the summary, and what the run itself adds to it. `server`: what it did with connections after an answer.
pub(super) fn report_json(
    summary: &Summary,
    ended: Ended,
    opened_ahead: &[Span],
    server: Option<&str>,
) -> Value {
    let mut json = summary_json(summary);
    json["ended"] = manifest::ended_word(ended).into();
    let connect = Distribution::of(opened_ahead.iter().map(|span| span.as_ms()).collect());
    json["connections"] = json!({
        "opened_ahead": opened_ahead.len(),
        "server": server,
        "connect_ms": connect.map(|connect| json!({ "mean": connect.mean, "min": connect.min, "max": connect.max })),
    });
    json
}

/// The word in results.
pub(super) fn habit_word(habit: Habit) -> &'static str {
    match habit {
        Habit::Keeps => "keeps",
        Habit::Closes => "closes",
    }
}

pub(super) fn pretty(json: &Value) -> Vec<u8> {
    let mut text = ascii_json(json);
    text.push('\n');
    text.into_bytes()
}
