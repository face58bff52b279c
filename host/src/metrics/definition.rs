//! The table of metrics: name, unit, title, formula and when each is defined. Results repeat it.

use super::request::{self, TokenBasis};
use crate::record::RequestRecord;
use crate::units::Tokens;

/// A metric that each request, or each gap within one, has a value of: it has a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    Ttft,
    TtftDue,
    Ttfo,
    E2el,
    E2elDue,
    ScheduleLag,
    Connect,
    Itl,
    TokensPerEvent,
    Tpot,
    OutputThroughputPerRequest,
    Isl,
    Osl,
}

/// A metric that only the run as a whole has: one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    OutputThroughput,
    RequestThroughput,
    Goodput,
    ErrorRate,
}

/// What a number means, in the words that the results repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The key in results.
    pub name: &'static str,
    pub unit: Unit,
    /// For people.
    pub title: &'static str,
    pub formula: &'static str,
    pub defined_when: &'static str,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    Ms,
    Tokens,
    TokensPerS,
    RequestsPerS,
    TokensPerEvent,
    /// From 0 to 1.
    Share,
}

const ITL_FORMULA: &str = "gaps between consecutive token-bearing events, pooled over all requests";

// A window that began within a warm-up is served by it too: what was sent before and ended in it is its throughput.
const OUTPUT_THROUGHPUT_FORMULA: &str = "sum of osl of successful requests that ended in the window, warm-up ones included \
     / window, which is first sent to last end of measured requests, or to the end of the measured time if that is earlier";

const REQUEST_THROUGHPUT_FORMULA: &str = "successful requests that ended in the window, warm-up ones included \
     / window, which is first sent to last end of measured requests, or to the end of the measured time if that is earlier";

impl Unit {
    /// The unit's name in results.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Ms => "ms",
            Unit::Tokens => "tokens",
            Unit::TokensPerS => "tokens/s",
            Unit::RequestsPerS => "requests/s",
            Unit::TokensPerEvent => "tokens/event",
            Unit::Share => "share",
        }
    }
}

impl Metric {
    /// Every metric, in the order of the results.
    pub const ALL: [Metric; 13] = [
        Metric::Ttft,
        Metric::TtftDue,
        Metric::Ttfo,
        Metric::E2el,
        Metric::E2elDue,
        Metric::ScheduleLag,
        Metric::Connect,
        Metric::Itl,
        Metric::TokensPerEvent,
        Metric::Tpot,
        Metric::OutputThroughputPerRequest,
        Metric::Isl,
        Metric::Osl,
    ];

    /// What the metric means.
    pub fn definition(self) -> Definition {
        let (name, unit, title, formula) = match self {
            Metric::Ttft => ("ttft", Unit::Ms, "Time to first token", "first_token - sent"),
            Metric::TtftDue => ("ttft_due", Unit::Ms, "TTFT from due", "first_token - due"),
            Metric::Ttfo => ("ttfo", Unit::Ms, "Time to first output", "first_output - sent"),
            Metric::E2el => ("e2el", Unit::Ms, "End-to-end latency", "last_token - sent"),
            Metric::E2elDue => ("e2el_due", Unit::Ms, "E2EL from due", "last_token - due"),
            Metric::ScheduleLag => ("schedule_lag", Unit::Ms, "Schedule lag", "sent - due"),
            Metric::Connect => ("connect", Unit::Ms, "Connect", "connected - sent"),
            Metric::Itl => ("itl", Unit::Ms, "Inter-token latency", ITL_FORMULA),
            Metric::TokensPerEvent => {
                ("tokens_per_event", Unit::TokensPerEvent, "Tokens per event", "osl / token-bearing events")
            }
            Metric::Tpot => {
                ("tpot", Unit::Ms, "Time per output token", "(last_token - first_token) / (osl - 1)")
            }
            Metric::OutputThroughputPerRequest => (
                "output_throughput_per_request",
                Unit::TokensPerS,
                "Output throughput per request",
                "osl / e2el",
            ),
            Metric::Isl => ("isl", Unit::Tokens, "Input sequence length", "input tokens"),
            Metric::Osl => {
                ("osl", Unit::Tokens, "Output sequence length", "output tokens, reasoning included")
            }
        };
        Definition { name, unit, title, formula, defined_when: self.defined_when() }
    }

