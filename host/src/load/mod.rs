//! Load: when requests start, in which slots, and when it ends. It knows neither HTTP nor plugins: what a request is and
//! how it is sent comes from above.

mod arrivals;
mod closed;
mod course;
mod open;
mod phase;
mod search;
mod source;

pub use arrivals::{Arrival, Process, Profile, Segment};
pub use closed::{Slots, run_slots};
pub use course::{Admitted, Course, Division, NO_LIMIT};
pub use open::{Dropped, Overflow, run_arrivals};
pub use phase::{Phase, PhaseControl, PhaseWatch};
pub use search::{Bracket, RateSearch, Trial};
pub use source::{Lane, Source, SourceGauge, lanes};

use std::sync::Arc;

use crate::clock::Clock;

/// What both loops launch from.
#[derive(Debug)]
pub struct Launch<T> {
    pub source: Arc<Source<T>>,
    pub course: Course,
    pub phase: PhaseWatch,
    pub clock: Clock,
}
