//! From what a plugin built to what goes on the wire. Everything here assumes the plugin is hostile.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::Provider;
use crate::record::{BuiltRequest, Framing, PreparedRequest, RequestSpec};

/// Why the host does not send what a plugin built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the plugin built a request that is not sent: {}", self.0)
    }
}

/// Headers that say where a message ends, whom it is for, and what becomes of its connection (RFC 9110, 7.2, 7.6.1, 10.1.1;
/// RFC 9112, 6): the HTTP client writes them, and nobody else.
const FRAMING_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Other headers that are the host's own: those that carry credentials, and those that change who asks and what comes back.
const HOST_HEADERS: &[&str] = &[
    "accept-encoding",
    "api-key",
    "authorization",
    "cookie",
    "forwarded",
    "proxy-authorization",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-api-key",
    "x-goog-api-key",
];

/// What RFC 3986 does not call unreserved. AWS's clients encode all of it, and their servers verify what was encoded so.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// More than any API needs; hyper's own default for a response.
const MAX_HEADERS: usize = 100;
/// SageMaker nests two; no API nests more.
const MAX_FRAMINGS: usize = 3;
/// A URL longer than this is refused by servers.
const MAX_URL_BYTES: usize = 8 << 10;

impl Provider {
    /// Puts what a plugin built for `spec` under the base URL and adds the credential.
    pub fn prepare(&self, spec: &RequestSpec, built: BuiltRequest) -> Result<PreparedRequest, Refusal> {
        Ok(PreparedRequest {
            info: spec.info(),
            method: method(&built.method)?,
            url: self.url(&built.path, &built.query)?,
            headers: self.headers(&built.headers, &built.body)?,
            body: Bytes::from(built.body),
            framing: framing(built.framing)?,
        })
    }

    fn url(&self, path: &[String], query: &[(String, String)]) -> Result<Url, Refusal> {
        for segment in path {
            let walks = matches!(segment.as_str(), "" | "." | "..");
            if walks || segment.chars().any(char::is_control) {
                return Err(Refusal(format!("{segment:?} cannot be a segment of its path")));
            }
        }
        let mut base = self.base.clone();
        let behind: Vec<&str> = self.path.iter().chain(path).map(String::as_str).collect();
        let behind = match is_endpoint(&base, &behind) {
            true => {
                let mut segments = base.path_segments_mut().expect("a base URL has a host, so it has a path");
                segments.pop_if_empty().pop();
                &behind[behind.len() - 1..]
            }
            false => &behind[already_there(&base, &behind)..],
        };
        let mut url = base.clone();
        if self.credential.wants_strict_path() {
            let segments = behind.iter().map(|segment| utf8_percent_encode(segment, RESERVED).to_string());
            let path = segments.fold(url.path().trim_end_matches('/').to_owned(), |path, s| path + "/" + &s);
            url.set_path(&path);
        } else {
            let mut segments = url.path_segments_mut().expect("a base URL has a host, so it has a path");
            segments.pop_if_empty().extend(behind);
        }
        if !(self.query.is_empty() && query.is_empty()) {
            url.query_pairs_mut().extend_pairs(self.query.iter().chain(query));
        }
        if url.origin() != base.origin() || !url.path().starts_with(base.path().trim_end_matches('/')) {
            return Err(Refusal("its URL leaves the provider's base URL".to_owned()));
        }
        if url.as_str().len() > MAX_URL_BYTES {
            return Err(Refusal(format!("its URL is longer than {MAX_URL_BYTES} bytes")));
        }
        Ok(url)
    }

    fn headers(&self, built: &[(String, String)], body: &[u8]) -> Result<HeaderMap, Refusal> {
        if built.len() > MAX_HEADERS {
            return Err(Refusal(format!("it has more than {MAX_HEADERS} headers")));
        }
        let mut headers = HeaderMap::with_capacity(built.len() + self.headers.len() + 1);
        for (name, value) in built {
            let (name, value) = parse_header(name, value).map_err(Refusal)?;
            if is_host_header(&name) || self.credential.header() == Some(&name) {
                return Err(Refusal(format!("the header {name} is the host's own")));
            }
            headers.append(name, value);
        }
        self.credential.put_on(&mut headers, body);
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        Ok(headers)
    }
}

/// Whether a header is one that only the host sends.
pub(super) fn is_host_header(name: &HeaderName) -> bool {
    FRAMING_HEADERS.contains(&name.as_str()) || HOST_HEADERS.contains(&name.as_str())
}

