//! A plugin may be written in any language: the same plugin in each, built by that language's tools, passes the same cases in the
//! same host. What it costs is a question for `cargo bench --bench plugin FILE`.

mod support;
mod support_languages;

use std::io::Write;
use std::path::Path;

use support::{Results, Server, llmperf};
use support_languages::{Case, Language, build, cases, is_skipped, judge_component, judge_run};

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

fn check(language: Language) {
    if is_skipped(language) {
        eprintln!("{} was left out", language.name());
        return;
    }
    let wasm = build(language);
    let cases = cases();
    judge_component(&wasm, &cases);
    run(&wasm, cases);
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
