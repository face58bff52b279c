//! How the credentials suite runs things: a load with an environment of its own, authorities and targets that look at what
//! they get, and the check that nothing secret is left anywhere.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use llmperf::provider::{AwsKeySource, AwsKeys, Sigv4, payload_sha256};
use serde_json::{Value, json};
use url::Url;

use crate::support::{Asked, Cli, Done, Results, Server, say, sse};

const KEY_PEM: &str = include_str!("../../fixtures/credentials/service-account-key.pem");
/// Nobody waits longer for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A load with the credential of one scheme, in a process of its own and so with an environment of its own.
pub(crate) struct Load {
    pub(crate) scheme: Value,
    pub(crate) api: String,
    pub(crate) requests: u64,
    pub(crate) env: Vec<(&'static str, String)>,
}

impl Load {
    pub(crate) fn done(self) -> (Done, Results) {
        let results = Results::new();
        let program = std::env::current_exe().expect("this program");
        let cli = Cli::of(program.to_str().expect("a path"));
        let cli = cli.args(["--exact", "credentials::a_load_that_another_test_asks_for", "--nocapture"]);
        let cli = cli.env("TEST_SCHEME", &self.scheme.to_string()).env("TEST_API", &self.api);
        let cli = cli.env("TEST_REQUESTS", &self.requests.to_string());
        let cli = cli.env("TEST_RESULTS", results.path().to_str().expect("a path"));
        let cli = self.env.iter().fold(cli, |cli, (name, value)| cli.env(name, value));
        (cli.done(), results)
    }
}

/// Counts arrivals; others wait for a number of them.
#[derive(Default)]
pub(crate) struct Gate {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Gate {
    /// How many came before.
    pub(crate) fn arrive(&self) -> u64 {
        let mut count = self.count.lock().expect("a count");
        *count += 1;
        self.changed.notify_all();
        *count - 1
    }

    pub(crate) fn wait_for(&self, number: u64) {
        let count = self.count.lock().expect("a count");
        let waited = self.changed.wait_timeout_while(count, PATIENCE, |count| *count < number);
        assert!(!waited.expect("a count").1.timed_out(), "{number} never came");
    }
}

/// What a server saw, for the test to look at.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;

pub(crate) fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut seen.lock().expect("what was seen"))
}

pub(crate) fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

pub(crate) fn path(asked: &Asked) -> &str {
    asked.head.split(' ').nth(1).expect("a request line")
}

pub(crate) fn form(asked: &Asked) -> Vec<(String, String)> {
    url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect()
}

/// A server of the API that notes each bearer token and repeats it, and answers when `ready` allows it.
pub(crate) fn api(seen: &Seen, ready: impl Fn(u64) + Send + Sync + 'static) -> Server {
    let seen = Arc::clone(seen);
    Server::start(move |asked, socket| {
        let token =
            asked.header("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_owned();
        seen.lock().expect("what was seen").push(token.clone());
        ready(asked.n);
        say(
            socket,
            &sse(&["it was ", &token]).replacen("\r\n", &format!("\r\nx-request-id: {token}\r\n"), 1),
        );
    })
}

#[track_caller]
pub(crate) fn nothing_of(secrets: &[&str], done: &Done, results: &Results) {
    let mut places: Vec<(String, Vec<u8>)> = vec![
        ("stdout".to_owned(), done.stdout.clone().into_bytes()),
        ("stderr".to_owned(), done.stderr.clone().into_bytes()),
    ];
    places.extend(results.all_files().into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for secret in secrets {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{place} holds {secret}");
        }
    }
}

pub(crate) fn service_account(token_uri: &str) -> String {
    json!({
        "type": "service_account",
        "client_email": "test@project.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": KEY_PEM,
        "token_uri": token_uri,
    })
    .to_string()
}

/// The header and the claims of an assertion whose signature is the service account's.
pub(crate) fn verified(assertion: &str) -> [Value; 2] {
    let (signed, signature) = assertion.rsplit_once('.').expect("a signature");
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
    let der: String = KEY_PEM.lines().filter(|line| !line.starts_with("---")).collect();
    let der = base64::prelude::BASE64_STANDARD.decode(der).expect("base64");
    let pair = ring::rsa::KeyPair::from_pkcs8(&der).expect("a key");
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        pair.public().as_ref(),
    );
    public.verify(signed.as_bytes(), &decode(signature)).expect("the account's own signature");
    let (header, claims) = signed.split_once('.').expect("two parts");
    [header, claims].map(|part| serde_json::from_slice(&decode(part)).expect("JSON"))
}

/// The signature that a server of AWS's would compute for what came, with the keys it knows.
fn recomputed(asked: &Asked, service: &str, region: &str, keys: &AwsKeys) -> String {
    let get = |name: &str| asked.header(name).unwrap_or_default();
    let date = get("x-amz-date");
    let (day, time) = date.split_once('T').expect("a date");
    let iso =
        format!("{}-{}-{}T{}:{}:{}Z", &day[..4], &day[4..6], &day[6..], &time[..2], &time[2..4], &time[4..6]);
    let seconds = DateTime::from_str(&iso, Format::DateTime).expect("a date").secs();
    let url = Url::parse(&format!("http://{}{}", get("host"), path(asked))).expect("a URL");
    let sigv4 = Sigv4 {
        service: service.to_owned(),
        region: region.to_owned(),
        keys: AwsKeySource::Fixed(keys.clone()),
    };
    let method = asked.head.split(' ').next().expect("a method").parse().expect("a method");
    let own = ["host", "x-amz-date", "x-amz-security-token"];
    let signed = get("authorization").split_once("SignedHeaders=").expect("a signature").1;
    let signed = signed.split(',').next().expect("names").split(';').filter(|name| !own.contains(name));
    let signed = signed.map(|name| (name, get(name)));
    let headers =
        sigv4.headers(keys, &method, &url, signed, &payload_sha256(asked.body.as_bytes()), seconds as u64);
    let headers = headers.expect("headers");
    let (_, value) = headers.iter().find(|(name, _)| name == "authorization").expect("a signature");
    value.to_str().expect("text").to_owned()
}

/// A server of the API that compares signatures, and repeats what it got.
pub(crate) fn signed_api(seen: &Seen, service: &'static str, keys: AwsKeys) -> Server {
    let seen = Arc::clone(seen);
    Server::start(move |asked, socket| {
        let session = asked.header("x-amz-security-token").unwrap_or_default().to_owned();
        let expected = recomputed(asked, service, "eu-west-1", &keys);
        let verdict = if asked.header("authorization") == Some(&expected) { "good" } else { "bad" };
        seen.lock().expect("what was seen").push(format!("{verdict} {session}"));
        say(socket, &sse(&["it was ", &session]));
    })
}
