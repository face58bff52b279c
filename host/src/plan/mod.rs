//! What a run will do, complete and checked. Whatever is wrong with a command line, a file or the environment is found
//! here, before a socket is opened or a plugin runs; later code cannot see an invalid plan.

mod content;
mod correctness;
mod credential;
pub mod default;
mod estimate;
mod file;
mod goals;
mod input;
mod installed;
mod limits;
mod recording;
mod resolve;
mod shape;
mod target;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::load::{Arrival, Division, NO_LIMIT, Overflow};
use crate::metrics::{Dialect, TokenBasis};
use crate::plugin::{Installed, Limits};
use crate::provider::Provider;
use crate::transport::Deadlines;
use crate::units::Span;
use crate::workload::{Check, Dataset, PrefixConfig, SonnetConfig};

pub use content::TraceSpeed;
pub use correctness::{CheckWord, CorrectnessInput, CorrectnessPlan, resolve_correctness};
pub use estimate::{ASSUMED_TOKENS_PER_S, ASSUMED_TTFT_S, Estimate, estimate};
pub use file::{FileKey, FileRun, KeyKind, PlanFile, Setting, plan_schema};
pub use goals::{Goals, Loads, SearchPlan, Series};
pub use input::{ArrivalWord, LoadInput, Seed};
pub use installed::{LeftOut, installed, judge_plugin};
pub use limits::limit_words;
pub use recording::{ReplayInput, ReplayPlan, recorded_plugin, resolve_replay};
pub use resolve::{catalog, resolve, results_dir};

/// A load test, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model's name, as it was given.
    pub model: String,
    /// The model's name, as the target knows it.
    pub sent_model: String,
    /// What `--llm-api` said: a provider or an API.
    pub llm_api: String,
    pub target: Target,
    pub plugin: PluginSource,
    /// Options for the plugin, the later one of a name wins; checked against what it declares once it is loaded.
    pub plugin_options: Vec<(String, String)>,
    /// Environment variables that hold some provider's credential; no option of a plugin is filled from one.
    pub credential_variables: Vec<String>,
    pub limits: Limits,
    /// Its seed may have been drawn for this run (`--seed random`).
    pub workload: SonnetConfig,
    /// What is asked instead of LLMPerf's own prompts.
    pub dataset: Option<Arc<Dataset>>,
    /// What is asked instead of either, to see whether the replies are right.
    pub check: Option<Check>,
    /// What a share of the requests begin with.
    pub prefix: Option<PrefixConfig>,
    /// A `tokenizer.json` to count with; the embedded Llama tokenizer where there is none.
    pub tokenizer: Option<PathBuf>,
    /// Which count the metrics use.
    pub token_basis: TokenBasis,
    /// What is warm-up, what is measured, and for how long.
    pub division: Division,
    /// The most requests that run at a time.
    pub concurrency: usize,
    /// Open loop: when requests are due. `None` is the closed loop, where each slot starts its next one as its last ends.
    pub arrival: Option<Arrival>,
    /// Open loop: what becomes of a request that finds no slot.
    pub overflow: Overflow,
    /// Closed loop: the time over which its slots start.
    pub ramp_up: Span,
    /// Open loop: requests are due when the dataset says, at this speed. Never beside `arrival`.
    pub replay: Option<TraceSpeed>,
    /// Launching stops this long after the start.
    pub timeout: Span,
    /// How long running requests may go on once launching has stopped.
    pub drain: Drain,
    pub deadlines: Deadlines,
    /// What it is all for: objectives, and whether one run is enough.
    pub goals: Goals,
    /// Merged over every request's body.
    pub sampling: Map<String, Value>,
    /// Goes into the results as it is.
    pub metadata: Vec<(String, String)>,
    /// Where results go; `None` saves nothing.
    pub results_dir: Option<PathBuf>,
    /// Keep the text of every response in the records.
    pub save_text: bool,
    /// Where every response is recorded as it came; there is no recording in it yet.
    pub record: Option<PathBuf>,
    /// The other tools in whose terms the run is stated too.
    pub dialects: Vec<Dialect>,
    /// Show what the plugin writes to its stdout and stderr.
    pub show_plugin_log: bool,
    /// What was read otherwise than it was written; for people.
    pub notes: Vec<String>,
}

impl Plan {
    /// The most requests that are sent, warm-up included; [`NO_LIMIT`] where only time ends the run.
    pub fn requests(&self) -> u64 {
        let Division { warmup_requests, warmup, measured_requests, .. } = self.division;
        if warmup > Span(0) {
            NO_LIMIT
        } else {
            warmup_requests.saturating_add(measured_requests).min(NO_LIMIT)
        }
    }

    /// Whether requests are due at times of their own, regardless of how fast earlier ones finish.
    pub fn is_open_loop(&self) -> bool {
        self.arrival.is_some() || self.replay.is_some()
    }
}

/// Where requests go.
#[derive(Debug, Clone)]
pub enum Target {
    /// The built-in target, started for this run.
    BuiltIn,
    /// A provider somewhere on the network.
    Provider(Box<Provider>),
}

/// The plugin that speaks the target's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginSource {
    /// Came with the host; its name.
    Bundled(&'static str),
    /// Was added by the user.
    Installed(Box<Installed>),
    /// A component file.
    File(PathBuf),
}

/// How long running requests may go on once launching has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// After the time that was to be measured.
    pub after_duration: Span,
    /// After the timeout.
    pub after_timeout: Span,
    /// After an interrupt.
    pub after_interrupt: Span,
}
