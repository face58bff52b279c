//! Whether a component is a parrot: asked directly, and in a run of the real binary.

use std::path::Path;

use llmperf::plugin::{Context, Engine, Limits, Plugin};
use llmperf::record::{Failure, FailureKind, Outcome, RequestRecord};
use llmperf::units::Span;
use serde_json::Value;

use super::case::{Case, request_spec, text};

/// Loads a component. Compiling a large one takes minutes of a busy machine, which no run of the binary may: it is kept where the
/// binary looks for it.
pub(crate) fn load(wasm: &Path) -> Plugin {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home/cache/llmperf/compiled");
    let engine = Engine::new(Limits::default(), Some(&cache)).expect("an engine");
    let bytes = std::fs::read(wasm).expect("it was built");
    engine.load("a plugin", &bytes).expect("it loads")
}

/// What a component says of itself, the requests it builds, and how it explains an HTTP error.
pub(crate) fn judge_component(wasm: &Path, cases: &[Case]) {
    let plugin = load(wasm);
    let description = plugin.description();
    assert_eq!(description.name, "parrot");
    assert_eq!(description.tasks, ["chat"]);
    let option = &description.options[0];
    assert_eq!((&*option.name, &*option.env[0], option.required), ("accent", "PARROT_ACCENT", false));
    assert_eq!(option.default, None);
    for case in cases {
        if let Some((spec, request)) = &case.request {
            judge_request(&plugin, &case.name, spec, request);
        }
        if !case.head.status.is_success() {
            let explained = plugin.session().expect("an instance").explain(&case.head, &case.body);
            let explained = explained.unwrap_or_else(|fault| panic!("{}: {fault}", case.name));
            assert_eq!(explained, failure(case, FailureKind::HttpStatus), "{}", case.name);
        }
    }
    let context = Context { task: "chat", model: "m", stream: true, sampling: "[1]", options: &[] };
    let refused = plugin.session().expect("an instance").build_request(&request_spec(&Value::Null), &context);
    let said = refused.expect_err("sampling that is no object").to_string();
    assert!(said.contains("sampling parameters are not a JSON object"), "{said}");
}

fn judge_request(plugin: &Plugin, name: &str, spec: &Value, request: &Value) {
    let options = spec["options"].as_object().into_iter().flatten();
    let options: Vec<(String, String)> =
        options.map(|(name, value)| (name.clone(), text(value).to_owned())).collect();
    let sampling = if spec["sampling"].is_object() { spec["sampling"].to_string() } else { "{}".to_owned() };
    let stream = spec["stream"].as_bool().unwrap_or(true);
    let context = Context { task: "chat", model: "m", stream, sampling: &sampling, options: &options };
    let built = plugin.session().expect("an instance").build_request(&request_spec(spec), &context);
    let built = built.unwrap_or_else(|fault| panic!("{name}: {fault}"));
    assert_eq!(built.method, text(&request["method"]), "{name}");
    assert_eq!(format!("/{}", built.path.join("/")), text(&request["path"]), "{name}");
    for (header, value) in request["headers"].as_object().into_iter().flatten() {
        let found = built.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(header));
        assert_eq!(found.map(|(_, value)| &**value), value.as_str(), "{name}: {header}");
    }
    let body: Value = serde_json::from_slice(&built.body).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(body, request["body"], "{name}");
}

/// What a run made of a case's answer.
pub(crate) fn judge_run(case: &Case, record: &RequestRecord) {
    let (name, expected) = (&case.name, &case.expected);
    if !case.head.status.is_success() {
        let failure = failure(case, FailureKind::HttpStatus);
        assert_eq!(record.outcome, Outcome::Failed(failure), "{name}");
        return;
    }
    judge_outcome(case, &record.outcome);
    let output = record.output.as_ref().expect("the text was saved");
    assert_eq!(output.text, text(&expected["text"]), "{name}");
    assert_eq!(output.reasoning, text(&expected["reasoning_text"]), "{name}");
    let calls: Vec<String> = output.tool_calls.iter().map(|call| call.text()).collect();
    assert_eq!(calls, case.tool_calls(), "{name}");
    let timing = expected["server_timing"].as_object().into_iter().flatten();
    let timing: Vec<(String, f64)> =
        timing.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
    assert_eq!(output.server_timing, timing, "{name}");
    let pieces = expected["content_pieces"].as_array().map_or(0, Vec::len);
    assert_eq!(output.content_events, pieces as u64, "{name}");
    assert_eq!(Some(record.events), expected["events"].as_u64(), "{name}");
    assert_eq!(record.usage, case.usage(), "{name}");
    assert_eq!(record.finish.as_deref(), expected["finish_reason"].as_str(), "{name}");
    assert_eq!(Some(record.terminated), expected["terminated"].as_bool(), "{name}");
}

fn judge_outcome(case: &Case, outcome: &Outcome) {
    let (name, error) = (&case.name, &case.expected["error"]);
    match (outcome, text(&error["type"])) {
        (Outcome::Ok, _) if error.is_null() => {}
        // The reader's own words: what it says more of them is its own affair.
        (Outcome::Failed(failure), "truncated") => assert_eq!(failure.kind, FailureKind::Truncated, "{name}"),
        (Outcome::Failed(failure), "bad_response") => {
            assert_eq!(failure.kind, FailureKind::BadResponse, "{name}");
        }
        (Outcome::Failed(found), "") => assert_eq!(*found, failure(case, FailureKind::ServerError), "{name}"),
        _ => panic!("{name}: {outcome:?}, expected {error}"),
    }
}

/// The failure that the case expects; its code is the status where the server has no word for it.
fn failure(case: &Case, kind: FailureKind) -> Failure {
    let error = &case.expected["error"];
    let wait_ms = error["retry_after_ms"].as_u64();
    Failure {
        kind,
        code: error["code"].as_str().unwrap_or(case.head.status.as_str()).to_owned(),
        message: text(&error["message"]).to_owned(),
        retry_after: wait_ms.map(Span::from_millis),
    }
}
