//! Load: when requests start, in which slots, and when it ends. It knows neither HTTP nor plugins: what a request is and
//! how it is sent comes from above, so other arrival processes fit in beside the closed loop.

mod closed;
mod phase;
mod source;

pub use closed::run_slots;
pub use phase::{Phase, PhaseControl, PhaseWatch};
pub use source::{Lane, Source, lanes};
