//! The verdict, as a user meets it: a quiet run is believed, a starved one is not.

mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::{Cli, Done, SMALL, Server, llmperf, load, mock, say};

const BUILT_IN: &[&str] = &["--target", "mock", "--requests", "40", "--concurrency", "8", "--osl", "20"];

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).expect("JSON")
}

/// Noise of a machine that others use makes a run worse, never better; so one quiet run of three is enough.
#[test]
fn a_quiet_run_is_valid_and_a_starved_one_is_not() {
    let valid = |_| {
        let args = [BUILT_IN, &["--osl-stddev", "0", "--strict", "--output", "json"]].concat();
        let summary = json(&load(&args));
        println!("{}", summary["verdict"]);
        assert!(summary["health"]["reactor_lag"]["n"].as_u64() > Some(50), "{}", summary["health"]);
        summary["verdict"]["level"] == "valid"
    };
    assert!((0..3).any(valid), "no quiet run is valid");
    if cfg!(target_os = "linux") {
        let done =
            (0..3).map(|_| starved()).find(|done| done.code == Some(4)).expect("a starved run is invalid");
        let verdict = &json(&done)["verdict"];
        assert_eq!(verdict["level"], "invalid", "{verdict}");
        let kinds = verdict["reasons"].as_array().expect("reasons").iter().map(|reason| &reason["kind"]);
        assert!(kinds.into_iter().any(|kind| kind == "io_starved" || kind == "reactor_lag"), "{verdict}");
    }
}

/// A run on one core, beside three loops of normal priority that have nothing else. They start once it has begun: a run
/// that is starved from the start builds no request before they end. A thousand streams need more than a quarter of a core;
/// with less to do, a client keeps its pace even there.
fn starved() -> Done {
    let script = "core=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//'); taskset -c $core \"$@\" & run=$!; sleep 2; \
        for i in 1 2 3; do taskset -c $core timeout 8 sh -c 'while :; do :; done' & done; wait $run";
    let program = env!("CARGO_BIN_EXE_llmperf");
    let run = Cli::of("sh").args(["-c", script, "sh", program, "load", "--target", "mock"]);
    let sizes = ["--isl", "60", "--isl-stddev", "0", "--osl", "50", "--osl-stddev", "0"];
    let load = ["--requests", "3000", "--concurrency", "1000", "--strict", "--output", "json"];
    run.args(sizes).args(load).done()
}

#[test]
fn failures_are_a_reason_and_only_strict_makes_them_an_exit_code() {
    let mock = mock(&["--fault", "503:50%"]);
    for (strict, code) in [(&[][..], 0), (&["--strict"], 4)] {
        let args = [SMALL, &["--base-url", &mock.base, "--requests", "40"], strict].concat();
        let done = load(&args).exits(code);
        let top: Vec<&str> = done.stdout.lines().skip(3).take(6).collect();
        assert_eq!(top[0], "Verdict      INVALID", "{}", done.stdout);
        assert!(top.iter().any(|line| line.contains("of the finished requests failed")), "{top:?}");
    }
}

/// A prompt of 121 tokens of which a cache held 116, in the words of each API.
const CACHED: &[(&str, &[&str])] = &[
    (
        "openai-chat",
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":121,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":116}}}"#,
            "[DONE]",
        ],
    ),
    // llama.cpp's two.
    (
        "openai-chat",
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":121,"completion_tokens":1},"timings":{"cache_n":116,"prompt_n":5}}"#,
            "[DONE]",
        ],
    ),
    (
        "llamacpp",
        &[
            r#"{"content":"Hi","stop":false}"#,
            r#"{"content":"","stop":true,"stop_type":"eos","tokens_evaluated":121,"tokens_predicted":1,"timings":{"cache_n":116,"prompt_n":5}}"#,
        ],
    ),
    (
        "anthropic-messages",
        &[
            r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":116,"cache_creation_input_tokens":0,"output_tokens":1}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
            r#"{"type":"message_stop"}"#,
        ],
    ),
];

#[test]
fn a_cache_that_answers_is_said_and_judged_whatever_the_apis_words() {
    for &(api, events) in CACHED {
        let server = Server::start(move |_, socket| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            say(socket, &format!("{head}{body}"));
        });
        let run = |more: &[&str]| {
            let of = ["--llm-api", api, "--model", "m", "--base-url", &server.base, "--tokens", "server"];
            let sizes = ["--isl", "121", "--isl-stddev", "0", "--requests", "6", "--concurrency", "1"];
            load(&[&of[..], &sizes, more].concat()).exits(0)
        };
        let judged = |summary: &Value| {
            let mut reasons = summary["verdict"]["reasons"].as_array().expect("reasons").iter();
            let found = reasons.find(|reason| reason["kind"] == "cached_input").expect("it is judged");
            [&found["level"], &found["remedy"]].map(|word| word.as_str().expect("a text").to_owned())
        };
        let summary = json(&run(&["--output", "json"]));
        assert_eq!(summary["metrics"]["isl"]["mean"], 121.0, "{api}");
        assert_eq!(summary["tokens"]["cached_input_share"], 116.0 / 121.0, "{api}");
        let [level, remedy] = judged(&summary);
        assert!(level == "doubtful" && remedy.contains("--seed random"), "{api}: {level}, {remedy}");
        assert_eq!(summary["notes"].to_string().matches("input tokens").count(), 0, "{}", summary["notes"]);

        let [level, _] = judged(&json(&run(&["--prefix-tokens", "50", "--output", "json"])));
        assert_eq!(level, "valid", "{api}");
        let shown = run(&[]).stdout;
        assert!(shown.contains("95.9 % of the input out of the server's cache"), "{api}: {shown}");
    }
}

#[test]
fn a_calibration_is_kept_and_gives_later_runs_their_error_bar() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("llmperf/calibration.json");
    let env = |cli: Cli| cli.env("XDG_DATA_HOME", home.path().to_str().expect("a path in UTF-8"));
    let mut run = env(llmperf("calibrate").args(["--quick"])).start();
    assert!(run.ends_within(Duration::from_secs(50)), "it takes too long");
    let done = run.wait().exits(0);
    assert_eq!(done.stdout.lines().count(), 3, "{}", done.stdout);
    let kept: Value =
        serde_json::from_slice(&std::fs::read(Path::new(&file)).expect("a file")).expect("JSON");
    assert_eq!(kept["points"].as_array().expect("points").len(), 2, "{kept}");

    let small =
        ["--target", "mock", "--requests", "8", "--concurrency", "4", "--osl", "5", "--output", "json"];
    let summary = json(&env(llmperf("load").args(small)).done().exits(0));
    assert!(summary["error_bar"]["ttft_p99_ms"].is_number(), "{}", summary["error_bar"]);
    assert_eq!(summary["error_bar"]["beyond"], false);
    let summary = json(&load(&small).exits(0));
    assert!(summary["error_bar"].is_null());
    assert!(summary["verdict"]["reasons"].to_string().contains("not_calibrated"), "{summary}");
}
