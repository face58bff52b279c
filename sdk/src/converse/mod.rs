//! Amazon's Converse API, which Bedrock speaks for every model and its Nova models speak themselves.

mod decoder;
mod request;

pub use decoder::ConverseDecoder;
pub use request::body;
