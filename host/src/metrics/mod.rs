//! What was measured, as numbers: each metric once, and their statistics over a run.
//! Pure: the same records give the same [`Summary`], bit for bit and in whatever order they came. No I/O, no clock.

mod accumulate;
mod definition;
mod dialect;
mod failures;
mod histogram;
mod interval;
pub mod llmperf;
mod note;
pub mod request;
mod stats;
mod summary;
mod tokens;
mod values;
mod window;

pub use accumulate::Accumulator;
pub use definition::{Aggregate, Definition, Metric, Unit};
pub use dialect::{Block, Dialect, Dialects, Figure, Statistic, Value};
pub use failures::{FailureGroup, Failures};
pub use note::Note;
pub use request::TokenBasis;
pub use stats::{Distribution, Level, Quantile};
pub use summary::{Context, Counts, Summary, summarize};
pub use tokens::{TokenCount, TokenTotals};
pub use window::window;
