//! Several runs in one: a sweep, and the search for the highest rate.

use std::io::IsTerminal;

use serde_json::Value;

use super::results::Output;
use super::{Live, early_end, load_of};
use crate::cli::{exit, print_result};
use crate::error::{Error, told};
use crate::load::NO_LIMIT;
use crate::metrics::{Saturation, SloReport, by_rate, by_throughput};
use crate::plan::{Loads, Plan, SearchPlan};
use crate::report::{LoadAxis, Progress, SeriesRow, ascii_json, saturation_line, series_table, sweep_json};
use crate::run::{self, Ended, SeriesWatcher, SweepEnd, SweepRun, Watcher, write_series};

pub(super) fn sweep(plan: &Plan, loads: &Loads, output: Output) -> Result<u8, Error> {
    let mut watcher = Steps::new("sweep", Some(loads.len()));
    let SweepEnd { runs, ended } = run::sweep(plan, loads, &mut watcher)?;
    let axis = axis(loads);
    let rows: Vec<SeriesRow<'_>> = runs.iter().map(|run| row(run, load(axis, run))).collect();
    let saturation = saturation(axis, &rows);
    let json = sweep_json(axis, &rows, runs.iter().map(SweepRun::document).collect(), saturation);
    let values: Vec<f64> = rows.iter().map(|row| row.load).collect();
    let last = saturation_line(axis, &values, saturation);
    print(output, &json, &format!("{}\n{last}\n", series_table(axis, &rows)))?;
    let written = save(plan, "sweep", &json, &runs)?;
    let met = runs.iter().any(|run| run.report.summary.slo.as_ref().is_none_or(SloReport::all_met));
    Ok(code(ended, runs.iter().any(|run| run.report.summary.counts.ok > 0), met, written))
}

pub(super) fn search(plan: &Plan, how: SearchPlan, output: Output) -> Result<u8, Error> {
    let mut watcher = Steps::new("step", None);
    let end = run::find_max_rate(plan, how, &mut watcher)?;
    let json = end.json();
    print(output, &json, &end.text())?;
    let worked = end.steps.iter().any(|step| step.run.report.summary.counts.ok > 0);
    let runs: Vec<SweepRun> = end.steps.into_iter().map(|step| step.run).collect();
    let written = save(plan, "find_max_rate", &json, &runs)?;
    Ok(code(end.ended, worked, end.bracket.passed.is_some(), written))
}

fn axis(loads: &Loads) -> LoadAxis {
    match loads {
        Loads::Concurrency(_) => LoadAxis::Concurrency,
        Loads::RequestRate(_) => LoadAxis::RequestRate,
    }
}

fn load(axis: LoadAxis, run: &SweepRun) -> f64 {
    match (axis, &run.plan.arrival) {
        (LoadAxis::RequestRate, Some(arrival)) => arrival.profile.highest_rate(),
        _ => run.plan.concurrency as f64,
    }
}

fn row(run: &SweepRun, load: f64) -> SeriesRow<'_> {
    SeriesRow { load, summary: &run.report.summary, pace: run.pace, trial: None }
}

fn saturation(axis: LoadAxis, rows: &[SeriesRow<'_>]) -> Saturation {
    match axis {
        LoadAxis::Concurrency => {
            let points: Vec<_> = rows.iter().map(|row| (row.load, row.summary.output_throughput)).collect();
            by_throughput(&points)
        }
        LoadAxis::RequestRate => {
            let kept_up = |row: &SeriesRow<'_>| {
                if row.summary.counts.dropped > 0 { Some(false) } else { row.pace.map(|pace| pace.keeps_up) }
            };
            by_rate(&rows.iter().map(|row| (row.load, kept_up(row))).collect::<Vec<_>>())
        }
    }
}

fn print(output: Output, json: &Value, text: &str) -> Result<(), Error> {
    match output {
        Output::Json => print_result(&format!("{}\n", ascii_json(json))),
        Output::Text => print_result(text),
    }
}

/// Writes the series beside its runs; whether every file that was to be written is.
fn save(plan: &Plan, kind: &str, json: &Value, runs: &[SweepRun]) -> Result<bool, Error> {
    let mut written = true;
    for run in runs {
        if let Err(error) = &run.report.files {
            eprintln!("error: {}", told(error));
            written = false;
        }
    }
    if let Some(dir) = &plan.results_dir {
        eprintln!("results: {}", write_series(dir, kind, json)?.display());
    }
    Ok(written)
}

fn code(ended: Ended, worked: bool, met: bool, written: bool) -> u8 {
    match early_end(ended) {
        _ if !written => exit::INTERNAL,
        Some(code) => code,
        None if !worked => exit::TARGET,
        None if !met => exit::OBJECTIVE,
        None => 0,
    }
}

/// Says on stderr which run is on, and shows it as any run.
struct Steps {
    word: &'static str,
    of: Option<usize>,
    live: Live,
}

impl Steps {
    fn new(word: &'static str, of: Option<usize>) -> Steps {
        Steps { word, of, live: live() }
    }
}

fn live() -> Live {
    Live(Progress::new(std::io::stderr().is_terminal()))
}

impl SeriesWatcher for Steps {
    fn begins(&mut self, number: usize, plan: &Plan) {
        let of = self.of.map_or(String::new(), |of| format!("/{of}"));
        let requests = match plan.requests() {
            NO_LIMIT => String::new(),
            requests => format!(", {requests} requests"),
        };
        eprintln!("{} {number}{of}: {}{requests}", self.word, load_of(plan));
        self.live = live();
    }
    fn run(&mut self) -> &mut dyn Watcher {
        &mut self.live
    }
}
