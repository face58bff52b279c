//! Runs beside each other: what LLMPerf's users lay out by hand, made from the runs' own files. This room reads results and
//! shows numbers; whether two differ is said in [`crate::metrics`].

mod advice;
mod analysis;
mod document;
mod gate;
mod json;
mod model;
mod number;
mod render;
mod report;
mod source;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::metrics::{Distribution, Estimates, Metric, Quantity, Sample};

pub(super) use document::fill;
pub use gate::{gate_json, gate_text};
pub use json::compare_json;
pub use model::{Size, Traits};
pub use render::{Format, render_comparison};
pub use report::{comparison_notes, damage_notes};
pub use source::{Accuracy, Facts, InputNote, read_pair, read_runs};
pub use words::Language;

/// A run as comparisons have it.
#[derive(Debug, Clone)]
pub struct ComparedRun {
    /// Short, and of its own among the runs compared.
    pub label: String,
    pub model: String,
    pub traits: Traits,
    pub tool: Tool,
    /// The file its summary came from.
    pub path: PathBuf,
    /// In seconds since 1970.
    pub started: Option<u64>,
    pub ok: u64,
    pub failed: u64,
    /// Concurrency; the upper limit in an open loop.
    pub concurrency: Option<u64>,
    /// Of an open loop.
    pub request_rate: Option<f64>,
    /// `VALID`, `DOUBTFUL` or `INVALID`, where the run was judged.
    pub verdict: Option<String>,
    /// The run was killed: its summary was made of its records.
    pub from_records: bool,
    /// Its records end inside a line, which is left out.
    pub torn: bool,
    /// As the summary has them.
    pub distributions: BTreeMap<Metric, Distribution>,
    /// Those of the run as a whole, shares among them.
    pub rates: BTreeMap<Quantity, f64>,
    /// The objectives of the run, as they were written.
    pub objectives: Vec<String>,
    /// The requests; `None` where only the summary is there, and no number has an interval.
    pub sample: Option<Sample>,
    pub estimates: Estimates,
    /// What advice takes of it.
    pub facts: Facts,
}

impl ComparedRun {
    /// Whether both are of one model, quantised alike and at one target.
    fn is_of_model(&self, other: &ComparedRun) -> bool {
        (&self.model, &self.traits, &self.facts.target) == (&other.model, &other.traits, &other.facts.target)
    }
}

/// Who measured, and by whose formulas; those of LLMPerf are not llmperf's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Llmperf,
    /// llmperf's own `*_summary.json`, which has LLMPerf's formulas.
    LlmperfFiles,
    /// ray-project/llmperf: its inter-token latency is one number a request and holds the TTFT, and it counts a token more.
    LegacyLlmperf,
}

impl Tool {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Llmperf | Tool::LlmperfFiles => "llmperf",
            Tool::LegacyLlmperf => "ray-project/llmperf",
        }
    }

    /// Whether numbers are by LLMPerf's formulas.
    pub fn has_llmperfs_formulas(self) -> bool {
        self != Tool::Llmperf
    }
}
