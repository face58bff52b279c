//! Each target is a plain function of bytes, for libFuzzer and for the bounded runner (`smoke`) alike. It panics where what
//! must hold does not; what it is fed may be refused, and never breaks anything.

mod body;
#[path = "../../tests/sandbox/component.rs"]
#[allow(dead_code)]
mod component;
mod guest;
mod head;
mod plan;

pub use body::{eventstream, framing};
pub use guest::wit_conversion;
pub use head::response_heads;
pub use plan::plan_files;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 5] = [
    ("framing", framing),
    ("eventstream", eventstream),
    ("wit_conversion", wit_conversion),
    ("response_heads", response_heads),
    ("plan_files", plan_files),
];
