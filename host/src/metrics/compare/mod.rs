//! Two runs beside each other: how sure a number is, how far two differ, and whether that is more than noise.
//!
//! - *Resampling*: the requests of a run are drawn with replacement, as many as there were, again and again; the spread of a
//!   number over these draws is its 95 % interval (percentile bootstrap: Efron and Tibshirani, An Introduction to the
//!   Bootstrap, ch. 13). A request is drawn with all its gaps, so that those of one answer, which are alike, do not count
//!   as independent. Requests are taken as independent of each other.
//! - A *difference* is taken between the draws of the two runs, which are independent of each other.
//! - It is *noise* where its interval holds zero.

mod estimate;
mod rule;
mod sample;
mod verdict;

pub use estimate::{Difference, Estimate, Estimates};
pub use rule::{Limit, Rule};
pub use sample::{Sample, Sampled};
pub use verdict::{Ruling, RulingVerdict, judge_rule};

use super::{Aggregate, Definition, Level, Metric};

/// A number of a run that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// A statistic of what each request, or each gap, has.
    Of(Metric, Moment),
    /// What only the run as a whole has.
    Rate(Aggregate),
}

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
        }
    }

    /// The name in rules and results, as `ttft.p95` or `output_throughput`.
    pub fn name(self) -> String {
        match self {
            Quantity::Of(metric, moment) => format!("{}.{}", metric.definition().name, moment.name()),
            Quantity::Rate(aggregate) => aggregate.definition().name.to_owned(),
        }
    }
}
