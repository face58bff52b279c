//! What the server says of its own work: token counts and times. Read leniently: a number that is no number
//! costs only itself.

use serde_json::value::RawValue;

use crate::lenient::is_said;
use crate::{Usage, raw};

/// The fields of every dialect's report, whichever object they come in: `usage`, `x_groq.usage`, `timings`,
/// `time_info`, `perf_metrics`. No two of them mean different things by one name.
const FIELDS: [&str; 20] = [
    "prompt_tokens",
    "completion_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    // Together.
    "cached_tokens",
    // DeepSeek.
    "prompt_cache_hit_tokens",
    // Gateways in front of Anthropic's models.
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    // Perplexity.
    "reasoning_tokens",
    // Groq in `usage`, Cerebras in `time_info`: seconds.
    "queue_time",
    "prompt_time",
    "completion_time",
    "total_time",
    // llama.cpp in `timings`.
    "prompt_ms",
    "predicted_ms",
    "prompt_n",
    "predicted_n",
    "cache_n",
    // Fireworks in `perf_metrics`: seconds, as in its headers of the same names.
    "server-time-to-first-token",
    "server-processing-time",
];

/// Where the times begin in [`FIELDS`], and what each is called. A name ends in its unit, unless it is a count.
const TIMES_AT: usize = 9;
const TIMES: [&str; FIELDS.len() - TIMES_AT] = [
    "queue_time_s",
    "prompt_time_s",
    "completion_time_s",
    "total_time_s",
    "prompt_ms",
    "predicted_ms",
    "prompt_n",
    "predicted_n",
    "cache_n",
    "server_time_to_first_token_s",
    "server_processing_time_s",
];

/// What a report says, by [`FIELDS`].
#[derive(Debug, Default)]
pub(crate) struct Report<'a>([Option<&'a RawValue>; FIELDS.len()]);

/// The token counts of a `usage` object, under whatever names servers have for them.
///
/// ```
/// # use llmperf_sdk::{Usage, openai};
/// let raw = serde_json::from_str(r#"{"prompt_tokens":3,"completion_tokens":1}"#).unwrap();
/// let expected = Usage { input_tokens: Some(3), output_tokens: Some(1), ..Usage::default() };
/// assert_eq!(openai::usage(raw), expected);
/// ```
pub fn usage(raw: &RawValue) -> Usage {
    Report::read(raw).usage()
}

/// The times that llama.cpp's `timings` and its likes state, by name.
///
/// ```
/// # use llmperf_sdk::openai;
/// let raw = serde_json::from_str(r#"{"prompt_ms":2.5,"prompt_per_second":400.0}"#).unwrap();
/// assert_eq!(openai::times(raw).collect::<Vec<_>>(), [("prompt_ms", 2.5)]);
/// ```
pub fn times(raw: &RawValue) -> impl Iterator<Item = (&'static str, f64)> {
    Report::read(raw).times()
}

impl<'a> Report<'a> {
    /// Reads a report; what is not an object says nothing.
    pub(crate) fn read(raw: &'a RawValue) -> Report<'a> {
        raw::fields(raw.get(), FIELDS).map(Report).unwrap_or_default()
    }

    /// Reads the report inside `x_groq`, and why the stream was stopped early, which stands beside it.
    pub(crate) fn read_groq(raw: &'a RawValue) -> (Report<'a>, Option<&'a RawValue>) {
        let [usage, error] = raw::fields(raw.get(), ["usage", "error"]).unwrap_or_default();
        (usage.map(Report::read).unwrap_or_default(), error.filter(|error| is_said(Some(error))))
    }

    /// Token counts. No arithmetic is done on them: what a count includes is the provider's affair.
    pub(crate) fn usage(&self) -> Usage {
        let [
            prompt,
            completion,
            prompt_details,
            completion_details,
            cached,
            cache_hit,
            cache_read,
            cache_creation,
            reasoning,
            ..,
        ] = self.0;
        let first = |raws: &[Option<&RawValue>]| raws.iter().find_map(|raw| raw::count(*raw));
        Usage {
            input_tokens: raw::count(prompt),
            output_tokens: raw::count(completion),
            cached_input_tokens: first(&[
                raw::field(prompt_details, "cached_tokens"),
                cached,
                cache_hit,
                cache_read,
            ]),
            cache_write_tokens: first(&[raw::field(prompt_details, "cache_write_tokens"), cache_creation]),
            reasoning_tokens: first(&[raw::field(completion_details, "reasoning_tokens"), reasoning]),
        }
    }

    /// The times it states.
    pub(crate) fn times(&self) -> impl Iterator<Item = (&'static str, f64)> + use<'a> {
        let mut times = self.0.into_iter().skip(TIMES_AT);
        TIMES.into_iter().filter_map(move |name| Some((name, raw::number(times.next()?)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_usage(json: &str, expected: [Option<u64>; 5]) {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let Usage { input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens } =
            Report::read(raw).usage();
        let got = [input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens];
        assert_eq!(got, expected, "{json}");
    }

    #[test]
    fn counts_are_found_under_every_name() {
        check_usage("{}", [None; 5]);
        check_usage(
            r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}"#,
            [Some(1), Some(2), None, None, None],
        );
        check_usage(
            r#"{"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":4,"audio_tokens":9}}"#,
            [None, None, Some(0), Some(4), None],
        );
        check_usage(
            r#"{"completion_tokens_details":{"reasoning_tokens":5}}"#,
            [None, None, None, None, Some(5)],
        );
        check_usage(
            r#"{"prompt_tokens_details":null,"prompt_cache_hit_tokens":6}"#,
            [None, None, Some(6), None, None],
        );
        check_usage(r#"{"cached_tokens":7,"reasoning_tokens":8}"#, [None, None, Some(7), None, Some(8)]);
    }

    #[test]
    fn what_is_no_count_costs_only_itself() {
        check_usage(r#"{"prompt_tokens":3.0,"completion_tokens":"x"}"#, [Some(3), None, None, None, None]);
        check_usage(
            r#"{"prompt_tokens":{"a":[1]},"completion_tokens":[{}],"cached_tokens":-1,"reasoning_tokens":8}"#,
            [None, None, None, None, Some(8)],
        );
        check_usage(r#"{"prompt_tokens":1,"prompt_tokens_details":[7]}"#, [Some(1), None, None, None, None]);
        for odd in ["[1,2]", "\"soon\"", "7", "false"] {
            check_usage(odd, [None; 5]);
        }
    }

    #[test]
    fn times_keep_their_unit_in_the_name() {
        let check = |json: &str, expected: &[(&str, f64)]| {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(Report::read(raw).times().collect::<Vec<_>>(), expected, "{json}");
        };
        check(r#"{"prompt_time":0.5,"created":1.0}"#, &[("prompt_time_s", 0.5)]);
        check(r#"{"cache_n":1,"prompt_ms":2.5}"#, &[("prompt_ms", 2.5), ("cache_n", 1.0)]);
        check(
            r#"{"server-processing-time":"0.25","server-time-to-first-token":null}"#,
            &[("server_processing_time_s", 0.25)],
        );
    }
}
