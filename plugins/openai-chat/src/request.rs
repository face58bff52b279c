//! The request: LLMPerf's body, field by field in its order, so that a run can be compared with one of
//! LLMPerf's.

use llmperf_sdk::openai::EmptySystem;
use llmperf_sdk::{HttpRequest, JsonBody, RequestSpec, openai};

/// Option: name of the field that limits the output.
pub(crate) const MAX_TOKENS_FIELD: &str = "max-tokens-field";
/// Option: keep an empty system message.
pub(crate) const SYSTEM_MESSAGE: &str = "system-message";
/// Option: what follows the base URL.
pub(crate) const PATH: &str = "path";
/// Where the API is served.
pub(crate) const CHAT_COMPLETIONS: &str = "chat/completions";

/// The request that asks `spec`.
///
/// # Errors
/// The task or input is not a chat, an option has no such value, or the sampling parameters are not a JSON
/// object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: openai-chat speaks chat only", spec.task));
    }
    let empty_system = spec.option_as(SYSTEM_MESSAGE)?.unwrap_or(EmptySystem::Keep);
    let mut body = JsonBody::new();
    body.set("model", &spec.model);
    body.set("messages", openai::messages_with(&spec.input, empty_system)?);
    openai::set_stream(&mut body, spec)?;
    if let Some(max_tokens) = spec.max_tokens {
        body.set(max_tokens_field(spec)?, max_tokens);
    }
    body.merge(&spec.sampling);
    let path = spec.option(PATH).unwrap_or(CHAT_COMPLETIONS);
    openai::post(path.split('/').filter(|segment| !segment.is_empty()), body)
}

fn max_tokens_field(spec: &RequestSpec) -> Result<&str, String> {
    match spec.option(MAX_TOKENS_FIELD) {
        None | Some("max_tokens") => Ok("max_tokens"),
        Some("max_completion_tokens") => Ok("max_completion_tokens"),
        Some(other) => Err(format!(
            "option {MAX_TOKENS_FIELD} is {other:?}; it must be max_tokens or max_completion_tokens"
        )),
    }
}

#[cfg(test)]
mod tests {
    use llmperf_sdk::openai::STREAM_USAGE;
    use llmperf_sdk::{Framing, Header, Input, Media, Message, Part};

    use super::*;

    /// LLMPerf's call: an empty system message, the prompt, and a limit.
    fn llmperf_call() -> RequestSpec {
        let input = Input::Messages(vec![Message::text("system", ""), Message::text("user", "Say hi")]);
        RequestSpec { input, max_tokens: Some(150), ..RequestSpec::chat("m", "") }
    }

    fn check(spec: &RequestSpec, expected: &str) {
        let request = build(spec).unwrap();
        assert_eq!(String::from_utf8(request.body).unwrap(), expected);
    }

