//! `llmperf load --plan FILE`: the flags are the keys of a plan file, and each of its runs goes through the same parser as a
//! command line.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Args, Command, FromArgMatches};
use serde_json::Value;

use super::forecast;
use super::results::Output;
use super::{Live, LoadArgs, load_of, tell_files};
use crate::cli::conclude::{Found, conclude};
use crate::cli::print_result;
use crate::error::{Error, told};
use crate::plan::{
    FileKey, FileRun, KeyKind, LoadInput, Loads, Plan, PlanFile, Series, Setting, plan_schema, resolve,
    results_dir,
};
use crate::report::llmperf::file_base;
use crate::report::{BatchRow, LoadAxis, Progress, RunVerdict, ascii_json, batch_table, inert, say};
use crate::run::{
    self, BatchDone, BatchEnd, BatchLock, BatchRun, BatchState, BatchWatcher, Ended, SeriesWatcher,
    SweepPart, Watcher, write_series,
};
use crate::units::Span;

/// Columns of a run's name: what its lists say of it fits.
pub(super) const NAME_WIDTH: usize = 60;

/// Keys with their values.
type Settings = Vec<(String, Vec<String>)>;

/// Several runs from a file.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Goals")]
pub(super) struct PlanArgs {
    /// Runs of a TOML file, one after the other; its keys are these flags
    ///
    /// Lists make a run of each value: model = ["a", "b"], request-rate = [1, 2]. What stands above the first [[run]] is for
    /// all of them, but for those that name it in unset = ["…"]. A run may be a --sweep or a search (--find-max-rate). Runs that are done already, by plan-state.json in the results directory, are not made again.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "TargetArgs", "ShapeArgs", "DeadlineArgs", "WorkloadArgs", "GoalArgs", "tokens", "save_text", "record", "dialect", "metadata",
    ])]
    plan: Option<PathBuf>,
    /// Send nothing: print estimated requests, tokens and time, and the first request without its key
    ///
    /// No connection is opened, also not for an access token. It works with one run, --sweep, --find-max-rate and --plan.
    #[arg(long, hide_short_help = true)]
    pub(super) dry_run: bool,
    /// With --plan: make all runs again, also those that are done
    // Not `requires`: clap drops that where a flag is given that --plan excludes.
    #[arg(long, hide_short_help = true)]
    restart: bool,
    /// Print the JSON schema of plan files
    #[arg(long, hide_short_help = true)]
    plan_schema: bool,
}

impl PlanArgs {
    /// What is asked for instead of one run, if anything.
    ///
    /// # Errors
    /// `--restart` without a plan.
    pub(super) fn job(self) -> Result<Option<Job>> {
        match (self.plan_schema, self.plan) {
            (true, _) => Ok(Some(Job::Schema)),
            (false, Some(file)) => Ok(Some(Job::Runs { file, dry_run: self.dry_run, restart: self.restart })),
            (false, None) if self.restart => {
                bail!("--restart makes the runs of a plan again\nhint: give --plan FILE, or leave it out")
            }
            (false, None) => Ok(None),
        }
    }
}

/// What is to be done with plan files.
pub(super) enum Job {
    Schema,
    Runs { file: PathBuf, dry_run: bool, restart: bool },
}

/// What the command line says beside the file.
pub(super) struct Beside {
    pub(super) output: Output,
    pub(super) strict: bool,
    pub(super) results_dir: Option<PathBuf>,
}

pub(super) fn run(job: Job, beside: Beside) -> Result<u8, Error> {
    let (file, dry_run, restart) = match job {
        Job::Schema => {
            let schema = plan_schema(&keys());
            print_result(&format!("{}\n", ascii_json(&schema)))?;
            return Ok(0);
        }
        Job::Runs { file, dry_run, restart } => (file, dry_run, restart),
    };
    let (cool_down, dir, runs) = read(&file, beside.results_dir, dry_run).map_err(Error::usage)?;
    // Before the state is read: another plan would change it.
    let lock = dir.as_deref().filter(|_| !dry_run).map(BatchLock::take).transpose().map_err(Error::usage)?;
    let state = match &dir {
        Some(dir) if restart => Some(BatchState::empty(dir)),
        Some(dir) => Some(BatchState::read(dir).map_err(Error::usage)?),
        None => None,
    };
    if dry_run {
        return forecast::plan_file(&runs, state.as_ref(), cool_down, beside.output);
    }
    if dir.is_none() {
        say(format_args!(
            "note: without results-dir nothing is saved, and the plan cannot go on where it stopped"
        ));
    }
    let names = runs.iter().map(|run| run.name.clone()).collect();
    let mut watcher = Runs { names, live: live() };
    let end = run::run_batch(&runs, state, cool_down, &mut watcher)?;
    let json = end.json(&runs);
    let rows: Vec<BatchRow> = end.runs.iter().map(|run| run.row.clone()).collect();
    let findings = end.findings(&runs);
    let lines = findings.iter().map(|found| format!("{}: {}\n", inert(&found.name, NAME_WIDTH), found.line));
    let printed = print(beside.output, &json, &(batch_table(&rows) + &lines.collect::<String>()));
    if let Some(dir) = &dir {
        say(format_args!("results: {}", write_series(dir, "plan", &json)?.display()));
    }
    printed?;
    drop(lock);
    let unwritten = !tell_written(&end);
    Ok(conclude(Found { unwritten, ended: end.ended, status: end.status(&runs) }, beside.strict))
}

