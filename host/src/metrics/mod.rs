//! What was measured, as numbers: each metric once, and their statistics over a run.
//! Pure: the same records give the same [`Summary`], bit for bit and in whatever order they came. No I/O, no clock.

mod accumulate;
mod attainment;
mod calibration;
mod compare;
mod correctness;
mod definition;
mod dialect;
mod ending;
mod failures;
mod health;
mod histogram;
mod interval;
mod lag;
pub mod llmperf;
mod note;
mod pace;
mod portrait;
mod proportion;
pub mod request;
mod saturation;
mod slo;
mod stats;
mod summary;
mod tally;
mod tokens;
mod trend;
mod values;
mod verdict;
mod window;

pub use accumulate::Accumulator;
pub use attainment::{Attainment, SloCounter, SloReport, Sureness, least_requests};
pub use calibration::{Calibration, CalibrationPoint, ErrorBar, Measured};
pub use compare::{
    Difference, Estimate, Estimates, Limit, Moment, Quantity, Rule, Ruling, RulingVerdict, Sample, Sampled,
    Terms, judge_rule,
};
pub use correctness::{Correctness, Defects, Rate};
pub use definition::{Aggregate, Definition, Metric, Unit};
pub use dialect::{Block, Dialect, Dialects, Figure, Statistic, Value};
pub use ending::Endings;
pub use failures::{FailureGroup, Failures};
pub use health::{Health, IdleSlots, Pauses, ReactorLag, Room, ThreadTime, Throttling};
pub use lag::LagHistogram;
pub use note::Note;
pub use pace::{Pace, PaceCounter};
pub use portrait::{Cloud, Course, CourseStep, DRAWN, Extent, Mark, Portrait, Spread};
pub use request::TokenBasis;
pub use saturation::{Saturation, by_rate, by_throughput};
pub use slo::{Bound, Slo};
pub use stats::{Distribution, Level, Quantile};
pub use summary::{Context, Counts, Summary, summarize};
pub use tally::{Tallied, Tally};
pub use tokens::{TokenCount, TokenTotals};
pub use trend::{Timeline, Trend};
pub use verdict::{LoadFacts, Reason, Validity, Verdict, judge};
pub use window::window;
