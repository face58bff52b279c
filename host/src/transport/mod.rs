//! The wire: sends prepared requests, stamps what comes back, and cuts bodies into events.
//! `http` is the only code that runs between a request's start and its end; it understands nothing of what it reads.

pub mod framing;
mod http;
mod preopen;

pub use http::{Deadlines, Transport};
