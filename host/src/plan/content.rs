//! What is asked, where it is not LLMPerf's own: a dataset, the replay of its times, a shared prefix.

use anyhow::{Result, bail};

use super::shape::{MAX_CONCURRENCY, count};
use super::{LoadInput, default};
use crate::load::{Division, NO_LIMIT};
use crate::units::{Span, Tokens};
use crate::workload::{Dataset, DatasetFormat, Normal, PrefixConfig};

/// A mean this many times the one asked for is told.
const NOTABLE: f64 = 1.15;

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

/// How many requests are sent where nobody says it: all of the dataset.
pub(super) fn requests(dataset: Option<&Dataset>) -> u64 {
    dataset.map_or(default::REQUESTS, Dataset::requests)
}

/// What of a dataset is not as one may think.
pub(super) fn notes(
    dataset: Option<&Dataset>,
    division: Division,
    replay: Option<TraceSpeed>,
    timeout: Span,
) -> Vec<String> {
    let Some(dataset) = dataset else { return vec![] };
    let mut notes = dataset.notes().to_vec();
    let (path, all) = (dataset.path().display(), dataset.requests());
    let requests = division.warmup_requests.saturating_add(division.measured_requests);
    if requests > all && requests < NO_LIMIT {
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

/// What --mean-output-tokens comes to where the standard deviation that nobody gave is too wide for it.
pub(super) fn length_note(osl: Normal, given: Option<f64>) -> Option<String> {
    if given.is_some() {
        return None;
    }
    let drawn = osl.mean_drawn(Tokens(1));
    (drawn > osl.mean * NOTABLE).then(|| {
        format!(
            "output lengths are drawn with --stddev-output-tokens {}, never below 1: their mean is about {drawn:.0}, not {}; \
             --stddev-output-tokens 0 asks for {} each time",
            osl.stddev, osl.mean, osl.mean
        )
    })
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::{Plan, resolve};

    #[test]
    fn a_mean_that_the_default_deviation_moves_is_told() {
        let note = |mean, stddev| length_note(Normal { mean, stddev: 80.0 }, stddev);
        let told = note(20.0, None).expect("a note");
        assert!(told.contains("--stddev-output-tokens 80, never below 1: their mean is about 7"), "{told}");
        assert_eq!((note(150.0, None), note(20.0, Some(80.0))), (None, None));
    }

    fn plan(name: &str, change: impl FnOnce(&mut LoadInput)) -> Result<Plan> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/datasets");
        let dataset = (!name.is_empty()).then(|| fixtures.join(name));
        let mut input = LoadInput { target: Some("mock".to_owned()), dataset, ..LoadInput::default() };
        change(&mut input);
        resolve(input, &|_| None)
    }

    #[test]
    fn a_trace_is_replayed_unless_the_load_is_said() {
        let replay = |name, change: fn(&mut LoadInput)| {
            let plan = plan(name, change).expect("a plan");
            (plan.replay.map(TraceSpeed::factor), plan.concurrency, plan.is_open_loop())
        };
        assert_eq!(replay("azure.csv", |_| ()), (Some(1.0), 1000, true));
        assert_eq!(replay("azure.csv", |i| i.max_concurrency = Some(7)), (Some(1.0), 7, true));
        assert_eq!(replay("azure.csv", |i| i.trace_speed = Some(2.5)), (Some(2.5), 1000, true));
        assert_eq!(replay("azure.csv", |i| i.num_concurrent_requests = Some(3)), (None, 3, false));
        assert_eq!(replay("azure.csv", |i| i.request_rate = Some(3.0)), (None, 1000, true));
        assert_eq!(replay("vllm.jsonl", |_| ()), (None, 10, false));
    }

    #[test]
    fn all_of_a_dataset_is_sent_unless_requests_are_said() {
        let requests = |name, given| {
            let plan = plan(name, |i| i.max_num_completed_requests = given).expect("a plan");
            (
                plan.requests(),
                plan.notes.iter().filter(|note| note.contains("repeated from the start")).count(),
            )
        };
        assert_eq!(requests("aiperf-multi-turn.jsonl", None), (4, 0));
        assert_eq!(requests("aiperf-multi-turn.jsonl", Some(3)), (3, 0));
        assert_eq!(requests("aiperf-multi-turn.jsonl", Some(9)), (9, 1));
        assert_eq!(requests("", None), (10, 0));
    }

    #[test]
    fn a_trace_that_the_timeout_cuts_off_is_told() {
        let plan = plan("burstgpt.csv", |_| ()).expect("a plan");
        assert!(plan.notes.iter().any(|note| note.contains("goes on for 113 s")), "{:?}", plan.notes);
    }

    #[test]
    fn what_contradicts_is_named_with_its_remedy() {
        let check = |name, change: fn(&mut LoadInput), expected: &str| {
            let error = plan(name, change).expect_err("an error").to_string();
            assert!(error.contains(expected) && error.contains("\nhint: "), "{error:?}: {expected:?}");
        };
        check("", |i| i.dataset_format = Some("vllm".to_owned()), "--dataset-format says");
        check(
            "vllm.jsonl",
            |i| i.dataset_format = Some("cvs".to_owned()),
            "--dataset-format cvs is not known",
        );
        check("", |i| i.trace_speed = Some(1.0), "--trace-speed replays the times of a trace");
        check("vllm.jsonl", |i| i.trace_speed = Some(1.0), "vllm.jsonl has none");
        check("azure.csv", |i| i.trace_speed = Some(0.0), "--trace-speed is 0");
        check("azure.csv", |i| i.trace_speed = Some(f64::NAN), "--trace-speed is NaN");
        let both: fn(&mut LoadInput) = |i| (i.trace_speed, i.request_rate) = (Some(1.0), Some(1.0));
        check("azure.csv", both, "--trace-speed and --request-rate contradict");
        check("azure.csv", |i| i.max_concurrency = Some(0), "--max-concurrency is 0");
        check("", |i| i.prefix_share = Some(0.5), "--prefix-share says");
        check("", |i| i.prefix_tokens = Some(0), "--prefix-tokens is 0");
        check("", |i| (i.prefix_tokens, i.prefix_share) = (Some(5), Some(1.5)), "--prefix-share is 1.5");
        let error = format!("{:#}", plan("no-such-file", |_| ()).expect_err("an error"));
        assert!(error.contains("--dataset") && error.contains("no-such-file: No such file"), "{error}");
    }
}
