//! A run's manifest, read back: from its directory, or from the header of a recording.
//! Everything here may come from a file by a stranger; what is missing is as if it were empty.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::llmperf::LlmperfRun;
use crate::metrics::{Context, Dialect, Slo, TokenBasis};
use crate::plugin::ending_of;
use crate::units::Span;

/// Of the manifest, what a replay and a new summary need.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Manifest {
    started_unix_s: u64,
    plan: ManifestPlan,
    pub plugin: ManifestPart,
    pub tokenizer: ManifestPart,
}

/// A plugin or a tokenizer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ManifestPart {
    pub name: String,
    pub version: String,
    pub sha256: String,
    source: String,
    /// Of a plugin only: the server puts what is asked into a chat template.
    chat_template: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ManifestPlan {
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
    slo: Vec<String>,
    dialects: Vec<String>,
}

impl Manifest {
    /// Reads it.
    ///
    /// # Errors
    /// A part of it is of another kind than a manifest has there.
    pub fn of(manifest: &Value) -> serde_json::Result<Manifest> {
        Manifest::deserialize(manifest)
    }

    /// As it was given.
    pub fn model(&self) -> &str {
        &self.plan.model
    }

    /// What `--llm-api` said.
    pub fn llm_api(&self) -> &str {
        &self.plan.llm_api
    }

    /// The plugin's file; `None` where it came with the host or was installed, and its name finds it.
    pub fn plugin_file(&self) -> Option<PathBuf> {
        let source = &self.plugin.source;
        let has_name = matches!(source.as_str(), "" | "bundled" | "installed");
        (!has_name).then(|| PathBuf::from(source))
    }

    /// The tokenizer's file; `None` where it came with the host.
    pub fn tokenizer_file(&self) -> Option<PathBuf> {
        let name = &self.tokenizer.name;
        (!name.is_empty() && name != "llama").then(|| PathBuf::from(name))
    }

    /// Whose token counts the run used.
    pub fn token_basis(&self) -> TokenBasis {
        if self.plan.tokens == "server" { TokenBasis::Server } else { TokenBasis::Local }
    }

    /// What a summary of the run has to know beside its records.
    pub fn context(&self) -> Context {
        let is_bundled = self.plugin.source == "bundled";
        Context {
            dropped: 0,
            token_basis: self.token_basis(),
            measured: self.measured(),
            chat_template: self.plugin.chat_template,
            ending: is_bundled.then(|| ending_of(&self.plugin.name)).flatten(),
        }
    }

    /// Where requests went, for people.
    pub fn target(&self) -> String {
        match self.plan.target.as_str() {
            "mock" => "the built-in target".to_owned(),
            _ => self.plan.base_url.clone(),
        }
    }

    /// Whether requests were due at times of their own.
    pub fn is_open_loop(&self) -> bool {
        self.plan.overflow.is_some()
    }

    /// How long the run was to be measured.
    pub fn measured(&self) -> Option<Span> {
        self.plan.duration_s.map(|s| Span((s * 1e9).round() as u64))
    }

    /// The objectives it was held to.
    ///
    /// # Errors
    /// Names one that cannot be read.
    pub fn slos(&self) -> anyhow::Result<Vec<Slo>> {
        match self.plan.slo.as_slice() {
            [] => Ok(vec![]),
            texts => Ok(Slo::parse_all(&texts.join(" "))?),
        }
    }

    /// The other tools in whose terms it was stated; one that this version does not know is left out.
    pub fn dialects(&self) -> Vec<Dialect> {
        let wanted = |dialect: &Dialect| self.plan.dialects.iter().any(|name| name == dialect.name());
        Dialect::ALL.into_iter().filter(wanted).collect()
    }

    /// How the load was made, for people.
    pub fn load(&self) -> String {
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
    pub fn started(&self) -> u64 {
        self.started_unix_s
    }

    /// The user's own pairs.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.plan.metadata.iter().map(|(key, value)| (key.clone(), text(value))).collect()
    }

    /// What LLMPerf's files say of the run.
    pub fn llmperf_run<'a>(&'a self, metadata: &'a [(String, String)]) -> LlmperfRun<'a> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_load_is_told_as_far_as_it_is_known() {
        let check = |plan: Value, expected: &str| {
            assert_eq!(Manifest::of(&json!({"plan": plan})).expect("a header").load(), expected);
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
}
