//! What the server says of its own work: token counts and times. Read leniently: a number that is no number
//! costs only itself.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::lenient::{Number, Text};
use crate::{Usage, raw};

/// Token counts by the names that servers have for them. Where two names mean one count, the first that is there is taken.
const COUNTS: [&str; 8] = [
    "prompt_tokens",
    "completion_tokens",
    // Together, and inside `prompt_tokens_details`.
    "cached_tokens",
    // DeepSeek.
    "prompt_cache_hit_tokens",
    // Gateways in front of Anthropic's models.
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    // Inside `prompt_tokens_details`.
    "cache_write_tokens",
    // Perplexity, and inside `completion_tokens_details`.
    "reasoning_tokens",
];

/// Times and counts of work by the names that servers have for them, and with their unit.
const TIMES: [(&str, &str); 11] = [
    // Groq in `usage`, Cerebras in `time_info`: seconds.
    ("queue_time", "queue_time_s"),
    ("prompt_time", "prompt_time_s"),
    ("completion_time", "completion_time_s"),
    ("total_time", "total_time_s"),
    // llama.cpp in `timings`.
    ("prompt_ms", "prompt_ms"),
    ("predicted_ms", "predicted_ms"),
    ("prompt_n", "prompt_n"),
    ("predicted_n", "predicted_n"),
    ("cache_n", "cache_n"),
    // Fireworks in `perf_metrics`: seconds, as in its headers of the same names.
    ("server-time-to-first-token", "server_time_to_first_token_s"),
    ("server-processing-time", "server_processing_time_s"),
];

/// The fields of every dialect's report, whichever object they come in: `usage`, `x_groq.usage`, `timings`,
/// `time_info`, `perf_metrics`. No two of them mean different things by one name.
///
/// In tables rather than a struct: the derived reader of one was 6 KB in each plugin.
#[derive(Debug, Default)]
pub(crate) struct Report<'a> {
    counts: [Number; COUNTS.len()],
    times: [Number; TIMES.len()],
    prompt_details: Option<&'a RawValue>,
    completion_details: Option<&'a RawValue>,
}

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
pub fn times(raw: &RawValue) -> impl Iterator<Item = (&'static str, f64)> + use<> {
    Report::read(raw).times()
}

impl<'a> Report<'a> {
    /// Reads a report; what is not an object says nothing.
    pub(crate) fn read(raw: &'a RawValue) -> Report<'a> {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    /// Reads the report inside `x_groq`.
    pub(crate) fn read_groq(raw: &'a RawValue) -> Report<'a> {
        raw::field(Some(raw), "usage").map(Report::read).unwrap_or_default()
    }

    /// Token counts. No arithmetic is done on them: what a count includes is the provider's affair.
    pub(crate) fn usage(&self) -> Usage {
        let details = |raw: Option<&RawValue>| raw.map(|raw| Report::read(raw).counts).unwrap_or_default();
        let [prompt, completion, cached, hit, read, creation, _, reasoning] = self.counts;
        let [_, _, detailed_cached, _, _, _, detailed_write, _] = details(self.prompt_details);
        let [.., detailed_reasoning] = details(self.completion_details);
        let first = |numbers: &[Number]| numbers.iter().find_map(|number| number.count());
        Usage {
            input_tokens: prompt.count(),
            output_tokens: completion.count(),
            cached_input_tokens: first(&[detailed_cached, cached, hit, read]),
            cache_write_tokens: first(&[detailed_write, creation]),
            reasoning_tokens: first(&[detailed_reasoning, reasoning]),
        }
    }

    /// The times it states. A name ends in its unit, unless it is a count.
    pub(crate) fn times(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        TIMES.iter().zip(self.times).filter_map(|((_, name), number)| Some((*name, number.0?)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Report<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Report<'a>, D::Error> {
        deserializer.deserialize_map(ReportVisitor)
    }
}

struct ReportVisitor;

impl<'de> Visitor<'de> for ReportVisitor {
    type Value = Report<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Report<'de>, A::Error> {
        let mut report = Report::default();
        while let Some(Text(name)) = map.next_key()? {
            let count = COUNTS.iter().position(|known| *known == name).map(|at| &mut report.counts[at]);
            let time = || TIMES.iter().position(|(known, _)| *known == name);
            match count.or_else(|| time().map(|at| &mut report.times[at])) {
                Some(number) => *number = map.next_value()?,
                None if name == "prompt_tokens_details" => report.prompt_details = map.next_value()?,
                None if name == "completion_tokens_details" => {
                    report.completion_details = map.next_value()?
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(report)
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
