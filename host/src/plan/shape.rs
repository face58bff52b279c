//! How much load is made, how, and until when: from the flags to what the load room takes.

use anyhow::{Result, bail};

use super::{ArrivalWord, default};
use crate::load::{Arrival, Process};
use crate::units::Span;

/// More slots than this is more connections than one address pair has ports.
const MAX_CONCURRENCY: u64 = 60_000;
/// Requests per second that one I/O thread can start, and more.
const MAX_RATE: f64 = 100_000.0;

/// The open loop's arrivals; a rate makes one.
pub(super) fn arrival(
    rate: Option<f64>,
    word: Option<ArrivalWord>,
    burstiness: Option<f64>,
) -> Result<Option<Arrival>> {
    let Some(rate) = rate else {
        if word.is_some() || burstiness.is_some() {
            bail!(
                "--arrival and --burstiness say how requests arrive at a rate\nhint: give --request-rate too"
            );
        }
        return Ok(None);
    };
    let rate = positive_rate("--request-rate", rate)?;
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
    Ok(Some(Arrival { rate, process }))
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
pub(super) fn concurrency(arrival: Option<Arrival>, slots: Option<u64>, most: Option<u64>) -> Result<usize> {
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
    // A year is beyond any run, and far from where a deadline would overflow.
    if !(0.0..=31_536_000.0).contains(&s) {
        bail!("{flag} is {s}, which is no time\nhint: give a number of seconds, at most a year");
    }
    Ok(Span((s * 1e9) as u64))
}
