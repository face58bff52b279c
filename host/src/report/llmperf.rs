//! LLMPerf's two result files: its names, keys, order and types, so that what reads LLMPerf's results reads ours.

mod correctness;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::files::{put_together, write_aside};
use super::python_json::{dumps, repr, write_array};
use crate::metrics::llmperf::{Column, Results, Row, Rows};
use crate::metrics::{Distribution, Level};
use crate::plugin::sha256;
use crate::units::Tokens;

pub use correctness::{CorrectnessRun, Reply};

/// The revision of the summary's shape, as LLMPerf names it.
const VERSION: &str = "2023-08-31";

/// What LLMPerf's summary says of the run beside its numbers.
#[derive(Debug, Clone, Copy)]
pub struct LlmperfRun<'a> {
    pub model: &'a str,
    /// In tokens, as are the next three; whole numbers are written as such.
    pub mean_input_tokens: f64,
    pub stddev_input_tokens: f64,
    pub mean_output_tokens: f64,
    pub stddev_output_tokens: f64,
    pub num_concurrent_requests: u64,
    /// Written as `additional_sampling_params_<key>`, nested ones too.
    pub additional_sampling_params: &'a Map<String, Value>,
    /// The user's own pairs: at the top level, in place of a key that is there already.
    pub metadata: &'a [(String, String)],
    /// Seconds since 1970.
    pub timestamp: u64,
}

/// The two files, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmperfFiles {
    /// What both names begin with.
    pub base: String,
    /// The text of `<base>_summary.json`.
    pub summary: String,
    /// What `<base>_individual_responses.json` is made of.
    pub rows: Vec<Row>,
}

impl LlmperfFiles {
    /// The files of a run.
    pub fn of(run: &LlmperfRun<'_>, rows: Rows) -> LlmperfFiles {
        let (rows, results) = rows.finish();
        LlmperfFiles::from_parts(run, rows, &results)
    }

    fn from_parts(run: &LlmperfRun<'_>, rows: Vec<Row>, results: &Results) -> LlmperfFiles {
        let lengths = [run.mean_input_tokens, run.mean_output_tokens].map(whole_or_float);
        let base = file_base(&format!("{}_{}_{}", run.model, text_of(&lengths[0]), text_of(&lengths[1])));
        LlmperfFiles { summary: dumps(&Value::Object(summary(&base, run, results))), rows, base }
    }

    /// Writes both into a directory that is there; an older pair of the same name is replaced. Returns their paths.
    pub fn write(&self, directory: &Path) -> Result<[PathBuf; 2]> {
        write_pair(directory, &self.base, &self.summary, |file| self.write_individual_responses(file))
    }

    fn write_individual_responses(&self, out: &mut dyn io::Write) -> io::Result<()> {
        write_array(out, self.rows.iter().map(individual))
    }
}

/// Writes LLMPerf's two files, which are one run's even where another writes into the same directory.
fn write_pair(
    directory: &Path,
    base: &str,
    summary: &str,
    responses: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<[PathBuf; 2]> {
    let paths = ["summary", "individual_responses"].map(|part| directory.join(format!("{base}_{part}.json")));
    let summary = write_aside(&paths[0], |file| file.write_all(summary.as_bytes()))?;
    let responses = write_aside(&paths[1], responses)?;
    put_together(directory, [summary, responses])?;
    Ok(paths)
}

/// Bytes of a stem. A file name has 255 at most on common file systems, and the longest ending is
/// `_individual_responses.json`.
const MAX_BASE_BYTES: usize = 200;
/// What a shortened stem keeps of its end, where the lengths of the workload or the time of the run stand.
const KEPT_END_BYTES: usize = 40;
/// Hexadecimal digits that tell shortened names apart.
const DIGEST_DIGITS: usize = 16;

/// The file name's stem, by LLMPerf's rule: what is no letter, digit, `_` or `-` becomes `-`, and a run of `-` one. Where it is
/// too long for a file name, a digest of the name stands in its middle.
pub fn file_base(name: &str) -> String {
    let base = llmperf_base(name);
    if base.len() <= MAX_BASE_BYTES {
        return base;
    }
    let start = base.floor_char_boundary(MAX_BASE_BYTES - KEPT_END_BYTES - DIGEST_DIGITS - 2);
    let end = base.ceil_char_boundary(base.len() - KEPT_END_BYTES);
    format!("{}-{}-{}", &base[..start], &sha256(name)[..DIGEST_DIGITS], &base[end..])
}

fn llmperf_base(name: &str) -> String {
    let mut base = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if c.is_alphanumeric() || c == '_' { c } else { '-' };
        if c != '-' || !base.ends_with('-') {
            base.push(c);
        }
    }
    base
}

