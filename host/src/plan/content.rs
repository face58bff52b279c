//! What is asked, where it is not LLMPerf's own: a dataset, the replay of its times, a shared prefix.

use anyhow::{Result, bail};

use super::shape::{MAX_CONCURRENCY, count};
use super::{LoadInput, default};
use crate::units::{Span, Tokens};
use crate::workload::{Dataset, DatasetFormat, Normal, PrefixConfig};

/// How many times as fast as it was taken a trace is replayed: finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceSpeed(f64);

impl TraceSpeed {
    /// The due time at this speed.
    pub fn apply(self, due: Span) -> Span {
        Span((due.0 as f64 / self.0).round() as u64)
    }

    pub fn factor(self) -> f64 {
        self.0
    }
}

/// Reads the dataset once, and checks it.
pub(super) fn dataset(input: &LoadInput) -> Result<Option<Dataset>> {
    let format = match input.dataset_format.as_deref() {
        None => None,
        Some(_) if input.dataset.is_none() => {
            bail!("--dataset-format says how a dataset is read\nhint: give --dataset too")
        }
        Some(word) => match DatasetFormat::of_word(word) {
            Some(format) => Some(format),
            None => {
                let words: Vec<&str> = DatasetFormat::WORDS.iter().map(|(word, _)| *word).collect();
                bail!("--dataset-format {word} is not known\nhint: it is one of {}", words.join(", "))
            }
        },
    };
    input.dataset.as_deref().map(|path| Dataset::open(path, format)).transpose()
}

/// Whether the times of a trace are replayed, and how fast.
pub(super) fn replay(input: &LoadInput, dataset: Option<&Dataset>) -> Result<Option<TraceSpeed>> {
    let other = if input.request_rate.is_some() {
        Some("--request-rate")
    } else {
        input.num_concurrent_requests.map(|_| "--num-concurrent-requests")
    };
    let Some(speed) = input.trace_speed else {
        let timed = dataset.is_some_and(Dataset::is_timed) && other.is_none();
        return Ok(timed.then_some(TraceSpeed(1.0)));
    };
    if !(speed > 0.0 && speed <= 1e6) {
        bail!(
            "--trace-speed is {speed}\nhint: give a number above 0 and at most 1000000; 2 is twice as fast"
        );
    }
    if let Some(other) = other {
        bail!(
            "--trace-speed and {other} contradict each other\nhint: leave {other} out to send requests at the times of the trace"
        );
    }
    match dataset {
        Some(dataset) if dataset.is_timed() => Ok(Some(TraceSpeed(speed))),
        Some(dataset) => bail!(
            "--trace-speed replays times, and --dataset {} has none\nhint: give --request-rate instead",
            dataset.path().display()
        ),
        None => bail!("--trace-speed replays the times of a trace\nhint: give one with --dataset"),
    }
}

/// Where a trace begins to drop.
pub(super) fn trace_concurrency(most: Option<u64>) -> Result<usize> {
    Ok(usize::try_from(count("--max-concurrency", most, default::MAX_CONCURRENCY, MAX_CONCURRENCY)?)?)
}

/// How many requests are sent: as many as were asked for, or all of the dataset.
pub(super) fn requests(given: Option<u64>, dataset: Option<&Dataset>) -> Result<u64> {
    let default = dataset.map_or(default::REQUESTS, Dataset::requests);
    count("--max-num-completed-requests", given, default, u64::MAX)
}

/// What of a dataset is not as one may think.
pub(super) fn notes(
    dataset: Option<&Dataset>,
    requests: u64,
    replay: Option<TraceSpeed>,
    timeout: Span,
) -> Vec<String> {
    let Some(dataset) = dataset else { return vec![] };
    let mut notes = dataset.notes().to_vec();
    let (path, all) = (dataset.path().display(), dataset.requests());
    if requests > all {
        notes.push(format!(
            "--dataset {path} has {all} requests and {requests} are sent: it is repeated from the start"
        ));
    }
    let length = replay.map(|speed| speed.apply(dataset.length())).unwrap_or_default();
    if length > timeout && requests >= all {
        notes.push(format!(
            "--dataset {path} goes on for {:.0} s, and --timeout ends the run after {:.0}",
            length.as_secs(),
            timeout.as_secs()
        ));
    }
    notes
}

/// The shared prefix.
pub(super) fn prefix(input: &LoadInput) -> Result<Option<PrefixConfig>> {
    let Some(tokens) = input.prefix_tokens else {
        if input.prefix_share.is_some() {
            bail!(
                "--prefix-share says how many requests have a prefix\nhint: give its length with --prefix-tokens"
            );
        }
        return Ok(None);
    };
    if !(1..=Normal::MAX).contains(&tokens) {
        bail!("--prefix-tokens is {tokens}\nhint: give 1 to {} tokens", Normal::MAX);
    }
    let share = input.prefix_share.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&share) {
        bail!("--prefix-share is {share}\nhint: give a share of the requests, 0 to 1");
    }
    Ok(Some(PrefixConfig { tokens: Tokens(tokens), share }))
}
