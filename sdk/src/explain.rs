//! What an error body says. Every API has its own shape, and gateways in front of them add theirs; this reads
//! the usual ones.

use serde_json::{Map, Value};

use crate::{Failure, ResponseHead};

/// Explains a non-2xx answer: the message and the provider's word for it (else the status) from the usual
/// JSON error bodies, the text itself from any other body, and how long to wait from `retry-after-ms` or
/// `retry-after`.
///
/// ```
/// # use llmperf_sdk::*;
/// let head = ResponseHead { status: 502, headers: vec![] };
/// let failure = explain(&head, b"Bad Gateway\n");
/// assert_eq!(failure, Failure::new("502", "Bad Gateway"));
/// ```
pub fn explain(head: &ResponseHead, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut failure = read_failure(text.as_bytes())
        .or_else(|| read_event(text))
        .unwrap_or_else(|| Failure::new("", bounded(text)));
    if failure.code.is_empty() {
        failure.code = amazon_type(head).unwrap_or_else(|| head.status.to_string());
    }
    failure.retry_after_ms = retry_after_ms(head).or(failure.retry_after_ms);
    failure
}

/// Reads an error from JSON, wherever it is: an error body, or an event in mid-stream. The code is empty
/// where it has no word of its own; `None` where the JSON holds no message (or is none).
///
/// ```
/// # use llmperf_sdk::*;
/// let failure = read_failure(br#"{"object":"error","message":"too long","type":"BadRequestError","code":null}"#);
/// assert_eq!(failure, Some(Failure::new("BadRequestError", "too long")));
/// assert_eq!(read_failure(br#"{"choices":[]}"#), None);
/// ```
pub fn read_failure(json: &[u8]) -> Option<Failure> {
    // From text, as events are read: another source would be another copy of the parser in every plugin.
    let value: Value = serde_json::from_str(std::str::from_utf8(json).ok()?).ok()?;
    let (code, message) = read(&value)?;
    let retry_after_ms = retry_delay_ms(&value);
    Some(Failure { retry_after_ms, ..Failure::new(bounded(&code), bounded(&message)) })
}

/// The failure that an event of a stream reports, in whatever shape; one without a message is quoted as it is.
///
/// ```
/// # use llmperf_sdk::*;
/// assert_eq!(event_failure(r#"{"error":{"code":500,"message":"m"}}"#), Failure::new("500", "m"));
/// assert_eq!(event_failure("overloaded\n"), Failure::new("", "overloaded"));
/// ```
pub fn event_failure(text: &str) -> Failure {
    read_failure(text.as_bytes()).unwrap_or_else(|| Failure::new("", bounded(text.trim())))
}

/// The failure in an event stream: a server that was asked for one may answer its error as one.
fn read_event(text: &str) -> Option<Failure> {
    text.lines().filter_map(|line| line.strip_prefix("data:")).find_map(|data| read_failure(data.as_bytes()))
}

/// Longest text taken from an error body. Some servers echo the whole prompt into it.
const MAX_CHARS: usize = 4096;