fn summary(base: &str, run: &LlmperfRun<'_>, results: &Results) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("version", json!(VERSION));
    put("name", json!(format!("{base}_summary")));
    put("model", json!(run.model));
    put("mean_input_tokens", whole_or_float(run.mean_input_tokens));
    put("stddev_input_tokens", whole_or_float(run.stddev_input_tokens));
    put("mean_output_tokens", whole_or_float(run.mean_output_tokens));
    put("stddev_output_tokens", whole_or_float(run.stddev_output_tokens));
    put("num_concurrent_requests", json!(run.num_concurrent_requests));
    flatten("additional_sampling_params", run.additional_sampling_params, &mut put);
    for (column, distribution) in &results.statistics {
        put_statistics(*column, distribution.as_ref(), &mut put);
    }
    put("results_num_requests_started", json!(results.num_requests_started));
    put("results_error_rate", json!(results.error_rate));
    put("results_number_errors", json!(results.number_errors));
    put("results_error_code_frequency", json!(python_dict(&results.error_code_frequency)));
    put("results_mean_output_throughput_token_per_s", json!(results.mean_output_throughput_token_per_s));
    put("results_num_completed_requests", json!(results.num_completed_requests));
    put("results_num_completed_requests_per_min", json!(results.num_completed_requests_per_min));
    for (key, value) in run.metadata {
        put(key, json!(value));
    }
    // Last, so that the user's metadata cannot replace it.
    put("timestamp", json!(run.timestamp));
    map
}

/// LLMPerf's `flatten_dict`: keys joined with `_`; an empty dict vanishes, a list stays a list.
fn flatten(prefix: &str, params: &Map<String, Value>, put: &mut impl FnMut(&str, Value)) {
    for (key, value) in params {
        let key = format!("{prefix}_{key}");
        match value {
            Value::Object(nested) => flatten(&key, nested, put),
            other => put(&key, other.clone()),
        }
    }
}

fn put_statistics(column: Column, distribution: Option<&Distribution>, put: &mut impl FnMut(&str, Value)) {
    let name = column.name();
    for level in Level::ALL.into_iter().filter(|&level| level != Level::P999) {
        let value = distribution.and_then(|d| d.at(level)).map(|quantile| quantile.value);
        put(&format!("results_{name}_quantiles_{}", level.name()), json!(value));
    }
    let extreme = |value: Option<f64>| match value {
        Some(value) if column.is_whole() => whole_or_float(value),
        value => json!(value),
    };
    put(&format!("results_{name}_mean"), json!(distribution.map(|d| d.mean)));
    put(&format!("results_{name}_min"), extreme(distribution.map(|d| d.min)));
    put(&format!("results_{name}_max"), extreme(distribution.map(|d| d.max)));
    put(&format!("results_{name}_stddev"), json!(distribution.and_then(|d| d.stddev)));
}

fn individual(row: &Row) -> Value {
    // LLMPerf's zeros of a failed request are integers.
    let number = |value: Option<f64>| match row.error_code {
        Some(_) => value.map_or(Value::Null, whole_or_float),
        None => json!(value),
    };
    let tokens = |count: Tokens| json!(count.0);
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("error_code", json!(row.error_code));
    put("error_msg", json!(row.error_msg));
    put("inter_token_latency_s", number(row.inter_token_latency_s));
    put("ttft_s", number(row.ttft_s));
    put("end_to_end_latency_s", number(row.end_to_end_latency_s));
    put("request_output_throughput_token_per_s", number(row.request_output_throughput_token_per_s));
    put("number_total_tokens", tokens(row.number_total_tokens));
    put("number_output_tokens", tokens(row.number_output_tokens));
    put("number_input_tokens", tokens(row.number_input_tokens));
    Value::Object(map)
}

/// `{503: 4, -1: 1}`: LLMPerf writes the text of a Python dict.
fn python_dict(frequencies: &[(i64, u64)]) -> String {
    let items: Vec<String> = frequencies.iter().map(|(code, count)| format!("{code}: {count}")).collect();
    format!("{{{}}}", items.join(", "))
}

/// Whole numbers below 2^53 as integers, where a float counts every one.
fn whole_or_float(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

fn text_of(number: &Value) -> String {
    match number.as_i64() {
        Some(whole) => whole.to_string(),
        None => number.as_f64().map_or_else(String::new, repr),
    }
}

#[cfg(test)]
mod tests;
