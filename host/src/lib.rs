//! llmperf measures LLM APIs. `ARCHITECTURE.md` is the map of this crate; the modules below are its rooms.

// stdout is the result, stderr is talk: `cli::print_result` and `report::say` write them, and outlive a reader that leaves.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod clock;
pub mod error;
pub mod load;
pub mod metrics;
pub mod mock;
pub mod plan;
pub mod plugin;
pub mod provider;
pub mod record;
pub mod report;
pub mod run;
pub mod tokens;
pub mod transport;
pub mod units;
pub mod workload;

pub use plan::LoadInput;
pub use run::{Answer, AnswerMetrics, Client, Request};
