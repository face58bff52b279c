//! Load: when requests start, in which slots, and when it ends. It knows neither HTTP nor plugins: what a request is and
//! how it is sent comes from above.

mod arrivals;
mod closed;
mod open;
mod phase;
mod search;
mod source;

pub use arrivals::{Arrival, Process};
pub use closed::run_slots;
pub use open::run_arrivals;
pub use phase::{Phase, PhaseControl, PhaseWatch};
pub use search::{Bracket, RateSearch, Trial};
pub use source::{Lane, Source, lanes};
