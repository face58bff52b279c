//! Everything hostile that the suites have fails `plugin check`, with the right reason.

use serde_json::json;

use crate::answer::{Answer, write_fixture};
use crate::bombs::{Bomb, NO_CPU, NO_MEMORY, NO_ROOM, that_answer_badly, that_cannot_start};
use crate::harness::{hostile_early, hostile_path};
use crate::strangers::{exporting, that_are_no_plugins, that_choke_the_compiler};
use crate::support::in_parallel;
use crate::{checks, failure, plugin};

const FAILED: Option<i32> = Some(6);

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
        ("markup-build", requests, "=1+1"),
        ("method", urls, "CONNECT"),
        ("nul-header", urls, "x-fine"),
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
        ("trap-decode-every-3", reading, "a bomb in push"),
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
        ("memory-scan-control", reading, "the key is found"),
        ("million-calls", reading, "more than 1000 tool calls and server timings"),
        ("million-timings", reading, "more than 1000 tool calls and server timings"),
        ("huge-finish", reading, "larger than 16777216 bytes"),
        ("long-word", reading, "finish_reason"),
        // What only tells on a server that is asked shows as another answer than the one that was recorded.
        ("lie", reading, "finish_reason"),
        ("huge-usage", reading, "server_timing"),
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

/// A component in a file, checked with a plain answer recorded.
fn check_bomb(Bomb { what, bytes, words, kind }: &Bomb) -> Option<String> {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, fixtures) = (dir.path().join("bomb.wasm"), dir.path().join("fixtures"));
    std::fs::create_dir(&fixtures).expect("a directory");
    write_fixture(&fixtures.join("deed"), &Answer::saying("plain", "Hi"));
    std::fs::write(&file, bytes).expect("a file");
    let args = [file.to_str(), Some("--fixtures"), fixtures.to_str()].map(|text| text.expect("a path"));
    let (code, checks) = checks(&args);
    // It does not start, or a question or an answer brings it to light.
    let names: &[&str] = if kind.is_empty() { &["loads"] } else { &["requests", "fixture deed"] };
    let is_found = checks.iter().any(|[name, outcome, evidence]| {
        names.contains(&name.as_str()) && outcome == "failed" && evidence.contains(words)
    });
    (code != FAILED || !is_found).then(|| format!("{what}: {code:?} {words:?} is not in {checks:#?}"))
}

#[test]
fn what_no_compiler_would_make_fails_for_what_it_does() {
    let bombs: Vec<Bomb> = that_cannot_start().into_iter().chain(that_answer_badly()).collect();
    let problems: Vec<String> = in_parallel(&bombs, check_bomb).into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_file_that_is_no_plugin_fails_with_what_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let cases = [that_are_no_plugins(), that_choke_the_compiler()].concat();
    let problems = in_parallel(&cases, |(what, (check, word), bytes, _)| {
        let path = dir.path().join(what);
        std::fs::write(&path, bytes).expect("a file");
        let path = path.to_str().expect("a path");
        // To look at it is no failure, whatever it is.
        let inspected = plugin(&["inspect", path]);
        assert_eq!(inspected.code, Some(0), "{what}: {inspected:?}");
        assert!(inspected.stdout.contains("not used: "), "{what}: {inspected:?}");
        let (code, checks) = checks(&[path]);
        let found = checks.iter().find(|[name, ..]| name == check);
        let is_found =
            found.is_some_and(|[_, outcome, evidence]| outcome == "failed" && evidence.contains(word));
        (code != FAILED || !is_found).then(|| format!("{what}: {code:?} {found:?}"))
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let older = dir.path().join("older.wasm");
    std::fs::write(&older, exporting("llmperf:plugin/api@0.0.1", "")).expect("a file");
    let (code, checks) = checks(&[older.to_str().expect("a path")]);
    assert!(code == FAILED && failure(&checks, "contract", "older").contains("rebuild it with the SDK"));
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

/// What a check says of deeds that break no rule of its own, beside an answer that is read as it should be.
#[test]
fn what_is_no_fault_of_a_plugin_is_called_none() {
    let dir = tempfile::tempdir().expect("a directory");
    for (n, (model, options)) in [
        // It is encoded, and goes to the provider.
        ("query", json!({ "segment": "@evil#x" })),
        // For other responses than this one, which is number 3.
        ("trap-decode-every-10", json!({})),
        // They show in long answers and in many, and a run has its limits for that.
        ("loop-late", json!({})),
        ("hoard", json!({})),
    ]
    .into_iter()
    .enumerate()
    {
        let fixtures = dir.path().join(n.to_string());
        std::fs::create_dir(&fixtures).expect("a directory");
        let mut answer = Answer::saying(model, "Hi");
        answer.ask(json!({ "model": model, "options": options }));
        write_fixture(&fixtures.join("deed"), &answer);
        let (_, checks) = checks(&[hostile_path(), "--fixtures", fixtures.to_str().expect("a path")]);
        for name in ["requests", "urls and headers", "fixture deed"] {
            let found = checks.iter().find(|[known, ..]| known == name);
            assert!(found.is_some_and(|[_, outcome, _]| outcome == "ok"), "{model}: {name}: {checks:#?}");
        }
    }
}

#[test]
fn every_deed_of_the_hostile_component_is_in_a_table_here() {
    let deeds = include_str!("../components/hostile/src/deeds.rs");
    let tables = include_str!("hostile.rs");
    let arms = deeds
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('"'))
        .filter_map(|line| line.split_once("=>"));
    let mut names = arms.filter_map(|(arm, _)| arm.split('"').nth(1)).peekable();
    assert!(names.peek().is_some(), "no deed is found");
    for name in names {
        assert!(tables.contains(&format!("\"{name}\"")), "{name} is in no table");
    }
}
