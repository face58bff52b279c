//! Samples and their statistics as other tools compute them. Values are sorted before anything is summed, so that their order
//! of arrival changes no bit.

use super::{Statistic, Value};

/// A statistic and the name that a tool has for it.
pub(super) type Named = (&'static str, Statistic);

/// Values that all weigh the same: numpy's statistics, with ddof 0 and percentiles by linear interpolation.
#[derive(Debug, Default)]
pub(super) struct Sample(Vec<f64>);

impl Sample {
    pub(super) fn add(&mut self, value: Option<f64>) {
        self.0.extend(value);
    }

    /// These statistics, each named by `name` of the tool's word for it.
    pub(super) fn statistics(mut self, wanted: &[Named], name: impl Fn(&str) -> String) -> Value {
        self.0.sort_unstable_by(f64::total_cmp);
        let values = &self.0;
        let n = values.len() as f64;
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / n);
        let of = |statistic| match statistic {
            Statistic::Mean => mean,
            Statistic::Stddev => mean.map(|mean| {
                (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n).sqrt()
            }),
            Statistic::Min => values.first().copied(),
            Statistic::Max => values.last().copied(),
            Statistic::Percentile(thousandths) => linear(values, thousandths),
        };
        let statistics = wanted.iter().map(|&(word, statistic)| (name(word), statistic, of(statistic)));
        Value::Statistics { n: values.len() as u64, statistics: statistics.collect() }
    }
}

/// The value at `q * (n - 1)` between its neighbours.
fn linear(sorted: &[f64], thousandths: u16) -> Option<f64> {
    let position = f64::from(thousandths) / 1000.0 * sorted.len().checked_sub(1)? as f64;
    let below = position.floor();
    let low = *sorted.get(below as usize)?;
    let high = sorted.get(below as usize + 1).copied().unwrap_or(low);
    Some(low + (high - low) * (position - below))
}

/// Values with weights, as GuideLLM takes them: ddof 0, and a percentile is the smallest value with CDF >= p.
#[derive(Debug, Default)]
pub(super) struct WeightedSample(Vec<(f64, u64)>);

impl WeightedSample {
    /// A value without weight is none.
    pub(super) fn add(&mut self, value: Option<f64>, weight: u64) {
        self.0.extend(value.filter(|_| weight > 0).map(|value| (value, weight)));
    }

    pub(super) fn statistics(mut self, wanted: &[Named]) -> Value {
        self.0.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let values = &self.0;
        let total: u128 = values.iter().map(|&(_, weight)| u128::from(weight)).sum();
        let weighted = |value: &dyn Fn(f64) -> f64| {
            values.iter().map(|&(x, weight)| value(x) * weight as f64).sum::<f64>() / total as f64
        };
        let mean = (total > 0).then(|| weighted(&|x| x));
        let of = |statistic| match statistic {
            Statistic::Mean => mean,
            Statistic::Stddev => mean.map(|mean| weighted(&|x| (x - mean) * (x - mean)).sqrt()),
            Statistic::Min => values.first().map(|&(x, _)| x),
            Statistic::Max => values.last().map(|&(x, _)| x),
            Statistic::Percentile(thousandths) => smallest_with_cdf(values, total, thousandths),
        };
        let statistics = wanted.iter().map(|&(word, statistic)| (word.to_owned(), statistic, of(statistic)));
        Value::Statistics { n: values.len() as u64, statistics: statistics.collect() }
    }
}

/// In whole numbers: no rounding may push a share below the percentile it meets exactly.
fn smallest_with_cdf(sorted: &[(f64, u64)], total: u128, thousandths: u16) -> Option<f64> {
    let mut below = 0u128;
    let reached = sorted.iter().find(|(_, weight)| {
        below += u128::from(*weight);
        below * 1000 >= total * u128::from(thousandths)
    });
    reached.map(|&(x, _)| x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &[Named] = &[
        ("mean", Statistic::Mean),
        ("std", Statistic::Stddev),
        ("p50", Statistic::Percentile(500)),
        ("p75", Statistic::Percentile(750)),
        ("max", Statistic::Max),
    ];

    fn values(value: Value) -> Vec<Option<f64>> {
        match value {
            Value::Statistics { statistics, .. } => statistics.into_iter().map(|(.., value)| value).collect(),
            Value::Number(_) => panic!("a number"),
        }
    }

    #[test]
    fn a_plain_sample_has_numpys_statistics() {
        let sample = Sample(vec![4.0, 1.0, 2.0, 9.0]);
        // mean 16 / 4; squares 0 + 9 + 4 + 25 = 38, over 4; p50 at 1.5 of 1 2 4 9; p75 at 2.25.
        let expected = [4.0, 9.5f64.sqrt(), 3.0, 5.25, 9.0].map(Some);
        assert_eq!(values(sample.statistics(WANTED, str::to_owned)), expected);
        assert_eq!(values(Sample::default().statistics(WANTED, str::to_owned)), [None; 5]);
    }

    #[test]
    fn a_weighted_sample_has_guidellms_statistics() {
        let mut sample = WeightedSample::default();
        for (value, weight) in [(10.0, 1), (2.0, 3), (99.0, 0)] {
            sample.add(Some(value), weight);
        }
        sample.add(None, 5);
        // mean (3 * 2 + 10) / 4; squares 3 * 4 + 36 = 48, over 4; the CDF is 0.75 at 2, which p75 meets exactly.
        assert_eq!(values(sample.statistics(WANTED)), [4.0, 12f64.sqrt(), 2.0, 2.0, 10.0].map(Some));
        assert_eq!(values(WeightedSample::default().statistics(WANTED)), [None; 5]);
    }
}