    #[test]
    fn the_body_is_llmperfs_in_its_order() {
        let mut spec = llmperf_call().with_option(STREAM_USAGE, "false");
        let base = r#"{"model":"m","messages":[{"role":"system","content":""},{"role":"user","content":"Say hi"}],"stream":true"#;
        check(&spec, &format!(r#"{base},"max_tokens":150}}"#));
        spec.sampling = r#"{"temperature":0.0,"stop":["END"]}"#.to_owned();
        check(&spec, &format!(r#"{base},"max_tokens":150,"temperature":0.0,"stop":["END"]}}"#));
        spec.max_tokens = None;
        check(&spec, &format!(r#"{base},"temperature":0.0,"stop":["END"]}}"#));
    }

    #[test]
    fn options_change_usage_limit_and_system_message() {
        check(
            &llmperf_call()
                .with_option(MAX_TOKENS_FIELD, "max_completion_tokens")
                .with_option(SYSTEM_MESSAGE, "false"),
            r#"{"model":"m","messages":[{"role":"user","content":"Say hi"}],"stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":150}"#,
        );
        check(
            &llmperf_call().with_option(STREAM_USAGE, "false").with_option(SYSTEM_MESSAGE, "bare"),
            r#"{"model":"m","messages":[{"role":"system"},{"role":"user","content":"Say hi"}],"stream":true,"max_tokens":150}"#,
        );
        let spec = RequestSpec { stream: false, ..RequestSpec::chat("m", "Say hi") };
        check(&spec, r#"{"model":"m","messages":[{"role":"user","content":"Say hi"}],"stream":false}"#);
    }

    #[test]
    fn sampling_wins_over_every_other_field() {
        let sampling = r#"{"model":"n","max_tokens":7,"stream_options":null,"messages":[]}"#;
        let spec = RequestSpec { sampling: sampling.to_owned(), ..llmperf_call() };
        check(&spec, r#"{"model":"n","messages":[],"stream":true,"max_tokens":7}"#);
    }

    #[test]
    fn the_answer_is_cut_as_it_was_asked_for() {
        let check = |stream: bool, sampling: &str, accept: &str, framing: Framing| {
            let request =
                build(&RequestSpec { stream, sampling: sampling.to_owned(), ..llmperf_call() }).unwrap();
            assert_eq!((&*request.method, request.path.join("/").as_str()), ("POST", "chat/completions"));
            let headers = [Header::new("content-type", "application/json"), Header::new("accept", accept)];
            assert_eq!(
                (request.headers.as_slice(), request.framing.as_slice()),
                (&headers[..], &[framing][..])
            );
        };
        check(true, "{}", "text/event-stream", Framing::Sse);
        check(false, "{}", "application/json", Framing::Body);
        check(true, r#"{"stream":false}"#, "application/json", Framing::Body);
        check(false, r#"{"stream": true}"#, "text/event-stream", Framing::Sse);
    }

    #[test]
    fn the_path_is_the_api_s_unless_the_base_url_is_all_there_is() {
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(build(&llmperf_call().with_option(PATH, path)).unwrap().path, expected, "{path}");
        };
        check(CHAT_COMPLETIONS, &["chat", "completions"]);
        check("/v2/chat/", &["v2", "chat"]);
        check("", &[]);
    }

    #[test]
    fn media_go_in_the_form_of_their_kind() {
        let media = |mime: &str| Media { mime: mime.to_owned(), data: b"any".to_vec() };
        let parts = vec![
            Part::Text("See".into()),
            Part::Image(media("image/png")),
            Part::Url("https://example.org/a.png".into()),
            Part::Audio(media("audio/mpeg")),
            Part::Video(media("video/mp4")),
        ];
        let input = Input::Messages(vec![Message { role: "user".into(), parts }]);
        let spec = RequestSpec { input, stream: false, ..RequestSpec::chat("m", "") };
        check(
            &spec,
            concat!(
                r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"See"},"#,
                r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,YW55"}},"#,
                r#"{"type":"image_url","image_url":{"url":"https://example.org/a.png"}},"#,
                r#"{"type":"input_audio","input_audio":{"data":"YW55","format":"mp3"}},"#,
                r#"{"type":"video_url","video_url":{"url":"data:video/mp4;base64,YW55"}}]}],"stream":false}"#
            ),
        );
    }

    #[test]
    fn what_is_no_chat_is_refused_with_its_reason() {
        let check = |spec: RequestSpec, reason: &str| {
            let error = build(&spec).unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        check(RequestSpec { task: "embedding".into(), ..llmperf_call() }, "embedding");
        check(RequestSpec { input: Input::TokenIds(vec![1]), ..llmperf_call() }, "messages or a prompt");
        check(RequestSpec { sampling: "[]".into(), ..llmperf_call() }, "not a JSON object");
        check(llmperf_call().with_option(MAX_TOKENS_FIELD, "limit"), "max_completion_tokens");
        check(llmperf_call().with_option(STREAM_USAGE, "maybe"), "stream-usage");
        check(llmperf_call().with_option(SYSTEM_MESSAGE, "maybe"), "true, false or bare");
    }
}
