//! Service level objectives, as they are written: `ttft:p95<500ms`. What each means is said once, here:
//!
//! - A *request* meets `ttft<500ms` if its value is below the bound, whatever percentile is written with it. It meets
//!   `itl:p99<50ms` if at least 99 % of its own gaps are below, and `itl<50ms` if all of them are.
//! - Only a successful request meets anything. One that brought no token meets nothing; one that brought a single
//!   token-bearing event has no gap, and meets what is asked of `itl` and `tpot`. Any other undefined value is a miss.
//! - *Attainment* is the share of all measured requests that were due and meet it: failed, dropped and cancelled requests
//!   are misses. For `itl` it is the share of the gaps of all successful requests, pooled.
//! - A *run* meets it if the attainment is at least the percentile's share; without a percentile, all have to.
//! - *Good* is a request that meets every objective; goodput counts those.

use std::fmt;

use anyhow::{Result, anyhow, bail};

use super::{Metric, Unit};

/// What an objective may be about.
const METRICS: [Metric; 8] = [
    Metric::Ttft,
    Metric::TtftDue,
    Metric::Ttfo,
    Metric::E2el,
    Metric::E2elDue,
    Metric::Itl,
    Metric::Tpot,
    Metric::OutputThroughputPerRequest,
];

/// One objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    pub metric: Metric,
    /// The share that has to meet it, above 0 and below 1; `None` means all.
    pub share: Option<f64>,
    pub bound: Bound,
    /// As it was written.
    text: String,
}

/// The side a value has to be on, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    Below(f64),
    Above(f64),
}

