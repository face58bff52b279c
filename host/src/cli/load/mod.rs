//! `llmperf load`: the load test.

pub(super) mod deadline;
pub(super) mod forecast;
mod goals;
mod plan_file;
pub(super) mod results;
mod series;
mod shape;
pub(super) mod target;
mod workload;

use std::io::IsTerminal;

use clap::Args;

use super::conclude::{Found, conclude};
use super::print_result;
use crate::error::{Error, told};
use crate::load::{Arrival, NO_LIMIT, Process, Profile};
use crate::metrics::{Reason, Verdict};
use crate::plan::{LoadInput, Plan, Series, resolve};
use crate::record::RequestRecord;
use crate::report::{Progress, RunLabel, ascii_json, plugin_line, render, render_dialects, say};
use crate::run::{self, Ended, Report, ResultFiles, RunStatus, Setup, Watcher};
use crate::transport::Habit;
use crate::units::Span;
use deadline::DeadlineArgs;
use goals::GoalArgs;
use plan_file::{Beside, PlanArgs};
use results::{Output, ResultArgs};
use shape::ShapeArgs;
use target::TargetArgs;
use workload::WorkloadArgs;

/// Columns of a summary that goes to a file or a pipe.
pub(super) const PLAIN_WIDTH: usize = 100;

#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Example: llmperf load --target mock --requests 20 --concurrency 4\nMore flags: llmperf load --help"
)]
pub(super) struct LoadArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    // Not within ShapeArgs: arguments that flatten others are no group, and --plan excludes groups.
    #[command(flatten)]
    deadlines: DeadlineArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
    #[command(flatten)]
    goals: GoalArgs,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    results: ResultArgs,
}

impl LoadArgs {
    fn into_input(self) -> LoadInput {
        let mut input = LoadInput::default();
        self.target.fill(&mut input);
        self.shape.fill(&mut input);
        self.deadlines.fill(&mut input);
        self.workload.fill(&mut input);
        self.goals.fill(&mut input);
        self.results.fill(&mut input);
        input
    }
}

pub(super) fn run(mut args: LoadArgs) -> Result<u8, Error> {
    let (output, strict) = (args.results.output, args.results.strict);
    let dry_run = args.plan.dry_run;
    if let Some(job) = std::mem::take(&mut args.plan).job().map_err(Error::usage)? {
        return plan_file::run(job, Beside { output, strict, results_dir: args.results.results_dir });
    }
    let input = LoadInput { dry_run, ..args.into_input() };
    let plan = resolve(input, &|name| std::env::var(name).ok()).map_err(Error::usage)?;
    for note in &plan.notes {
        say(format_args!("note: {note}"));
    }
    if dry_run {
        return forecast::one(&plan, output);
    }
    match &plan.goals.series {
        Some(Series::Sweep(loads)) => return series::sweep(&plan, loads, output, strict),
        Some(Series::Search(how)) => return series::search(&plan, *how, output, strict),
        None => {}
    }
    let setup = Setup::new(plan)?;
    let (target, plugin) = (setup.target(), setup.plugin());
    let plan = setup.plan();
    let (model, api, load) = (plan.model.clone(), setup.api(), load_of(plan));
    let open_loop = plan.is_open_loop();
    let mut live = Live(Progress::new(std::io::stderr().is_terminal()));
    let report = run::load(setup, &mut live)?;
    match output {
        Output::Json => print_result(&format!("{}\n", ascii_json(&report.json)))?,
        Output::Text => {
            let load = format!("{load}{}", connections(&report.opened_ahead, report.habit));
            let verdict = told_verdict(&report.judgement.verdict);
            let label = RunLabel {
                model: &model,
                target: &target,
                api: &api,
                plugin: &plugin,
                load: &load,
                open_loop,
                verdict: Some(&verdict),
                error_bar: report.judgement.error_bar,
            };
            let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let summary = render(&report.summary, &label, PLAIN_WIDTH, color);
            let plugin = plugin_line(&report.plugin_usage);
            print_result(&(summary + &plugin + &render_dialects(&report.dialects, PLAIN_WIDTH, color)))?;
        }
    }
    Ok(conclude(found(&report), strict))
}