/// Whether a header belongs to the connection, or says where the body ends or who is asked.
pub(super) fn is_connection_header(name: &HeaderName) -> bool {
    let carries_keys = matches!(
        name.as_str(),
        "api-key" | "authorization" | "x-api-key" | "x-goog-api-key" | "x-amz-security-token"
    );
    is_host_header(name) && !carries_keys
}

/// How many of the segments that are to follow the base URL it ends in already: people paste the endpoint or a part of it,
/// and some variables hold all of it.
fn already_there(base: &Url, behind: &[&str]) -> usize {
    let ends = segments(base);
    let longest = ends.len().min(behind.len());
    (1..=longest).rev().find(|&n| ends[ends.len() - n..] == behind[..n]).unwrap_or(0)
}

/// Whether the base URL is all of the endpoint, in the form that streams or in the one that does not. The model in it may
/// have another name: for LiteLLM the URL decides.
fn is_endpoint(base: &Url, behind: &[&str]) -> bool {
    let segments = segments(base);
    let Some(start) = segments.len().checked_sub(behind.len()) else { return false };
    let (Some((last, before)), Some((base_last, base_before))) =
        (behind.split_last(), segments[start..].split_last())
    else {
        return false;
    };
    let names_model = |at: usize| at > 0 && before[at - 1] == "models";
    let fits = |at: usize| before[at] == base_before[at] || names_model(at);
    // A last segment alone says too little.
    !before.is_empty() && streamless(last) == streamless(base_last) && (0..before.len()).all(fits)
}

/// `generate` for `generate_stream`.
fn streamless(segment: &str) -> &str {
    segment.strip_suffix("_stream").unwrap_or(segment)
}

fn segments(base: &Url) -> Vec<&str> {
    base.path().trim_end_matches('/').split('/').skip(1).collect()
}

fn framing(built: Vec<Framing>) -> Result<Vec<Framing>, Refusal> {
    match built.len() {
        0 => Ok(vec![Framing::Body]),
        1..=MAX_FRAMINGS => Ok(built),
        n => Err(Refusal(format!("it nests {n} framings, more than {MAX_FRAMINGS}"))),
    }
}

fn method(word: &str) -> Result<Method, Refusal> {
    match word {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        other => Err(Refusal(format!("the method {other:?} is none of GET, POST, PUT"))),
    }
}

/// A header from two texts; the error names what is wrong with it.
pub fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header name"))?;
    let value = HeaderValue::from_str(value).map_err(|_| {
        format!("the value of header {parsed} has a character in it that no header can carry")
    })?;
    Ok((parsed, value))
}

/// A header that the user, or a provider's table, adds to every request; the error names what is wrong with it, and the
/// remedy.
pub fn own_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = parse_header(name, value)?;
    refuse_framing(&name)?;
    Ok((name, value))
}

