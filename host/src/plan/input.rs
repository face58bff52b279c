//! What people write: every setting optional, in the units of the command line. Not yet a plan.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::metrics::{Dialect, TokenBasis};

/// The settings of `llmperf load` as they were given. Field names are the long flag names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadInput {
    /// Nothing is to be sent, so no directory is made.
    pub dry_run: bool,
    pub model: Option<String>,
    pub llm_api: Option<String>,
    /// `mock` starts the built-in target.
    pub target: Option<String>,
    pub base_url: Option<String>,
    /// Name of the environment variable that holds the key.
    pub key_env: Option<String>,
    /// `Name: value`, any number.
    pub headers: Vec<String>,
    /// A file of providers beside the bundled ones.
    pub providers: Option<PathBuf>,
    pub plugin: Option<PathBuf>,
    /// `NAME=VALUE`, any number.
    pub plugin_options: Vec<String>,
    /// `NAME=VALUE`, any number.
    pub plugin_limits: Vec<String>,
    pub mean_input_tokens: Option<f64>,
    pub stddev_input_tokens: Option<f64>,
    pub mean_output_tokens: Option<f64>,
    pub stddev_output_tokens: Option<f64>,
    pub seed: Option<Seed>,
    /// A file of prompts, conversations or a trace.
    pub dataset: Option<PathBuf>,
    /// The word of a dataset's format.
    pub dataset_format: Option<String>,
    /// Divides the times of a trace.
    pub trace_speed: Option<f64>,
    pub prefix_tokens: Option<u64>,
    pub prefix_share: Option<f64>,
    pub tokenizer: Option<PathBuf>,
    pub tokens: Option<TokenBasis>,
    pub max_num_completed_requests: Option<u64>,
    pub num_concurrent_requests: Option<u64>,
    /// Requests per second; makes the loop an open one.
    pub request_rate: Option<f64>,
    pub arrival: Option<ArrivalWord>,
    pub burstiness: Option<f64>,
    pub max_concurrency: Option<u64>,
    /// Requests due while this number is running are queued.
    pub queue: bool,
    /// `10:30s,10..50:60s`: rates and how long each holds, or goes evenly from one to another.
    pub rate_schedule: Option<String>,
    pub duration: Option<f64>,
    pub warmup_requests: Option<u64>,
    pub warmup_duration: Option<f64>,
    pub ramp_up: Option<f64>,
    /// Seconds, as are all times here.
    pub timeout: Option<f64>,
    pub drain: Option<f64>,
    pub connect_timeout: Option<f64>,
    pub read_timeout: Option<f64>,
    pub request_timeout: Option<f64>,
    /// A JSON object, as text.
    pub additional_sampling_params: Option<String>,
    /// `k=v,k2=v2`.
    pub metadata: Option<String>,
    /// Empty saves nothing, as in LLMPerf.
    pub results_dir: Option<PathBuf>,
    pub save_text: bool,
    /// Directory for a recording.
    pub record: Option<PathBuf>,
    pub dialects: Vec<Dialect>,
    pub plugin_log: bool,
    /// Objectives, any number in each.
    pub slo: Vec<String>,
    /// `concurrency=1,2,4` or `request-rate=1,2,5`.
    pub sweep: Option<String>,
    pub find_max_rate: bool,
    /// Requests per second.
    pub max_rate: Option<f64>,
    pub step_duration: Option<f64>,
}

/// What decides prompts and arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    Of(u64),
    /// One is drawn for the run, and written down.
    Random,
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seed::Of(seed) => seed.fmt(f),
            Seed::Random => f.write_str("random"),
        }
    }
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Seed, String> {
        match text {
            "random" => Ok(Seed::Random),
            number => number.parse().map(Seed::Of).map_err(|_| "give a whole number, or random".to_owned()),
        }
    }
}

/// The arrival processes, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalWord {
    Constant,
    Poisson,
    Gamma,
}
