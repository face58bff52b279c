#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod anthropic;
pub mod aws;
#[doc(hidden)]
pub mod bindings;
mod body;
mod compact;
#[doc(hidden)]
pub mod component;
pub mod converse;
mod explain;
pub mod lenient;
pub mod openai;
mod out;
pub mod prompt;
pub mod raw;
mod sampling;
mod spec;
mod stream;
mod template;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod tgi;
mod types;

pub use bindings::exports::llmperf::plugin::api::{
    Delta, Description, Event, Failure, Framing, Header, HttpRequest, Input, Media, Message, OptionSpec,
    Part, Piece, RequestSpec, ResponseHead, Usage,
};
pub use body::JsonBody;
pub use compact::compact_json;
pub use explain::{event_failure, explain, read_failure};
pub use out::{Out, decode};
pub use sampling::{Sampling, list_of_texts};
pub use stream::{Objects, Said};
pub use template::Template;
pub use types::read_json;

/// An API that llmperf can speak. No method has a clock, a network, a file or a secret: the host sends what
/// [`build_request`] says, cuts the answer into events and gives those to the decoder.
///
/// ```
/// use llmperf_sdk::*;
///
/// struct Shout;
///
/// impl Plugin for Shout {
///     type Decoder = Lines;
///
///     fn describe() -> Description {
///         Description::new("shout", "0.1.0", "a made-up API that answers in plain lines")
///     }
///
///     fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
///         let mut body = JsonBody::new();
///         body.set("prompt", spec.prompt_text()?);
///         body.merge(&spec.sampling);
///         Ok(HttpRequest::post_json(["shout"], body.build()?, Framing::Ndjson))
///     }
/// }
///
/// struct Lines;
///
/// impl Decode for Lines {
///     fn new(_task: &str, _head: &ResponseHead) -> Lines {
///         Lines
///     }
///
///     fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
///         out.text(event.text()?);
///         Ok(())
///     }
/// }
///
/// export!(Shout);
/// ```
///
/// [`build_request`]: Plugin::build_request
pub trait Plugin: 'static {
    /// Reads one response.
    type Decoder: Decode;

    /// Who the plugin is and which options it takes. Called often; it must always say the same.
    fn describe() -> Description;

    /// The HTTP request that asks `spec`.
    ///
    /// # Errors
    /// Why this API cannot ask it, as a lowercase fragment. The request is then not sent, and counts as
    /// failed.
    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String>;

    /// What a non-2xx answer says. The default is [`explain`](fn@explain), which knows the usual JSON error
    /// bodies.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let head = ResponseHead { status: 429, headers: vec![Header::new("retry-after", "2")] };
    /// let failure = explain(&head, br#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#);
    /// assert_eq!(failure.code, "rate_limit_exceeded");
    /// assert_eq!(failure.retry_after_ms, Some(2000));
    /// ```
    fn explain(head: &ResponseHead, body: &[u8]) -> Failure {
        explain(head, body)
    }
}

/// Reads one response, event by event. [`Plugin`] has an example.
///
/// The host may hand the events over in any batching; the SDK undoes it, so an implementation never sees it.
pub trait Decode: 'static {
    /// A reader for the response with this head. `task` is the [`RequestSpec::task`] that asked for it.
    fn new(task: &str, head: &ResponseHead) -> Self;

    /// Writes what `event` means to `out`: nothing, one piece, several.
    ///
    /// # Errors
    /// A failure is noted like [`Out::failure`] does; the events after it still come. [`Event::json`] and
    /// [`Event::text`] return one that fits `?`.
    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure>;

    /// The body has ended; `complete` is false where it was cut off. Where it is complete and the API's end marker did not come,
    /// this is the place for [`Failure::truncated`].
    fn finish(&mut self, complete: bool, out: &mut Out) {
        let _ = (complete, out);
    }
}

/// Makes a [`Plugin`] the component that this crate compiles to. Elsewhere than on wasm32 it only checks that
/// the type is a plugin, so that the same crate builds and tests natively. Once a crate; [`Plugin`] has an
/// example.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        #[allow(unsafe_code, missing_docs)]
        const _: () = {
            const fn is_plugin<P: $crate::Plugin>() {}
            is_plugin::<$plugin>();

            #[cfg(target_arch = "wasm32")]
            type Exported = $crate::component::Component<$plugin>;
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::__export!(Exported with_types_in $crate::bindings);
        };
    };
}
