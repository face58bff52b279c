//! What summarising a long run costs: CPU time and memory for a million records of a hundred token events each, made as
//! they are taken in, so that what is measured is the summary's own.
//!
//! `cargo bench --bench summarise [RECORDS]`. The targets: 3 s of CPU, and memory that does not grow with events.

use std::hint::black_box;

use anyhow::{Context as _, Result};
use llmperf::metrics::{Accumulator, Context, llmperf::Rows};
use llmperf::record::{Outcome, RequestRecord, Usage};
use llmperf::units::{RequestId, Stamp, Tokens};
use rustix::time::{ClockId, clock_gettime};

const RECORDS: u64 = 1_000_000;
const TOKEN_EVENTS: u64 = 100;

fn main() -> Result<()> {
    let records = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(RECORDS);
    println!("{records} records of {TOKEN_EVENTS} token events");
    let (making, _) = measured(|| each_record(records, |record| _ = black_box(record)))?;
    println!("making them        {making:>8.2} s CPU, taken off below");

    let (adding, (memory, accumulator)) = measured(|| {
        let mut accumulator = Accumulator::new(Context::default());
        each_record(records, |record| accumulator.add(record));
        accumulator
    })?;
    println!("add                {:>8.2} s CPU, peak + {memory:.1} MiB", adding - making);
    let (finishing, (memory, summary)) = measured(|| accumulator.finish())?;
    println!("finish             {finishing:>8.2} s CPU, peak + {memory:.1} MiB");
    println!("together           {:>8.2} s CPU", adding - making + finishing);
    black_box(summary);

    let (rows, (memory, _)) = measured(|| {
        let mut rows = Rows::default();
        each_record(records, |record| rows.add(record));
        black_box(rows.finish())
    })?;
    println!(
        "LLMPerf's rows     {:>8.2} s CPU, peak + {memory:.1} MiB, where results are saved",
        rows - making
    );
    Ok(())
}

/// Seconds of CPU that `work` takes, and by how many MiB the peak of resident memory rose above where it began.
fn measured<T>(work: impl FnOnce() -> T) -> Result<(f64, (f64, T))> {
    // "5" makes the peak what is resident now.
    std::fs::write("/proc/self/clear_refs", "5").context("the peak of memory cannot be reset")?;
    let (memory, cpu) = (peak_mib()?, cpu_s());
    let done = work();
    Ok((cpu_s() - cpu, (peak_mib()? - memory, done)))
}

fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// A closed loop of 64 slots, its times spread by a generator as plain as can be, so that making them costs little.
fn each_record(records: u64, mut take: impl FnMut(&RequestRecord)) {
    let mut record = blank();
    let mut random = 1u64;
    for id in 0..records {
        let start = id / 64 * 2_300_000_000;
        let mut at = start + 200_000_000;
        record.token_events.clear();
        for _ in 0..TOKEN_EVENTS {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            at += 15_000_000 + (random >> 40) / 2;
            record.token_events.push(Stamp(at));
        }
        record.id = RequestId(id);
        (record.due, record.sent, record.end) =
            (Stamp(start), Stamp(start + (random >> 50)), Stamp(at + 1000));
        record.headers = Some(Stamp(start + 1_000_000));
        record.first_output = record.first_token();
        record.isl = Tokens(400 + (random >> 55));
        record.osl = Tokens(TOKEN_EVENTS + (random >> 60));
        take(&record);
    }
}

fn blank() -> RequestRecord {
    RequestRecord {
        id: RequestId(0),
        warmup: false,
        session: None,
        response_id: None,
        status: Some(200),
        due: Stamp(0),
        sent: Stamp(0),
        connected: None,
        headers: None,
        token_events: Vec::new(),
        first_output: None,
        end: Stamp(0),
        events: TOKEN_EVENTS + 3,
        body_bytes: 30_000,
        isl_target: Tokens(550),
        isl: Tokens(550),
        osl: Tokens(TOKEN_EVENTS),
        reasoning: Tokens(0),
        max_tokens: None,
        usage: Usage::default(),
        finish: Some("stop".to_owned()),
        terminated: true,
        outcome: Outcome::Ok,
        output: None,
    }
}
