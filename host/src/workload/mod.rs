//! The workload: a seeded stream of [`RequestSpec`](crate::record::RequestSpec)s, the same for the same seed.
//! Nothing here sends, waits or reads a clock, and no two requests share state: any may be made first, on any thread.

mod length;
mod prompt;
mod sonnet;

pub use length::Normal;
pub use sonnet::{SonnetConfig, SonnetWorkload};

use std::fmt;

use crate::units::Tokens;

/// Why a workload cannot be made from what the user asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkloadError {
    /// A length that is no finite number, is negative, or is more than [`Normal::MAX`].
    Length { flag: &'static str, value: f64 },
    /// Every prompt would be shorter than the instruction it has to begin with.
    InputFloor { mean: f64, floor: Tokens },
    /// Every request would ask for no output.
    OutputFloor { mean: f64 },
    /// The tokenizer finds no tokens in the sonnets, so no prompt can reach a length.
    SilentTokenizer { name: String },
}

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkloadError::Length { flag, value } => write!(
                f,
                "{flag} is {value}, which is no length in tokens\nhint: give a number from 0 to {}",
                Normal::MAX
            ),
            WorkloadError::InputFloor { mean, floor } => write!(
                f,
                "--mean-input-tokens is {mean}, but the shortest possible prompt has {floor} tokens\n\
                 hint: give --mean-input-tokens {floor} or more"
            ),
            WorkloadError::OutputFloor { mean } => write!(
                f,
                "--mean-output-tokens is {mean}, so every request would ask for no output\n\
                 hint: give --mean-output-tokens 1 or more"
            ),
            WorkloadError::SilentTokenizer { name } => write!(
                f,
                "tokenizer {name} finds no tokens in English text, so no prompt can have a length\n\
                 hint: give the tokenizer of the model under test, or none to count with the built-in Llama tokenizer"
            ),
        }
    }
}

impl std::error::Error for WorkloadError {}
