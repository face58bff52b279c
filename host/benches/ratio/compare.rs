//! What a client measured, laid beside what the mock really did. Both stamp on `CLOCK_MONOTONIC` of one machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use llmperf::mock::TruthRow;
use llmperf::report::read_records;
use serde::{Deserialize, Serialize};

use crate::floor::Answer;

/// What the results of one run say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// Token-bearing events of all answers.
    pub(crate) events: u64,
    pub(crate) first_sent_ns: u64,
    /// The last token of all.
    pub(crate) last_token_ns: u64,
    /// Mean bytes of the prompts, as the mock saw them.
    pub(crate) prompt_bytes: Option<u64>,
    /// Where the mock logged what it did.
    pub(crate) errors: Option<Errors>,
}

/// How far the client's times are off, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Errors {
    /// (First token − sent) of the client less (first token's write − request read) of the mock, over all answers.
    pub(crate) ttft_p50: f64,
    pub(crate) ttft_p99: f64,
    /// |Time between two tokens at the client less that between their writes|, over all pairs.
    pub(crate) gap_p99: f64,
}

/// The process that compares: it takes the client's name, the directory of its results and the truth log, and prints JSON.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let [client, dir, truth] = args else { bail!("compare takes: client, results, truth log") };
    let answers = match client.as_str() {
        "floor" => lines(&Path::new(dir).join("floor.jsonl"))?,
        _ => llmperf_answers(Path::new(dir))?,
    };
    let truth = Path::new(truth);
    let truth = if truth.exists() { lines(truth)? } else { vec![] };
    println!("{}", serde_json::to_string(&compare(&answers, &truth)?)?);
    Ok(())
}

/// Compares answers with the truth; without any truth there are no errors to find.
pub(crate) fn compare(answers: &[Answer], truth: &[TruthRow]) -> Result<Findings> {
    let tokens = || answers.iter().flat_map(|answer| &answer.token_ns);
    let mut findings = Findings {
        events: tokens().count() as u64,
        first_sent_ns: answers.iter().map(|answer| answer.sent_ns).min().context("there are no answers")?,
        last_token_ns: *tokens().max().context("there are no tokens")?,
        prompt_bytes: None,
        errors: None,
    };
    if truth.is_empty() {
        return Ok(findings);
    }
    ensure!(truth.len() == answers.len(), "{} answers of {} came", answers.len(), truth.len());
    let bytes: u64 = truth.iter().map(|row| row.prompt_bytes).sum();
    findings.prompt_bytes = Some(bytes / truth.len() as u64);
    findings.errors = Some(errors(answers, truth)?);
    Ok(findings)
}

fn errors(answers: &[Answer], truth: &[TruthRow]) -> Result<Errors> {
    let truth: HashMap<&str, &TruthRow> = truth.iter().map(|row| (row.id.as_str(), row)).collect();
    let (mut ttft, mut gap) = (Vec::new(), Vec::new());
    for answer in answers {
        let row =
            truth.get(answer.id.as_str()).with_context(|| format!("the mock knows no {}", answer.id))?;
        let (arrivals, writes) = (&answer.token_ns, &row.token_ns);
        ensure!(arrivals.len() == writes.len(), "{} tokens of {} came", arrivals.len(), writes.len());
        let (Some(arrival), Some(write)) = (arrivals.first(), writes.first()) else { continue };
        ttft.push(ms_between(arrival - answer.sent_ns, write - row.request_ns));
        for (arrivals, writes) in arrivals.windows(2).zip(writes.windows(2)) {
            gap.push(ms_between(arrivals[1] - arrivals[0], writes[1] - writes[0]).abs());
        }
    }
    Ok(Errors {
        ttft_p50: quantile(&mut ttft, 0.5),
        ttft_p99: quantile(&mut ttft, 0.99),
        gap_p99: quantile(&mut gap, 0.99),
    })
}

fn ms_between(a: u64, b: u64) -> f64 {
    (a as f64 - b as f64) / 1e6
}

/// The value at rank ⌊(n − 1) · q⌋; 0 where there is none, as of one-token answers' gaps.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len().saturating_sub(1) as f64 * q) as usize).copied().unwrap_or(0.0)
}

/// The values of a file with one JSON line each.
pub(crate) fn lines<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn llmperf_answers(results: &Path) -> Result<Vec<Answer>> {
    let runs =
        std::fs::read_dir(results)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    let run =
        runs.into_iter().find(|path| path.join("manifest.json").exists()).context("llmperf left no run")?;
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("manifest.json"))?)?;
    let zero = manifest["zero_monotonic_ns"].as_u64().context("the manifest has no zero")?;
    let answer = |record: llmperf::record::RequestRecord| {
        ensure!(record.is_ok(), "a request of llmperf failed: {:?}", record.outcome);
        Ok(Answer {
            id: record.response_id.context("an answer has no id")?,
            sent_ns: zero + record.sent.0,
            token_ns: record.token_events.iter().map(|stamp| zero + stamp.0).collect(),
        })
    };
    read_records(&run.join("records.jsonl"))?.records.into_iter().map(answer).collect()
}
