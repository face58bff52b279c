//! A correctness test from its plan to its results: a load test whose replies are judged as they come. Where replies are
//! compared with each other, it is two load tests of the same questions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use super::build::Builder;
use super::interrupt::Interrupts;
use super::results::pretty;
use super::{Ended, Report, SeriesWatcher, Setup, Watcher, load, manifest};
use crate::clock;
use crate::error::Error;
use crate::metrics::Correctness;
use crate::metrics::llmperf::Row;
use crate::plan::{CorrectnessPlan, Plan};
use crate::record::{Grade, RequestRecord};
use crate::report::llmperf::{CorrectnessRun, Reply};
use crate::report::{CheckLabel, CheckedRun, Mismatch, write_atomically};
use crate::units::{RequestId, Stamp};
use crate::workload::Check;

/// A finished correctness test.
#[derive(Debug)]
pub struct Checked {
    pub correctness: Correctness,
    /// Of the same questions asked one at a time; `None` where a reply is judged by itself.
    pub alone: Option<Correctness>,
    /// By request.
    pub mismatches: Vec<Mismatch>,
    /// The load test that it was; of two, the one under load.
    pub report: Report,
    /// All of it as `correctness.json` has it.
    pub json: Value,
    concurrency: usize,
    who: Who,
}

/// Who was asked, for people.
#[derive(Debug, Clone)]
struct Who {
    target: String,
    api: String,
    plugin: String,
}

/// Runs a correctness test. Where the first of two rounds did not come to its end, or got no answer, it is all there is, and no
/// reply in it is judged.
///
/// # Errors
/// As [`load`].
pub fn correctness(plan: &CorrectnessPlan, watcher: &mut dyn SeriesWatcher) -> Result<Checked, Error> {
    if plan.check != Check::Repeat {
        watcher.begins(1, &plan.plan);
        let asked = ask(plan.plan.clone(), None, watcher.run())?;
        return Ok(Checked::of(plan, asked, None));
    }
    let interrupts = Interrupts::watch()?;
    let low = Plan { concurrency: 1, ..plan.plan.clone() };
    watcher.begins(1, &low);
    let alone = ask(low, Some(HashMap::new()), watcher.run())?;
    let goes_on = matches!(alone.report.ended, Ended::Complete | Ended::TimedOut);
    if !goes_on || interrupts.seen() || alone.correctness.answered == 0 {
        return Ok(Checked::of(plan, alone, None));
    }
    watcher.begins(2, &plan.plan);
    let answered = alone.replies.into_iter().filter(|reply| reply.row.error_code.is_none());
    let twins = answered.map(|reply| (reply.id, reply.text)).collect();
    let together = ask(plan.plan.clone(), Some(twins), watcher.run())?;
    Ok(Checked::of(plan, together, Some(alone.correctness)))
}

/// One load test, with what was replied.
struct Asked {
    report: Report,
    correctness: Correctness,
    /// In order of completion.
    replies: Vec<KeptReply>,
    mismatches: Vec<Mismatch>,
    builder: Arc<Builder>,
    concurrency: usize,
    who: Who,
    /// Seconds since 1970.
    started: u64,
}

/// What is kept of a request until LLMPerf's files are written.
struct KeptReply {
    id: RequestId,
    end: Stamp,
    row: Row,
    text: String,
}

fn ask(
    plan: Plan,
    twins: Option<HashMap<RequestId, String>>,
    watcher: &mut dyn Watcher,
) -> Result<Asked, Error> {
    let concurrency = plan.concurrency;
    let setup = Setup::new(plan)?;
    let who = Who { target: setup.target(), api: setup.api(), plugin: setup.plugin() };
    let builder = Arc::clone(&setup.builder);
    let mut judge = Judge {
        watcher,
        builder: Arc::clone(&builder),
        twins,
        correctness: Correctness::default(),
        replies: vec![],
        mismatches: vec![],
    };
    let started = clock::unix_seconds();
    let report = load(setup, &mut judge)?;
    let Judge { correctness, mut replies, mut mismatches, .. } = judge;
    replies.sort_by_key(|reply| (reply.end, reply.id));
    mismatches.sort_by_key(|mismatch| mismatch.id);
    Ok(Asked { report, correctness, replies, mismatches, builder, concurrency, who, started })
}

