//! Credentials that are signed or fetched: against servers that check what they get and repeat it wherever they can.

mod support;

use std::sync::Arc;

use crate::support::{Server, say};
use llmperf::plan::{LoadInput, Target, resolve};
use llmperf::provider::{AwsKeys, Provider, Scheme};
use llmperf::record::RequestRecord;
use llmperf::run::{Setup, Watcher, load};
use serde_json::json;
use support::{
    Gate, Load, Seen, answer, api, form, nothing_of, path, service_account, signed_api, taken, verified,
};
use url::Url;

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
        let name = "test".to_owned();
        let provider = Provider { name, base, path: vec![], query: vec![], credential, headers: vec![] };
        plan.target = Target::Provider(Box::new(provider));
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
