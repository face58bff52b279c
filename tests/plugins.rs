//! `llmperf plugin`: what is bundled passes the check, what is hostile fails it with the right reason.

mod support;

#[allow(dead_code)]
#[path = "sandbox/harness.rs"]
mod harness;

#[path = "plugins/answer.rs"]
mod answer;

use std::path::{Path, PathBuf};
use std::process::Command;

use answer::{Answer, write_fixture};
use harness::{hostile, hostile_early, hostile_path};
use llmperf::plugin::bundled;
use serde_json::{Value, json};
use support::{Done, in_parallel, llmperf};

const FAILED: Option<i32> = Some(6);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn plugin(args: &[&str]) -> Done {
    llmperf("plugin").args(args).done()
}

/// The checks of a component: name, outcome, evidence.
fn checks(args: &[&str]) -> (Option<i32>, Vec<[String; 3]>) {
    let done = plugin(&[&["check", "--json"], args].concat());
    let report: Value =
        serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {done:?}"));
    assert_eq!(report["ok"], done.code == Some(0), "{args:?}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let rows = report["checks"].as_array().expect("checks").iter();
    (done.code, rows.map(|row| ["name", "outcome", "evidence"].map(|key| text(&row[key]))).collect())
}

/// The evidence of a check that must have failed.
fn failure<'a>(checks: &'a [[String; 3]], name: &str, what: &str) -> &'a str {
    let found = checks.iter().find(|[known, ..]| known == name);
    let [_, outcome, evidence] = found.unwrap_or_else(|| panic!("{what}: no check {name} in {checks:#?}"));
    assert_eq!(outcome, "failed", "{what}: {name}: {checks:#?}");
    evidence
}