impl Slo {
    /// Reads objectives that are separated by blanks or commas.
    ///
    /// # Errors
    /// Names the objective that cannot be read, and how it should be written.
    pub fn parse_all(text: &str) -> Result<Vec<Slo>> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let all = words.map(Slo::parse).collect::<Result<Vec<_>>>()?;
        if all.is_empty() {
            bail!("it is empty\nhint: write 'ttft:p95<500ms itl:p99<50ms e2el<10s'");
        }
        Ok(all)
    }

    fn parse(text: &str) -> Result<Slo> {
        let Some(at) = text.find(['<', '>']) else {
            bail!("{text:?} has neither < nor >\nhint: write ttft:p95<500ms");
        };
        let (subject, rest) = text.split_at(at);
        let (op, number) = rest.split_at(1);
        let (name, percentile) = match subject.split_once(':') {
            Some((name, percentile)) => (name, Some(percentile)),
            None => (subject, None),
        };
        let metric =
            METRICS.into_iter().find(|metric| metric.definition().name == name).ok_or_else(|| {
                let names = METRICS.map(|metric| metric.definition().name).join(", ");
                anyhow!("{text:?}: {name:?} is no metric an objective can be about\nhint: there are {names}")
            })?;
        let share = percentile.map(|percentile| share(text, percentile)).transpose()?;
        let value = amount(text, metric.definition().unit, number)?;
        let bound = match (op, metric.definition().unit) {
            ("<", Unit::Ms) => Bound::Below(value),
            (">", Unit::TokensPerS) => Bound::Above(value),
            (_, Unit::Ms) => bail!("{text:?}: a latency should be below its bound\nhint: write {name}<…"),
            _ => bail!("{text:?}: a throughput should be above its bound\nhint: write {name}>…"),
        };
        Ok(Slo { metric, share, bound, text: text.to_owned() })
    }

    /// Whether a value is on the right side.
    pub fn holds(&self, value: f64) -> bool {
        match self.bound {
            Bound::Below(bound) => value < bound,
            Bound::Above(bound) => value > bound,
        }
    }

    /// Whether `hits` out of `total` are enough.
    pub(super) fn is_met(&self, hits: u64, of: u64) -> bool {
        match self.share {
            None => of > 0 && hits == of,
            // A share as written is not exact in binary, and 95 of 100 must meet p95.
            Some(share) => of > 0 && hits as f64 >= share * of as f64 - 1e-6,
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn share(text: &str, percentile: &str) -> Result<f64> {
    let percent: Option<f64> = percentile.strip_prefix('p').and_then(|digits| digits.parse().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent < 100.0 => Ok(percent / 100.0),
        _ => bail!(
            "{text:?}: {percentile:?} is no percentile\nhint: write p50, p95 or p99.9; leave it out to mean all"
        ),
    }
}

/// A positive number with its unit, in the metric's unit.
fn amount(text: &str, unit: Unit, written: &str) -> Result<f64> {
    let split = written.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(written.len());
    let (digits, suffix) = written.split_at(split);
    let factor = match (unit, suffix) {
        (Unit::Ms, "us") => 1e-3,
        (Unit::Ms, "s") => 1e3,
        (Unit::Ms, "ms") | (Unit::TokensPerS, "tokens/s") => 1.0,
        (Unit::Ms, _) => bail!("{text:?}: the bound needs a unit\nhint: us, ms and s are known, as in 500ms"),
        _ => bail!("{text:?}: the bound needs its unit\nhint: write it as 20tokens/s"),
    };
    match digits.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number * factor),
        _ => bail!("{text:?}: the bound is no number above 0\nhint: write it as 500ms or 20tokens/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_in_every_unit_and_kept_as_written() {
        let all = Slo::parse_all(
            "ttft:p95<500ms, itl:p99.9<50000us\te2el<1.5s output_throughput_per_request:p50>20tokens/s",
        );
        let all = all.expect("objectives");
        let seen: Vec<_> = all.iter().map(|slo| (slo.metric, slo.share, slo.bound)).collect();
        assert_eq!(seen[0], (Metric::Ttft, Some(0.95), Bound::Below(500.0)));
        assert_eq!((seen[1].0, seen[1].2), (Metric::Itl, Bound::Below(50.0)));
        assert!((seen[1].1.expect("a share") - 0.999).abs() < 1e-12);
        assert_eq!(seen[2], (Metric::E2el, None, Bound::Below(1500.0)));
        assert_eq!(seen[3], (Metric::OutputThroughputPerRequest, Some(0.5), Bound::Above(20.0)));
        assert_eq!(all[0].to_string(), "ttft:p95<500ms");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_remedy() {
        for (text, word) in [
            ("", "empty"),
            ("ttft", "neither"),
            ("tft<5ms", "ttft_due"),
            ("ttft:95<5ms", "percentile"),
            ("ttft:p100<5ms", "percentile"),
            ("ttft:p0<5ms", "percentile"),
            ("ttft<5", "unit"),
            ("ttft<=5ms", "unit"),
            ("ttft<-5ms", "unit"),
            ("ttft<0ms", "above 0"),
            ("ttft<ms", "above 0"),
            ("ttft<1.2.3ms", "above 0"),
            ("ttft>5ms", "below its bound"),
            ("output_throughput_per_request<5tokens/s", "above its bound"),
            ("output_throughput_per_request>5ms", "tokens/s"),
        ] {
            let error = Slo::parse_all(text).expect_err(text).to_string();
            assert!(error.contains(word) && error.contains("\nhint: "), "{text:?}: {error}");
        }
    }

    #[test]
    fn exactly_the_share_is_enough() {
        let slo = |text: &str| Slo::parse_all(text).expect("an objective").remove(0);
        let p95 = slo("ttft:p95<1s");
        assert!(p95.is_met(95, 100) && p95.is_met(19, 20) && !p95.is_met(94, 100) && !p95.is_met(0, 0));
        let all = slo("ttft<1s");
        assert!(all.is_met(3, 3) && !all.is_met(999_999, 1_000_000) && !all.is_met(0, 0));
        assert!(!all.holds(1000.0) && all.holds(999.999));
    }
}
