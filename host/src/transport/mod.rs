//! The wire: sends prepared requests, stamps what comes back, and cuts bodies into events.
//! `http` is the only code that runs between a request's start and its end; it understands nothing of what it reads.

mod aside;
mod deadline;
mod failure;
mod fetch;
pub mod framing;
mod http;
mod keepalive;
mod preopen;
mod retry_after;

pub use deadline::Deadlines;
pub use fetch::Fetcher;
pub use http::{Transport, added_headers};
pub use keepalive::Habit;
pub use retry_after::until_retry_date;