/// Refuses a header that frames a message.
pub(super) fn refuse_framing(name: &HeaderName) -> Result<(), String> {
    if !FRAMING_HEADERS.contains(&name.as_str()) {
        return Ok(());
    }
    let remedy = match name.as_str() {
        "host" => "name that host in the base URL",
        _ => "leave it out",
    };
    Err(format!("the header {name} frames the message, so llmperf alone writes it\nhint: {remedy}"))
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;
    use crate::provider::{Credential, Scheme, Secret, Sigv4};
    use crate::units::{RequestId, Tokens};

    fn provider(base: &str) -> Provider {
        Provider {
            name: "test".to_owned(),
            base: Url::parse(base).expect("a base URL"),
            path: vec![],
            query: vec![],
            credential: Credential::Bearer(Secret::new("sk-0123456789").expect("a key")),
            headers: vec![],
        }
    }

    fn spec() -> RequestSpec {
        RequestSpec {
            id: RequestId(0),
            session: None,
            messages: vec![],
            isl_target: Tokens(1),
            isl: Tokens(1),
            max_tokens: None,
        }
    }

    fn built(path: &[&str]) -> BuiltRequest {
        BuiltRequest {
            method: "POST".to_owned(),
            path: path.iter().map(|&s| s.to_owned()).collect(),
            query: vec![],
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: b"{}".to_vec(),
            framing: vec![Framing::Sse],
        }
    }

    #[test]
    fn a_path_goes_under_the_base_with_or_without_a_trailing_slash() {
        for (base, url) in [
            ("http://h/v1", "http://h/v1/chat/completions"),
            ("http://h/v1/", "http://h/v1/chat/completions"),
            ("http://h", "http://h/chat/completions"),
            ("http://h:81/a%20b", "http://h:81/a%20b/chat/completions"),
            ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
            ("http://h/v1/chat/completions/", "http://h/v1/chat/completions"),
            ("http://h/v1/chat", "http://h/v1/chat/completions"),
            ("http://h/chat/v1", "http://h/chat/v1/chat/completions"),
        ] {
            let prepared = provider(base).prepare(&spec(), built(&["chat", "completions"])).expect(base);
            assert_eq!(prepared.url.as_str(), url);
        }
    }

    #[test]
    fn an_endpoint_that_was_pasted_whole_is_asked_in_the_form_that_is_wanted() {
        let check = |base: &str, last: &str, url: &str| {
            let path = ["v2", "models", "llama", last];
            let prepared = provider(base).prepare(&spec(), built(&path)).expect(base);
            assert_eq!(prepared.url.as_str(), url);
        };
        let (whole, streamed) =
            ("http://h/x/v2/models/ensemble/generate", "http://h/x/v2/models/ensemble/generate_stream");
        check(whole, "generate", whole);
        check(whole, "generate_stream", streamed);
        check(&format!("{whole}/"), "generate_stream", streamed);
        check(streamed, "generate_stream", streamed);
        check(streamed, "generate", whole);
        check("http://h/v2/models/llama", "generate", "http://h/v2/models/llama/generate");
        check("http://h/generate", "generate", "http://h/generate/v2/models/llama/generate");
    }

    #[test]
    fn the_providers_own_path_and_query_stand_before_the_plugins() {
        let azure = Provider {
            path: ["openai", "deployments", "a/b"].map(str::to_owned).to_vec(),
            query: vec![("api-version".to_owned(), "1 2".to_owned())],
            ..provider("http://h")
        };
        let check = |provider: &Provider, url: &str| {
            let prepared = provider.prepare(&spec(), built(&["chat", "completions"])).expect(url);
            assert_eq!(prepared.url.as_str(), url);
        };
        check(&azure, "http://h/openai/deployments/a%2Fb/chat/completions?api-version=1+2");
        let pasted = Provider { base: Url::parse("http://h/x/openai/deployments").expect("a URL"), ..azure };
        check(&pasted, "http://h/x/openai/deployments/a%2Fb/chat/completions?api-version=1+2");
        let v1 = Provider { path: vec!["v1".to_owned()], ..provider("http://h/v1") };
        check(&v1, "http://h/v1/chat/completions");
    }

    #[test]
    fn no_path_reaches_another_origin_or_leaves_the_base() {
        let hostile = [
            "//e",
            "\\\\e",
            "/\\e",
            "http://e",
            "HTTPS://e",
            "http:chat",
            "//good@e",
            "ｈｔｔｐ",
            "javascript:alert(1)",
            "data:x",
            "file:///etc",
            ".evil.com",
            "@evil.com",
            ":1",
            "%2e%2e",
            "%2f",
            "a;b",
            "a?b",
            "a#b",
            "..%2f..",
        ];
        for segment in hostile {
            let prepared =
                provider("http://good:80/v1").prepare(&spec(), built(&[segment, "x"])).expect(segment);
            assert_eq!(prepared.url.origin(), Url::parse("http://good/").expect("url").origin());
            assert!(prepared.url.path().starts_with("/v1/"), "{segment}: {}", prepared.url);
            assert_eq!(prepared.url.path().matches('/').count(), 3, "{segment}: {}", prepared.url);
            assert!(prepared.url.query().is_none() && prepared.url.fragment().is_none(), "{segment}");
        }
        for segment in ["..", ".", "", "a\tb", "a\nb", "\u{0}", "\u{85}"] {
            assert!(provider("http://good/v1").prepare(&spec(), built(&[segment])).is_err(), "{segment:?}");
        }
    }

    #[test]
    fn headers_of_the_host_and_broken_ones_are_refused_by_name() {
        for (name, value) in [
            ("Host", "evil"),
            ("Transfer-Encoding", "chunked"),
            ("content-length", "0"),
            ("Connection", "close"),
            ("AUTHORIZATION", "Bearer x"),
            ("X-Api-Key", "x"),
            ("Cookie", "a=b"),
            ("x\r\ny", "z"),
            ("x", "a\r\nb: c"),
            ("x", "a\0"),
            ("", "x"),
        ] {
            let mut request = built(&["x"]);
            request.headers.push((name.to_owned(), value.to_owned()));
            assert!(provider("http://good/v1").prepare(&spec(), request).is_err(), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn a_header_that_carries_the_credential_is_the_hosts_own_whatever_its_name() {
        let key = Secret::new("sk-0123456789").expect("a key");
        let name = HeaderName::from_static("x-gateway-pass");
        let credential = Credential::Header { name: name.clone(), prefix: "Pass ".to_owned(), key };
        let provider = Provider { credential, ..provider("http://good/v1") };
        let prepared = provider.prepare(&spec(), built(&["x"])).expect("a request");
        assert_eq!(prepared.headers[&name], "Pass sk-0123456789");
        assert!(prepared.headers[&name].is_sensitive());
        let mut request = built(&["x"]);
        request.headers.push(("X-Gateway-Pass".to_owned(), "x".to_owned()));
        assert!(provider.prepare(&spec(), request).is_err());
    }

    #[test]
    fn a_key_in_the_query_is_put_on_when_the_request_is_sent_and_its_forms_are_secret() {
        let key = Secret::new("sk/0123+456789").expect("a key");
        let credential = Credential::Query { name: "key".to_owned(), key };
        let provider = Provider { credential, ..provider("http://good/v1?a=b") };
        let prepared = provider.prepare(&spec(), built(&["x"])).expect("a request");
        assert_eq!(prepared.url.as_str(), "http://good/v1/x?a=b");
        let outgoing = provider.credential.send(&prepared, 0).expect("it can be sent");
        assert_eq!(outgoing.url.as_str(), "http://good/v1/x?a=b&key=sk%2F0123%2B456789");
        assert!(!format!("{outgoing:?}{prepared:?}").contains("0123"));
        let text = "sk/0123+456789 sk%2F0123%2B456789".to_owned();
        let seen =
            provider.secrets().all().iter().fold(text, |text, secret| secret.redact(&text).into_owned());
        assert_eq!(seen, "[redacted] [redacted]");
    }

    #[test]
    fn a_path_that_is_signed_has_everything_encoded_that_may_be() {
        let env = |name: &str| matches!(name, "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_REGION");
        let scheme = Scheme::Sigv4 { service: "bedrock".to_owned() };
        let found = scheme.find(&|name| env(name).then(|| "set".to_owned())).expect("keys");
        let aws = Provider { credential: found.expect("keys"), ..provider("http://h/base/") };
        for (segment, path) in [
            ("m-1.0_~", "m-1.0_~"),
            ("v1:0", "v1%3A0"),
            ("arn:aws:x/é", "arn%3Aaws%3Ax%2F%C3%A9"),
            ("%2e%2e", "%252e%252e"),
            ("a b?c#d@;", "a%20b%3Fc%23d%40%3B"),
        ] {
            let prepared = aws.prepare(&spec(), built(&["model", segment])).expect(segment);
            assert_eq!(prepared.url.as_str(), format!("http://h/base/model/{path}"));
        }
        assert!(aws.prepare(&spec(), built(&["model", ".."])).is_err());
    }

    #[test]
    fn the_users_own_authorization_stands_in_place_of_a_signature() {
        let keys = crate::provider::AwsKeys::new("id", "secret", None).expect("keys");
        let keys = crate::provider::AwsKeySource::Fixed(keys);
        let aws = Sigv4 { service: "bedrock".to_owned(), region: "r".to_owned(), keys };
        let headers = vec![parse_header("authorization", "Own").expect("a header")];
        let provider = Provider { credential: Credential::Sigv4(aws), headers, ..provider("http://h/") };
        let prepared = provider.prepare(&spec(), built(&["x"])).expect("a request");
        let outgoing = provider.credential.send(&prepared, 0).expect("it can be sent");
        assert_eq!(outgoing.headers[AUTHORIZATION], "Own");
    }

    #[test]
    fn the_credential_is_added_and_marked_sensitive() {
        let prepared = provider("http://good/v1").prepare(&spec(), built(&["x"])).expect("a request");
        assert!(prepared.headers[AUTHORIZATION].is_sensitive());
        assert!(!format!("{prepared:?}").contains("sk-0123456789"));
    }
}
