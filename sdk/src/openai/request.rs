//! What requests of OpenAI's APIs have in common: how a stream is asked for, and how its answer is cut.

use serde::Serialize;

use crate::{Framing, HttpRequest, JsonBody, OptionSpec, RequestSpec};

/// Option: ask for token counts in the stream.
pub const STREAM_USAGE: &str = "stream-usage";

/// The option that [`set_stream`] reads.
///
/// ```
/// # use llmperf_sdk::openai;
/// assert_eq!(openai::stream_usage_option().default.as_deref(), Some("true"));
/// ```
pub fn stream_usage_option() -> OptionSpec {
    OptionSpec::boolean(
        STREAM_USAGE,
        true,
        "ask for token counts at the end of the stream (stream_options.include_usage)",
    )
}

/// Sets `stream`, and `stream_options` where the option [`STREAM_USAGE`] is on.
///
/// ```
/// # use llmperf_sdk::*;
/// let mut body = JsonBody::new();
/// openai::set_stream(&mut body, &RequestSpec::chat("m", "Say hi")).unwrap();
/// assert_eq!(body.build().unwrap(), br#"{"stream":true,"stream_options":{"include_usage":true}}"#);
/// ```
///
/// # Errors
/// The option is no `bool`.
pub fn set_stream(body: &mut JsonBody, spec: &RequestSpec) -> Result<(), String> {
    body.set("stream", spec.stream);
    if spec.stream && spec.option_as(STREAM_USAGE)?.unwrap_or(true) {
        body.set("stream_options", StreamOptions { include_usage: true });
    }
    Ok(())
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// A POST of a body to a path below the base URL. The answer is cut as the body's `stream` asks for it, whoever set that.
///
/// ```
/// # use llmperf_sdk::*;
/// let mut body = JsonBody::new();
/// body.set("stream", true).merge(r#"{"stream": false}"#);
/// assert_eq!(openai::post(["completions"], body).unwrap().framing, [Framing::Body]);
/// ```
///
/// # Errors
/// Those of [`JsonBody::build`].
pub fn post<'a>(path: impl IntoIterator<Item = &'a str>, body: JsonBody) -> Result<HttpRequest, String> {
    let framing = if body.get("stream") == Some("true") { Framing::Sse } else { Framing::Body };
    Ok(HttpRequest::post_json(path, body.build()?, framing))
}