fn bounded(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

/// Code (may be empty) and message.
fn read(value: &Value) -> Option<(String, String)> {
    match value {
        // Gemini without `alt=sse` wraps its error in an array; a gateway may list several: the first one
        // counts.
        Value::Array(items) => items.iter().find_map(read),
        Value::Object(object) => read_object(object),
        _ => None,
    }
}

fn read_object(object: &Map<String, Value>) -> Option<(String, String)> {
    let outer = code(object);
    let nested = ["error", "errors"].iter().filter_map(|key| object.get(*key)).find(|value| !value.is_null());
    match nested {
        Some(nested @ (Value::Object(_) | Value::Array(_))) => {
            if let Some((inner, message)) = read(nested) {
                let outer = code_beside(object);
                return Some((if inner.is_empty() { outer.unwrap_or_default() } else { inner }, message));
            }
            // A list of texts.
            if let (Value::Array(_), Some(message)) = (nested, sentence(nested)) {
                return Some((outer.unwrap_or_default(), message));
            }
        }
        // {"error": "text"}, the word for it beside; {"error": "Bad Request", "message": "text"} has the word
        // inside, as OAuth's {"error", "error_description"} has.
        Some(Value::String(error)) if !error.is_empty() => {
            return Some(match message(object) {
                Some(message) => (outer.unwrap_or_else(|| error.clone()), message),
                None => (outer.unwrap_or_default(), error.clone()),
            });
        }
        _ => {}
    }
    message(object).map(|message| (outer.unwrap_or_default(), message))
}

/// The provider's own word: what says most about the cause comes first.
fn code(object: &Map<String, Value>) -> Option<String> {
    code_beside(object).or_else(|| {
        // "error" says what everybody knows; "about:blank" is RFC 9457's word for "no type".
        let kind = object.get("type").and_then(word).filter(|kind| kind != "error" && kind != "about:blank");
        kind.or_else(|| object.get("status").and_then(word))
    })
}

/// The word in an object that only wraps the error: its `type` and `status` say nothing of the cause.
fn code_beside(object: &Map<String, Value>) -> Option<String> {
    ["code", "error_code", "ErrorCode", "error_type", "__type", "status_code"]
        .iter()
        .find_map(|key| object.get(*key).and_then(word))
}

fn message(object: &Map<String, Value>) -> Option<String> {
    // RFC 9457: `detail` explains this occurrence, `title` only its type.
    ["message", "Message", "detail", "msg", "error_description", "title"]
        .iter()
        .find_map(|key| object.get(*key).and_then(sentence))
}

/// A short value as text. `com.amazon.coral#ThrottlingException` names a class: the part after `#` is the
/// word.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let word = text.rsplit('#').next().unwrap_or(text);
            (!word.is_empty()).then(|| word.to_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A message, also where a server puts a structure in its place: validation errors are lists of `{loc, msg}`.
fn sentence(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Array(items) => {
            let sentences: Vec<String> = items.iter().filter_map(sentence).collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        }
        Value::Object(object) => {
            // Not by its `Display`, which can also write it over several lines: 4 KB in every plugin.
            let text = || serde_json::to_string(value).unwrap_or_default();
            (!object.is_empty()).then(|| message(object).unwrap_or_else(text))
        }
        _ => None,
    }
}

/// `x-amzn-errortype: ThrottlingException:http://…`
fn amazon_type(head: &ResponseHead) -> Option<String> {
    let word = head.header("x-amzn-errortype")?.split(':').next()?.trim();
    (!word.is_empty()).then(|| word.to_owned())
}

/// The finer header wins. A date is the host's to read, which knows when the answer came.
fn retry_after_ms(head: &ResponseHead) -> Option<u64> {
    // By the parser that is there anyway: the standard library's brings 15 KB of its own into every plugin.
    let number = |name: &str| not_negative(head.header(name)?);
    number("retry-after-ms").or_else(|| number("retry-after").map(|s| s * 1000.0)).map(whole)
}

/// Google's `RetryInfo`, one of an error's `details`: `{"retryDelay": "37.5s"}`.
fn retry_delay_ms(value: &Value) -> Option<u64> {
    match value {
        Value::Array(items) => items.iter().find_map(retry_delay_ms),
        Value::Object(object) => {
            let delay = object.get("retryDelay").and_then(Value::as_str);
            let seconds = delay.and_then(|delay| not_negative(delay.strip_suffix('s')?));
            seconds.map(|seconds| whole(seconds * 1000.0)).or_else(|| {
                ["error", "details"].iter().find_map(|key| object.get(*key).and_then(retry_delay_ms))
            })
        }
        _ => None,
    }
}

fn not_negative(text: &str) -> Option<f64> {
    serde_json::from_str::<f64>(text.trim()).ok().filter(|n| *n >= 0.0)
}

/// A cast from a float saturates, which is right for a server that says 1e300.
fn whole(ms: f64) -> u64 {
    ms.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Header;

    fn check(body: &str, code: &str, message: &str) {
        let head = ResponseHead { status: 418, headers: vec![] };
        assert_eq!(explain(&head, body.as_bytes()), Failure::new(code, message), "{body}");
    }

    #[test]
    fn nested_errors_give_code_then_type_then_the_status() {
        check(r#"{"error":{"message":"m","type":"t","code":"c"}}"#, "c", "m");
        check(r#"{"error":{"message":"m","type":"t","code":null}}"#, "t", "m");
        check(r#"{"error":{"message":"m","code":429,"status":"RESOURCE_EXHAUSTED"}}"#, "429", "m");
        check(r#"{"error":{"message":"m"}}"#, "418", "m");
        check(r#"{"error":{"message":"m"},"status_code":503}"#, "503", "m");
        check(
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"r"}"#,
            "overloaded_error",
            "m",
        );
        check(r#"{"type":"error","error":{"message":"m"}}"#, "418", "m");
    }

    #[test]
    fn an_error_may_be_a_plain_string() {
        check(r#"{"error":"m"}"#, "418", "m");
        check(r#"{"code":"bad key","error":"m"}"#, "bad key", "m");
        check(r#"{"error":"m","error_type":"overloaded"}"#, "overloaded", "m");
        check(r#"{"status":404,"error":"Not Found","message":"no such path"}"#, "404", "no such path");
        check(r#"{"error":"Not Found","message":"no such path"}"#, "Not Found", "no such path");
        check(r#"{"error":"invalid_grant","error_description":"m"}"#, "invalid_grant", "m");
    }

    #[test]
    fn flat_errors_are_read_too() {
        check(
            r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
            "400",
            "m",
        );
        check(r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"m"}"#, "REQUEST_LIMIT_EXCEEDED", "m");
        check(r#"{"message":"m"}"#, "418", "m");
        check(
            r#"{"__type":"com.amazon.coral.service#ThrottlingException","message":"m"}"#,
            "ThrottlingException",
            "m",
        );
        check(r#"{"Message":"m"}"#, "418", "m");
        check(r#"{"ErrorCode":"CLIENT_ERROR_FROM_MODEL","Message":"m"}"#, "CLIENT_ERROR_FROM_MODEL", "m");
    }

    #[test]
    fn problem_json_and_validation_details_are_read() {
        check(r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"m"}"#, "404", "m");
        check(
            r#"{"type":"urn:x:not-found","title":"Not Found","status":404}"#,
            "urn:x:not-found",
            "Not Found",
        );
        check(r#"{"detail":"m"}"#, "418", "m");
        check(r#"{"detail":[{"loc":["body"],"msg":"a","type":"x"},{"msg":"b"}]}"#, "418", "a; b");
        check(
            r#"{"object":"error","message":{"detail":[{"msg":"a"}]},"type":"invalid_request_error","code":null}"#,
            "invalid_request_error",
            "a",
        );
    }

    #[test]
    fn the_first_of_several_errors_counts() {
        check(r#"[{"error":{"code":429,"message":"m"}}]"#, "429", "m");
        check(
            r#"{"success":false,"errors":[{"code":10000,"message":"m"},{"code":2,"message":"n"}]}"#,
            "10000",
            "m",
        );
        check(r#"{"errors":[]}"#, "418", r#"{"errors":[]}"#);
        check(r#"{"error":["a","b"],"error_type":"t"}"#, "t", "a; b");
        check(r#"{"errors":["a"]}"#, "418", "a");
    }

    #[test]
    fn an_error_may_come_as_the_stream_that_was_asked_for() {
        check("event: error\ndata: {\"error\":{\"message\":\"m\",\"code\":\"c\"}}\n\n", "c", "m");
        check("data:{\"message\":\"m\"}\r\n\r\ndata: [DONE]\r\n\r\n", "418", "m");
        check("data: [DONE]\n\n", "418", "data: [DONE]");
        check("\u{feff}{\"message\":\"m\"}", "418", "m");
    }

    #[test]
    fn any_other_body_is_its_own_message() {
        check("<html>502</html>\n", "418", "<html>502</html>");
        check("", "418", "");
        check(r#"{"x":1}"#, "418", r#"{"x":1}"#);
        check(r#"{"error":null}"#, "418", r#"{"error":null}"#);
        let long = explain(&ResponseHead { status: 500, headers: vec![] }, "ü".repeat(9000).as_bytes());
        assert_eq!(long.message.chars().count(), MAX_CHARS);
    }

    #[test]
    fn googles_details_say_how_long_to_wait_unless_a_header_does() {
        let check = |headers: &[(&str, &str)], body: &str, wait: Option<u64>| {
            let headers = headers.iter().map(|(name, value)| Header::new(name, value)).collect();
            let failure = explain(&ResponseHead { status: 429, headers }, body.as_bytes());
            assert_eq!(failure.retry_after_ms, wait, "{body}");
        };
        let body = r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{}]},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37.5s"}]}}]"#;
        check(&[], body, Some(37_500));
        check(&[("retry-after", "2")], body, Some(2000));
        check(&[], r#"{"error":{"message":"m","details":[{"retryDelay":"soon"},{"retryDelay":7}]}}"#, None);
        check(&[], r#"{"error":{"message":"m","details":"none"}}"#, None);
        assert_eq!(read_failure(body.as_bytes()).unwrap().retry_after_ms, Some(37_500));
    }

    #[test]
    fn headers_say_how_long_to_wait_and_what_amazon_calls_it() {
        let check = |headers: &[(&str, &str)], code: &str, wait: Option<u64>| {
            let headers = headers.iter().map(|(name, value)| Header::new(name, value)).collect();
            let failure = explain(&ResponseHead { status: 429, headers }, br#"{"message":"m"}"#);
            assert_eq!((failure.code.as_str(), failure.retry_after_ms), (code, wait));
        };
        check(&[("Retry-After", "2"), ("retry-after-ms", "1830")], "429", Some(1830));
        check(&[("retry-after", " 1.5 ")], "429", Some(1500));
        check(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "429", None);
        check(&[("retry-after", "-1")], "429", None);
        check(&[("x-amzn-ErrorType", "ThrottlingException:http://x/")], "ThrottlingException", None);
    }
}
