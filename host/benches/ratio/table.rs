//! Both clients side by side: medians, and their ratio where there is one.

use std::fmt::Write as _;

use crate::process::Cores;
use crate::run::Measured;
use crate::scenario::Scenario;

/// A line of the table.
struct Row {
    name: &'static str,
    unit: &'static str,
    decimals: usize,
    /// Whether the quotient of the two means anything: that of two errors near zero does not.
    has_ratio: bool,
    of: fn(&Measured) -> Option<f64>,
}

const ROWS: &[Row] = &[
    row("CPU per token event, start included", "us", 2, true, |m| Some(cpu_per_event_us(m))),
    row("CPU per token event, beyond the first tokens", "us", 2, true, |m| Some(cpu_per_further_event_us(m))),
    row("CPU of start, prompts and first tokens", "ms", 0, true, |m| Some(ms(m.start_cpu_ns))),
    row("events/s, first sent to last token", "/s", 0, true, |m| Some(per_second(m.events, m.receiving_ns))),
    row("events/s, first sent to results written", "/s", 0, true, |m| {
        Some(per_second(m.events, m.finishing_ns))
    }),
    row("TTFT error p50", "ms", 3, false, |m| m.errors.map(|errors| errors.ttft_p50)),
    row("TTFT error p99", "ms", 3, false, |m| m.errors.map(|errors| errors.ttft_p99)),
    row("gap error p99", "ms", 3, false, |m| m.errors.map(|errors| errors.gap_p99)),
    row("memory, peak", "MiB", 1, true, |m| Some(m.peak_bytes as f64 / f64::from(1 << 20))),
    row("process start to first request", "ms", 0, true, |m| Some(ms(m.first_sent_ns))),
    row("target's CPU", "%", 0, false, |m| Some(mock_busy(m))),
    row("others on the two cores", "%", 0, false, |m| Some(100.0 * m.others()?)),
];

const fn row(
    name: &'static str,
    unit: &'static str,
    decimals: usize,
    has_ratio: bool,
    of: fn(&Measured) -> Option<f64>,
) -> Row {
    Row { name, unit, decimals, has_ratio, of }
}

/// CPU of the client's whole life ÷ token-bearing events.
pub(crate) fn cpu_per_event_us(m: &Measured) -> f64 {
    m.cpu_ns as f64 / 1e3 / m.events as f64
}

/// CPU beyond that of the same requests answered by one token each ÷ the events beyond those.
pub(crate) fn cpu_per_further_event_us(m: &Measured) -> f64 {
    (m.cpu_ns as f64 - m.start_cpu_ns as f64) / 1e3 / (m.events as f64 - m.start_events as f64)
}

pub(crate) fn per_second(events: u64, ns: u64) -> f64 {
    events as f64 / (ns as f64 / 1e9)
}

/// CPU of the mock's whole life ÷ the time from the first request to the last token. Near 100, the mock was the limit.
pub(crate) fn mock_busy(m: &Measured) -> f64 {
    100.0 * m.mock_cpu_ns as f64 / m.receiving_ns as f64
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// What the figures depend on.
pub(crate) fn conditions(cores: &Cores) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let place = match cores.client_and_mock {
        Some((client, mock)) => format!("client on core {client}, target on core {mock}"),
        None => "client and target on the only core".to_owned(),
    };
    format!(
        "{}; Linux {}; {place}; load average {}\n",
        model.map_or("unknown CPU", |(_, model)| model),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}

/// The table of one scenario.
pub(crate) fn render(scenario: &Scenario, floor: &[Measured], llmperf: &[Measured]) -> String {
    let mut text = format!("{}; medians of {} (lowest to highest)\n", scenario.title(), floor.len());
    let _ = writeln!(text, "{:<46}{:>5} {:>32} {:>32} {:>6}", "", "", "floor", "llmperf", "ratio");
    for row in ROWS {
        let spread = |runs: &[Measured]| Spread::of(runs.iter().filter_map(row.of).collect());
        let (Some(floor), Some(llmperf)) = (spread(floor), spread(llmperf)) else { continue };
        let ratio =
            if row.has_ratio { format!("{:.2}", llmperf.median / floor.median) } else { String::new() };
        let (floor, llmperf) = (floor.show(row.decimals), llmperf.show(row.decimals));
        let _ = writeln!(text, "{:<46}{:>5} {floor:>32} {llmperf:>32} {ratio:>6}", row.name, row.unit);
    }
    text
}

/// One figure over all runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The mean of the two in the middle where their number is even.
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let median = f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Spread { median, lowest, highest })
    }

    fn show(&self, decimals: usize) -> String {
        let Spread { median, lowest, highest } = self;
        format!("{median:.decimals$} ({lowest:.decimals$} to {highest:.decimals$})")
    }
}
