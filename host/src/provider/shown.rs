//! A request for people: as it goes on the wire, with every credential crossed out. Nothing is signed and nothing fetched for it.

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::{Credential, Provider, Sigv4, names_a_secret};
use crate::record::PreparedRequest;

const CROSSED_OUT: &str = "[redacted]";

/// What a request looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Provider {
    /// Shows a request of this provider's.
    pub fn show(&self, request: &PreparedRequest) -> ShownRequest {
        let mut headers = request.headers.clone();
        let is_signed = matches!(self.credential, Credential::Sigv4(_));
        if is_signed {
            Sigv4::unprepare(&mut headers);
        }
        let has_own = headers.contains_key(AUTHORIZATION);
        let shown = headers.iter().map(|(name, value)| {
            let is_secret = value.is_sensitive() || names_a_secret(name.as_str());
            let text = if is_secret {
                self.crossed_out(name)
            } else {
                self.clean(&String::from_utf8_lossy(value.as_bytes()))
            };
            (name.to_string(), text)
        });
        let mut shown: Vec<(String, String)> = shown.collect();
        let added: &[(&str, &str)] = match &self.credential {
            _ if has_own => &[],
            Credential::Sigv4(_) => &[
                ("x-amz-date", "[when it is sent]"),
                ("authorization", "AWS4-HMAC-SHA256 [signed when it is sent]"),
            ],
            Credential::Token(_) => &[("authorization", "Bearer [fetched before the first request]")],
            _ => &[],
        };
        shown.extend(added.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        ShownRequest {
            method: request.method.to_string(),
            url: self.show_url(request),
            headers: shown,
            body: self.clean(&String::from_utf8_lossy(&request.body)),
        }
    }

    /// What stands for a secret header: the scheme of the provider's own credential is none.
    fn crossed_out(&self, header: &HeaderName) -> String {
        let is_own = self.headers.iter().any(|(name, _)| name == header);
        match &self.credential {
            Credential::Bearer(_) if !is_own && header == AUTHORIZATION => format!("Bearer {CROSSED_OUT}"),
            Credential::Header { name, prefix, .. } if !is_own && name == header => {
                format!("{prefix}{CROSSED_OUT}")
            }
            _ => CROSSED_OUT.to_owned(),
        }
    }

    fn show_url(&self, request: &PreparedRequest) -> String {
        let key = match &self.credential {
            Credential::Query { name, .. } => Some(name.as_str()),
            _ => None,
        };
        let pairs: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
        let is_secret = |name: &str| names_a_secret(name) || key == Some(name);
        if key.is_none() && !pairs.iter().any(|(name, _)| is_secret(name)) {
            return self.clean(request.url.as_str());
        }
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = |(name, value): &(String, String)| match is_secret(name) {
            true => format!("{}={CROSSED_OUT}", encode(name)),
            false => format!("{}={}", encode(name), encode(value)),
        };
        let key = key.map(|name| (name.to_owned(), String::new()));
        let query: Vec<String> = pairs.iter().chain(&key).map(pair).collect();
        let mut url = request.url.clone();
        url.set_query(None);
        self.clean(&format!("{url}?{}", query.join("&")))
    }

    fn clean(&self, text: &str) -> String {
        let secrets = self.secrets().all();
        secrets.iter().fold(text.to_owned(), |text, secret| secret.redact(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use url::Url;

    use super::*;
    use crate::provider::{Secret, parse_header};
    use crate::record::{Framing, RequestInfo};
    use crate::units::{RequestId, Tokens};

    const KEY: &str = "sk-0123456789";

    fn provider(credential: Credential, own: &[(&str, &str)]) -> Provider {
        let headers = own.iter().map(|(name, value)| {
            let (name, mut value) = parse_header(name, value).expect("a header");
            value.set_sensitive(true);
            (name, value)
        });
        let base = Url::parse("http://h/v1").expect("a URL");
        let name = "test".to_owned();
        Provider { name, base, path: vec![], query: vec![], credential, headers: headers.collect() }
    }

    fn shown(provider: &Provider, url: &str) -> ShownRequest {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().expect("a value"));
        provider.credential.put_on(&mut headers, b"{}");
        headers.extend(provider.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        let info = RequestInfo {
            id: RequestId(0),
            session: None,
            isl_target: Tokens(1),
            isl: Tokens(1),
            max_tokens: None,
        };
        let body = Bytes::from(format!("{{\"k\":\"{KEY}\"}}"));
        let url = Url::parse(url).expect("a URL");
        provider.show(&PreparedRequest {
            info,
            method: Method::POST,
            url,
            headers,
            body,
            framing: vec![Framing::Sse],
        })
    }

    #[test]
    fn no_credential_is_shown_wherever_it_goes() {
        let key = || Secret::new(KEY).expect("a key");
        let header = Credential::Header {
            name: "x-pass".parse().expect("a name"),
            prefix: "Pass ".to_owned(),
            key: key(),
        };
        let query = Credential::Query { name: "sig".to_owned(), key: key() };
        let check = |credential: Credential, own: &[(&str, &str)], url: &str, words: &[&str]| {
            // What nobody calls a key is none.
            let own_body = if credential.is_some() { "-" } else { KEY };
            let text = format!("{:?}", shown(&provider(credential, own), url));
            assert!(!text.replace(own_body, "").contains("0123"), "{text}");
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        };
        let url = "http://h/v1/x?a=b+c";
        check(Credential::Bearer(key()), &[], url, &["\"Bearer [redacted]\"", url]);
        check(header, &[], url, &["(\"x-pass\", \"Pass [redacted]\")"]);
        check(query, &[], url, &["http://h/v1/x?a=b+c&sig=[redacted]"]);
        check(
            Credential::Bearer(key()),
            &[("authorization", KEY)],
            url,
            &["(\"authorization\", \"[redacted]\")"],
        );
        check(
            Credential::None,
            &[("x-own", "x0123")],
            "http://h/v1/x?api_key=x0123",
            &["(\"x-own\", \"[redacted]\")", "api_key=[redacted]"],
        );
    }

    #[test]
    fn what_is_signed_or_fetched_later_is_named_and_not_made() {
        let keys = crate::provider::AwsKeys::new("AKID0123456789", "secret", None).expect("keys");
        let keys = crate::provider::AwsKeySource::Fixed(keys);
        let aws = Credential::Sigv4(Sigv4 { service: "bedrock".to_owned(), region: "r".to_owned(), keys });
        let request = shown(&provider(aws, &[]), "http://h/v1/x");
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "x-amz-date", "authorization"]);
        assert_eq!(request.headers[2].1, "AWS4-HMAC-SHA256 [signed when it is sent]");
    }
}
