//! The plugin engine: loads WebAssembly components that speak an API and runs them with nothing granted.
//!
//! A plugin sees no clock, no network, no file, no environment, no randomness and no secret, and every call into it
//! has a budget of CPU and memory. This is the only room that names wasmtime, and it calls into guests from plain
//! threads only, never from an async runtime.

mod anatomy;
#[allow(unsafe_code, unreachable_pub, missing_debug_implementations)]
mod bindings;
mod catalog;
mod contract;
mod convert;
mod digest;
mod ending;
mod engine;
mod file_kind;
mod idle;
mod limits;
mod sandbox;
mod session;
mod store;
mod usage;
mod weight;

pub use anatomy::{Anatomy, ComponentAnatomy, Import, Treatment};
pub use catalog::{Bundled, bundled};
pub use contract::{CONTRACT, Contract};
pub use convert::{Context, Description, OptionKind, OptionSpec};
pub use digest::{is_digest, sha256};
pub use ending::ending_of;
pub use engine::{Engine, Plugin};
pub use file_kind::FileKind;
pub use limits::Limits;
pub use session::{Fault, OpenDecoder, ResponseDecoder, Session};
pub use store::{AgreedOption, Installed, Store, already_there, data_dir, is_plugin_name, read_component};
pub use usage::{Usage, Work};
