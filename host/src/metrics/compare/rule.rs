//! Rules of a gate, as they are written: `ttft.p95 > +10%`, `e2el.p50 > +50ms`, `output_throughput < -5%`.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, anyhow, bail};

use super::{Moment, Quantity};
use crate::metrics::{Aggregate, Metric, Unit};

/// What a gate fails on: a change beyond a limit, in the direction of the limit's sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub quantity: Quantity,
    pub limit: Limit,
    /// As it was written.
    text: String,
}

/// How far a number may change. Above zero more of it is worse, below zero less of it is; zero has the sign it was written with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// A share of the baseline: 0.1 is +10 %.
    Relative(f64),
    /// In the unit of the quantity.
    Absolute(f64),
}

impl Limit {
    /// The number, signed.
    pub fn amount(self) -> f64 {
        match self {
            Limit::Relative(amount) | Limit::Absolute(amount) => amount,
        }
    }

    /// Whether it is growth that is worse.
    pub fn is_above(self) -> bool {
        self.amount().is_sign_positive()
    }
}

impl FromStr for Rule {
    type Err = anyhow::Error;

    /// # Errors
    /// Names the rule that cannot be read, and how it should be written.
    fn from_str(text: &str) -> Result<Rule> {
        let Some(at) = text.find(['<', '>']) else {
            bail!("{text:?} has neither < nor >\nhint: write 'ttft.p95 > +10%' or 'output_throughput < -5%'");
        };
        let (name, op, amount) = (text[..at].trim(), &text[at..=at], text[at + 1..].trim());
        let quantity = quantity(text, name)?;
        let limit = limit(text, quantity.definition().unit, amount)?;
        if (op == ">") != limit.is_above() {
            bail!(
                "{text:?}: {op} and the sign of {amount:?} contradict each other\nhint: write > +… for what must not grow, < -… for what must not shrink"
            );
        }
        Ok(Rule { quantity, limit, text: text.trim().to_owned() })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What stands in a rule without a statistic.
const RATES: [Quantity; 5] = [
    Quantity::Rate(Aggregate::OutputThroughput),
    Quantity::Rate(Aggregate::RequestThroughput),
    Quantity::Rate(Aggregate::Goodput),
    Quantity::GoodShare,
    Quantity::Rate(Aggregate::ErrorRate),
];

fn quantity(text: &str, name: &str) -> Result<Quantity> {
    if let Some(rate) = RATES.into_iter().find(|rate| rate.definition().name == name) {
        return Ok(rate);
    }
    let (metric, moment) = match name.split_once(['.', ':']) {
        Some((metric, moment)) => (metric, Some(moment)),
        None => (name, None),
    };
    let metric = Metric::ALL.into_iter().find(|known| known.definition().name == metric).ok_or_else(|| {
        let names = Metric::ALL.map(|metric| metric.definition().name).join(", ");
        let rates = RATES.map(|rate| rate.definition().name).join(", ");
        anyhow!("{text:?}: {metric:?} is no metric\nhint: there are {names}, each with a statistic, as ttft.p95; and {rates}")
    })?;
    let known = || Moment::all().map(Moment::name).collect::<Vec<_>>().join(", ");
    let Some(moment) = moment else {
        bail!(
            "{text:?}: {name} has many values; which statistic?\nhint: write {name}.p95; there are {}",
            known()
        );
    };
    let instead = match moment {
        "min" => Some("p25, or p50"),
        "max" => Some("p99, or p99.9 of a long run"),
        _ => None,
    };
    if let Some(instead) = instead {
        bail!(
            "{text:?}: {moment} has no interval that would be true: it is one value, and no draw goes beyond it\nhint: use {instead}"
        );
    }
    let found = Moment::all().find(|known| known.name() == moment).ok_or_else(|| {
        anyhow!("{text:?}: {moment:?} is no statistic that can be compared\nhint: there are {}", known())
    })?;
    Ok(Quantity::Of(metric, found))
}

fn limit(text: &str, unit: Unit, written: &str) -> Result<Limit> {
    if !written.starts_with(['+', '-']) {
        bail!("{text:?}: the limit is a change and needs its sign\nhint: write +10%, +50ms or -5%");
    }
    let end = written[1..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(written.len(), |at| at + 1);
    let (number, suffix) = (&written[..end], written[end..].trim());
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number
        .ok_or_else(|| anyhow!("{text:?}: {written:?} is no change\nhint: write +10%, +50ms or -5%"))?;
    let absolute = |factor: f64| Ok(Limit::Absolute(number * factor));
    match (unit, suffix) {
        (_, "%") => Ok(Limit::Relative(number / 100.0)),
        (Unit::Ms, "us") => absolute(1e-3),
        (Unit::Ms, "ms") => absolute(1.0),
        (Unit::Ms, "s") => absolute(1e3),
        (Unit::Share, "pp") => absolute(0.01),
        (unit, suffix) if suffix == unit.name() && unit != Unit::Share => absolute(1.0),
        (Unit::Ms, _) => bail!("{text:?}: the limit needs a unit\nhint: %, us, ms and s are known"),
        (Unit::Share, _) => {
            bail!("{text:?}: the limit needs a unit\nhint: % of the baseline, or pp (percentage points)")
        }
        (unit, _) => bail!("{text:?}: the limit needs a unit\nhint: % and {} are known", unit.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Level;

    #[test]
    fn rules_are_read_in_every_unit_and_kept_as_written() {
        let check = |text: &str, quantity, limit| {
            let rule: Rule = text.parse().unwrap();
            assert_eq!((rule.quantity, rule.limit, rule.to_string()), (quantity, limit, text.to_owned()));
        };
        let p95 = Quantity::Of(Metric::Ttft, Moment::At(Level::P95));
        check("ttft.p95 > +10%", p95, Limit::Relative(0.1));
        check("ttft:p95>+50ms", p95, Limit::Absolute(50.0));
        check("ttft.p95 > +0.5s", p95, Limit::Absolute(500.0));
        check("itl.p99.9 > +1%", Quantity::Of(Metric::Itl, Moment::At(Level::P999)), Limit::Relative(0.01));
        check("output_throughput < -5%", Quantity::Rate(Aggregate::OutputThroughput), Limit::Relative(-0.05));
        check(
            "request_throughput < -2 requests/s",
            Quantity::Rate(Aggregate::RequestThroughput),
            Limit::Absolute(-2.0),
        );
        check("error_rate > +1pp", Quantity::Rate(Aggregate::ErrorRate), Limit::Absolute(0.01));
        check("goodput < -0.5 requests/s", Quantity::Rate(Aggregate::Goodput), Limit::Absolute(-0.5));
        check("goodput_share < -2pp", Quantity::GoodShare, Limit::Absolute(-0.02));
        check("osl.mean < -0%", Quantity::Of(Metric::Osl, Moment::Mean), Limit::Relative(-0.0));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_remedy() {
        for (text, word) in [
            ("", "neither"),
            ("ttft.p95 = 3", "neither"),
            ("speed.p95 > +1%", "\"speed\" is no metric"),
            ("ttft > +1%", "which statistic"),
            ("ttft.max > +1%", "max has no interval that would be true"),
            ("ttft.min > +1%", "hint: use p25"),
            ("ttft.p96 > +1%", "\"p96\" is no statistic"),
            ("ttft.p95 > 10%", "needs its sign"),
            ("ttft.p95 > +10", "needs a unit"),
            ("ttft.p95 > +pp", "no change"),
            ("ttft.p95 > -10%", "contradict"),
            ("goodput < -1pp", "requests/s are known"),
            ("error_rate > +1ms", "percentage points"),
            ("ttft.p95 > +é", "no change"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("\nhint: "), "{text}: {error}");
        }
    }
}