fn print(output: Output, json: &Value, text: &str) -> Result<(), Error> {
    match output {
        Output::Json => print_result(&format!("{}\n", ascii_json(json))),
        Output::Text => print_result(text),
    }
}

/// The flags of `llmperf load`, and nothing else.
fn flags() -> Command {
    LoadArgs::augment_args(Command::new("load").no_binary_name(true).disable_help_flag(true))
}

/// The keys of a plan file.
fn keys() -> Vec<FileKey> {
    flags().get_arguments().filter_map(key).collect()
}

fn key(arg: &Arg) -> Option<FileKey> {
    let name = arg.get_long()?.to_owned();
    let elsewhere = match name.as_str() {
        "plan" | "plan-schema" | "dry-run" | "restart" | "output" | "strict" => {
            Some("give it on the command line, with --plan")
        }
        _ => None,
    };
    let words: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let kind = match (elsewhere, arg.get_action()) {
        (Some(hint), _) => KeyKind::NoKey(hint),
        (None, ArgAction::SetTrue) => KeyKind::Switch,
        (None, _) if !words.is_empty() => KeyKind::Word(words),
        (None, _) if name == "additional-sampling-params" => KeyKind::Object,
        (None, _) if name == "seed" => KeyKind::CountOr("random"),
        (None, _) if takes(arg, &ValueParser::from(clap::value_parser!(u64))) => KeyKind::Count,
        (None, _) if takes(arg, &ValueParser::from(clap::value_parser!(f64))) => KeyKind::Number,
        _ => KeyKind::Text,
    };
    let aliases = arg.get_visible_aliases().unwrap_or_default().into_iter().map(str::to_owned).collect();
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Some(FileKey { name, aliases, kind, repeats: matches!(arg.get_action(), ArgAction::Append), help })
}

fn takes(arg: &Arg, parser: &ValueParser) -> bool {
    arg.get_value_parser().type_id() == parser.type_id()
}

/// Reads a plan file, and makes plans of all its runs.
fn read(file: &Path, dir: Option<PathBuf>, dry_run: bool) -> Result<(Span, Option<PathBuf>, Vec<BatchRun>)> {
    let origin = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("--plan {origin} cannot be read"))?;
    let written = PlanFile::parse(&origin, &text, &keys())?;
    let dir = dir.or(written.results_dir).filter(|dir| !dir.as_os_str().is_empty());
    let dir = results_dir(dir, dry_run)?;
    let mut runs: Vec<BatchRun> = Vec::new();
    let mut seen: Vec<Settings> = Vec::new();
    let mut dirs: Vec<String> = Vec::new();
    for run in &written.runs {
        let plan = plan_of(&origin, run, dry_run)?;
        for note in &plan.notes {
            say(format_args!("note: run {:?}: {note}", run.name));
        }
        for (name, mut plan, settings, sweep) in parts(run, plan) {
            let nth = seen.iter().filter(|other| **other == settings).count();
            let below = dir_name(&name, &dirs);
            plan.results_dir = dir.as_ref().map(|dir| dir.join(&below));
            plan.metadata.push(("plan_run".to_owned(), name.clone()));
            refuse_shared_recording(&origin, run, &plan, &runs)?;
            runs.push(BatchRun { sweep, ..BatchRun::new(name, plan, &settings, nth)? });
            seen.push(settings);
            dirs.push(below);
        }
    }
    Ok((written.cool_down, dir, runs))
}

/// A run of the file as the runs that are made of it: as many as its sweep has loads, each as if that stood there.
fn parts(run: &FileRun, mut plan: Plan) -> Vec<(String, Plan, Settings, Option<SweepPart>)> {
    let setting = |setting: &Setting| (setting.key.clone(), setting.values.clone());
    let settings: Settings = run.settings.iter().map(setting).collect();
    let Some(Series::Sweep(loads)) = plan.goals.series.clone() else {
        return vec![(run.name.clone(), plan, settings, None)];
    };
    plan.goals.series = None;
    let axis = match loads {
        Loads::Concurrency(_) => LoadAxis::Concurrency,
        Loads::RequestRate(_) => LoadAxis::RequestRate,
    };
    let (key, values) = loads.as_key();
    let part = |(index, value): (usize, String)| {
        let others = settings.iter().filter(|(key, _)| key != "sweep").cloned();
        let sweep = SweepPart { of: run.name.clone(), axis, load: value.parse().unwrap_or_default() };
        let name = format!("{} {key}={value}", run.name);
        (name, loads.plan(&plan, index), others.chain([(key.to_owned(), vec![value])]).collect(), Some(sweep))
    };
    values.into_iter().enumerate().map(part).collect()
}