#[test]
fn every_bundled_plugin_passes_with_its_fixtures() {
    let names: Vec<&str> = bundled().map(|plugin| plugin.name).collect();
    let problems = in_parallel(&names, |name| {
        let fixtures = root().join("plugins").join(name).join("fixtures");
        let named = format!("bundled:{name}");
        let (code, checks) = checks(&[&named, "--fixtures", fixtures.to_str().expect("a path")]);
        let bad: Vec<_> = checks.into_iter().filter(|[_, outcome, _]| outcome != "ok").collect();
        (code != Some(0) || !bad.is_empty()).then(|| format!("{name}: {code:?} {bad:#?}"))
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Checks the hostile component with one recorded answer, named `deed`.
fn check_hostile(what: &str, answer: &Answer, check: &str, words: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    write_fixture(&dir.path().join("deed"), answer);
    let (code, checks) = checks(&[hostile_path(), "--fixtures", dir.path().to_str().expect("a path")]);
    assert_eq!(code, FAILED, "{what}: {checks:#?}");
    let evidence = failure(&checks, check, what);
    for word in words {
        assert!(evidence.contains(word), "{what}: {word:?} is not in {evidence:?}");
    }
}

const NO_CPU: &str = "more CPU than it may";
const NO_MEMORY: &str = "growing memory";
const NO_ROOM: &str = "too much data is being copied";

#[test]
fn what_a_hostile_plugin_does_while_it_builds_is_found() {
    let (requests, urls) = ("requests", "urls and headers");
    let cases = [
        ("loop-build", requests, NO_CPU),
        ("trap-build", requests, "a bomb in build-request"),
        ("error-build", requests, "no words for that"),
        ("exit-build", requests, "exit"),
        ("alloc-build", requests, NO_MEMORY),
        ("recursion-build", requests, "wasm trap"),
        ("huge-body", requests, NO_ROOM),
        ("gigantic-body", requests, NO_MEMORY),
        ("aliased-list", requests, NO_ROOM),
        ("bad-utf8", requests, "utf-8"),
        ("state-build", requests, "asked again"),
        ("memory-scan-build", requests, "the key is not found"),
        ("method", urls, "CONNECT"),
        ("many-headers", urls, "more than 100 headers"),
        ("many-framings", urls, "framings, more than 3"),
        ("long-path", urls, "longer than 8192 bytes"),
    ];
    in_parallel(&cases, |(model, check, word)| {
        check_hostile(model, &Answer::asked_for(json!({ "model": model })), check, &["deed: ", word]);
    });
    for (model, options, word) in [
        ("path", json!({ "segment": ".." }), "cannot be a segment"),
        ("header", json!({ "header-name": "Host", "header-value": "evil" }), "host is the host's own"),
        ("header", json!({ "header-name": "x-fine", "header-value": "a\r\nhost: evil" }), "x-fine"),
    ] {
        let answer = Answer::asked_for(json!({ "model": model, "options": options }));
        check_hostile(model, &answer, urls, &["deed: ", word]);
    }
}

#[test]
fn what_a_hostile_plugin_does_while_it_reads_is_found() {
    let reading = "fixture deed";
    let cases = [
        ("loop-decode", reading, NO_CPU),
        ("loop-finish", reading, NO_CPU),
        ("trap-decode", reading, "a bomb in push"),
        ("trap-finish", reading, "a bomb in finish"),
        ("trap-decode-every-3", reading, "every third response"),
        ("error-decode", reading, "what a mess"),
        ("exit-decode", reading, "exit"),
        ("alloc-decode", reading, NO_MEMORY),
        ("recursion-decode", reading, "wasm trap"),
        ("million-deltas", reading, NO_ROOM),
        ("wrong-event-index", reading, "event 1000000 of 3"),
        ("bad-utf8-decode", reading, "utf-8"),
        ("log-spam-trap", reading, "wrote: "),
        ("sleep", reading, "no clock to wait on"),
        ("escapes", reading, "has control characters"),
        ("look-around", reading, "wall=Ok(0) passed=0"),
        ("memory-scan", reading, "the key is not found"),
        ("show-head", reading, "content-type"),
        ("log-spam", "log", "it writes more for one request"),
    ];
    in_parallel(&cases, |(model, check, word)| {
        check_hostile(model, &Answer::saying(model, "Hi"), check, &[word]);
    });
    // In a fresh instance it says what the fixture expects, and in another it does not.
    check_hostile("state", &Answer::saying("state", "Hicall 1"), "state", &["used before", "call 2"]);
    check_hostile("plain", &Answer::saying("plain", "Hi"), "http errors", &["HTTP 500", "a bomb in explain"]);
}

#[test]
fn a_plugin_that_cannot_start_or_describe_itself_fails_there() {
    let dir = tempfile::tempdir().expect("a directory");
    for (deed, word) in
        [(b"loop", NO_CPU), (b"trap", "a bomb in describe"), (b"init", NO_CPU), (b"hoax", "its name")]
    {
        let path = dir.path().join("early.wasm");
        std::fs::write(&path, hostile_early(deed)).expect("a file");
        let (code, checks) = checks(&[path.to_str().expect("a path")]);
        assert_eq!(code, FAILED);
        let evidence = failure(&checks, "loads", word);
        assert!(evidence.contains("cannot describe itself") && evidence.contains(word), "{evidence}");
        assert!(checks.iter().any(|[name, outcome, _]| name == "state" && outcome == "skipped"));
    }
}

/// A component that exports an empty instance of this name, after `imports`.
fn exporting(name: &str, imports: &str) -> Vec<u8> {
    let text = format!(
        r#"(component {imports} (component $c) (instance $i (instantiate $c)) (export "{name}" (instance $i)))"#
    );
    wat::parse_str(text).expect("good text")
}

#[test]
fn a_file_that_is_no_plugin_fails_with_what_it_is() {
    let api = "llmperf:plugin/api@0.1.0";
    let import = r#"(import "wasi:http/outgoing-handler@0.2.0" (instance (export "handle" (func))))"#;
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("file", vec![], &["an empty file"]),
        ("file", b"\x7fELF\x02\x01\x01\0".to_vec(), &["native code"]),
        ("file", b"(component)".to_vec(), &["WebAssembly text"]),
        ("file", wat::parse_str("(module)").expect("good text"), &["a core WebAssembly module"]),
        ("file", hostile()[..hostile().len() / 2].to_vec(), &["it is broken"]),
        ("contract", wat::parse_str("(component)").expect("good text"), &["not an llmperf plugin"]),
        ("contract", exporting("llmperf:plugin/api@0.3.0", ""), &["api@0.3.0", "use a newer llmperf"]),
        ("contract", exporting("llmperf:plugin/api@0.0.1", ""), &["api@0.0.1", "rebuild it with the SDK"]),
        ("imports", exporting(api, import), &["wasi:http/outgoing-handler@0.2.0"]),
        ("loads", exporting(api, ""), &["does not export", api]),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    for (check, bytes, words) in cases {
        let path = dir.path().join("x.wasm");
        std::fs::write(&path, bytes).expect("a file");
        let path = path.to_str().expect("a path");
        let (code, checks) = checks(&[path]);
        assert_eq!(code, FAILED, "{words:?}");
        let evidence = failure(&checks, check, words[0]);
        words.iter().for_each(|word| assert!(evidence.contains(word), "{word:?} is not in {evidence:?}"));
        // To look at it is no failure, whatever it is.
        let inspected = plugin(&["inspect", path]);
        assert_eq!(inspected.code, Some(0), "{inspected:?}");
        assert!(inspected.stdout.contains("not used: "), "{inspected:?}");
    }
    for (args, word) in [
        (&["check", "/no/such.wasm"][..], "cannot be read"),
        (&["check", "/"], "is a directory"),
        (&["check", "bundled:nothing"], "they are"),
        (&["check", "bundled:echo", "--fixtures", "/no/such"], "/no/such cannot be read"),
        (&["inspect", "/no/such.wasm"], "cannot be read"),
    ] {
        let done = plugin(args);
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{args:?}: {done:?}");
        assert!(done.stderr.starts_with("error: ") && done.stderr.contains(word), "{done:?}");
    }
}

#[test]
fn inspection_shows_what_can_be_known_and_marks_what_is_the_plugins_own_word() {
    let done = plugin(&["inspect", "--json", "bundled:sagemaker"]);
    let seen: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(
        (&seen["contract"], &seen["contract_is_spoken"]),
        (&"llmperf:plugin/api@0.1.0".into(), &true.into())
    );
    assert_eq!(seen["sha256"].as_str().map(str::len), Some(64));
    let imports = seen["component"]["imports"].as_array().expect("imports");
    assert!(
        !imports.is_empty() && imports.iter().all(|import| import["treatment"] == "stubbed"),
        "{imports:?}"
    );
    assert_eq!(seen["its_own_word"]["name"], "sagemaker");
    let text = plugin(&["inspect", "bundled:sagemaker"]).stdout;
    let (known, own) = text.split_once("Its own word, unchecked:").expect("the mark");
    assert!(
        known.contains("stubbed: no arguments") && known.contains("made with  processed-by wit-component"),
        "{known}"
    );
    assert!(own.contains("name       sagemaker"), "{own}");
    let unasked = plugin(&["inspect", "--without-running", "bundled:sagemaker"]).stdout;
    assert_eq!(unasked.trim_end(), known.trim_end());
}

#[test]
fn a_new_plugin_takes_no_place_that_is_taken_and_no_name_that_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("taken")).expect("a directory");
    for (args, word) in [
        (&["taken"][..], "exists already"),
        (&["../x"], "cannot be the name"),
        (&["echo"], "comes with llmperf"),
        (&["x", "--sdk", "/no/such"], "--sdk /no/such"),
        (&["x", "--language", "cobol"], "rust"),
        (&["x", "--language", "go", "--sdk", "sdk"], "is for Rust"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmperf"));
        let output =
            command.current_dir(dir.path()).args(["plugin", "new"]).args(args).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(word), "{args:?}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 1, "nothing was written");
}
