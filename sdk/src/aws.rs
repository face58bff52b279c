//! What AWS wraps around a model's own answer: payloads in base64, and exceptions among the events of a stream.

use serde_json::Value;

use crate::{Event, Failure, event_failure};

/// The bytes that base64 stands for (RFC 4648 section 4); `None` where it is none. Padding may be missing.
///
/// ```
/// # use llmperf_sdk::aws;
/// assert_eq!(aws::decode_base64("YW55IGM=").as_deref(), Some(&b"any c"[..]));
/// assert_eq!(aws::decode_base64("YW55IGM").as_deref(), Some(&b"any c"[..]));
/// assert_eq!(aws::decode_base64("any c"), None);
/// ```
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_ascii().trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for group in text.chunks(4) {
        let mut bits = 0;
        for at in 0..4 {
            bits = bits << 6 | group.get(at).map_or(Some(0), |letter| sextet(*letter))?;
        }
        let [_, group_bytes @ ..] = u32::to_be_bytes(bits);
        match group.len() {
            // Six bits are no byte.
            1 => return None,
            letters => bytes.extend_from_slice(&group_bytes[..letters - 1]),
        }
    }
    Some(bytes)
}

fn sextet(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

/// The failure that an eventstream message reports whose name is none of the API's events: an exception or an error. `None`
/// where it is neither, but an event that is yet unknown. The code is the model server's own, where that is told.
///
/// ```
/// # use llmperf_sdk::*;
/// let event = Event::new("throttlingException", r#"{"message":"slow down"}"#);
/// assert_eq!(aws::exception(&event), Some(Failure::new("throttlingException", "slow down")));
/// let event = Event::new("modelStreamErrorException", r#"{"message":"m","originalStatusCode":500}"#);
/// assert_eq!(aws::exception(&event), Some(Failure::new("500", "m")));
/// assert_eq!(aws::exception(&Event::new("contentBlockSpark", r#"{"spark":1}"#)), None);
/// ```
pub fn exception(event: &Event) -> Option<Failure> {
    let name = event.name.as_str();
    let text = String::from_utf8_lossy(&event.data);
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let word = |name: &str| said[name].as_str().filter(|word| !word.is_empty());
    let named = ["Exception", "Error", "Failure", "Fault"].iter().any(|kind| name.ends_with(kind));
    let message =
        ["message", "Message", "originalMessage", "OriginalMessage"].iter().find_map(|name| word(name));
    if !named && (name.is_empty() || message.is_none()) {
        return None;
    }
    // The latter is SageMaker's.
    let status = said["originalStatusCode"].as_u64().map(|status| status.to_string());
    let code = status.unwrap_or_else(|| word("ErrorCode").unwrap_or(name).to_owned());
    Some(Failure::new(code, message.map_or_else(|| event_failure(&text).message, str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_by_the_vectors_of_rfc_4648() {
        let check = |text: &str, expected: Option<&[u8]>| {
            assert_eq!(decode_base64(text).as_deref(), expected, "{text}");
        };
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            check(text, Some(bytes.as_bytes()));
        }
        check("+/+/", Some(b"\xfb\xff\xbf"));
        check("Zm9vY", None);
        check("Zm9 v", None);
        check("Zm\u{e9}v", None);
    }

    #[test]
    fn exceptions_are_told_from_events_yet_unknown() {
        let check = |name: &str, data: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(code, message)| Failure::new(code, message));
            assert_eq!(exception(&Event::new(name, data)), expected, "{name} {data}");
        };
        check(
            "ModelStreamError",
            r#"{"Message":"m","ErrorCode":"StreamBroken"}"#,
            Some(("StreamBroken", "m")),
        );
        check("InternalStreamFailure", r#"{"Message":"m"}"#, Some(("InternalStreamFailure", "m")));
        check("validationException", "", Some(("validationException", "")));
        check("validationException", "not json", Some(("validationException", "not json")));
        check("serviceUnavailable", r#"{"message":"m"}"#, Some(("serviceUnavailable", "m")));
        check(
            "modelStreamErrorException",
            r#"{"message":"","originalMessage":"o"}"#,
            Some(("modelStreamErrorException", "o")),
        );
        check("messageSpark", "{}", None);
        check("messageSpark", "not json", None);
        check("", r#"{"message":"m"}"#, None);
    }
}
