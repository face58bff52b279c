//! llmperf measures LLM APIs. `ARCHITECTURE.md` is the map of this crate; the modules below are its rooms.

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
