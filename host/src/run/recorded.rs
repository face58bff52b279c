//! What a recording says of its run, beside the responses: its manifest first, and at the end what was known only then.
//! Everything here may come from a file by a stranger; what is missing is as if it were empty.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Ended, manifest};
use crate::metrics::TokenBasis;
use crate::report::llmperf::LlmperfRun;
use crate::units::Span;

/// Of the manifest, what a replay needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Recorded {
    started_unix_s: u64,
    plan: RecordedPlan,
    pub(super) plugin: RecordedPart,
    pub(super) tokenizer: RecordedPart,
}

/// A plugin or a tokenizer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RecordedPart {
    pub(super) name: String,
    pub(super) sha256: String,
    source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RecordedPlan {
    model: String,
    llm_api: String,
    base_url: String,
    target: String,
    mean_input_tokens: f64,
    stddev_input_tokens: f64,
    mean_output_tokens: f64,
    stddev_output_tokens: f64,
    num_concurrent_requests: u64,
    arrival: Option<Map<String, Value>>,
    /// Of open loops only.
    overflow: Option<String>,
    duration_s: Option<f64>,
    additional_sampling_params: Map<String, Value>,
    metadata: Map<String, Value>,
    tokens: String,
}

impl Recorded {
    pub(super) fn of(header: &Value) -> serde_json::Result<Recorded> {
        Recorded::deserialize(header)
    }

    pub(super) fn model(&self) -> &str {
        &self.plan.model
    }

    pub(super) fn llm_api(&self) -> &str {
        &self.plan.llm_api
    }

    /// The plugin's file; `None` where it came with the host or was installed, and its name finds it.
    pub(super) fn plugin_file(&self) -> Option<PathBuf> {
        let source = &self.plugin.source;
        let has_name = matches!(source.as_str(), "" | "bundled" | "installed");
        (!has_name).then(|| PathBuf::from(source))
    }

    /// The tokenizer's file; `None` where it came with the host.
    pub(super) fn tokenizer_file(&self) -> Option<PathBuf> {
        let name = &self.tokenizer.name;
        (!name.is_empty() && name != "llama").then(|| PathBuf::from(name))
    }

    pub(super) fn token_basis(&self) -> TokenBasis {
        if self.plan.tokens == "server" { TokenBasis::Server } else { TokenBasis::Local }
    }

    /// Where requests went, for people.
    pub(super) fn target(&self) -> String {
        match self.plan.target.as_str() {
            "mock" => "the built-in target".to_owned(),
            _ => self.plan.base_url.clone(),
        }
    }

    pub(super) fn is_open_loop(&self) -> bool {
        self.plan.overflow.is_some()
    }

    /// How long the run was to be measured.
    pub(super) fn measured(&self) -> Option<Span> {
        self.plan.duration_s.map(|s| Span((s * 1e9).round() as u64))
    }

    /// How the load was made, for people.
    pub(super) fn load(&self) -> String {
        let concurrency = self.plan.num_concurrent_requests;
        let rate = self.plan.arrival.as_ref().and_then(|arrival| {
            Some((arrival.get("request_rate_per_s")?.as_f64()?, arrival.get("process")?.as_str()?))
        });
        match (rate, self.is_open_loop()) {
            (Some((rate, process)), _) => {
                format!("{rate} requests/s {process}, at most {concurrency} concurrent")
            }
            (None, true) => format!("an open loop, at most {concurrency} concurrent"),
            (None, false) => format!("{concurrency} concurrent"),
        }
    }

    /// When the run started, in seconds since 1970.
    pub(super) fn started(&self) -> u64 {
        self.started_unix_s
    }

    /// The user's own pairs.
    pub(super) fn metadata(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.plan.metadata.iter().map(|(key, value)| (key.clone(), text(value))).collect()
    }

    /// What LLMPerf's files say of the run.
    pub(super) fn llmperf_run<'a>(&'a self, metadata: &'a [(String, String)]) -> LlmperfRun<'a> {
        let plan = &self.plan;
        LlmperfRun {
            model: &plan.model,
            mean_input_tokens: plan.mean_input_tokens,
            stddev_input_tokens: plan.stddev_input_tokens,
            mean_output_tokens: plan.mean_output_tokens,
            stddev_output_tokens: plan.stddev_output_tokens,
            num_concurrent_requests: plan.num_concurrent_requests,
            additional_sampling_params: &plan.additional_sampling_params,
            metadata,
            timestamp: self.started_unix_s,
        }
    }
}

/// What is known only once the run has ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Footer {
    /// Requests that were due and never sent.
    pub(super) dropped: u64,
    /// How the run ended, in one word; `None` where it was killed.
    pub(super) ended: Option<String>,
    /// What the server did with connections after an answer.
    pub(super) server: Option<String>,
    opened_ahead_ns: Vec<u64>,
}

impl Footer {
    pub(super) fn json(dropped: u64, ended: Ended, opened_ahead: &[Span], server: Option<&str>) -> Value {
        let opened_ahead_ns: Vec<u64> = opened_ahead.iter().map(|span| span.0).collect();
        json!({
            "dropped": dropped,
            "ended": manifest::ended_word(ended),
            "server": server,
            "opened_ahead_ns": opened_ahead_ns,
        })
    }

    pub(super) fn of(footer: &Value) -> serde_json::Result<Footer> {
        Footer::deserialize(footer)
    }

    pub(super) fn opened_ahead(&self) -> Vec<Span> {
        self.opened_ahead_ns.iter().copied().map(Span).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_told_as_far_as_it_is_known() {
        let check = |plan: Value, expected: &str| {
            assert_eq!(Recorded::of(&json!({"plan": plan})).expect("a header").load(), expected);
        };
        check(json!({"num_concurrent_requests": 4}), "4 concurrent");
        check(
            json!({"num_concurrent_requests": 9, "overflow": "drop", "arrival": {"request_rate_per_s": 2.5, "process": "poisson"}}),
            "2.5 requests/s poisson, at most 9 concurrent",
        );
        check(
            json!({"num_concurrent_requests": 9, "overflow": "queue", "arrival": null}),
            "an open loop, at most 9 concurrent",
        );
    }

    #[test]
    fn what_a_footer_says_is_read_back() {
        let json = Footer::json(3, Ended::TimedOut, &[Span(5)], Some("keeps"));
        let footer = Footer::of(&json).expect("a footer");
        assert_eq!((footer.dropped, footer.ended.as_deref()), (3, Some("timed_out")));
        assert_eq!((footer.opened_ahead(), footer.server.as_deref()), (vec![Span(5)], Some("keeps")));
        assert_eq!(Footer::default().ended, None);
    }
}
