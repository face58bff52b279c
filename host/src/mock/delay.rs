//! How long the mock waits: a distribution, how it is written, and its samples.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::units::Span;

/// A distribution of waiting times. Written `20ms`, `uniform:10ms..30ms` or `lognormal:20ms,0.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// This time, always.
    Fixed(Span),
    /// Every time from `min` to `max` (both included) is as likely as another.
    Uniform { min: Span, max: Span },
    /// `median * exp(sigma * z)`, `z` standard normal; `sigma` is 0 or above.
    Lognormal { median: Span, sigma: f64 },
}

impl Delay {
    /// Draws one waiting time. A fixed delay draws nothing from `rng`.
    pub fn sample(&self, rng: &mut impl Rng) -> Span {
        match *self {
            Delay::Fixed(span) => span,
            Delay::Uniform { min, max } => Span(rng.random_range(min.0..=max.0)),
            Delay::Lognormal { median, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                // `as` saturates: an absurd sigma gives a very long wait, not a wrong one.
                Span((median.0 as f64 * (sigma * z).exp()) as u64)
            }
        }
    }
}

impl FromStr for Delay {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        const FORMS: &str =
            "expected a time such as 20ms, uniform:10ms..30ms, or lognormal:20ms,0.5 (median, sigma)";
        let Some((kind, rest)) = text.split_once(':') else {
            return Ok(Delay::Fixed(parse_span(text).with_context(|| format!("delay {text:?}: {FORMS}"))?));
        };
        match kind {
            "fixed" => Ok(Delay::Fixed(parse_span(rest)?)),
            "uniform" => {
                let (min, max) = rest.split_once("..").with_context(|| format!("delay {text:?}: {FORMS}"))?;
                let (min, max) = (parse_span(min)?, parse_span(max)?);
                ensure!(min <= max, "delay {text:?}: the first time is the longer one; swap them");
                Ok(Delay::Uniform { min, max })
            }
            "lognormal" => {
                let (median, sigma) =
                    rest.split_once(',').with_context(|| format!("delay {text:?}: {FORMS}"))?;
                let sigma: f64 =
                    sigma.trim().parse().with_context(|| format!("delay {text:?}: sigma {sigma:?}"))?;
                ensure!(sigma.is_finite() && sigma >= 0.0, "delay {text:?}: sigma is a number of 0 or above");
                Ok(Delay::Lognormal { median: parse_span(median)?, sigma })
            }
            _ => bail!("unknown kind of delay {kind:?}: {FORMS}"),
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Delay::Fixed(span) => f.write_str(&show_span(span)),
            Delay::Uniform { min, max } => write!(f, "uniform:{}..{}", show_span(min), show_span(max)),
            Delay::Lognormal { median, sigma } => write!(f, "lognormal:{},{sigma}", show_span(median)),
        }
    }
}

/// The units of a written time and their nanoseconds, longest first.
const UNITS: [(&str, u64); 5] =
    [("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// Reads `20ms`, `1.5s`, `0`.
pub(super) fn parse_span(text: &str) -> Result<Span> {
    let text = text.trim();
    if text == "0" {
        return Ok(Span(0));
    }
    let cut = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..cut].trim_end(), &text[cut..]);
    ensure!(!unit.is_empty(), "time {text:?} has no unit: write ns, us, ms, s or m after the number");
    let Some(&(_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        bail!("time {text:?} has the unknown unit {unit:?}: expected ns, us, ms, s or m");
    };
    let number: f64 = number.parse().with_context(|| format!("time {text:?}: {number:?} is no number"))?;
    ensure!(number.is_finite() && number >= 0.0, "time {text:?} is negative: expected 0 or above");
    Ok(Span((number * scale as f64).round() as u64))
}

/// Writes a time so that [`parse_span`] reads the same one back.
pub(super) fn show_span(span: Span) -> String {
    match UNITS.iter().find(|(_, scale)| span.0 != 0 && span.0.is_multiple_of(*scale)) {
        Some((unit, scale)) => format!("{}{unit}", span.0 / scale),
        None => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_delay_is_read_and_written_back() {
        fn check(text: &str, expected: Delay, written: &str) {
            let delay: Delay = text.parse().unwrap();
            assert_eq!(delay, expected, "{text}");
            assert_eq!(delay.to_string(), written);
            assert_eq!(written.parse::<Delay>().unwrap(), expected, "{written}");
        }
        let ms = Span::from_millis;
        check("20ms", Delay::Fixed(ms(20)), "20ms");
        check("fixed:20 ms", Delay::Fixed(ms(20)), "20ms");
        check("0", Delay::Fixed(Span(0)), "0");
        check("0ms", Delay::Fixed(Span(0)), "0");
        check("1.5s", Delay::Fixed(ms(1500)), "1500ms");
        check("2m", Delay::Fixed(Span::from_secs(120)), "2m");
        check("250us", Delay::Fixed(Span(250_000)), "250us");
        check("uniform:10ms..30ms", Delay::Uniform { min: ms(10), max: ms(30) }, "uniform:10ms..30ms");
        check("lognormal:20ms,0.5", Delay::Lognormal { median: ms(20), sigma: 0.5 }, "lognormal:20ms,0.5");
    }

    #[test]
    fn a_delay_that_cannot_be_read_says_why() {
        fn check(text: &str, expected: &str) {
            let error = format!("{:#}", text.parse::<Delay>().unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
        check("20", "no unit");
        check("", "no unit");
        check("20min", "unknown unit \"min\"");
        check("-1ms", "negative");
        check("xms", "unknown unit");
        check("x1ms", "unknown unit");
        check("uniform:10ms", "uniform:10ms..30ms");
        check("uniform:30ms..10ms", "swap them");
        check("lognormal:20ms", "lognormal:20ms,0.5");
        check("lognormal:20ms,-1", "0 or above");
        check("lognormal:20ms,NaN", "0 or above");
        check("gamma:1ms", "unknown kind of delay \"gamma\"");
    }

    #[test]
    fn samples_follow_their_distribution_and_repeat_with_the_seed() {
        fn check(text: &str, within: (f64, f64), median: f64) {
            let draw = || {
                let delay: Delay = text.parse().unwrap();
                let mut rng = ChaCha8Rng::seed_from_u64(7);
                (0..4001).map(|_| delay.sample(&mut rng).as_ms()).collect::<Vec<f64>>()
            };
            let mut samples = draw();
            assert_eq!(samples, draw());
            samples.sort_by(f64::total_cmp);
            assert!(samples[0] >= within.0 && samples[4000] <= within.1, "{text}");
            assert!((samples[2000] / median - 1.0).abs() < 0.05, "{text}: median {}", samples[2000]);
        }
        check("20ms", (20.0, 20.0), 20.0);
        check("uniform:10ms..30ms", (10.0, 30.0), 20.0);
        check("lognormal:20ms,0.5", (1.0, 400.0), 20.0);
    }
}
