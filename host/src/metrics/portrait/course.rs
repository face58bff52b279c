//! How values went over time: percentiles of each step, from bins so fine that a chart cannot show the difference.

/// Bins in each doubling: a percentile is known to 1.1 %, half the width of a bin.
const BINS_PER_DOUBLING: f64 = 32.0;
/// Values from a nanosecond to 12 days, in ms; what is outside goes to the bins at the ends.
const LOWEST: f64 = 1e-6;
const DOUBLINGS: f64 = 50.0;

/// The course of a metric.
#[derive(Debug)]
pub struct Course {
    step: f64,
    /// One row of bins for each step.
    counts: Vec<Vec<u32>>,
}

/// One step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CourseStep {
    /// Its middle, in seconds from the first request sent.
    pub at: f64,
    pub n: u64,
    pub p50: f64,
    pub p95: f64,
}

impl Course {
    pub(super) fn new(seconds: f64, steps: usize) -> Course {
        let bins = (DOUBLINGS * BINS_PER_DOUBLING) as usize;
        Course { step: seconds / steps as f64, counts: vec![vec![0; bins]; steps] }
    }

    /// By how much of it a percentile of a step may differ from that of the values themselves.
    pub fn relative_error() -> f64 {
        2f64.powf(0.5 / BINS_PER_DOUBLING) - 1.0
    }

    /// The end of the bin that holds this value, where an axis can end so that what lies beyond is known exactly; and how many values do.
    pub fn beyond(&self, value: f64) -> (f64, u64) {
        let bin = bin_of(value);
        let beyond = self.counts.iter().flat_map(|bins| bins.iter().skip(bin + 1));
        (
            LOWEST * 2f64.powf((bin + 1) as f64 / BINS_PER_DOUBLING),
            beyond.map(|&count| u64::from(count)).sum(),
        )
    }

    /// All values.
    pub fn n(&self) -> u64 {
        self.steps().map(|step| step.n).sum()
    }

    pub(super) fn add(&mut self, second: f64, value: f64) {
        let last = self.counts.len() - 1;
        let bins = &mut self.counts[((second / self.step) as usize).min(last)];
        let bin = bin_of(value);
        bins[bin] = bins[bin].saturating_add(1);
    }

    /// The steps that hold a value.
    pub fn steps(&self) -> impl Iterator<Item = CourseStep> + '_ {
        self.counts.iter().enumerate().filter_map(|(index, bins)| {
            let n: u64 = bins.iter().map(|&count| u64::from(count)).sum();
            let at = (index as f64 + 0.5) * self.step;
            (n > 0).then(|| CourseStep { at, n, p50: at_share(bins, n, 0.5), p95: at_share(bins, n, 0.95) })
        })
    }
}

fn bin_of(value: f64) -> usize {
    let bin = (value.max(LOWEST) / LOWEST).log2() * BINS_PER_DOUBLING;
    (bin as usize).min((DOUBLINGS * BINS_PER_DOUBLING) as usize - 1)
}

/// The middle of the bin that holds the value at this share.
fn at_share(bins: &[u32], n: u64, share: f64) -> f64 {
    let rank = (share * (n - 1) as f64).round() as u64;
    let mut below = 0;
    let bin = bins.iter().position(|&count| {
        below += u64::from(count);
        below > rank
    });
    LOWEST * 2f64.powf((bin.unwrap_or_default() as f64 + 0.5) / BINS_PER_DOUBLING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_step_are_those_of_its_values_within_the_width_of_a_bin() {
        let mut course = Course::new(10.0, 5);
        for n in 1..=101 {
            course.add(1.0, f64::from(n));
        }
        course.add(10.0, 0.25);
        let steps: Vec<_> = course.steps().collect();
        assert_eq!(steps.iter().map(|step| (step.at, step.n)).collect::<Vec<_>>(), [(1.0, 101), (9.0, 1)]);
        let near = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 0.012, "{value}");
        near(steps[0].p50, 51.0);
        near(steps[0].p95, 96.0);
        near(steps[1].p50, 0.25);
    }

    #[test]
    fn what_lies_beyond_an_axis_is_counted() {
        let mut course = Course::new(10.0, 5);
        (1..=100).for_each(|n| course.add(1.0, f64::from(n)));
        let (end, beyond) = course.beyond(50.0);
        assert!((50.0..51.2).contains(&end), "{end}");
        assert_eq!((beyond, course.n()), ((1..=100).filter(|&n| f64::from(n) >= end).count() as u64, 100));
        assert!((Course::relative_error() - 0.0109).abs() < 0.0001);
    }

    #[test]
    fn any_number_has_a_bin() {
        let mut course = Course::new(1e-3, 6);
        [0.0, 1e-12, 1e300].into_iter().for_each(|value| course.add(1e300, value));
        assert_eq!(course.steps().map(|step| step.n).sum::<u64>(), 3);
    }
}
