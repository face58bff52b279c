//! A request as a client library sends it, and the comparison of one of ours with it.

use std::path::Path;

use http::HeaderMap;
use llmperf::record::PreparedRequest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::entries;

/// Headers that say something of the client or the moment, not of what is asked; those of a signature are added as a request
/// is sent, and `tests/it/credentials.rs` compares them.
const VOLATILE: &[&str] = &[
    "accept",
    "user-agent",
    "http-referer",
    "x-title",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// One call of a client library, and the request that came of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Golden {
    /// `provider/name`.
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) call: Call,
    pub(crate) env: Map<String, Value>,
    /// Keys of the body whose value is an artefact of the client being offline.
    ignore_body_keys: Vec<String>,
    request: Request,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    #[serde(rename = "fn")]
    pub(crate) function: String,
    pub(crate) args: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    scheme: String,
    host: String,
    method: String,
    path: String,
    query: Option<String>,
    essential_headers: Map<String, Value>,
    body: Value,
}

/// All of them, by name.
pub(crate) fn goldens() -> Vec<Golden> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/requests");
    let files = entries(&root).into_iter().flat_map(|provider| entries(&provider));
    files
        .map(|file| {
            let text = std::fs::read_to_string(&file).expect("a file");
            let read = serde_json::from_str(&text);
            let mut golden: Golden = read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let name = file.strip_prefix(&root).expect("below the root").with_extension("");
            golden.name = name.to_string_lossy().into_owned();
            golden
        })
        .collect()
}

/// A part of a request that is otherwise than in the golden.
#[derive(Debug)]
pub(crate) struct Difference {
    /// `url`, `query`, `header x`, `body.x`, …
    pub(crate) field: String,
    got: String,
    expected: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}, expected {}", self.field, self.got, self.expected)
    }
}

/// What of the request is otherwise than in the golden.
pub(crate) fn differences(got: &PreparedRequest, golden: &Golden) -> Vec<Difference> {
    let expected = &golden.request;
    let mut found = Vec::new();
    let mut same = |field: &str, got: String, expected: String| {
        if got != expected {
            found.push(Difference { field: field.to_owned(), got, expected });
        }
    };
    same("method", got.method.to_string(), expected.method.clone());
    let url = &got.url;
    same("host", url.origin().ascii_serialization(), format!("{}://{}", expected.scheme, expected.host));
    same("path", url.path().to_owned(), expected.path.clone());
    same("query", query(url.query()), query(expected.query.as_deref()));
    for (name, value) in &expected.essential_headers {
        let value = value.as_str().unwrap_or_default();
        let is_signature = value.starts_with("AWS4-");
        if is_signature || VOLATILE.contains(&name.as_str()) || name.starts_with("amz-sdk-") {
            continue;
        }
        let (got, expected) = headers(name, &got.headers, value);
        same(&format!("header {name}"), got, expected);
    }
    let body: Value = serde_json::from_slice(&got.body).unwrap_or(Value::Null);
    match (plain(&body), plain(&expected.body)) {
        (Value::Object(body), Value::Object(expected)) => {
            let mut keys: Vec<&String> = body.keys().chain(expected.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys.into_iter().filter(|key| !golden.ignore_body_keys.contains(key)) {
                let value =
                    |of: &Map<String, Value>| of.get(key).map_or("absent".to_owned(), Value::to_string);
                same(&format!("body.{key}"), value(&body), value(&expected));
            }
        }
        (body, expected) => same("body", body.to_string(), expected.to_string()),
    }
    found
}

/// A header of both; of a content type only what it is.
fn headers(name: &str, got: &HeaderMap, expected: &str) -> (String, String) {
    let got = got.get(name).and_then(|value| value.to_str().ok()).unwrap_or("absent");
    let essence = |value: &str| match name {
        "content-type" => value.split(';').next().unwrap_or_default().to_owned(),
        _ => value.to_owned(),
    };
    (essence(got), essence(expected))
}

fn query(query: Option<&str>) -> String {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// The value with its keys in one order, and whole numbers as integers.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            // As far as a float tells whole numbers apart.
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => json!(whole as i64),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(map) => {
            let mut sorted: Vec<_> = map.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
            sorted.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(sorted.into_iter().collect())
        }
        _ => value.clone(),
    }
}