/// The verdict as it is shown: that a machine is not calibrated is said once, and `summary.json` says it of every run.
fn told_verdict(verdict: &Verdict) -> Verdict {
    let mut verdict = verdict.clone();
    let is_remark = |reason: &Reason| *reason == Reason::NotCalibrated;
    if verdict.reasons.iter().any(|(_, reason)| is_remark(reason)) && !run::is_first_uncalibrated() {
        verdict.reasons.retain(|(_, reason)| !is_remark(reason));
    }
    verdict
}

/// How the load is made.
fn load_of(plan: &Plan) -> String {
    if let Some(speed) = plan.replay {
        return format!(
            "times of the trace at speed {}, at most {} concurrent",
            speed.factor(),
            plan.concurrency
        );
    }
    let Some(Arrival { profile, process }) = &plan.arrival else {
        return format!("{} concurrent", plan.concurrency);
    };
    let rate = match profile {
        Profile::Rate(rate) => format!("{rate} requests/s"),
        Profile::Schedule(_) => format!("up to {} requests/s by schedule", profile.highest_rate()),
    };
    let process = match process {
        Process::Constant => "constant".to_owned(),
        Process::Poisson => "poisson".to_owned(),
        Process::Gamma { burstiness } => format!("gamma {burstiness}"),
    };
    format!("{rate} {process}, at most {} concurrent", plan.concurrency)
}

/// How connecting went, apart from every latency, and what was learned of the server's connections.
fn connections(opened_ahead: &[Span], habit: Option<Habit>) -> String {
    let habit = match habit {
        Some(Habit::Keeps) => ", reused",
        Some(Habit::Closes) => ", the server closes them after each answer",
        None => "",
    };
    let mut spans = opened_ahead.to_vec();
    if spans.is_empty() {
        return String::new();
    }
    let middle = spans.len() / 2;
    let median = spans.select_nth_unstable(middle).1.as_ms();
    let plural = if opened_ahead.len() == 1 { "" } else { "s" };
    format!(", {} connection{plural} opened ahead (p50 {median:.1} ms){habit}", opened_ahead.len())
}

/// The progress view, watching a run.
pub(super) struct Live(pub(super) Progress);

impl Watcher for Live {
    fn started(&mut self, requests: u64) {
        self.0.started(Some(requests).filter(|&requests| requests < NO_LIMIT));
    }
    fn finished(&mut self, record: &RequestRecord) {
        self.0.finished(record);
    }
    fn ended(&mut self) {
        self.0.ended();
    }
}

/// Says where the results are; false where they could not be written.
pub(super) fn tell_files(files: &anyhow::Result<Option<ResultFiles>>) -> bool {
    match files {
        Ok(Some(files)) => {
            say(format_args!("results: {}", files.run_dir.display()));
            for file in &files.llmperf {
                say(format_args!("         {}", file.display()));
            }
        }
        Ok(None) => {}
        Err(error) => say(format_args!("error: {}", told(error))),
    }
    files.is_ok()
}

/// Says on stderr what the summary does not, and what of the run decides the exit code.
fn found(report: &Report) -> Found {
    let mut written = tell_files(&report.files);
    if report.turns_not_reached > 0 {
        say(format_args!(
            "note: turns not reached: {}; an earlier turn of their session failed, or the run ended before them",
            report.turns_not_reached
        ));
    }
    match &report.recording {
        Ok(Some(file)) => say(format_args!("recording: {}", file.display())),
        Ok(None) => {}
        Err(error) => {
            say(format_args!("error: {}", told(error)));
            written = false;
        }
    }
    if report.ended == Ended::TimedOut {
        say(format_args!("note: --timeout passed before all requests could be completed"));
    }
    Found { unwritten: !written, ended: report.ended, status: RunStatus::of(report) }
}
