//! What this machine's own client adds to its measurements, over a range of loads, and what that says of one run.

use serde::{Deserialize, Serialize};

/// The version of [`Calibration`]'s shape; a file of another one counts as none.
const VERSION: u32 = 1;

/// A machine's measured floor, as it is kept in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub version: u32,
    pub llmperf_version: String,
    /// Wall-clock time, in seconds since 1970.
    pub calibrated_unix_s: u64,
    pub hostname: String,
    pub cores: usize,
    /// In the order of load.
    pub points: Vec<CalibrationPoint>,
}

/// What was found at one load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationPoint {
    /// Streams at a time.
    pub streams: f64,
    /// Token-bearing events per second, over all streams.
    pub events_per_s: f64,
    /// Requests measured.
    pub requests: u64,
    /// Measured TTFT minus the target's own, from the request read to the first token written.
    pub ttft_error_p50_ms: f64,
    pub ttft_error_p99_ms: f64,
    /// How far a gap between events is off, whichever way.
    pub gap_error_p99_ms: f64,
    /// CPU time of the whole client for each token-bearing event.
    pub cpu_per_event_us: f64,
}

/// How a run is to be read: what the client itself adds at this load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ErrorBar {
    pub ttft_p50_ms: f64,
    pub ttft_p99_ms: f64,
    pub gap_p99_ms: f64,
    pub calibrated_unix_s: u64,
    /// The load is beyond the largest that was calibrated, whose values these are then.
    pub beyond: bool,
}

/// A run's own load, in the terms of a calibration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub streams: f64,
    pub events_per_s: f64,
}

/// A load this little above the largest calibrated is still in its range: rates are never met exactly.
const TOLERANCE: f64 = 1.1;

impl Calibration {
    pub fn new(unix_s: u64, hostname: String, cores: usize, points: Vec<CalibrationPoint>) -> Calibration {
        let llmperf_version = env!("CARGO_PKG_VERSION").to_owned();
        Calibration { version: VERSION, llmperf_version, calibrated_unix_s: unix_s, hostname, cores, points }
    }

    /// Why it says nothing of this machine; `None` where it does.
    pub fn unfit(&self, hostname: &str, cores: usize) -> Option<String> {
        if self.version != VERSION {
            return Some(format!("it has version {}, this llmperf reads {VERSION}", self.version));
        }
        let same = self.hostname == hostname && self.cores == cores;
        (!same || self.points.is_empty())
            .then(|| format!("it is of {} with {} cores", self.hostname, self.cores))
    }

    /// The error bar at a load: linear between the calibrated loads, by streams and by events, the larger of the two. An
    /// error counts as no smaller than at any lower load, so that a lucky point does not flatter.
    pub fn error_bar(&self, load: Measured) -> Option<ErrorBar> {
        let bar = |pick: fn(&CalibrationPoint) -> f64| -> Option<f64> {
            let by_streams = self.at(load.streams, |point| point.streams, pick)?;
            Some(by_streams.max(self.at(load.events_per_s, |point| point.events_per_s, pick)?))
        };
        let most = |pick: fn(&CalibrationPoint) -> f64| self.points.iter().map(pick).fold(0.0, f64::max);
        Some(ErrorBar {
            ttft_p50_ms: bar(|point| point.ttft_error_p50_ms)?,
            ttft_p99_ms: bar(|point| point.ttft_error_p99_ms)?,
            gap_p99_ms: bar(|point| point.gap_error_p99_ms)?,
            calibrated_unix_s: self.calibrated_unix_s,
            beyond: load.streams > TOLERANCE * most(|point| point.streams)
                || load.events_per_s > TOLERANCE * most(|point| point.events_per_s),
        })
    }

    fn at(
        &self,
        load: f64,
        axis: fn(&CalibrationPoint) -> f64,
        pick: fn(&CalibrationPoint) -> f64,
    ) -> Option<f64> {
        let mut before: Option<(f64, f64)> = None;
        for point in &self.points {
            let (x, y) = (axis(point), pick(point).max(before.map_or(0.0, |(_, y)| y)));
            if load <= x {
                return Some(match before {
                    Some((x0, y0)) if x > x0 => y0 + (y - y0) * ((load - x0) / (x - x0)).clamp(0.0, 1.0),
                    _ => y,
                });
            }
            before = Some((x, y));
        }
        before.map(|(_, y)| y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(streams: f64, ttft: f64) -> CalibrationPoint {
        CalibrationPoint {
            streams,
            events_per_s: 50.0 * streams,
            requests: 10,
            ttft_error_p50_ms: ttft,
            ttft_error_p99_ms: 10.0 * ttft,
            gap_error_p99_ms: ttft,
            cpu_per_event_us: 10.0,
        }
    }

    fn calibration() -> Calibration {
        let points = vec![point(1.0, 0.2), point(10.0, 0.1), point(100.0, 1.0)];
        Calibration::new(7, "here".to_owned(), 2, points)
    }

    #[test]
    fn the_bar_is_between_its_neighbours_and_never_below_a_lower_load() {
        let check = |streams: f64, events_per_s: f64, expected: f64, beyond: bool| {
            let bar = calibration().error_bar(Measured { streams, events_per_s }).expect("points");
            assert!((bar.ttft_p50_ms - expected).abs() < 1e-9, "{streams} {events_per_s}: {bar:?}");
            assert_eq!((bar.beyond, bar.calibrated_unix_s), (beyond, 7));
        };
        check(0.5, 1.0, 0.2, false);
        check(10.0, 1.0, 0.2, false);
        check(55.0, 1.0, 0.6, false);
        check(1.0, 55.0 * 50.0, 0.6, false);
        check(105.0, 5000.0, 1.0, false);
        check(200.0, 5000.0, 1.0, true);
        check(1.0, 9000.0, 1.0, true);
    }

    #[test]
    fn a_calibration_of_another_machine_or_shape_says_why_it_is_unfit() {
        assert_eq!(calibration().unfit("here", 2), None);
        assert!(calibration().unfit("there", 2).expect("another host").contains("here with 2 cores"));
        assert!(calibration().unfit("here", 4).is_some());
        let newer = Calibration { version: 2, ..calibration() };
        assert!(newer.unfit("here", 2).expect("another shape").contains("version 2"));
    }
}
