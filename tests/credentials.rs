//! Credentials that are signed or fetched: against servers that check what they get and repeat it wherever they can.

mod support;

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use llmperf::plan::{LoadInput, Target, resolve};
use llmperf::provider::{AwsKeySource, AwsKeys, Provider, Scheme, Sigv4, payload_sha256};
use llmperf::record::RequestRecord;
use llmperf::run::{Setup, Watcher, load};
use serde_json::{Value, json};
use support::{Asked, Cli, Done, Results, Server, say, sse};
use url::Url;

const KEY_PEM: &str = include_str!("fixtures/credentials/service-account-key.pem");
/// Nobody waits longer for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A load with the credential of one scheme, in a process of its own and so with an environment of its own.
struct Load {
    scheme: Value,
    api: String,
    requests: u64,
    env: Vec<(&'static str, String)>,
}

impl Load {
    fn done(self) -> (Done, Results) {
        let results = Results::new();
        let program = std::env::current_exe().expect("this program");
        let cli = Cli::of(program.to_str().expect("a path"));
        let cli = cli.args(["--exact", "a_load_that_another_test_asks_for", "--nocapture"]);
        let cli = cli.env("TEST_SCHEME", &self.scheme.to_string()).env("TEST_API", &self.api);
        let cli = cli.env("TEST_REQUESTS", &self.requests.to_string());
        let cli = cli.env("TEST_RESULTS", results.path().to_str().expect("a path"));
        let cli = self.env.iter().fold(cli, |cli, (name, value)| cli.env(name, value));
        (cli.done(), results)
    }
}

#[test]
fn a_load_that_another_test_asks_for() {
    let env = |name: &str| std::env::var(name).ok();
    let Some(scheme) = env("TEST_SCHEME") else { return };
    let get = |name: &str| env(name).expect("it is set");
    let scheme: Scheme = serde_json::from_str(&scheme).expect("a scheme");
    let input = LoadInput {
        model: Some("m".to_owned()),
        base_url: Some(get("TEST_API")),
        mean_input_tokens: Some(60.0),
        stddev_input_tokens: Some(0.0),
        mean_output_tokens: Some(10.0),
        stddev_output_tokens: Some(0.0),
        max_num_completed_requests: Some(get("TEST_REQUESTS").parse().expect("a number")),
        num_concurrent_requests: Some(1),
        results_dir: Some(get("TEST_RESULTS").into()),
        save_text: true,
        ..LoadInput::default()
    };
    let done = (|| {
        let mut plan = resolve(input, &|_| None)?;
        let credential = scheme.find(&env)?.ok_or_else(|| anyhow::anyhow!("no credential"))?;
        let base = Url::parse(&get("TEST_API")).expect("a URL");
        plan.target =
            Target::Provider(Provider { name: "test".to_owned(), base, credential, headers: vec![] });
        let report = load(Setup::new(plan)?, &mut Nobody)?;
        println!("{}", report.json);
        Ok::<_, llmperf::error::Error>(())
    })();
    if let Err(error) = done {
        eprintln!("error: {error}: {:?}", error.kind);
        std::process::exit(2);
    }
}

struct Nobody;

impl Watcher for Nobody {
    fn started(&mut self, _: u64) {}
    fn finished(&mut self, _: &RequestRecord) {}
    fn ended(&mut self) {}
}

/// Counts arrivals; others wait for a number of them.
#[derive(Default)]
struct Gate {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Gate {
    /// How many came before.
    fn arrive(&self) -> u64 {
        let mut count = self.count.lock().expect("a count");
        *count += 1;
        self.changed.notify_all();
        *count - 1
    }

