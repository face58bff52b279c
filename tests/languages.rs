//! A plugin may be written in any language: the same plugin in each, built by that language's tools, passes the same cases in the
//! same host, and what `llmperf plugin new` writes passes its own tests and the check. What a language costs is a question for
//! `cargo bench --bench plugin FILE`.

mod support;
mod support_languages;

use std::io::Write;
use std::path::Path;

use support::{Results, Server, llmperf};
use support_languages::{Case, Language, New, build, cases, is_skipped, judge_component, judge_run, load};

#[test]
fn a_plugin_in_rust_passes_every_case() {
    check(Language::Rust);
}

#[test]
fn a_plugin_in_c_passes_every_case() {
    check(Language::C);
}

#[test]
fn a_plugin_in_javascript_passes_every_case() {
    check(Language::JavaScript);
}

#[test]
fn a_plugin_in_python_passes_every_case() {
    check(Language::Python);
}

#[test]
fn a_plugin_in_go_passes_every_case() {
    check(Language::Go);
}

#[test]
fn a_new_plugin_in_rust_passes_its_tests_and_the_check() {
    begin(Language::Rust);
}

#[test]
fn a_new_plugin_in_c_passes_its_tests_and_the_check() {
    begin(Language::C);
}

#[test]
fn a_new_plugin_in_javascript_passes_its_tests_and_the_check() {
    begin(Language::JavaScript);
}

#[test]
fn a_new_plugin_in_python_passes_its_tests_and_the_check() {
    begin(Language::Python);
}

#[test]
fn a_new_plugin_in_go_passes_its_tests_and_the_check() {
    begin(Language::Go);
}

/// The parrot, and `plugin check` with its cases.
fn check(language: Language) {
    if left_out(language) {
        return;
    }
    let wasm = build(language);
    let cases = cases();
    judge_component(&wasm, &cases);
    check_component(&wasm, Some(&Case::dir()), cases.len());
    run(&wasm, cases);
}

/// The four commands of a new plugin's README.
fn begin(language: Language) {
    if left_out(language) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let new = New::write(dir.path(), language);
    let wasm = new.build();
    new.run_tests();
    check_component(&wasm, None, 2);
}

fn left_out(language: Language) -> bool {
    let is_skipped = is_skipped(language);
    if is_skipped {
        eprintln!("{} was left out", language.name());
    }
    is_skipped
}

/// `llmperf plugin check`, with its number of recorded answers.
fn check_component(wasm: &Path, fixtures: Option<&Path>, recorded: usize) {
    load(wasm);
    let mut check = llmperf("plugin").args(["check".as_ref(), wasm.as_os_str()]);
    if let Some(fixtures) = fixtures {
        check = check.args(["--fixtures".as_ref(), fixtures.as_os_str()]);
    }
    let done = check.done();
    assert_eq!(done.code, Some(0), "{done:?}");
    let read = done.stdout.lines().filter(|line| line.starts_with("ok") && line.contains(" fixture "));
    assert_eq!(read.count(), recorded, "{}", done.stdout);
}

/// Every case as an answer of a real server to the real binary: first whole, then a byte at a time.
fn run(wasm: &Path, cases: Vec<Case>) {
    let responses: Vec<Vec<u8>> = cases.iter().map(Case::response).collect();
    let server = Server::start(move |asked, socket| {
        let n = usize::try_from(asked.n).expect("a small number");
        let response = &responses[n % responses.len()];
        let piece = if n < responses.len() { response.len() } else { 1 };
        // Else the kernel gathers the bytes again.
        let _ = socket.set_nodelay(true);
        for bytes in response.chunks(piece) {
            // A client that gives up is judged by what it recorded.
            let _ = socket.write_all(bytes);
        }
    });
    let base = server.base.strip_suffix("/v1").expect("the server's base");
    let results = Results::new();
    let requests = (2 * cases.len()).to_string();
    let wasm = wasm.to_str().expect("a path of text");
    let done = llmperf("load")
        .args(["--plugin", wasm, "--base-url", base, "--model", "m", "--save-text"])
        .args(["--isl", "40", "--isl-stddev", "0", "--osl", "10", "--osl-stddev", "0"])
        .args(["--requests", &requests, "--concurrency", "1"])
        .args(results.flag())
        .done();
    assert_eq!(done.code, Some(0), "{done:?}");
    let records = results.records();
    assert_eq!(records.len(), 2 * cases.len());
    for (record, case) in records.iter().zip(cases.iter().chain(&cases)) {
        judge_run(case, record);
    }
}
