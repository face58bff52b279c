//! AWS signatures, bit for bit: vectors of a signer, and requests of AWS's and other clients that were captured with their
//! signatures.

use std::fs;
use std::path::Path;

use http::Method;
use llmperf::provider::{AwsKeySource, AwsKeys, Credential, Provider, Sigv4, payload_sha256};
use llmperf::record::{BuiltRequest, Framing, RequestSpec};
use llmperf::units::{RequestId, Tokens};
use serde::Deserialize;
use url::Url;

/// 2025-01-02T03:04:05Z, when all of them were signed.
const CLOCK: u64 = 1_735_787_045;

/// What a signer was given and what it made of it.
#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    name: String,
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
    service: String,
    region: String,
    method: String,
    url: String,
    /// In the order of the wire.
    headers: Vec<(String, String)>,
    body: String,
    authorization: String,
}

impl Case {
    fn signer(&self) -> (Sigv4, AwsKeys) {
        let keys = AwsKeys::new(&self.access_key, &self.secret_key, self.session_token.as_deref());
        let keys = keys.expect("keys");
        let (service, region) = (self.service.clone(), self.region.clone());
        (Sigv4 { service, region, keys: AwsKeySource::Fixed(keys.clone()) }, keys)
    }

    fn method(&self) -> Method {
        self.method.parse().expect("a method")
    }
}

fn cases(file: &str) -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/sigv4").join(file);
    let text = fs::read_to_string(dir).expect("a file of cases");
    serde_json::from_str(&text).expect("cases")
}

#[test]
fn every_vector_is_signed_as_the_signer_signed_it() {
    let cases = cases("vectors.json");
    assert_eq!(cases.len(), 6);
    for case in cases {
        let (signer, keys) = case.signer();
        let (url, method) = (Url::parse(&case.url).expect("a URL"), case.method());
        let signed = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers =
            signer.headers(&keys, &method, &url, signed, &payload_sha256(case.body.as_bytes()), CLOCK);
        let headers = headers.expect(&case.name);
        let value = |wanted: &str| {
            let found = headers.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.to_str().expect("text").to_owned())
        };
        assert_eq!(value("authorization").as_deref(), Some(case.authorization.as_str()), "{}", case.name);
        assert_eq!(value("x-amz-date").as_deref(), Some("20250102T030405Z"));
        assert_eq!(value("x-amz-security-token"), case.session_token, "{}", case.name);
        assert!(headers.iter().all(|(_, value)| value.is_sensitive()));
    }
}

/// The way of a request through the host: the plugin's path segments and headers, the provider's base URL, and the
/// signature that is put on when it is sent.
#[test]
fn every_captured_request_gets_the_signature_that_its_client_gave_it() {
    let cases = cases("captures.json");
    assert_eq!(cases.len(), 12);
    for case in cases {
        let url = Url::parse(&case.url).expect("a URL");
        let (signer, keys) = case.signer();
        if url.path().contains(':') {
            // LiteLLM sends the colon of a model's id as it is, which AWS's clients and the host never do.
            let signed = [("content-type", "application/json")].into_iter();
            let method = case.method();
            let headers =
                signer.headers(&keys, &method, &url, signed, &payload_sha256(case.body.as_bytes()), CLOCK);
            let (_, value) =
                headers.expect("headers").into_iter().find(|(name, _)| name == "authorization").expect("one");
            assert_eq!(value, case.authorization.as_str(), "{}", case.name);
            continue;
        }
        let decode = |segment: &str| {
            percent_encoding::percent_decode_str(segment).decode_utf8().expect("UTF-8").into_owned()
        };
        let built = BuiltRequest {
            method: case.method.clone(),
            path: url.path_segments().expect("a path").map(decode).collect(),
            query: vec![],
            headers: case.headers.clone(),
            body: case.body.clone().into_bytes(),
            framing: vec![Framing::Body],
        };
        let provider = Provider {
            name: "aws".to_owned(),
            base: url.join("/").expect("a base"),
            path: vec![],
            query: vec![],
            credential: Credential::Sigv4(signer),
            headers: vec![],
        };
        let spec = RequestSpec {
            id: RequestId(0),
            session: None,
            messages: vec![],
            isl_target: Tokens(1),
            isl: Tokens(1),
            max_tokens: None,
        };
        let prepared = provider.prepare(&spec, built).expect(&case.name);
        let outgoing = provider.credential.send(&prepared, CLOCK).expect(&case.name);
        assert_eq!(outgoing.url, url, "{}", case.name);
        assert_eq!(outgoing.headers["authorization"], case.authorization.as_str(), "{}", case.name);
        assert!(!prepared.headers.contains_key("authorization"), "it is signed when it is sent");
    }
}
