//! Two runs beside each other: how sure a number is, how far two differ, and whether that is more than noise.
//!
//! - *Resampling*: the requests of a run are drawn with replacement, as many as there were, again and again; the spread of a
//!   number over these draws is its 95 % interval (percentile bootstrap: Efron and Tibshirani, An Introduction to the
//!   Bootstrap, ch. 13). A request is drawn with all its gaps, so that those of one answer, which are alike, do not count
//!   as independent. Requests are taken as independent of each other.
//! - A rate is that of the run as a whole, so the run is run again with the requests that are drawn ([`rerun`]).
//! - A *share* (of errors, of good requests) has its exact interval (Clopper and Pearson). For a difference it is drawn from what
//!   is known of it after that many requests, beginning with Jeffreys' prior: none in forty is not none for sure (Brown, Cai and
//!   DasGupta, Interval Estimation for a Binomial Proportion).
//! - A *difference* is taken between the draws of the two runs, which are independent of each other.
//! - It is *noise* where its interval holds zero.

#[cfg(test)]
mod coverage;
mod estimate;
mod rerun;
mod rule;
mod sample;
mod spread;
mod verdict;

pub use estimate::{Difference, Estimate, Estimates};
pub use rule::{Limit, Rule};
pub use sample::{Sample, Sampled, Terms};
pub use verdict::{Ruling, RulingVerdict, judge_rule};

use super::{Aggregate, Definition, Level, Metric, Unit};

/// A number of a run that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// A statistic of what each request, or each gap, has.
    Of(Metric, Moment),
    /// What only the run as a whole has.
    Rate(Aggregate),
    /// The share of all requests that were due which met every objective.
    GoodShare,
}

const GOOD_SHARE: Definition = Definition {
    name: "goodput_share",
    unit: Unit::Share,
    title: "Good requests",
    formula: "successful requests that meet every objective of --slo / all that were due",
    defined_when: "there are objectives and a request was due",
};

/// A statistic whose interval resampling gives. The extremes are none: no draw goes beyond them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    Mean,
    Stddev,
    At(Level),
}

impl Moment {
    /// Every statistic.
    pub fn all() -> impl Iterator<Item = Moment> {
        [Moment::Mean, Moment::Stddev].into_iter().chain(Level::ALL.map(Moment::At))
    }

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Moment::Mean => "mean",
            Moment::Stddev => "stddev",
            Moment::At(level) => level.name(),
        }
    }
}

impl Quantity {
    /// What it is made of, in the words of the results.
    pub fn definition(self) -> Definition {
        match self {
            Quantity::Of(metric, _) => metric.definition(),
            Quantity::Rate(aggregate) => aggregate.definition(),
            Quantity::GoodShare => GOOD_SHARE,
        }
    }

    /// The name in rules and results, as `ttft.p95` or `output_throughput`.
    pub fn name(self) -> String {
        match self {
            Quantity::Of(metric, moment) => format!("{}.{}", metric.definition().name, moment.name()),
            Quantity::Rate(_) | Quantity::GoodShare => self.definition().name.to_owned(),
        }
    }
}
