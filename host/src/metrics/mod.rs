//! What was measured, as numbers: each metric once, and their statistics over a run.
//! Pure: the same records give the same [`Summary`], bit for bit and in whatever order they came. No I/O, no clock.

mod calibration;
mod definition;
mod health;
mod interval;
mod lag;
pub mod llmperf;
mod note;
pub mod request;
mod stats;
mod summary;
mod tokens;
mod trend;
mod verdict;

pub use calibration::{Calibration, CalibrationPoint, ErrorBar, Measured};
pub use definition::{Aggregate, Definition, Metric, Unit};
pub use health::{Health, ReactorLag, Room, ThreadTime, Throttling};
pub use lag::LagHistogram;
pub use note::Note;
pub use request::TokenBasis;
pub use stats::{Distribution, Level, Quantile};
pub use summary::{Context, Counts, FailureGroup, Failures, Summary, summarize, window};
pub use tokens::{TokenCount, TokenTotals};
pub use trend::{Course, Trend};
pub use verdict::{LoadFacts, Reason, Validity, Verdict, judge};
