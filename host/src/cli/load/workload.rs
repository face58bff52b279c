//! What is asked.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::plan::{LoadInput, Seed, default};

#[derive(Debug, Args)]
#[command(next_help_heading = "Workload")]
pub(super) struct WorkloadArgs {
    /// Mean of the prompt's length in tokens
    #[arg(long, visible_alias = "isl", value_name = "N", default_value_t = default::MEAN_INPUT_TOKENS)]
    mean_input_tokens: f64,
    /// Its standard deviation
    #[arg(
        long,
        visible_alias = "isl-stddev",
        value_name = "N",
        default_value_t = default::STDDEV_INPUT_TOKENS,
    )]
    stddev_input_tokens: f64,
    /// Mean of the output tokens asked for (max_tokens)
    #[arg(long, visible_alias = "osl", value_name = "N", default_value_t = default::MEAN_OUTPUT_TOKENS)]
    mean_output_tokens: f64,
    /// Its standard deviation
    #[arg(
        long,
        visible_alias = "osl-stddev",
        value_name = "N",
        default_value_t = default::STDDEV_OUTPUT_TOKENS,
    )]
    stddev_output_tokens: f64,
    /// Take prompts, conversations or a trace from a file
    ///
    /// Known formats: plain (a prompt a line), openai-batch, sharegpt, sharegpt-sessions, vllm, mooncake, burstgpt, azure,
    /// aiperf-single-turn, aiperf-multi-turn. Every row is checked before anything is sent. A trace also says when, unless
    /// --request-rate or --num-concurrent-requests is given. Turns of a session run one after the other, each with the real
    /// answers before it.
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Read --dataset as this format; otherwise found out from its first row
    #[arg(long, value_name = "WORD", hide_short_help = true)]
    dataset_format: Option<String>,
    /// Replay a trace at X times its speed [default: 1]
    #[arg(long, value_name = "X", hide_short_help = true)]
    trace_speed: Option<f64>,
    /// Begin prompts with a shared prefix of N tokens
    #[arg(long, value_name = "N", hide_short_help = true)]
    prefix_tokens: Option<u64>,
    /// Share of requests that begin with the prefix, from 0 to 1 [default: 1]
    #[arg(long, value_name = "P", hide_short_help = true)]
    prefix_share: Option<f64>,
    /// JSON object merged over the body of every request
    #[arg(long, visible_alias = "sampling", value_name = "JSON", default_value = "{}")]
    additional_sampling_params: String,
    /// The same seed makes the same prompts; random draws one and says it
    #[arg(long, value_name = "N|random", value_parser = Seed::from_str, default_value_t = Seed::Of(default::SEED))]
    seed: Seed,
    /// tokenizer.json to count with; instead of the built-in Llama tokenizer
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
}

impl WorkloadArgs {
    pub(super) fn fill(self, input: &mut LoadInput) {
        input.mean_input_tokens = Some(self.mean_input_tokens);
        input.stddev_input_tokens = Some(self.stddev_input_tokens);
        input.mean_output_tokens = Some(self.mean_output_tokens);
        input.stddev_output_tokens = Some(self.stddev_output_tokens);
        input.seed = Some(self.seed);
        input.dataset = self.dataset;
        input.dataset_format = self.dataset_format;
        input.trace_speed = self.trace_speed;
        input.prefix_tokens = self.prefix_tokens;
        input.prefix_share = self.prefix_share;
        input.tokenizer = self.tokenizer;
        input.additional_sampling_params = Some(self.additional_sampling_params);
    }
}
