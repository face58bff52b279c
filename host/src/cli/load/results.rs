//! What becomes of the measurements.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::metrics::TokenBasis;
use crate::plan::LoadInput;

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub(super) struct ResultArgs {
    /// Token counts to use
    #[arg(long, value_enum, default_value_t = Tokens::Local)]
    tokens: Tokens,
    /// Directory for the results; without one nothing is saved
    #[arg(long, value_name = "DIR")]
    results_dir: Option<PathBuf>,
    /// Save every response's text in the records too
    #[arg(long)]
    save_text: bool,
    /// Pairs for the results, as k=v,k2=v2
    #[arg(long, value_name = "PAIRS", default_value = "")]
    metadata: String,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tokens {
    /// The tokenizer's, as LLMPerf does
    Local,
    /// What the server reports
    Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

impl ResultArgs {
    pub(super) fn fill(self, input: &mut LoadInput) {
        input.tokens = Some(match self.tokens {
            Tokens::Local => TokenBasis::Local,
            Tokens::Server => TokenBasis::Server,
        });
        input.metadata = Some(self.metadata);
        input.results_dir = self.results_dir;
        input.save_text = self.save_text;
    }
}
