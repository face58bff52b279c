//! What becomes of the measurements.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::metrics::{Dialect, TokenBasis};
use crate::plan::LoadInput;

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub(super) struct ResultArgs {
    /// Token counts to use
    #[arg(long, value_enum, default_value_t = Tokens::Local)]
    tokens: Tokens,
    /// Directory for the results; without one nothing is saved
    #[arg(long, value_name = "DIR")]
    pub(super) results_dir: Option<PathBuf>,
    /// Save every response's text in the records too
    #[arg(long)]
    save_text: bool,
    /// Record every response as it came, with the times of its reads, into this directory
    ///
    /// llmperf replay reads it again, with another plugin or tokenizer say, and sends nothing. It never holds a key; what the
    /// model answered it does.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    record: Option<PathBuf>,
    #[command(flatten)]
    dialects: DialectArgs,
    /// Pairs for the results, as k=v,k2=v2
    #[arg(long, value_name = "PAIRS", default_value = "")]
    metadata: String,
    /// End with exit code 4 where the verdict is INVALID
    #[arg(long, hide_short_help = true)]
    pub(super) strict: bool,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

/// In whose terms the run is stated.
#[derive(Debug, Args)]
pub(in crate::cli) struct DialectArgs {
    /// State the run in other tools' terms too, by their own formulas: a list of these
    #[arg(long, value_enum, value_name = "TOOLS", value_delimiter = ',', hide_short_help = true)]
    dialect: Vec<DialectWord>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DialectWord {
    /// LLMPerf (2024-12)
    Llmperf,
    /// AIPerf 0.13
    Aiperf,
    /// GuideLLM 0.8
    Guidellm,
    /// vLLM bench serve 0.33
    Vllm,
}

impl DialectArgs {
    pub(in crate::cli) fn dialects(&self) -> Vec<Dialect> {
        let dialect = |word: &DialectWord| match word {
            DialectWord::Llmperf => Dialect::Llmperf,
            DialectWord::Aiperf => Dialect::Aiperf,
            DialectWord::Guidellm => Dialect::Guidellm,
            DialectWord::Vllm => Dialect::Vllm,
        };
        self.dialect.iter().map(dialect).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Tokens {
    /// The tokenizer's, as LLMPerf does
    Local,
    /// What the server reports
    Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Tokens {
    pub(in crate::cli) fn basis(self) -> TokenBasis {
        match self {
            Tokens::Local => TokenBasis::Local,
            Tokens::Server => TokenBasis::Server,
        }
    }
}

impl ResultArgs {
    pub(super) fn fill(self, input: &mut LoadInput) {
        input.tokens = Some(self.tokens.basis());
        input.metadata = Some(self.metadata);
        input.results_dir = self.results_dir;
        input.save_text = self.save_text;
        input.record = self.record;
        input.dialects = self.dialects.dialects();
    }
}
