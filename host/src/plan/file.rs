//! A plan file: several runs in one TOML file, as they were written. Its keys are the long flags of `llmperf load`; what a
//! key takes is told from above, so that a flag is a key the moment it exists. What its values mean is not decided here.

mod read;
mod schema;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::units::Span;

pub use schema::plan_schema;

/// More runs than this are a mistake in writing.
const MOST_RUNS: usize = 1000;

/// A key of a plan file: a long flag.
#[derive(Debug, Clone)]
pub struct FileKey {
    /// The flag without its dashes.
    pub name: String,
    /// Other names of the same.
    pub aliases: Vec<String>,
    pub kind: KeyKind,
    /// A list is the flag given several times, not several runs.
    pub repeats: bool,
    /// The flag's help, in one line.
    pub help: String,
}

/// What a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    Switch,
    /// A whole number, not below zero.
    Count,
    /// The same, or this word.
    CountOr(&'static str),
    Number,
    Text,
    /// A JSON object as text, or a table.
    Object,
    /// One of these.
    Word(Vec<String>),
    /// It is a flag, and no key; the remedy.
    NoKey(&'static str),
}

/// A plan file, read. Its runs are in the order in which they are made.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanFile {
    /// Where all of it goes; `None` saves nothing.
    pub results_dir: Option<PathBuf>,
    /// What is waited between two runs.
    pub cool_down: Span,
    pub runs: Vec<FileRun>,
}

/// A run of a plan file, with one value for each setting.
#[derive(Debug, Clone, PartialEq)]
pub struct FileRun {
    /// No other run has it.
    pub name: String,
    /// The line it begins in, from 1.
    pub line: usize,
    /// In the order of the file, the shared ones first.
    pub settings: Vec<Setting>,
}

/// A setting of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The long flag without its dashes.
    pub key: String,
    /// As the command line would have them; several where a flag is given several times, none where a switch is off.
    pub values: Vec<String>,
    /// The line it stands in, from 1.
    pub line: usize,
}

impl PlanFile {
    /// Reads a plan file. `origin` is its name, for errors.
    ///
    /// # Errors
    /// What is wrong, with the file, the line and the key.
    pub fn parse(origin: &str, text: &str, keys: &[FileKey]) -> Result<PlanFile> {
        let written = read::Written::parse(origin, text, keys)?;
        let mut runs = Vec::new();
        for (number, run) in written.runs.iter().enumerate() {
            let many = run.axes.iter().map(|axis| axis.choices.len()).fold(1usize, usize::saturating_mul);
            if runs.len().saturating_add(many) > MOST_RUNS {
                bail!(
                    "{origin}:{}: the lists make more than {MOST_RUNS} runs\nhint: every list multiplies the runs by its length; shorten one",
                    run.line
                );
            }
            runs.extend((0..many).map(|nth| run.nth(nth, number + 1)));
        }
        tell_apart(&mut runs);
        Ok(PlanFile { results_dir: written.results_dir, cool_down: written.cool_down, runs })
    }
}

impl read::WrittenRun {
    /// The run of this number in the product of its lists: the first list of the file varies slowest.
    fn nth(&self, nth: usize, number: usize) -> FileRun {
        let mut rest = nth;
        let mut chosen = vec![0; self.axes.len()];
        for (at, axis) in self.axes.iter().enumerate().rev() {
            chosen[at] = rest % axis.choices.len();
            rest /= axis.choices.len();
        }
        let picked = || self.axes.iter().zip(&chosen).map(|(axis, &at)| (axis, &axis.choices[at]));
        let model = picked().find(|(axis, _)| axis.key == "model").and_then(|(_, values)| values.first());
        let (mut name, named_by_model) = match (&self.name, model) {
            (Some(name), _) => (name.clone(), false),
            (None, Some(model)) => (model.clone(), true),
            (None, None) => (format!("run {number}"), false),
        };
        for (axis, values) in picked().filter(|(axis, _)| axis.choices.len() > 1) {
            if !(named_by_model && axis.key == "model") {
                name.push_str(&format!(" {}={}", axis.key, values.join(",")));
            }
        }
        let setting = |(axis, values): (&read::Axis, &Vec<String>)| Setting {
            key: axis.key.clone(),
            values: values.clone(),
            line: axis.line,
        };
        FileRun { name, line: self.line, settings: picked().map(setting).collect() }
    }
}

/// Numbers the runs of one name, all but the first.
fn tell_apart(runs: &mut [FileRun]) {
    for at in 1..runs.len() {
        let taken = |name: &str, runs: &[FileRun]| runs[..at].iter().any(|run| run.name == name);
        let given = runs[at].name.clone();
        let mut n = 2;
        while taken(&runs[at].name, runs) {
            runs[at].name = format!("{given} ({n})");
            n += 1;
        }
    }
}

#[cfg(test)]
mod tests;
