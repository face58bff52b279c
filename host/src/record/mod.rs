//! What travels through the program: one request's values, from its specification to its record.
//! Plain data; nothing here knows where it comes from or goes to. `archive` is its form in the file of a recording.

pub mod archive;
mod ending;
mod event;
mod grade;
mod request;
mod response;
mod surrogates;
mod trace;

pub use ending::{Ending, Sign};
pub use event::{EventBatch, FramedEvent};
pub use grade::Grade;
pub use request::{BuiltRequest, Framing, Message, Outgoing, PreparedRequest, RequestInfo, RequestSpec};
pub use response::{
    Completion, Delta, Failure, FailureKind, Outcome, Output, Piece, RequestRecord, ToolCall, Usage,
};
pub use trace::{Exchange, Head, Part, Reads, Start, Trace, Transfer, Unsent};
