//! How much load is made, how, and until when: from the flags to what the load room takes.

use anyhow::{Result, anyhow, bail};

use super::{ArrivalWord, LoadInput, default};
use crate::load::{Arrival, Division, NO_LIMIT, Overflow, Process, Profile, Segment};
use crate::units::Span;

/// More slots than this is more connections than one address pair has ports.
pub(super) const MAX_CONCURRENCY: u64 = 60_000;
/// Requests per second that one I/O thread can start, and more.
const MAX_RATE: f64 = 100_000.0;

/// The open loop's arrivals; a rate or a schedule makes one.
pub(super) fn arrival(input: &LoadInput) -> Result<Option<Arrival>> {
    let (word, burstiness) = (input.arrival, input.burstiness);
    let profile = match (input.request_rate, &input.rate_schedule) {
        (Some(_), Some(_)) => {
            bail!("--request-rate and --rate-schedule contradict each other\nhint: leave one out")
        }
        (Some(given), None) => Profile::Rate(positive_rate("--request-rate", given)?),
        (None, Some(text)) => Profile::Schedule(schedule(text)?),
        (None, None) if word.is_some() || burstiness.is_some() => bail!(
            "--arrival and --burstiness say how requests arrive at a rate\nhint: give --request-rate too"
        ),
        (None, None) => return Ok(None),
    };
    let process = match (word, burstiness) {
        (None | Some(ArrivalWord::Poisson), None) => Process::Poisson,
        (Some(ArrivalWord::Constant), None) => Process::Constant,
        (Some(ArrivalWord::Gamma), Some(b)) if (0.01..=100.0).contains(&b) => {
            Process::Gamma { burstiness: b }
        }
        (Some(ArrivalWord::Gamma), Some(b)) => {
            bail!(
                "--burstiness is {b}\nhint: give 0.01 to 100; 1 is Poisson, below 1 arrivals come in bursts"
            )
        }
        (Some(ArrivalWord::Gamma), None) => bail!("--arrival gamma needs --burstiness"),
        (_, Some(_)) => bail!("--burstiness goes with --arrival gamma only"),
    };
    Ok(Some(Arrival { profile, process }))
}

/// `10:30s,10..50:60s`.
fn schedule(text: &str) -> Result<Vec<Segment>> {
    let segments: Vec<Segment> = text
        .split(',')
        .map(|part| {
            segment(part.trim()).ok_or_else(|| {
                anyhow!(
                    "--rate-schedule: {part:?} is no part of a schedule\nhint: write RATE:SECONDS or FROM..TO:SECONDS, \
                     as in 10:30s,10..50:60s; rates are 0 to {MAX_RATE} requests per second"
                )
            })
        })
        .collect::<Result<_>>()?;
    if segments.iter().all(|segment| segment.from + segment.to == 0.0) {
        bail!("--rate-schedule {text} sends nothing\nhint: give a rate above 0 somewhere");
    }
    Ok(segments)
}

fn segment(text: &str) -> Option<Segment> {
    let (rates, length) = text.split_once(':')?;
    let (from, to) = rates.split_once("..").unwrap_or((rates, rates));
    let rate = |text: &str| text.trim().parse().ok().filter(|rate| (0.0..=MAX_RATE).contains(rate));
    let length = length.trim().trim_end_matches('s').parse().ok().filter(|length| *length > 0.0)?;
    Some(Segment { from: rate(from)?, to: rate(to)?, length: seconds_or_zero("", length).ok()? })
}

/// What is warm-up, what is measured, and for how long. `requests` is how many the content has by itself.
pub(super) fn division(input: &LoadInput, requests: u64) -> Result<Division> {
    let positive = |flag, given: Option<f64>| given.map(|s| seconds(flag, Some(s), s)).transpose();
    let measured = positive("--duration", input.duration)?;
    let is_timed = measured.is_some() || input.rate_schedule.is_some();
    let default = if is_timed { NO_LIMIT } else { requests };
    Ok(Division {
        warmup_requests: input.warmup_requests.unwrap_or_default().min(NO_LIMIT),
        warmup: seconds_or_zero("--warmup-duration", input.warmup_duration.unwrap_or_default())?,
        measured_requests: count(
            "--max-num-completed-requests",
            input.max_num_completed_requests,
            default,
            NO_LIMIT,
        )?,
        measured,
    })
}