/// Judges replies as they come.
struct Judge<'a> {
    watcher: &'a mut dyn Watcher,
    builder: Arc<Builder>,
    /// What a reply has to equal, where it is not judged by itself.
    twins: Option<HashMap<RequestId, String>>,
    correctness: Correctness,
    replies: Vec<KeptReply>,
    mismatches: Vec<Mismatch>,
}

impl Judge<'_> {
    fn grade(&self, id: RequestId, reply: &str) -> Option<Grade> {
        match &self.twins {
            None => self.builder.workload.grade(id, reply),
            Some(twins) => twins.get(&id).map(|twin| Grade::right_if(twin == reply, twin)),
        }
    }
}

impl Watcher for Judge<'_> {
    fn started(&mut self, requests: u64) {
        self.watcher.started(requests);
    }

    fn finished(&mut self, record: &RequestRecord) {
        let text = record.output.as_ref().map(|output| output.text.clone()).unwrap_or_default();
        let grade = record.is_ok().then(|| self.grade(record.id, &text)).flatten();
        self.correctness.add(record, grade.as_ref());
        if let Some(Grade::Wrong { expected }) = grade {
            self.mismatches.push(Mismatch { id: record.id, expected, reply: text.clone() });
        }
        if let Some(row) = Row::of_correctness(record) {
            self.replies.push(KeptReply { id: record.id, end: record.end, row, text });
        }
        self.watcher.finished(record);
    }

    fn ended(&mut self) {
        self.watcher.ended();
    }
}

impl Checked {
    fn of(plan: &CorrectnessPlan, asked: Asked, alone: Option<Correctness>) -> Checked {
        let Asked { report, correctness, replies, mismatches, builder, concurrency, who, started } = asked;
        let mut checked =
            Checked { correctness, alone, mismatches, report, json: Value::Null, concurrency, who };
        let mut json = checked.page(plan).json();
        json["ended"] = manifest::ended_word(checked.report.ended).into();
        json["load"] = checked.report.json.clone();
        checked.json = json;
        if let Err(error) = checked.write(plan, &replies, &builder, started) {
            checked.report.files = Err(error);
        }
        checked
    }

    /// It, to be shown.
    pub fn page<'a>(&'a self, plan: &'a CorrectnessPlan) -> CheckedRun<'a> {
        CheckedRun {
            label: CheckLabel {
                model: &plan.plan.model,
                target: &self.who.target,
                api: &self.who.api,
                plugin: &self.who.plugin,
            },
            check: plan.check,
            seed: plan.plan.workload.seed,
            concurrency: self.concurrency,
            correctness: &self.correctness,
            alone: self.alone.as_ref(),
            mismatches: &self.mismatches,
            failures: &self.report.summary.failures,
            fail_above: plan.fail_above,
        }
    }

    /// Writes LLMPerf's two files into the results directory, and `correctness.json` into that of the run.
    fn write(
        &mut self,
        plan: &CorrectnessPlan,
        replies: &[KeptReply],
        builder: &Builder,
        started: u64,
    ) -> Result<()> {
        let (Some(dir), Ok(Some(files))) = (&plan.plan.results_dir, &mut self.report.files) else {
            return Ok(());
        };
        write_atomically(&files.run_dir.join("correctness.json"), &pretty(&self.json))?;
        let run = CorrectnessRun {
            model: &plan.plan.model,
            llm_api: &plan.plan.llm_api,
            check: plan.check,
            correctness: &self.correctness,
            num_concurrent_requests: self.concurrency as u64,
            additional_sampling_params: &plan.additional,
            sampling_params: &plan.plan.sampling,
            metadata: &plan.plan.metadata,
            timestamp: started,
        };
        files.llmperf = write_llmperf(&run, dir, replies, builder)?;
        Ok(())
    }
}

/// Prompts are made once more as they are written: of long ones, only one at a time is in memory.
fn write_llmperf(
    run: &CorrectnessRun<'_>,
    dir: &Path,
    replies: &[KeptReply],
    builder: &Builder,
) -> Result<Vec<PathBuf>> {
    let replies = replies.iter().map(|reply| {
        let (prompt, facts) = builder.workload.question(reply.id).unwrap_or_default();
        Reply { row: &reply.row, text: &reply.text, prompt, facts }
    });
    Ok(run.write(dir, replies)?.into())
}