    fn defined_when(self) -> &'static str {
        match self {
            Metric::Ttft | Metric::TtftDue | Metric::E2el | Metric::E2elDue => "a token came",
            Metric::Ttfo => "visible text came",
            Metric::ScheduleLag => "always",
            Metric::Connect => "the request opened its connection",
            Metric::Itl => "2 or more token-bearing events",
            Metric::TokensPerEvent => "a token came and osl is known",
            Metric::Tpot => "osl >= 2, in two token-bearing events at least",
            Metric::OutputThroughputPerRequest => "e2el > 0 and osl is known",
            Metric::Isl | Metric::Osl => "the count is known",
        }
    }

    /// Puts this metric's values of one request, in its unit; none where it is undefined.
    pub(super) fn collect(self, record: &RequestRecord, basis: TokenBasis, put: &mut impl FnMut(f64)) {
        let tokens = |count: Tokens| count.0 as f64;
        let value = match self {
            Metric::Itl => return request::itl(record).for_each(|gap| put(gap.as_ms())),
            Metric::Ttft => request::ttft(record).map(|t| t.as_ms()),
            Metric::TtftDue => request::ttft_due(record).map(|t| t.as_ms()),
            Metric::Ttfo => request::ttfo(record).map(|t| t.as_ms()),
            Metric::E2el => request::e2el(record).map(|t| t.as_ms()),
            Metric::E2elDue => request::e2el_due(record).map(|t| t.as_ms()),
            Metric::ScheduleLag => Some(request::schedule_lag(record).as_ms()),
            Metric::Connect => request::connect(record).map(|t| t.as_ms()),
            Metric::TokensPerEvent => request::tokens_per_event(record, basis),
            Metric::Tpot => request::tpot_ms(record, basis),
            Metric::OutputThroughputPerRequest => request::output_throughput(record, basis),
            Metric::Isl => request::isl(record, basis).map(tokens),
            Metric::Osl => request::osl(record, basis).map(tokens),
        };
        if let Some(value) = value {
            put(value);
        }
    }
}

impl Aggregate {
    /// Every one, in the order of the results.
    pub const ALL: [Aggregate; 4] =
        [Aggregate::OutputThroughput, Aggregate::RequestThroughput, Aggregate::Goodput, Aggregate::ErrorRate];

    /// What the number means.
    pub fn definition(self) -> Definition {
        match self {
            Aggregate::OutputThroughput => Definition {
                name: "output_throughput",
                unit: Unit::TokensPerS,
                title: "Output throughput",
                formula: OUTPUT_THROUGHPUT_FORMULA,
                defined_when: "window > 0 and the osl of each of these requests is known",
            },
            Aggregate::RequestThroughput => Definition {
                name: "request_throughput",
                unit: Unit::RequestsPerS,
                title: "Request throughput",
                formula: REQUEST_THROUGHPUT_FORMULA,
                defined_when: "window > 0",
            },
            Aggregate::Goodput => Definition {
                name: "goodput",
                unit: Unit::RequestsPerS,
                title: "Goodput",
                formula: "successful requests that meet every objective of --slo / window",
                defined_when: "there are objectives and window > 0",
            },
            Aggregate::ErrorRate => Definition {
                name: "error_rate",
                unit: Unit::Share,
                title: "Error rate",
                formula: "failed / (ok + failed)",
                defined_when: "a request finished",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_has_a_name_of_its_own_and_a_formula() {
        let all: Vec<Definition> = Metric::ALL
            .iter()
            .map(|metric| metric.definition())
            .chain(Aggregate::ALL.iter().map(|aggregate| aggregate.definition()))
            .collect();
        let names: BTreeSet<&str> = all.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(
            all.iter().all(|d| !d.title.is_empty() && !d.formula.is_empty() && !d.defined_when.is_empty())
        );
    }
}
