//! How values are spread: counts in bars of one width, each cut finer for the cumulative curve.

/// Parts of a bar, for the cumulative curve.
const FINE_PER_BAR: usize = 5;
/// Bars, at most: fewer hide a second hump, more are noise.
const MOST_BARS: f64 = 40.0;

/// The spread of a metric.
#[derive(Debug)]
pub struct Spread {
    from: f64,
    width: f64,
    fine: Vec<u64>,
    beyond: u64,
}

impl Spread {
    /// With bars of a round width from the one that holds `low` to the one that holds `high`.
    pub(super) fn new(low: f64, high: f64) -> Spread {
        let range = (high - low).max(high * 1e-3).max(1e-6);
        let width = round_up(range / MOST_BARS);
        let from = (low / width).floor() * width;
        let bars = (((high - from) / width).floor() as usize).min(MOST_BARS as usize + 1) + 1;
        Spread { from, width, fine: vec![0; bars * FINE_PER_BAR], beyond: 0 }
    }

    pub(super) fn add(&mut self, value: f64) {
        let index = (value - self.from).max(0.0) / (self.width / FINE_PER_BAR as f64);
        match self.fine.get_mut(index as usize) {
            Some(count) => *count += 1,
            None => self.beyond += 1,
        }
    }

    /// All values, those beyond included.
    pub fn n(&self) -> u64 {
        self.fine.iter().sum::<u64>() + self.beyond
    }

    /// Values above the last bar.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Where the first bar begins and the last one ends.
    pub fn range(&self) -> (f64, f64) {
        (self.from, self.from + self.width * (self.fine.len() / FINE_PER_BAR) as f64)
    }

    /// Each bar: from, to, and how many values are in it.
    pub fn bars(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        self.fine.chunks(FINE_PER_BAR).enumerate().map(|(index, fine)| {
            let from = self.from + self.width * index as f64;
            (from, from + self.width, fine.iter().sum())
        })
    }

    /// The cumulative curve: a value, and the share of all values below it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let (n, fine_width) = (self.n().max(1) as f64, self.width / FINE_PER_BAR as f64);
        let mut below = 0;
        let ends = self.fine.iter().enumerate().map(move |(index, count)| {
            below += count;
            (self.from + fine_width * (index + 1) as f64, below as f64 / n)
        });
        std::iter::once((self.from, 0.0)).chain(ends)
    }
}

/// The next number of the form 1, 2, 2.5 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|&width| width >= value).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_round_and_hold_every_value() {
        let mut spread = Spread::new(38.5, 740.0);
        for value in [38.5, 59.999, 60.0, 739.0, 740.0, 788.8, 900.0] {
            spread.add(value);
        }
        assert_eq!((spread.n(), spread.beyond()), (7, 2));
        let bars: Vec<_> = spread.bars().filter(|(.., count)| *count > 0).collect();
        assert_eq!(
            bars,
            [(20.0, 40.0, 1), (40.0, 60.0, 1), (60.0, 80.0, 1), (720.0, 740.0, 1), (740.0, 760.0, 1)]
        );
    }

    #[test]
    fn the_cumulative_curve_ends_at_the_share_that_is_not_beyond() {
        let mut spread = Spread::new(0.0, 10.0);
        [1.0, 2.0, 3.0, 99.0].into_iter().for_each(|value| spread.add(value));
        let curve: Vec<_> = spread.cumulative().collect();
        assert_eq!(curve.first(), Some(&(0.0, 0.0)));
        assert_eq!(curve.last().map(|(_, share)| *share), Some(0.75));
        assert!(curve.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn values_that_are_all_the_same_have_a_bar() {
        for value in [0.0, 1e-6, 20.0, 1e15] {
            let mut spread = Spread::new(value, value);
            spread.add(value);
            assert_eq!((spread.n(), spread.beyond()), (1, 0), "{value}");
        }
    }
}
