//! What was measured, as numbers: each metric once, and their statistics over a run.
//! Pure: the same records give the same [`Summary`], bit for bit and in whatever order they came. No I/O, no clock.

mod attainment;
mod definition;
mod interval;
pub mod llmperf;
mod note;
mod pace;
mod proportion;
pub mod request;
mod saturation;
mod slo;
mod stats;
mod summary;
mod tokens;

pub use attainment::{Attainment, SloCounter, SloReport, Sureness, least_requests};
pub use definition::{Aggregate, Definition, Metric, Unit};
pub use note::Note;
pub use pace::{Pace, PaceCounter};
pub use request::TokenBasis;
pub use saturation::{Saturation, by_rate, by_throughput};
pub use slo::{Bound, Slo};
pub use stats::{Distribution, Level, Quantile};
pub use summary::{Context, Counts, FailureGroup, Failures, Summary, summarize, window};
pub use tokens::{TokenCount, TokenTotals};