/// When launching ends at the latest: not before a time that was asked for.
pub(super) fn timeout(input: &LoadInput) -> Result<Span> {
    let is_timed = input.duration.is_some() || input.rate_schedule.is_some();
    let default = if is_timed { default::LONGEST_S } else { default::TIMEOUT_S };
    seconds("--timeout", input.timeout, default)
}

/// What becomes of a request that finds no slot in an open loop.
pub(super) fn overflow(input: &LoadInput, is_open: bool) -> Result<Overflow> {
    match (input.queue, is_open) {
        (true, false) => bail!(
            "--queue is for requests that are due at a rate\nhint: give --request-rate, or leave it out: slots wait for nothing"
        ),
        (true, true) => Ok(Overflow::Queue),
        (false, _) => Ok(Overflow::Drop),
    }
}

/// The time over which the slots of a closed loop start.
pub(super) fn ramp_up(input: &LoadInput, is_open: bool) -> Result<Span> {
    let ramp_up = seconds_or_zero("--ramp-up", input.ramp_up.unwrap_or_default())?;
    if is_open && ramp_up > Span(0) {
        bail!(
            "--ramp-up starts the slots of a closed loop one by one\nhint: with a rate, let it rise: --rate-schedule 0..10:30s,10:60s"
        );
    }
    Ok(ramp_up)
}

/// A rate that the client can start. `flag` is what gave it.
pub(super) fn positive_rate(flag: &str, rate: f64) -> Result<f64> {
    // More is more than one thread can start.
    if !(rate > 0.0 && rate <= MAX_RATE) {
        bail!(
            "{flag} is {rate}, which is no rate\nhint: give requests per second, above 0 and at most {MAX_RATE}"
        );
    }
    Ok(rate)
}

/// The most requests at a time: slots of the closed loop, or where an open one begins to drop.
pub(super) fn concurrency(arrival: Option<&Arrival>, slots: Option<u64>, most: Option<u64>) -> Result<usize> {
    let most = match (arrival, slots, most) {
        (None, slots, None) => {
            count("--num-concurrent-requests", slots, default::CONCURRENT_REQUESTS, MAX_CONCURRENCY)?
        }
        (Some(_), None, most) => count("--max-concurrency", most, default::MAX_CONCURRENCY, MAX_CONCURRENCY)?,
        (None, _, Some(_)) => {
            bail!(
                "--max-concurrency bounds an open loop\nhint: give --request-rate too, or --num-concurrent-requests instead"
            )
        }
        (Some(_), Some(_), _) => bail!(
            "--request-rate and --num-concurrent-requests contradict each other\nhint: bound an open loop with --max-concurrency"
        ),
    };
    Ok(usize::try_from(most)?)
}

pub(super) fn count(flag: &str, given: Option<u64>, default: u64, most: u64) -> Result<u64> {
    match given.unwrap_or(default) {
        0 => bail!("{flag} is 0\nhint: give 1 or more"),
        n if n > most => bail!("{flag} is {n}, more than one client can hold\nhint: give {most} or less"),
        n => Ok(n),
    }
}

pub(super) fn seconds(flag: &str, given: Option<f64>, default: f64) -> Result<Span> {
    match given.unwrap_or(default) {
        0.0 => bail!("{flag} is 0\nhint: give a time in seconds"),
        s => seconds_or_zero(flag, s),
    }
}

pub(super) fn seconds_or_zero(flag: &str, s: f64) -> Result<Span> {
    if !(0.0..=default::LONGEST_S).contains(&s) {
        bail!("{flag} is {s}, which is no time\nhint: give a number of seconds, at most a year");
    }
    Ok(Span((s * 1e9) as u64))
}
