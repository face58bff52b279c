//! The shape of a run: how its latencies are spread, how they went over time, and what they were against the length of prompt
//! and answer. Two passes over the records, in bounded memory: the first learns the [`Extent`], the second fills the bins.
//! The numbers of a run are the summary's; what is here is to be looked at.

mod cloud;
mod course;
mod spread;

use super::histogram::Histogram;
use super::request;
use super::{Level, Metric, TokenBasis};
use crate::record::RequestRecord;
use crate::units::{Span, Stamp};

pub use cloud::{Cloud, Mark};
pub use course::{Course, CourseStep};
pub use spread::Spread;

/// The latencies that are drawn.
pub const DRAWN: [Metric; 3] = [Metric::Ttft, Metric::Itl, Metric::E2el];

/// Steps of time in which requests in flight are averaged: one for each few pixels of a chart.
const FLIGHT_STEPS: usize = 110;
/// Requests that a step of time holds on average, or its percentiles are noise; within the next two bounds.
const REQUESTS_PER_STEP: u64 = 10;
const STEPS: std::ops::RangeInclusive<u64> = 6..=50;
/// An axis ends at the greatest value, unless that is this multiple of p99: one outlier would press all others flat.
const FAR_OUT: f64 = 1.5;

/// From where to where a run goes.
#[derive(Debug)]
pub struct Extent {
    first: Option<Stamp>,
    last: Stamp,
    requests: u64,
    /// Least and greatest: input tokens, output tokens.
    lengths: [Option<(f64, f64)>; 2],
    values: [Histogram; DRAWN.len()],
    basis: TokenBasis,
}

impl Extent {
    /// Of no record yet.
    pub fn new(basis: TokenBasis) -> Extent {
        let values = std::array::from_fn(|_| Histogram::new());
        Extent { first: None, last: Stamp(0), requests: 0, lengths: [None; 2], values, basis }
    }

    /// One record more.
    pub fn add(&mut self, record: &RequestRecord) {
        self.first = Some(self.first.map_or(record.sent, |first| first.min(record.sent)));
        self.last = self.last.max(record.end);
        if !counts(record) {
            return;
        }
        self.requests += 1;
        for (metric, values) in DRAWN.iter().zip(&mut self.values) {
            each_value(*metric, record, |_, span| values.push(span.as_ms()));
        }
        for (range, length) in self.lengths.iter_mut().zip(lengths(record, self.basis)) {
            if let Some(length) = length {
                *range =
                    Some(range.map_or((length, length), |(low, high)| (low.min(length), high.max(length))));
            }
        }
    }

    fn seconds(&self) -> f64 {
        self.first.map_or(0.0, |first| self.last.since(first).as_secs())
    }

    /// The axis of a metric in ms: up to its greatest value, or beyond p99 by half where that is far out; `None` without values.
    fn axis(&self, index: usize) -> Option<(f64, f64)> {
        let distribution = self.values[index].distribution()?;
        let p99 = distribution.at(Level::P99).map_or(distribution.max, |p99| p99.value);
        let high =
            if distribution.max > p99 * FAR_OUT && p99 > 0.0 { p99 * FAR_OUT } else { distribution.max };
        Some((distribution.min, high))
    }
}

/// The shape of a run.
#[derive(Debug)]
pub struct Portrait {
    /// How each of [`DRAWN`] is spread; `None` where there is no value.
    pub spreads: [Option<Spread>; DRAWN.len()],
    /// How each went over time.
    pub courses: [Option<Course>; DRAWN.len()],
    /// TTFT and E2EL of each request at the second it was sent.
    pub clouds: [Option<Cloud>; DRAWN.len()],
    /// TTFT in ms against input tokens, and E2EL in ms against output tokens.
    pub by_length: [Option<Cloud>; 2],
    /// Requests in flight, warm-up and failed ones included: the mean over each step.
    in_flight_ns: Vec<f64>,
    /// From the first request sent to the last end.
    pub seconds: f64,
    first: Stamp,
    basis: TokenBasis,
}

impl Portrait {
    /// Of no record yet, with room for a run of this extent.
    pub fn new(extent: &Extent) -> Portrait {
        // A run of no length still has an axis.
        let seconds = extent.seconds().max(1e-3);
        let steps = (extent.requests / REQUESTS_PER_STEP).clamp(*STEPS.start(), *STEPS.end());
        let axes: [_; DRAWN.len()] = std::array::from_fn(|index| extent.axis(index));
        let cloud = |axis: Option<(f64, f64)>| axis.map(|(_, high)| Cloud::new((0.0, seconds), (0.0, high)));
        let by_length = |axis: Option<(f64, f64)>, length: Option<_>| {
            axis.zip(length).map(|((_, high), length)| Cloud::new(length, (0.0, high)))
        };
        let by_length = [by_length(axes[0], extent.lengths[0]), by_length(axes[2], extent.lengths[1])];
        Portrait {
            spreads: axes.map(|axis| axis.map(|(low, high)| Spread::new(low, high))),
            courses: axes.map(|axis| axis.map(|_| Course::new(seconds, steps as usize))),
            clouds: [cloud(axes[0]), None, cloud(axes[2])],
            by_length,
            in_flight_ns: vec![0.0; FLIGHT_STEPS],
            seconds,
            first: extent.first.unwrap_or_default(),
            basis: extent.basis,
        }
    }

