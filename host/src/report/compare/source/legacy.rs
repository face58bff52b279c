//! A load test in the format of ray-project/llmperf: `*_summary.json`, and beside it `*_individual_responses.json` as far as it is there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{NoRun, read_json};
use crate::metrics::{
    Aggregate, Distribution, Estimates, Level, Metric, Quantile, Quantity, Sample, Sampled,
};
use crate::report::compare::{ComparedRun, Tool, Traits};
use crate::units::Span;

/// The only revision that LLMPerf ever wrote.
const VERSION: &str = "2023-08-31";
const END: &str = "_summary.json";

/// Its names, ours, and how many of ours one of its units is.
const COLUMNS: [(&str, Metric, f64); 6] = [
    ("inter_token_latency_s", Metric::Itl, 1e3),
    ("ttft_s", Metric::Ttft, 1e3),
    ("end_to_end_latency_s", Metric::E2el, 1e3),
    ("request_output_throughput_token_per_s", Metric::OutputThroughputPerRequest, 1.0),
    ("number_input_tokens", Metric::Isl, 1.0),
    ("number_output_tokens", Metric::Osl, 1.0),
];

/// Whether a file in a directory is one to read, by its name.
pub(super) fn is_load_summary(path: &Path) -> bool {
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    name.ends_with(END) && !name.ends_with("_correctness_summary.json")
}

pub(super) fn run(path: &Path, json: &Value) -> Result<ComparedRun> {
    if json["version"].as_str() != Some(VERSION) {
        bail!(
            "{} is of version {}; LLMPerf's {VERSION} can be read\nhint: compare it with the tool that wrote it",
            path.display(),
            json["version"]
        );
    }
    if json.get("num_mismatched_requests").is_some() {
        return Err(NoRun::of(path, "is of a correctness test"));
    }
    let Some(model) = json["model"].as_str().filter(|_| json.get("results_num_requests_started").is_some())
    else {
        return Err(NoRun::of(path, "is no summary of a load test"));
    };
    let distributions: std::collections::BTreeMap<_, _> = COLUMNS
        .into_iter()
        .filter_map(|(name, metric, factor)| Some((metric, distribution(json, name, factor)?)))
        .collect();
    let number = |key: &str| number(&json[key]);
    let rates = [
        (Aggregate::OutputThroughput, number("results_mean_output_throughput_token_per_s")),
        (
            Aggregate::RequestThroughput,
            number("results_num_completed_requests_per_min").map(|rate| rate / 60.0),
        ),
        (Aggregate::ErrorRate, number("results_error_rate")),
    ];
    let failed = json["results_number_errors"].as_u64().unwrap_or(0);
    let completed = json["results_num_completed_requests"].as_u64().unwrap_or(0);
    let rows = json["results_num_requests_started"].as_u64();
    let concurrency = json["num_concurrent_requests"].as_u64();
    let slots = usize::try_from(concurrency.unwrap_or(1)).unwrap_or(1);
    let sample = individual(path).map(|file| read_individual(&file, slots)).transpose()?;
    // Rows of another run than this summary's would give it their intervals.
    let sample = sample.filter(|sample| Some(sample.len() as u64) == rows);
    let ok = match &sample {
        // How many LLMPerf calls completed depends on its version; the rows are what there is.
        Some(sample) => (sample.len() as u64).saturating_sub(failed),
        None => completed,
    };
    Ok(ComparedRun {
        label: String::new(),
        traits: Traits::of_name(model).with_metadata(|key| json[key].as_str()),
        model: model.to_owned(),
        tool: tool(json),
        path: path.to_owned(),
        started: json["timestamp"].as_u64(),
        ok,
        failed,
        concurrency,
        request_rate: None,
        verdict: None,
        from_records: false,
        torn: false,
        distributions,
        rates: rates.into_iter().filter_map(|(rate, value)| Some((Quantity::Rate(rate), value?))).collect(),
        objectives: vec![],
        sample,
        estimates: Estimates::default(),
        facts: super::Facts::default(),
    })
}

/// Who wrote it. LLMPerf writes the least and the greatest number of tokens as texts, by accident; llmperf as numbers.
fn tool(json: &Value) -> Tool {
    let counts = ["input_tokens_min", "input_tokens_max", "output_tokens_min", "output_tokens_max"];
    let is_text = |count: &str| json[format!("results_number_{count}")].is_string();
    if counts.into_iter().any(is_text) { Tool::LegacyLlmperf } else { Tool::LlmperfFiles }
}

/// The file of its requests, if it is there.
fn individual(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let file = path.with_file_name(format!("{}_individual_responses.json", name.strip_suffix(END)?));
    file.is_file().then_some(file)
}

fn read_individual(path: &Path, slots: usize) -> Result<Sample> {
    let json = read_json(path)?;
    let rows = json.as_array().with_context(|| format!("{} is no list of requests", path.display()))?;
    let request = |(at, row): (usize, &Value)| {
        let busy = number(&row["end_to_end_latency_s"]).filter(|busy| *busy >= 0.0);
        let ok = row["error_code"].is_null();
        if !row.is_object() || ok && busy.is_none() {
            bail!("{}: request {at} is none of a load test of LLMPerf", path.display());
        }
        let values = COLUMNS
            .into_iter()
            .filter(|_| ok)
            .filter_map(|(name, metric, factor)| Some((metric, vec![number(&row[name])? * factor])));
        let busy = Span((busy.unwrap_or(0.0) * 1e9) as u64);
        Ok(Sampled { ok, good: ok, busy, values: values.collect() })
    };
    Ok(Sample::new(rows.iter().enumerate().map(request).collect::<Result<Vec<_>>>()?, slots))
}

fn distribution(json: &Value, name: &str, factor: f64) -> Option<Distribution> {
    let value = |part: &str| Some(number(&json[format!("results_{name}_{part}")])? * factor);
    let quantile = |level: Level| {
        Some(Quantile { level, value: value(&format!("quantiles_{}", level.name()))?, ci95: None })
    };
    Some(Distribution {
        n: json["results_num_completed_requests"].as_u64()?,
        mean: value("mean")?,
        min: value("min")?,
        max: value("max")?,
        stddev: value("stddev"),
        quantiles: Level::ALL.into_iter().filter_map(quantile).collect(),
        relative_error: 0.0,
    })
}

/// A number; `"418"` is one too, as LLMPerf writes numpy's integers.
fn number(json: &Value) -> Option<f64> {
    let number = json.as_f64().or_else(|| json.as_str()?.parse().ok());
    number.filter(|number| number.is_finite())
}
