//! Finds out what a path is, and reads the runs it stands for.

mod facts;
mod given;
mod legacy;
mod order;
mod ours;

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::ComparedRun;
use crate::metrics::{Estimates, Moment, Quantity};
use crate::report::RunDir;
use crate::report::run_dir::SUMMARY;

pub use facts::{Accuracy, Facts};
pub use given::InputNote;

const HINT: &str =
    "hint: give run directories, summary.json, sweep_*.json, or LLMPerf's *_summary.json of a load test";

/// A path that stands for no run. Among others it may well: a directory of results holds more than runs.
#[derive(Debug)]
struct NoRun(String);

impl NoRun {
    fn of(path: &Path, why: &str) -> anyhow::Error {
        NoRun(format!("{} {why}\n{HINT}", path.display())).into()
    }
}

impl std::error::Error for NoRun {}

impl fmt::Display for NoRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads what these paths stand for: a run each, or several where one is a sweep, or a directory of runs.
///
/// # Errors
/// Names the path that is no result and stands alone, or is one of another version.
pub fn read_runs(paths: &[PathBuf], seed: u64) -> Result<(Vec<ComparedRun>, Vec<InputNote>)> {
    let (mut runs, notes) = given::all(paths)?;
    facts::give_checks(&mut runs);
    for (stream, run) in (0..).zip(&mut runs) {
        estimate(run, seed, stream);
    }
    order::label(&mut runs);
    Ok((runs, notes))
}

/// Reads the one run that each of two paths stands for, or the newest of one plan.
///
/// # Errors
/// As [`read_runs`], and where a path stands for runs of several plans.
pub fn read_pair(paths: [&Path; 2], seed: u64) -> Result<([ComparedRun; 2], Vec<InputNote>)> {
    let mut notes = Vec::new();
    let mut runs = [given::one(paths[0], &mut notes)?, given::one(paths[1], &mut notes)?];
    // Two streams even where the two are one and the same run.
    for (stream, run) in (0..).zip(&mut runs) {
        estimate(run, seed, stream);
    }
    order::label(&mut runs);
    Ok((runs, notes))
}

fn estimate(run: &mut ComparedRun, seed: u64, stream: u64) {
    let rates: Vec<(Quantity, f64)> = run.rates.iter().map(|(&rate, &value)| (rate, value)).collect();
    run.estimates = match &run.sample {
        Some(sample) => Estimates::of(sample, &rates, seed, stream),
        None => Estimates::of_values(values(run)),
    };
}

fn read_path(path: &Path, runs: &mut Vec<ComparedRun>) -> Result<()> {
    let context = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(|| format!("{}\n{HINT}", context()))?.is_dir() {
        return read_file(path, runs);
    }
    let summary = path.join(SUMMARY);
    if summary.exists() {
        return read_file(&summary, runs);
    }
    if RunDir::is_one(path) {
        return read_killed(path, runs);
    }
    let mut below: Vec<PathBuf> = fs::read_dir(path)
        .with_context(context)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()
        .with_context(context)?;
    below.sort();
    let mut of_runs = run_dirs(&below);
    if of_runs.is_empty() {
        // The directory of a plan holds one for each of its runs; what was killed there and made again counts once.
        of_runs = below.iter().flat_map(|dir| finished_or_killed(run_dirs(&entries(dir)))).collect();
    }
    // A directory of ours holds LLMPerf's two files of the same runs.
    let files = if of_runs.is_empty() {
        below.into_iter().filter(|file| legacy::is_load_summary(file)).collect()
    } else {
        of_runs
    };
    if files.is_empty() {
        return Err(NoRun::of(path, "holds no results"));
    }
    files.iter().try_for_each(|path| read_path(path, runs))
}

/// Those of these that are run directories and hold a request: one that was killed has no summary, but may have records.
fn run_dirs(dirs: &[PathBuf]) -> Vec<PathBuf> {
    let is_run = |dir: &&PathBuf| is_finished(dir) || RunDir::is_one(dir) && has_record(dir);
    dirs.iter().filter(is_run).cloned().collect()
}

/// Whether the records of a run have a whole line.
fn has_record(dir: &Path) -> bool {
    let mut line = Vec::new();
    let read = File::open(dir.join("records.jsonl"))
        .and_then(|file| BufReader::new(file).read_until(b'\n', &mut line));
    read.is_ok() && line.ends_with(b"\n")
}

fn is_finished(dir: &Path) -> bool {
    dir.join(SUMMARY).is_file()
}

/// The finished ones of these, where there are any.
fn finished_or_killed(dirs: Vec<PathBuf>) -> Vec<PathBuf> {
    let finished: Vec<PathBuf> = dirs.iter().filter(|dir| is_finished(dir)).cloned().collect();
    if finished.is_empty() { dirs } else { finished }
}

/// A run that was killed before it wrote its summary.
fn read_killed(dir: &Path, runs: &mut Vec<ComparedRun>) -> Result<()> {
    let run = RunDir::open(dir)?;
    runs.push(ours::run(&dir.join(SUMMARY), run.summary())?);
    Ok(())
}

/// What is in a directory, by name; nothing where it is none.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = match fs::read_dir(dir) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![],
    };
    entries.sort();
    entries
}

fn read_file(path: &Path, runs: &mut Vec<ComparedRun>) -> Result<()> {
    let json = read_json(path)?;
    if json.get("kind").is_some() && json.get("runs").is_some() {
        return ours::series(path, &json)?.iter().try_for_each(|summary| read_file(summary, runs));
    }
    if json.get("schema_version").is_some() {
        runs.push(ours::run(path, &json)?);
    } else if json.get("version").is_some() && json.get("model").is_some() {
        runs.push(legacy::run(path, &json)?);
    } else {
        return Err(NoRun::of(path, "is no result that compare reads"));
    }
    Ok(())
}

/// Reads JSON as Python writes it: where a number is undefined there stands `NaN`, which no other parser takes.
fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&without_nan(&text))
        .map_err(|error| anyhow!("{} is no JSON: {error}\n{HINT}", path.display()))
}

/// The text with `null` for `NaN`, `Infinity` and `-Infinity` outside of strings.
fn without_nan(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word =
            ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| !in_string && rest.starts_with(word));
        if let Some(word) = word {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        // What a backslash escapes ends no string.
        let length = if in_string && c == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            c.len_utf8()
        };
        in_string ^= c == '"';
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// What the summary alone says.
fn values(run: &ComparedRun) -> Vec<(Quantity, f64)> {
    let mut values: Vec<(Quantity, f64)> = Vec::new();
    for (&metric, distribution) in &run.distributions {
        let moments = Moment::all().filter_map(|moment| {
            let value = match moment {
                Moment::Mean => Some(distribution.mean),
                Moment::Stddev => distribution.stddev,
                Moment::At(level) => distribution.at(level).map(|quantile| quantile.value),
            };
            Some((Quantity::Of(metric, moment), value?))
        });
        values.extend(moments);
    }
    values.extend(run.rates.iter().map(|(&rate, &value)| (rate, value)));
    values
}

#[cfg(test)]
mod tests;