    /// One of the records that the extent was made of.
    pub fn add(&mut self, record: &RequestRecord) {
        self.add_flight(record);
        if !counts(record) {
            return;
        }
        let second = |at: Stamp| at.since(self.first).as_secs();
        for (index, metric) in DRAWN.iter().enumerate() {
            each_value(*metric, record, |at, span| {
                let ms = span.as_ms();
                if let Some(spread) = &mut self.spreads[index] {
                    spread.add(ms);
                }
                if let Some(course) = &mut self.courses[index] {
                    course.add(second(at), ms);
                }
                if let Some(cloud) = &mut self.clouds[index] {
                    cloud.add(second(at), ms);
                }
            });
        }
        let latencies = [request::ttft(record), request::e2el(record)];
        let points = lengths(record, self.basis).into_iter().zip(latencies);
        for (cloud, point) in self.by_length.iter_mut().zip(points) {
            if let (Some(cloud), (Some(length), Some(latency))) = (cloud, point) {
                cloud.add(length, latency.as_ms());
            }
        }
    }

    /// Requests in flight: at the middle of each step, in seconds, the mean over it (time in flight / length of the step).
    pub fn in_flight(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let step_ns = self.step_ns();
        let middle = move |index: usize| (index as f64 + 0.5) * step_ns / 1e9;
        self.in_flight_ns.iter().enumerate().map(move |(index, ns)| (middle(index), ns / step_ns))
    }

    fn step_ns(&self) -> f64 {
        self.seconds * 1e9 / FLIGHT_STEPS as f64
    }

    fn add_flight(&mut self, record: &RequestRecord) {
        let step = self.step_ns();
        let from = record.sent.since(self.first).0 as f64;
        let to = record.end.since(self.first).0 as f64;
        let index = |ns: f64| ((ns / step) as usize).min(FLIGHT_STEPS - 1);
        for at in index(from)..=index(to) {
            let (begin, end) = (at as f64 * step, (at + 1) as f64 * step);
            self.in_flight_ns[at] += (to.min(end) - from.max(begin)).max(0.0);
        }
    }
}

/// Whether its latencies are in the summary: those of measured requests that succeeded are.
fn counts(record: &RequestRecord) -> bool {
    record.is_ok() && !record.warmup
}

/// Input and output tokens.
fn lengths(record: &RequestRecord, basis: TokenBasis) -> [Option<f64>; 2] {
    [request::isl(record, basis), request::osl(record, basis)].map(|tokens| Some(tokens?.0 as f64))
}

/// The values of a metric, each with the instant it is drawn at: a request's when it was sent, a gap's when it ended.
fn each_value(metric: Metric, record: &RequestRecord, mut take: impl FnMut(Stamp, Span)) {
    let of_request = match metric {
        Metric::Ttft => request::ttft(record),
        Metric::E2el => request::e2el(record),
        Metric::Itl => {
            let ends = record.token_events.iter().skip(1);
            ends.zip(request::itl(record)).for_each(|(at, gap)| take(*at, gap));
            None
        }
        _ => None,
    };
    if let Some(span) = of_request {
        take(record.sent, span);
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::{ms, record};
    use super::*;

    fn portrait(records: &[RequestRecord]) -> Portrait {
        let mut extent = Extent::new(TokenBasis::Local);
        records.iter().for_each(|record| extent.add(record));
        let mut portrait = Portrait::new(&extent);
        records.iter().for_each(|record| portrait.add(record));
        portrait
    }

    #[test]
    fn every_value_of_a_measured_success_is_in_the_spread_and_no_other() {
        let warmup = RequestRecord { warmup: true, ..record(2, &[52, 90]) };
        let portrait = portrait(&[record(0, &[52, 62, 82]), record(1, &[53, 63]), warmup]);
        let n = portrait.spreads.each_ref().map(|spread| spread.as_ref().map_or(0, Spread::n));
        assert_eq!(n, [2, 3, 2]);
        let steps: u64 =
            portrait.courses[1].as_ref().map_or(0, |course| course.steps().map(|step| step.n).sum());
        assert_eq!(steps, 3);
        assert!(portrait.by_length.iter().all(|cloud| cloud.as_ref().map(Cloud::n) == Some(2)));
    }

    #[test]
    fn time_in_flight_is_the_sum_of_the_times_from_sent_to_end() {
        let long = RequestRecord { sent: ms(100), end: ms(1100), ..record(1, &[]) };
        let short = RequestRecord { sent: ms(0), end: ms(200), ..record(0, &[]) };
        let portrait = portrait(&[long, short]);
        let step = portrait.seconds / FLIGHT_STEPS as f64;
        let area: f64 = portrait.in_flight().map(|(_, mean)| mean * step).sum();
        assert!((area - 1.2).abs() < 1e-9, "{area}");
        assert!((portrait.in_flight().next().expect("a step").1 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_run_without_success_or_without_length_has_a_portrait() {
        assert!(portrait(&[]).spreads.iter().all(Option::is_none));
        let at_once = RequestRecord { sent: ms(1), end: ms(1), ..record(0, &[1]) };
        assert_eq!(portrait(&[at_once]).spreads[0].as_ref().map(Spread::n), Some(1));
    }
}
