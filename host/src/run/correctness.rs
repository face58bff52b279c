//! A correctness test from its plan to its results: a load test whose replies are judged as they come. Where replies are
//! compared with each other, it is two load tests of the same questions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use super::build::Builder;
use super::interrupt::Interrupts;
use super::replies::{KeptReplies, Replies, Twins};
use super::results::pretty;
use super::{Ended, Report, SeriesWatcher, Setup, Watcher, load, manifest};
use crate::clock;
use crate::error::Error;
use crate::metrics::Correctness;
use crate::metrics::llmperf::{ReplyTokens, Row};
use crate::plan::{CorrectnessPlan, Plan};
use crate::record::{Grade, RequestRecord};
use crate::report::llmperf::{CorrectnessRun, Reply};
use crate::report::{CheckLabel, CheckedRun, LISTED_MISMATCHES, Mismatch, write_atomically};
use crate::units::RequestId;
use crate::workload::Check;

/// A finished correctness test.
#[derive(Debug)]
pub struct Checked {
    pub correctness: Correctness,
    /// Of the same questions asked one at a time; `None` where a reply is judged by itself.
    pub alone: Option<Correctness>,
    /// By request; the first of them, as many as `correctness.json` lists.
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
        let asked = ask(plan.plan.clone(), Compared::WithTruth, watcher.run())?;
        return Ok(Checked::of(plan, asked, None));
    }
    let interrupts = Interrupts::watch()?;
    let low = Plan { concurrency: 1, ..plan.plan.clone() };
    watcher.begins(1, &low);
    let mut alone = ask(low, Compared::Later, watcher.run())?;
    let goes_on = matches!(alone.report.ended, Ended::Complete | Ended::TimedOut);
    if !goes_on || interrupts.seen() || alone.correctness.answered == 0 {
        return Ok(Checked::of(plan, alone, None));
    }
    watcher.begins(2, &plan.plan);
    let Some(replies) = std::mem::replace(&mut alone.replies, Ok(None))? else {
        return Ok(Checked::of(plan, alone, None));
    };
    let together = ask(plan.plan.clone(), Compared::With(replies.into_twins()), watcher.run())?;
    Ok(Checked::of(plan, together, Some(alone.correctness)))
}

/// One load test, with what was replied.
struct Asked {
    report: Report,
    correctness: Correctness,
    /// `None` where nothing is made of them.
    replies: Result<Option<KeptReplies>>,
    mismatches: Vec<Mismatch>,
    builder: Arc<Builder>,
    concurrency: usize,
    who: Who,
    /// Seconds since 1970.
    started: u64,
}

/// What makes a reply right.
enum Compared {
    /// The right reply is known.
    WithTruth,
    /// Nothing yet: others will be compared with these.
    Later,
    /// It is the same as this.
    With(Twins),
}

fn ask(plan: Plan, compared: Compared, watcher: &mut dyn Watcher) -> Result<Asked, Error> {
    let concurrency = plan.concurrency;
    let dir = plan.results_dir.clone();
    let setup = Setup::new(plan)?;
    let who = Who { target: setup.target(), api: setup.api(), plugin: setup.plugin() };
    let builder = Arc::clone(&setup.builder);
    // They are for the files, and to be compared with.
    let are_kept = dir.is_some() || matches!(compared, Compared::Later);
    let mut judge = Judge {
        watcher,
        builder: Arc::clone(&builder),
        compared,
        counted: match builder.plugin.description().name.as_str() {
            "sagemaker" | "vertex-predict" => ReplyTokens::Tokenizer,
            _ => ReplyTokens::Chunks,
        },
        correctness: Correctness::default(),
        replies: are_kept.then(|| Replies::start(dir.as_deref())).transpose()?,
        mismatches: BTreeMap::new(),
        failed: None,
    };
    let started = clock::unix_seconds();
    let report = load(setup, &mut judge)?;
    let Judge { correctness, replies, mismatches, failed, .. } = judge;
    let replies = match failed {
        Some(error) => Err(error),
        None => replies.map(Replies::finish).transpose(),
    };
    let mismatches = mismatches.into_values().collect();
    Ok(Asked { report, correctness, replies, mismatches, builder, concurrency, who, started })
}

/// Judges replies as they come.
struct Judge<'a> {
    watcher: &'a mut dyn Watcher,
    builder: Arc<Builder>,
    compared: Compared,
    counted: ReplyTokens,
    correctness: Correctness,
    replies: Option<Replies>,
    /// The first by request, as many as are listed.
    mismatches: BTreeMap<RequestId, Mismatch>,
    /// The replies cannot be kept or read again. It ends that, not the run.
    failed: Option<anyhow::Error>,
}

impl Judge<'_> {
    fn grade(&self, id: RequestId, reply: &str) -> Result<Option<Grade>> {
        Ok(match &self.compared {
            Compared::WithTruth => self.builder.workload.grade(id, reply),
            Compared::Later => None,
            Compared::With(twins) => twins.get(id)?.map(|twin| Grade::right_if(twin == reply, &twin)),
        })
    }

    fn judge(&mut self, record: &RequestRecord) -> Result<()> {
        let text = record.output.as_ref().map_or("", |output| output.text.as_str());
        let grade = if record.is_ok() { self.grade(record.id, text) } else { Ok(None) };
        self.correctness.add(record, grade.as_ref().ok().and_then(Option::as_ref));
        if let Some(Grade::Wrong { expected }) = grade? {
            let mismatch = Mismatch { id: record.id, expected, reply: text.to_owned() };
            self.mismatches.insert(record.id, mismatch);
            if self.mismatches.len() > LISTED_MISMATCHES {
                self.mismatches.pop_last();
            }
        }
        match (&mut self.replies, Row::of_correctness(record, self.counted)) {
            (Some(replies), Some(row)) => replies.add((record.id, record.end), row, text),
            _ => Ok(()),
        }
    }
}

impl Watcher for Judge<'_> {
    fn started(&mut self, requests: u64) {
        self.watcher.started(requests);
    }

    fn finished(&mut self, record: &RequestRecord) {
        if let Err(error) = self.judge(record) {
            self.failed.get_or_insert(error);
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
        let written = replies.and_then(|replies| checked.write(plan, replies, &builder, started));
        if let Err(error) = written {
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
            fail_above_errors: plan.fail_above_errors,
        }
    }

    /// Writes LLMPerf's two files into the results directory, and `correctness.json` into that of the run.
    fn write(
        &mut self,
        plan: &CorrectnessPlan,
        replies: Option<KeptReplies>,
        builder: &Builder,
        started: u64,
    ) -> Result<()> {
        let (Some(dir), Some(replies)) = (&plan.plan.results_dir, replies) else { return Ok(()) };
        let Ok(Some(files)) = &mut self.report.files else { return Ok(()) };
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
        files.llmperf = write_llmperf(&run, dir, &replies, builder)?;
        Ok(())
    }
}

/// Prompts are made once more as they are written: of long ones, only one at a time is in memory, as of replies.
fn write_llmperf(
    run: &CorrectnessRun<'_>,
    dir: &Path,
    replies: &KeptReplies,
    builder: &Builder,
) -> Result<Vec<PathBuf>> {
    let mut failed = None;
    let readable = replies.each().map_while(|reply| reply.map_err(|error| failed = Some(error)).ok());
    let replies = readable.map(|(id, row, text)| {
        let (prompt, facts) = builder.workload.question(id).unwrap_or_default();
        Reply { row, text, prompt, facts }
    });
    let files = run.write(dir, replies)?;
    match failed {
        Some(error) => Err(error),
        None => Ok(files.into()),
    }
}
