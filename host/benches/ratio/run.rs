//! One run: a mock, a client, and what came of them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::compare::{Errors, Findings};
use crate::floor;
use crate::process::{self, Cores, Mock, Used};
use crate::scenario::Scenario;

/// Who sends the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Floor { prompt_bytes: u64 },
    Llmperf,
}

/// What one run of one client showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// CPU of the client's whole life, all threads, user and system.
    pub(crate) cpu_ns: u64,
    /// The same of a run whose answers end with their first token: see [`Scenario::first_token_only`].
    pub(crate) start_cpu_ns: u64,
    pub(crate) events: u64,
    /// Events of that run.
    pub(crate) start_events: u64,
    /// From the start of the process to its end.
    pub(crate) life_ns: u64,
    /// How long the cores of client and mock were busy meanwhile, with whatever; `None` where there is only one core.
    pub(crate) cores_busy_ns: Option<u64>,
    /// From the start of the process to the first request.
    pub(crate) first_sent_ns: u64,
    /// From the first request to the last token.
    pub(crate) receiving_ns: u64,
    /// From the first request to the end of the process, with all results written.
    pub(crate) finishing_ns: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) prompt_bytes: Option<u64>,
    pub(crate) errors: Option<Errors>,
    /// CPU of the mock.
    pub(crate) mock_cpu_ns: u64,
}

impl Measured {
    /// (Busy time of both cores − CPU of client and mock) ÷ the client's life, as a share of one core: how far from quiet the
    /// machine was.
    pub(crate) fn others(&self) -> Option<f64> {
        let ours = self.cpu_ns + self.mock_cpu_ns;
        Some(self.cores_busy_ns?.saturating_sub(ours) as f64 / self.life_ns as f64)
    }
}

/// A run that is too noisy is repeated so often, and then the quietest stands.
const TRIES: usize = 8;

/// Runs the scenario, and before it the same requests answered by one token each. Where a limit is given for what others
/// may use of the two cores meanwhile (1 is a whole core), a run above it is repeated: it is chosen by its conditions, and
/// never by its figures.
pub(crate) fn with_start(
    client: Client,
    scenario: &Scenario,
    cores: &Cores,
    quiet: Option<f64>,
) -> Result<Measured> {
    let start = quietest(client, &scenario.first_token_only(), cores, quiet)?;
    let whole = quietest(client, scenario, cores, quiet)?;
    Ok(Measured { start_cpu_ns: start.cpu_ns, start_events: start.events, ..whole })
}

fn quietest(client: Client, scenario: &Scenario, cores: &Cores, quiet: Option<f64>) -> Result<Measured> {
    let others = |measured: &Measured| measured.others().unwrap_or(0.0);
    let mut best = once(client, scenario, cores)?;
    for _ in 1..TRIES {
        if quiet.is_none_or(|limit| others(&best) <= limit) {
            break;
        }
        eprintln!("  others had {:.0} % of a core; again", 100.0 * others(&best));
        let next = once(client, scenario, cores)?;
        if others(&next) < others(&best) {
            best = next;
        }
    }
    Ok(best)
}

/// Runs the scenario.
pub(crate) fn once(client: Client, scenario: &Scenario, cores: &Cores) -> Result<Measured> {
    let dir = tempfile::tempdir().context("no directory for a run")?;
    let result = in_dir(client, scenario, cores, dir.path());
    result.with_context(|| {
        let said = std::fs::read_to_string(dir.path().join("client.log")).unwrap_or_default();
        format!("{client:?} in scenario {}; it said: {said}", scenario.name)
    })
}

fn in_dir(client: Client, scenario: &Scenario, cores: &Cores, dir: &Path) -> Result<Measured> {
    let truth = dir.join("truth.jsonl");
    let mock = Mock::start(&mock_command(scenario, &truth), cores, &dir.join("mock.log"))?;
    let results = dir.join("results");
    std::fs::create_dir(&results)?;
    let (name, command) = match client {
        Client::Floor { prompt_bytes } => {
            ("floor", floor_command(scenario, &mock.base, prompt_bytes, &results)?)
        }
        Client::Llmperf => ("llmperf", llmperf_command(scenario, &mock.base, &results)),
    };
    let busy_before = cores.busy_ns();
    let used = process::client(command, cores, &dir.join("client.log"))?.wait(name)?;
    let cores_busy_ns = cores.busy_ns().zip(busy_before).map(|(after, before)| after.saturating_sub(before));
    let mock = mock.stop()?;
    let findings = find(name, &results, &truth)?;
    let expected = scenario.requests as u64 * scenario.tokens;
    ensure!(findings.events == expected, "{} events of {expected} came", findings.events);
    Ok(Measured { cores_busy_ns, ..measured(used, mock, findings) })
}

fn measured(used: Used, mock: Used, findings: Findings) -> Measured {
    Measured {
        life_ns: used.ended_ns.saturating_sub(used.started_ns),
        cores_busy_ns: None,
        cpu_ns: used.cpu_ns,
        start_cpu_ns: 0,
        events: findings.events,
        start_events: 0,
        first_sent_ns: findings.first_sent_ns.saturating_sub(used.started_ns),
        receiving_ns: findings.last_token_ns.saturating_sub(findings.first_sent_ns),
        finishing_ns: used.ended_ns.saturating_sub(findings.first_sent_ns),
        peak_bytes: used.peak_bytes,
        prompt_bytes: findings.prompt_bytes,
        errors: findings.errors,
        mock_cpu_ns: mock.cpu_ns,
    }
}

fn mock_command(scenario: &Scenario, truth: &Path) -> Command {
    let mut command = process::llmperf("mock");
    command
        .args(["--ttft", &format!("{}ms", scenario.ttft_ms), "--itl", &format!("{}ms", scenario.itl_ms)])
        .args(["--output-tokens", &scenario.tokens.to_string()])
        .args(["--events-per-write", &scenario.events_per_write.to_string()]);
    // A stream without pace has no times to compare with, and logging them is work.
    if scenario.is_paced() || scenario.tokens == 1 {
        command.arg("--truth").arg(truth);
    }
    command
}

fn llmperf_command(scenario: &Scenario, base: &str, results: &Path) -> Command {
    let mut command = process::llmperf("load");
    command
        .args(["--base-url", base, "--model", "m"])
        .args(["--requests", &scenario.requests.to_string(), "--concurrency", &scenario.streams.to_string()])
        // One length of prompt, so that the floor can send the same; the answer's length is the mock's to choose.
        .args(["--isl", "550", "--isl-stddev", "0"])
        .args(["--osl", &scenario.tokens.to_string(), "--osl-stddev", "0"])
        .args(["--timeout", "150"])
        .arg("--results-dir")
        .arg(results);
    command
}

fn floor_command(scenario: &Scenario, base: &str, prompt_bytes: u64, results: &Path) -> Result<Command> {
    let address = base.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/v1"));
    let order = floor::Order {
        address: address.context("the mock's address is not as expected")?.to_owned(),
        requests: scenario.requests,
        streams: scenario.streams,
        tokens: scenario.tokens,
        prompt_bytes: usize::try_from(prompt_bytes)?,
        out: results.join("floor.jsonl"),
    };
    let mut command = process::this("floor")?;
    command.args(order.args());
    Ok(command)
}

/// Has a process of its own read the results.
fn find(client: &str, results: &Path, truth: &Path) -> Result<Findings> {
    let mut command = process::this("compare")?;
    let output = command.arg(client).arg(results).arg(truth).output().context("nobody compares")?;
    ensure!(output.status.success(), "the results do not fit: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the comparison cannot be read")
}