fn refuse_shared_recording(origin: &str, run: &FileRun, plan: &Plan, before: &[BatchRun]) -> Result<()> {
    let Some(record) = &plan.record else { return Ok(()) };
    let Some(other) = before.iter().find(|other| other.plan.record.as_ref() == Some(record)) else {
        return Ok(());
    };
    Err(anyhow!(
        "{origin}:{}: runs {:?} and {:?} would record into {}\nhint: give each run a record of its own",
        run.line,
        other.name,
        run.name,
        record.display()
    ))
}

/// A name for the directory of a run that no other has.
fn dir_name(name: &str, taken: &[String]) -> String {
    let base = file_base(name);
    let names = std::iter::once(base.clone()).chain((2..).map(|n| format!("{base}_{n}")));
    names.into_iter().find(|name| !taken.contains(name)).unwrap_or(base)
}

/// The plan of a run, through the parser of the command line.
fn plan_of(origin: &str, run: &FileRun, dry_run: bool) -> Result<Plan> {
    let mut argv = Vec::new();
    for setting in &run.settings {
        let is_switch = flags().get_arguments().any(|arg| {
            arg.get_long() == Some(&setting.key) && matches!(arg.get_action(), ArgAction::SetTrue)
        });
        let flag = |value: &String| match is_switch {
            true => format!("--{}", setting.key),
            false => format!("--{}={value}", setting.key),
        };
        argv.extend(setting.values.iter().map(flag));
    }
    let at = |text: &str| {
        let named = |key: &str| {
            let flag = format!("--{key}");
            text.match_indices(&flag).any(|(at, _)| !text[at + flag.len()..].starts_with(['-', '_']))
        };
        let setting = run.settings.iter().find(|setting| named(&setting.key));
        let line = setting.map_or(run.line, |setting| setting.line);
        format!("{origin}:{line}: run {:?}", run.name)
    };
    let parsed = flags().try_get_matches_from(argv).and_then(|matches| LoadArgs::from_arg_matches(&matches));
    let args = parsed.map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        anyhow!("{}: {first}", at(&first))
    })?;
    let input = LoadInput { dry_run, ..args.into_input() };
    resolve(input, &|name| std::env::var(name).ok())
        .map_err(|error| anyhow!("{}: {error:#}", at(&format!("{error:#}"))))
}

/// Says what could not be written, where the rest is was said as each run ended; false where there is any.
fn tell_written(end: &BatchEnd) -> bool {
    let reports = end.runs.iter().filter_map(|run| run.report.as_ref());
    let unwritten = reports.filter(|report| report.files.is_err());
    let unwritten = unwritten.filter(|report| !tell_files(&report.files)).count();
    if let Some(error) = &end.unkept {
        say(format_args!("error: {}", told(error)));
    }
    unwritten == 0 && end.unkept.is_none()
}

/// Says on stderr which run is on, and shows it as any run.
struct Runs {
    names: Vec<String>,
    live: Live,
}

fn live() -> Live {
    Live(Progress::new(std::io::stderr().is_terminal()))
}

impl Runs {
    fn say(&self, number: usize, what: &str) {
        say(format_args!(
            "run {number}/{}: {}: {what}",
            self.names.len(),
            inert(&self.names[number - 1], NAME_WIDTH)
        ));
    }
}

impl SeriesWatcher for Runs {
    fn begins(&mut self, number: usize, plan: &Plan) {
        let load = match plan.goals.series {
            Some(Series::Search(_)) => "search for the highest rate".to_owned(),
            _ => load_of(plan),
        };
        self.say(number, &format!("{}, {load}", plan.model));
        self.live = live();
    }
    fn run(&mut self) -> &mut dyn Watcher {
        &mut self.live
    }
}

impl BatchWatcher for Runs {
    fn skips(&mut self, number: usize) {
        self.say(number, "done before");
    }
    fn tries(&mut self, number: usize, step: usize, plan: &Plan) {
        self.say(number, &format!("step {step}: {}, {} requests", load_of(plan), plan.requests()));
        self.live = live();
    }
    fn ends(&mut self, number: usize, done: &BatchDone) {
        if done.report.as_ref().is_some_and(|report| report.ended == Ended::TimedOut) {
            self.say(number, "timeout passed before all requests could be completed");
        }
        if let Some(verdict) = done.row.verdict.as_ref().and_then(RunVerdict::explained) {
            self.say(number, &verdict);
        }
    }
    fn cools_down(&mut self, wait: Span) {
        say(format_args!("cool-down: {} s", wait.as_secs()));
    }
}
