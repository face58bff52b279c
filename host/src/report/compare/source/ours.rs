//! A run of ours: `summary.json`, and beside it `manifest.json` and `records.jsonl` as far as they are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Facts, NoRun, read_json};
use crate::metrics::{
    Aggregate, Distribution, Estimates, Level, Metric, Quantile, Quantity, Sample, Slo, Terms, TokenBasis,
};
use crate::report::compare::{ComparedRun, Tool, Traits};
use crate::report::{SCHEMA_VERSION, read_records};
use crate::units::Span;

pub(super) fn run(path: &Path, json: &Value) -> Result<ComparedRun> {
    check_version(path, json)?;
    if json.pointer("/metrics/ttft").is_none() || json.get("counts").is_none() {
        return Err(NoRun::of(path, "is no summary of a run"));
    }
    let beside = |name: &str| path.with_file_name(name);
    let manifest = match beside("manifest.json") {
        file if file.exists() => {
            let manifest = read_json(&file)?;
            check_version(&file, &manifest)?;
            manifest
        }
        _ => Value::Null,
    };
    let plan = &manifest["plan"];
    let basis = match json.pointer("/tokens/basis").and_then(Value::as_str) {
        Some("server") => TokenBasis::Server,
        _ => TokenBasis::Local,
    };
    let objectives = objectives(path, json)?;
    let read = match beside("records.jsonl") {
        file if file.exists() => Some(read_records(&file)?),
        _ => None,
    };
    let terms = terms(json, plan, &objectives);
    let torn = read.as_ref().is_some_and(|read| read.torn);
    let records = read.as_ref().map(|read| read.records.as_slice());
    let sample = records.map(|records| Sample::of_records(records, basis, &terms));
    let facts = Facts::of(path, json, plan, records.unwrap_or(&[]))?;
    // A summary that was taken out of its directory does not say whose it is.
    let unnamed = || path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
    let model = plan["model"].as_str().map_or_else(unnamed, str::to_owned);
    let count = |key: &str| json["counts"][key].as_u64().unwrap_or(0);
    Ok(ComparedRun {
        label: String::new(),
        traits: Traits::of_name(&model).with_metadata(|key| plan["metadata"][key].as_str()),
        model,
        tool: Tool::Llmperf,
        path: path.to_owned(),
        started: manifest["started_unix_s"].as_u64(),
        ok: count("ok"),
        failed: count("failed"),
        concurrency: plan["num_concurrent_requests"].as_u64(),
        request_rate: plan["arrival"]["request_rate_per_s"].as_f64(),
        verdict: json.pointer("/verdict/level").and_then(Value::as_str).map(str::to_uppercase),
        from_records: json.get("from_records").is_some(),
        torn,
        distributions: Metric::ALL
            .into_iter()
            .filter_map(|metric| Some((metric, distribution(&json["metrics"][metric.definition().name])?)))
            .collect(),
        rates: rates(json),
        objectives: objectives.iter().map(ToString::to_string).collect(),
        sample,
        estimates: Estimates::default(),
        facts,
    })
}

/// The summaries of the runs of a sweep or a search, in its order.
pub(super) fn series(path: &Path, json: &Value) -> Result<Vec<PathBuf>> {
    check_version(path, json)?;
    let runs = json["runs"].as_array().map_or(&[][..], Vec::as_slice);
    let dirs: Vec<&str> = runs.iter().filter_map(|run| run["run_dir"].as_str()).collect();
    if dirs.is_empty() || dirs.len() < runs.len() {
        return Err(NoRun(format!(
            "{} names no directories of its runs\nhint: run the series again with --results-dir, or give the run directories",
            path.display()
        ))
        .into());
    }
    let summary = |dir: &str| {
        let as_written = Path::new(dir).join("summary.json");
        // The results may have been moved as a whole.
        let moved = Path::new(dir).file_name().map(|name| path.with_file_name(name).join("summary.json"));
        [Some(as_written), moved]
            .into_iter()
            .flatten()
            .find(|file| file.is_file())
            .with_context(|| format!("{}: its run {dir} is not there", path.display()))
    };
    dirs.into_iter().map(summary).collect()
}

fn check_version(path: &Path, json: &Value) -> Result<()> {
    if json["schema_version"].as_u64() != Some(SCHEMA_VERSION) {
        bail!(
            "{} has schema_version {}; this llmperf reads {SCHEMA_VERSION}\nhint: compare it with the llmperf that wrote it",
            path.display(),
            json["schema_version"]
        );
    }
    Ok(())
}

fn rates(json: &Value) -> BTreeMap<Quantity, f64> {
    let value = |rate: Aggregate| json["rates"][rate.definition().name]["value"].as_f64();
    let rates = Aggregate::ALL.into_iter().filter_map(|rate| Some((Quantity::Rate(rate), value(rate)?)));
    let share = json.pointer("/goodput/share").and_then(Value::as_f64);
    rates.chain(share.map(|share| (Quantity::GoodShare, share))).collect()
}

/// The objectives that the run was held to.
fn objectives(path: &Path, json: &Value) -> Result<Vec<Slo>> {
    let texts: Vec<&str> = json["slo"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|slo| slo["text"].as_str())
        .collect();
    if texts.is_empty() {
        return Ok(vec![]);
    }
    Slo::parse_all(&texts.join(" "))
        .with_context(|| format!("{}: its objectives cannot be read", path.display()))
}

/// What the run's plan and summary say of its records.
fn terms(json: &Value, plan: &Value, objectives: &[Slo]) -> Terms {
    let window = json["window_s"].as_f64().filter(|window| *window >= 0.0);
    Terms {
        paced: !plan["arrival"].is_null() || !plan["trace_speed"].is_null(),
        window: window.map(|seconds| Span((seconds * 1e9).round() as u64)),
        objectives: objectives.to_vec(),
        dropped: json.pointer("/counts/dropped").and_then(Value::as_u64).unwrap_or(0),
    }
}

fn distribution(json: &Value) -> Option<Distribution> {
    let quantile = |level: Level| {
        let key = level.name().replace('.', "_");
        Some(Quantile { level, value: json[&key].as_f64()?, ci95: None })
    };
    Some(Distribution {
        n: json["n"].as_u64()?,
        mean: json["mean"].as_f64()?,
        min: json["min"].as_f64()?,
        max: json["max"].as_f64()?,
        stddev: json["stddev"].as_f64(),
        quantiles: Level::ALL.into_iter().filter_map(quantile).collect(),
        relative_error: json["relative_error"].as_f64().unwrap_or(0.0),
    })
}
