//! What was measured, as numbers: each metric once, and their statistics over a run.
//! Pure: the same records give the same [`Summary`], bit for bit and in whatever order they came. No I/O, no clock.

mod definition;
mod dialect;
mod interval;
pub mod llmperf;
mod note;
pub mod request;
mod stats;
mod summary;
mod tokens;

pub use definition::{Aggregate, Definition, Metric, Unit};
pub use dialect::{Block, Dialect, Dialects, Figure, Statistic, Value};
pub use note::Note;
pub use request::TokenBasis;
pub use stats::{Distribution, Level, Quantile};
pub use summary::{Context, Counts, FailureGroup, Failures, Summary, summarize, window};
pub use tokens::{TokenCount, TokenTotals};
