//! What a run will do, complete and checked. Whatever is wrong with a command line, a file or the environment is found
//! here, before a socket is opened or a plugin runs; later code cannot see an invalid plan.

pub mod default;
mod goals;
mod input;
mod resolve;
mod shape;
mod target;

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::load::Arrival;
use crate::metrics::TokenBasis;
use crate::plugin::Limits;
use crate::provider::Provider;
use crate::transport::Deadlines;
use crate::units::Span;
use crate::workload::SonnetConfig;

pub use goals::{Goals, Loads, SearchPlan, Series};
pub use input::{ArrivalWord, LoadInput};
pub use resolve::resolve;

/// A load test, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model's name, as the target knows it.
    pub model: String,
    /// What `--llm-api` said: a provider or an API.
    pub llm_api: String,
    pub target: Target,
    pub plugin: PluginSource,
    /// Options for the plugin, checked against what it declares once it is loaded.
    pub plugin_options: Vec<(String, String)>,
    pub limits: Limits,
    pub workload: SonnetConfig,
    /// A `tokenizer.json` to count with; the embedded Llama tokenizer where there is none.
    pub tokenizer: Option<PathBuf>,
    /// Which count the metrics use.
    pub token_basis: TokenBasis,
    /// How many requests are sent, and not one more.
    pub requests: u64,
    /// The most requests that run at a time.
    pub concurrency: usize,
    /// Open loop: when requests are due. `None` is the closed loop, where each slot starts its next one as its last ends.
    pub arrival: Option<Arrival>,
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
    /// Show what the plugin writes to its stdout and stderr.
    pub show_plugin_log: bool,
    /// What was read otherwise than it was written; for people.
    pub notes: Vec<String>,
}

/// Where requests go.
#[derive(Debug, Clone)]
pub enum Target {
    /// The built-in target, started for this run.
    BuiltIn,
    /// A provider somewhere on the network.
    Provider(Provider),
}

/// The plugin that speaks the target's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginSource {
    /// Came with the host; its name.
    Bundled(&'static str),
    /// A component file.
    File(PathBuf),
}

/// How long running requests may go on once launching has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// After the timeout.
    pub after_timeout: Span,
    /// After an interrupt.
    pub after_interrupt: Span,
}
