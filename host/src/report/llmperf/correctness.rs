//! The two result files of LLMPerf's correctness test.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{VERSION, file_base, flatten, individual, write_pair};
use crate::metrics::Correctness;
use crate::metrics::llmperf::Row;
use crate::report::python_json::{dumps, write_array};
use crate::workload::Check;

/// What LLMPerf's files say of a correctness test beside its replies.
#[derive(Debug, Clone, Copy)]
pub struct CorrectnessRun<'a> {
    pub model: &'a str,
    /// The word of `--llm-api`.
    pub llm_api: &'a str,
    /// LLMPerf has one check, `number`; the files of the others are named by theirs.
    pub check: Check,
    pub correctness: &'a Correctness,
    pub num_concurrent_requests: u64,
    /// Written as `additional_sampling_params_<key>`, nested ones too.
    pub additional_sampling_params: &'a Map<String, Value>,
    /// All that was sent.
    pub sampling_params: &'a Map<String, Value>,
    /// The user's own pairs: at the top level, in place of a key that is there already.
    pub metadata: &'a [(String, String)],
    /// Seconds since 1970.
    pub timestamp: u64,
}

/// One reply, and what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply<'a> {
    /// By [`Row::of_correctness`].
    pub row: &'a Row,
    pub text: String,
    pub prompt: String,
    /// What the question was made from (`rnd_number`).
    pub facts: Vec<(&'static str, Value)>,
}

impl CorrectnessRun<'_> {
    /// Writes both files into a directory that is there; replies in order of completion. Returns their paths.
    pub fn write<'r>(
        &self,
        directory: &Path,
        replies: impl Iterator<Item = Reply<'r>>,
    ) -> Result<[PathBuf; 2]> {
        let base = self.base();
        let summary = dumps(&Value::Object(self.summary(&base)));
        write_pair(directory, &base, &summary, |file| {
            write_array(file, replies.map(|reply| self.response(reply)))
        })
    }

    fn base(&self) -> String {
        file_base(&match self.check {
            Check::Number => format!("{}_correctness", self.model),
            check => format!("{}_correctness_{}", self.model, check.word()),
        })
    }

    fn summary(&self, base: &str) -> Map<String, Value> {
        let correctness = self.correctness;
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| {
            map.insert(key.to_owned(), value);
        };
        put("version", json!(VERSION));
        put("name", json!(format!("{base}_summary")));
        put("number_errors", json!(correctness.failed));
        put("num_mismatched_requests", json!(correctness.mismatched));
        put("error_rate", json!(correctness.error_rate().map(|rate| rate.value())));
        put("mismatch_rate", json!(correctness.mismatch_rate().map(|rate| rate.value())));
        put("num_completed_requests", json!(correctness.completed()));
        put("num_non_errored_requests", json!(correctness.answered));
        put("model", json!(self.model));
        put("num_concurrent_requests", json!(self.num_concurrent_requests));
        flatten("additional_sampling_params", self.additional_sampling_params, &mut put);
        put("llm_api", json!(self.llm_api));
        for (key, value) in self.metadata {
            put(key, json!(value));
        }
        // Last, so that the user's metadata cannot replace it.
        put("timestamp", json!(self.timestamp));
        map
    }

    fn response(&self, reply: Reply<'_>) -> Value {
        json!({
            "metrics": individual(reply.row),
            "generated_text": reply.text,
            "request_config": {
                "model": self.model,
                // LLMPerf does not count them in this test.
                "prompt": [reply.prompt, 0],
                "sampling_params": self.sampling_params,
                "llm_api": self.llm_api,
                "metadata": reply.facts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_nothing_are_null_and_metadata_replaces_what_it_names() {
        let none = Map::new();
        let run = CorrectnessRun {
            model: "a/b:c",
            llm_api: "openai",
            check: Check::Json,
            correctness: &Correctness::default(),
            num_concurrent_requests: 4,
            additional_sampling_params: &none,
            sampling_params: &none,
            metadata: &[("name".to_owned(), "mine".to_owned()), ("timestamp".to_owned(), "x".to_owned())],
            timestamp: 7,
        };
        assert_eq!(run.base(), "a-b-c_correctness_json");
        let summary = run.summary(&run.base());
        assert_eq!((&summary["error_rate"], &summary["mismatch_rate"]), (&Value::Null, &Value::Null));
        assert_eq!((&summary["name"], &summary["timestamp"]), (&json!("mine"), &json!(7)));
    }
}
