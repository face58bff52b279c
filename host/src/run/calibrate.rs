//! Measures what this machine's own client adds: a load with known times, beside what the target really did.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{Setup, Watcher, load, machine, manifest};
use crate::clock::unix_seconds;
use crate::metrics::{Calibration, CalibrationPoint};
use crate::mock::TruthRow;
use crate::plan::{LoadInput, resolve};
use crate::record::RequestRecord;
use crate::units::Stamp;

/// The target's times: 50 events a second and stream, as a fast hosted model.
const TTFT: &str = "200ms";
const ITL: &str = "20ms";

/// One load to be measured.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationLoad {
    pub streams: u64,
    pub requests: u64,
    pub tokens: u64,
}

/// Some five seconds each, half a minute together; few streams send short answers, to have requests enough for TTFT.
pub const LOADS: [CalibrationLoad; 5] = [
    CalibrationLoad { streams: 1, requests: 8, tokens: 20 },
    CalibrationLoad { streams: 8, requests: 64, tokens: 20 },
    CalibrationLoad { streams: 64, requests: 128, tokens: 100 },
    CalibrationLoad { streams: 256, requests: 512, tokens: 100 },
    CalibrationLoad { streams: 1000, requests: 2000, tokens: 100 },
];
/// Three seconds, to see that it works.
pub const QUICK_LOADS: [CalibrationLoad; 2] = [
    CalibrationLoad { streams: 1, requests: 2, tokens: 10 },
    CalibrationLoad { streams: 8, requests: 16, tokens: 20 },
];

/// Measures these loads one after the other; `told` hears of each point as it is there.
///
/// # Errors
/// The target cannot be started, or a request of a load fails: that is no floor.
pub fn calibrate(loads: &[CalibrationLoad], mut told: impl FnMut(&CalibrationPoint)) -> Result<Calibration> {
    let mut points = Vec::new();
    for load in loads {
        let point = measure(*load).with_context(|| format!("{} streams cannot be measured", load.streams))?;
        told(&point);
        points.push(point);
    }
    Ok(Calibration::new(unix_seconds(), manifest::hostname(), machine::cores(), points))
}

fn measure(at: CalibrationLoad) -> Result<CalibrationPoint> {
    let dir = tempfile::tempdir()?;
    let truth = dir.path().join("truth.jsonl");
    let target = Target::start(&truth, at.tokens)?;
    let input = LoadInput {
        model: Some("calibration".to_owned()),
        base_url: Some(target.base.clone()),
        // Nothing here may hang on what is set for other runs.
        mean_input_tokens: Some(60.0),
        stddev_input_tokens: Some(0.0),
        mean_output_tokens: Some(at.tokens as f64),
        stddev_output_tokens: Some(0.0),
        max_num_completed_requests: Some(at.requests),
        num_concurrent_requests: Some(at.streams),
        ..LoadInput::default()
    };
    let setup = Setup::new(resolve(input, &|_| None)?).map_err(|error| error.cause)?;
    let zero = setup.clock.zero_monotonic_ns();
    let mut records = Records(Vec::new());
    let report = load(setup, &mut records).map_err(|error| error.cause)?;
    target.stop()?;
    let errors = Errors::of(&records.0, &read(&truth)?, zero)?;
    let seconds = report.judgement.health.elapsed_s;
    let events = errors.events as f64;
    Ok(CalibrationPoint {
        streams: at.streams as f64,
        events_per_s: if seconds > 0.0 { events / seconds } else { 0.0 },
        requests: at.requests,
        ttft_error_p50_ms: quantile(&errors.ttft_ms, 0.5),
        ttft_error_p99_ms: quantile(&errors.ttft_ms, 0.99),
        gap_error_p99_ms: quantile(&errors.gap_ms, 0.99),
        cpu_per_event_us: report.judgement.health.process_cpu_s.unwrap_or(0.0) * 1e6 / events.max(1.0),
    })
}

/// Keeps what it sees.
struct Records(Vec<RequestRecord>);

impl Watcher for Records {
    fn started(&mut self, _: u64) {}
    fn finished(&mut self, record: &RequestRecord) {
        self.0.push(record.clone());
    }
    fn ended(&mut self) {}
}

/// How far the measured times are off, sorted.
struct Errors {
    ttft_ms: Vec<f64>,
    gap_ms: Vec<f64>,
    events: usize,
}

impl Errors {
    /// Both stamp on CLOCK_MONOTONIC; `zero` is the client's.
    fn of(records: &[RequestRecord], truth: &HashMap<String, TruthRow>, zero: u64) -> Result<Errors> {
        let mut errors = Errors { ttft_ms: vec![], gap_ms: vec![], events: 0 };
        for record in records {
            let row = record.response_id.as_ref().and_then(|id| truth.get(id)).filter(|_| record.is_ok());
            let Some(row) = row.filter(|row| row.token_ns.len() == record.token_events.len()) else {
                bail!("a request failed or lost events: {:?}", record.outcome);
            };
            errors.events += row.token_ns.len();
            let at = |stamp: Stamp| (zero + stamp.0) as f64 / 1e6;
            let written = |ns: u64| ns as f64 / 1e6;
            if let (Some(first), Some(real)) = (record.first_token(), row.first_token_ns) {
                let measured = at(first) - at(record.sent);
                errors.ttft_ms.push(measured - (written(real) - written(row.request_ns)));
            }
            let gaps = record.token_events.windows(2).zip(row.token_ns.windows(2));
            errors.gap_ms.extend(gaps.map(|(seen, real)| {
                ((at(seen[1]) - at(seen[0])) - (written(real[1]) - written(real[0]))).abs()
            }));
        }
        errors.ttft_ms.sort_by(f64::total_cmp);
        errors.gap_ms.sort_by(f64::total_cmp);
        Ok(errors)
    }
}

/// The smallest value that at least the share `q` of all is not above; 0 where there are none.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

fn read(truth: &Path) -> Result<HashMap<String, TruthRow>> {
    let text = std::fs::read_to_string(truth).context("the target left no log")?;
    let rows = text.lines().map(|line| {
        let row: TruthRow = serde_json::from_str(line).context("the target's log cannot be read")?;
        Ok((row.id.clone(), row))
    });
    rows.collect()
}

/// The built-in target, in a process of its own: in this one it would share the client's CPU time.
struct Target {
    child: Child,
    base: String,
}

impl Target {
    fn start(truth: &Path, tokens: u64) -> Result<Target> {
        let program = std::env::current_exe().context("this program cannot find itself")?;
        let mut command = Command::new(program);
        command.args(["mock", "--usage", "never", "--ttft", TTFT, "--itl", ITL, "--output-tokens"]);
        command.arg(tokens.to_string()).arg("--truth").arg(truth);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("the target cannot be started")?;
        let stdout = child.stdout.take();
        let mut target = Target { child, base: String::new() };
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut target.base).context("the target does not answer")?;
        }
        target.base.truncate(target.base.trim_end().len());
        if target.base.is_empty() {
            bail!("the target ended at once");
        }
        Ok(target)
    }

    /// Ends it in good order, so that its log is whole.
    fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("the target cannot be stopped")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the target failed: {status}");
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Does nothing to one that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