    fn wait_for(&self, number: u64) {
        let count = self.count.lock().expect("a count");
        let waited = self.changed.wait_timeout_while(count, PATIENCE, |count| *count < number);
        assert!(!waited.expect("a count").1.timed_out(), "{number} never came");
    }
}

/// What a server saw, for the test to look at.
type Seen = Arc<Mutex<Vec<String>>>;

fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut seen.lock().expect("what was seen"))
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn path(asked: &Asked) -> &str {
    asked.head.split(' ').nth(1).expect("a request line")
}

fn form(asked: &Asked) -> Vec<(String, String)> {
    url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect()
}

/// A server of the API that notes each bearer token and repeats it, and answers when `ready` allows it.
fn api(seen: &Seen, ready: impl Fn(u64) + Send + Sync + 'static) -> Server {
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
fn nothing_of(secrets: &[&str], done: &Done, results: &Results) {
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

fn service_account(token_uri: &str) -> String {
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
fn verified(assertion: &str) -> [Value; 2] {
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

#[test]
fn a_service_accounts_token_is_renewed_before_it_expires_and_shown_nowhere() {
    let (seen, assertions) = (Seen::default(), Seen::default());
    let asked = Arc::new(Gate::default());
    let tokens = {
        let (assertions, asked) = (Arc::clone(&assertions), Arc::clone(&asked));
        Server::start(move |request, socket| {
            assertions.lock().expect("what was seen").push(format!("{} {}", path(request), request.body));
            let n = asked.arrive();
            let body = json!({ "access_token": format!("ya29.secret-token-{n}"), "expires_in": 2 });
            say(socket, &answer("200 OK", &body.to_string()));
        })
    };
    let uri = format!("{}/token", tokens.base);
    let api = {
        let asked = Arc::clone(&asked);
        // When the third has been asked for, the second is in use.
        api(&seen, move |_| asked.wait_for(3))
    };
    let env = vec![("GOOGLE_APPLICATION_CREDENTIALS", service_account(&uri))];
    let load = Load { scheme: json!({ "scheme": "google" }), api: api.base.clone(), requests: 2, env };
    let (done, results) = load.done();
    nothing_of(&["ya29", "secret-token", "assertion", "PRIVATE KEY"], &done, &results);
    done.exits(0);
    let records = results.records();
    assert!(records.len() == 2 && records.iter().all(RequestRecord::is_ok), "{records:?}");
    assert!(
        records.iter().all(|record| record.output.as_ref().is_some_and(|o| o.text.starts_with("it was ")))
    );
    let used = taken(&seen);
    assert_eq!(used[0], "ya29.secret-token-0");
    assert!(used[1].starts_with("ya29.secret-token-") && used[1] != used[0], "{used:?}");
    let request = taken(&assertions).remove(0);
    let (path, body) = request.split_once(' ').expect("path and body");
    assert_eq!(path, "/v1/token");
    let pairs: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(pairs[0], ("grant_type".into(), "urn:ietf:params:oauth:grant-type:jwt-bearer".into()));
    assert_eq!(pairs[1].0, "assertion");
    let [header, claims] = verified(&pairs[1].1);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    assert_eq!(claims["iss"], "test@project.iam.gserviceaccount.com");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(claims["aud"], uri.as_str());
    assert_eq!(claims["exp"].as_u64(), claims["iat"].as_u64().map(|at| at + 3600));
}

#[test]
fn a_renewal_that_fails_keeps_the_old_token_and_is_told_once() {
    let (seen, asked) = (Seen::default(), Arc::new(Gate::default()));
    let tokens = {
        let asked = Arc::clone(&asked);
        Server::start(move |_, socket| match asked.arrive() {
            0 => say(socket, &answer("200 OK", r#"{"access_token":"iam-secret-token","expires_in":2}"#)),
            _ => say(
                socket,
                &answer("503 Busy", r#"{"errorCode":"BUSY","errorMessage":"not for my-api-key-0123"}"#),
            ),
        })
    };
    let api = {
        let asked = Arc::clone(&asked);
        api(&seen, move |_| asked.wait_for(4))
    };
    let env =
        vec![("WATSONX_APIKEY", "my-api-key-0123".to_owned()), ("WATSONX_IAM_URL", tokens.base.clone())];
    let scheme = json!({ "scheme": "watsonx-iam", "env": ["WATSONX_APIKEY"] });
    let (done, results) = Load { scheme, api: api.base.clone(), requests: 2, env }.done();
    nothing_of(&["iam-secret-token", "my-api-key-0123"], &done, &results);
    let told = done.stderr.matches("could not be renewed").count();
    assert!(told == 1 && done.stderr.contains("503: BUSY, not for [redacted]"), "{}", done.stderr);
    done.exits(0);
    assert!(results.records().iter().all(RequestRecord::is_ok));
    assert_eq!(taken(&seen), ["iam-secret-token"; 2]);
}

#[test]
fn an_api_key_is_exchanged_as_ibm_wants_it_once_for_a_run() {
    let (seen, exchanges) = (Seen::default(), Seen::default());
    let tokens = {
        let exchanges = Arc::clone(&exchanges);
        Server::start(move |request, socket| {
            exchanges.lock().expect("what was seen").push(format!("{} {}", path(request), request.body));
            assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
            assert_eq!(request.header("accept"), Some("application/json"));
            say(socket, &answer("200 OK", r#"{"access_token":"iam-secret-token","expires_in":3600}"#));
        })
    };
    let api = api(&seen, |_| {});
    let scheme = json!({ "scheme": "watsonx-iam", "env": ["WATSONX_APIKEY"] });
    for (iam, path) in [("", "/v1/identity/token"), ("/identity/token", "/v1/identity/token")] {
        let env = vec![
            ("WATSONX_APIKEY", "test-key".to_owned()),
            ("WATSONX_IAM_URL", format!("{}{iam}", tokens.base)),
        ];
        let (done, _) = Load { scheme: scheme.clone(), api: api.base.clone(), requests: 3, env }.done();
        done.exits(0);
        let body = "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=test-key";
        assert_eq!(taken(&exchanges), [format!("{path} {body}")]);
        assert_eq!(taken(&seen), ["iam-secret-token"; 3]);
    }
}

#[test]
fn a_token_that_is_refused_ends_the_run_before_anything_is_sent() {
    let tokens = Server::start(|request, socket| {
        let pairs = form(request);
        let (_, token) = pairs.iter().find(|(name, _)| name == "refresh_token").expect("a token");
        let body =
            json!({ "error": "invalid_grant", "error_description": format!("{token} is revoked\u{1b}[31m") });
        say(socket, &answer("400 Bad Request", &body.to_string()));
    });
    let seen = Seen::default();
    let api = api(&seen, |_| {});
    let account = json!({
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "client-secret-0123",
        "refresh_token": "refresh-secret-0123",
        "token_uri": format!("{}/token", tokens.base),
    });
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("account.json");
    std::fs::write(&file, account.to_string()).expect("a file");
    let env = vec![("VERTEXAI_CREDENTIALS", file.to_str().expect("a path").to_owned())];
    let (done, results) =
        Load { scheme: json!({ "scheme": "google" }), api: api.base.clone(), requests: 2, env }.done();
    nothing_of(&["client-secret-0123", "refresh-secret-0123", "\u{1b}"], &done, &results);
    assert!(
        done.stderr.contains("no Google access token: ")
            && done.stderr.contains("answers 400: invalid_grant, [redacted] is revoked")
            && done.stderr.contains("Usage"),
        "{}",
        done.stderr
    );
    done.exits(2);
    assert_eq!(api.asked(), 0);
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
    let signed = [("content-type", get("content-type"))].into_iter();
    let headers =
        sigv4.headers(keys, &method, &url, signed, &payload_sha256(asked.body.as_bytes()), seconds as u64);
    let headers = headers.expect("headers");
    let (_, value) = headers.iter().find(|(name, _)| name == "authorization").expect("a signature");
    value.to_str().expect("text").to_owned()
}

/// A server of the API that compares signatures, and repeats what it got.
fn signed_api(seen: &Seen, service: &'static str, keys: AwsKeys) -> Server {
    let seen = Arc::clone(seen);
    Server::start(move |asked, socket| {
        let session = asked.header("x-amz-security-token").unwrap_or_default().to_owned();
        let expected = recomputed(asked, service, "eu-west-1", &keys);
        let verdict = if asked.header("authorization") == Some(&expected) { "good" } else { "bad" };
        seen.lock().expect("what was seen").push(format!("{verdict} {session}"));
        say(socket, &sse(&["it was ", &session]));
    })
}

#[test]
fn every_request_is_signed_as_the_server_signs_it() {
    let seen = Seen::default();
    let keys = AwsKeys::new("AKIDEXAMPLE", "secret/key+0123456789", Some("session//token=="));
    let api = signed_api(&seen, "bedrock", keys.expect("keys"));
    let env = vec![
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret/key+0123456789".to_owned()),
        ("AWS_SESSION_TOKEN", "session//token==".to_owned()),
        ("AWS_REGION_NAME", "eu-west-1".to_owned()),
    ];
    let scheme = json!({ "scheme": "sigv4", "service": "bedrock" });
    let (done, results) = Load { scheme, api: api.base.clone(), requests: 3, env }.done();
    nothing_of(&["secret/key", "session//token", "AWS4-HMAC"], &done, &results);
    done.exits(0);
    assert!(results.records().iter().all(RequestRecord::is_ok));
    assert_eq!(taken(&seen), ["good session//token=="; 3]);
    assert_eq!(results.of_run("manifest.json")["plan"]["credential"], true);
}

#[test]
fn an_instance_is_asked_for_keys_where_that_is_allowed() {
    let instance = Server::start(|asked, socket| {
        let token = asked.header("x-aws-ec2-metadata-token");
        let text = |body: &str| answer("200 OK", body);
        let role = "/latest/meta-data/iam/security-credentials/";
        let response = match (asked.head.split(' ').next().expect("a method"), path(asked), token) {
            ("PUT", "/latest/api/token", None) => text("imds-token"),
            ("GET", path, Some("imds-token")) if path == role => text("my-role\n"),
            ("GET", path, Some("imds-token")) if path == format!("{role}my-role") => text(
                r#"{"Code":"Success","AccessKeyId":"ASIAROLE","SecretAccessKey":"role-secret-key",
                    "Token":"role-session-token","Expiration":"2099-01-01T00:00:00Z"}"#,
            ),
            _ => answer("401 Unauthorized", ""),
        };
        say(socket, &response);
    });
    let seen = Seen::default();
    let keys = AwsKeys::new("ASIAROLE", "role-secret-key", Some("role-session-token")).expect("keys");
    let api = signed_api(&seen, "sagemaker", keys);
    let scheme = json!({ "scheme": "sigv4", "service": "sagemaker" });
    let env = |allowed: &str| {
        vec![
            ("LLMPERF_AWS_METADATA", allowed.to_owned()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.base.clone()),
            ("AWS_REGION", "eu-west-1".to_owned()),
        ]
    };
    let load =
        |allowed| Load { scheme: scheme.clone(), api: api.base.clone(), requests: 2, env: env(allowed) };
    let (done, _) = load("0").done();
    assert!(done.stderr.contains("no credential"), "{}", done.stderr);
    assert_eq!(instance.asked(), 0);
    let (done, results) = load("1").done();
    nothing_of(&["role-secret-key", "role-session-token", "imds-token"], &done, &results);
    done.exits(0);
    assert_eq!(instance.asked(), 3);
    assert_eq!(taken(&seen), ["good role-session-token"; 2]);
}
