//! A recorded run, read again: the same numbers for the same inputs, no secret in it, and a clear word where it is not whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Done, Results, SMALL, Server, llmperf, mock, say, sse};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What replay must reproduce to the bit.
const SAME: [&str; 10] = [
    "counts",
    "window_s",
    "rates",
    "metrics",
    "tokens",
    "failures",
    "finish_reasons",
    "body_bytes",
    "notes",
    "connections",
];

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn replay(recording: &Path, args: &[&str]) -> Done {
    llmperf("replay").args([recording]).args(args).done()
}

fn json_of(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

#[track_caller]
fn assert_same(run: &Value, replayed: &Value) {
    for key in SAME {
        assert_eq!(run[key], replayed[key], "{key}");
    }
}

/// Everything a recording holds, uncompressed: its blocks are `length, held, crc` and zstd.
fn contents(recording: &Path) -> Vec<u8> {
    let bytes = fs::read(recording.join("recording.llmperf")).expect("a recording");
    let mut rest = bytes.split_at(bytes.iter().position(|&byte| byte == b'\n').expect("a first line") + 1).1;
    let mut contents = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        contents.extend(zstd::decode_all(&rest[12..12 + length]).expect("a block"));
        rest = &rest[12 + length..];
    }
    contents
}

/// Faults of every kind, one after the other, among good answers.
const FAULTS: &[&str] = &[
    "429,retry-after=1500ms:#2",
    "500:#4",
    "307:#6",
    "html:#8",
    "empty:#10",
    "close:#12",
    "stall,after=3:#14",
    "reset,after=4:#16",
    "truncate,after=4:#18",
    "malformed,after=4:#20",
    "error-event,after=4:#22",
    "split=1:#24",
    "split=7:#26",
    "batch=5:#28",
    "no-done:#30",
];

#[test]
fn a_run_with_every_fault_comes_to_the_same_numbers_again() {
    let (recording, results, again) = (dir(), Results::new(), Results::new());
    let faults: Vec<&str> = FAULTS.iter().flat_map(|fault| ["--fault", fault]).collect();
    let mock = mock(&[&["--ttft", "3ms", "--itl", "1ms"], &faults[..]].concat());
    let path = recording.path().to_str().expect("UTF-8");
    let flags = [
        "--base-url",
        &mock.base,
        "--requests",
        "60",
        "--concurrency",
        "5",
        "--read-timeout",
        "0.4",
        "--record",
        path,
        "--dialect",
        "llmperf,aiperf,guidellm,vllm",
        "--save-text",
    ];
    let done = llmperf("load").args(SMALL).args(flags).args(results.flag()).done().exits(0);
    assert!(done.stderr.contains("recording: "), "{}", done.stderr);
    let flags = ["--dialect", "vllm,guidellm,aiperf,llmperf", "--save-text", "--output", "json"];
    let replayed = replay(recording.path(), &[&flags[..], &again.flag()].concat()).exits(0);
    let (run, json) = (results.summary(), json_of(&replayed));
    assert_eq!(json, again.summary());
    assert_same(&run, &json);
    assert!(run["failures"].as_array().expect("a list").len() >= 8, "{}", run["failures"]);
    assert_eq!((&run["dialects"], &run["ended"]), (&json["dialects"], &json["ended"]));
    assert_eq!(results.records(), again.records());
    assert_eq!(json["replay"]["plugin"]["same"], true);
    assert_eq!(json["replay"]["tokenizer"]["same"], true);
    assert!(!replayed.stderr.contains("note:"), "{}", replayed.stderr);
    // LLMPerf's files stand beside the replay's own, and say the same.
    let own: Vec<PathBuf> = crate::support::entries(&again.run_dir());
    let ours =
        own.iter().find(|path| path.to_string_lossy().ends_with("_10_summary.json")).expect("a summary");
    let ours: Value = serde_json::from_slice(&fs::read(ours).expect("a file")).expect("JSON");
    assert_eq!(ours, results.llmperf("summary"));
}

#[test]
fn long_answers_in_many_parts_come_to_the_same_numbers_again() {
    let (recording, results) = (dir(), Results::new());
    let mock = mock(&[]);
    let path = recording.path().to_str().expect("UTF-8");
    let flags =
        ["--requests", "6", "--concurrency", "3", "--osl", "3000", "--osl-stddev", "0", "--isl", "60"];
    let run = llmperf("load").args(["--model", "m", "--base-url", &mock.base, "--record", path]).args(flags);
    // A key makes the recorder hold back what a key may begin in.
    run.env("OPENAI_API_KEY", "sk-test-0123456789abcdef").args(results.flag()).done().exits(0);
    let json = json_of(&replay(recording.path(), &["--output", "json"]).exits(0));
    assert_same(&results.summary(), &json);
    assert_eq!(json["tokens"]["output"]["local_tokens"], 18000);
    let (stored, held) =
        (fs::metadata(recording.path().join("recording.llmperf")), contents(recording.path()));
    assert!(stored.expect("a file").len() * 4 < held.len() as u64, "it is compact");
}

#[test]
fn what_is_printed_is_a_summary_like_any_other() {
    let recording = dir();
    let path = recording.path().to_str().expect("UTF-8");
    let flags = ["--target", "mock", "--requests", "6", "--concurrency", "3", "--record", path];
    let run = llmperf("load").args(flags).args(&SMALL[..8]).done().exits(0);
    let again = replay(recording.path(), &["--dialect", "vllm"]).exits(0);
    // The run's verdict and its plugin's cost are about its measuring, which a replay does none of.
    let table = |text: &str| {
        let lines = text.lines().skip_while(|line| !line.starts_with("Requests"));
        lines.take_while(|line| !line.starts_with("Plugin")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(again.stdout.contains("replay of 3 concurrent"), "{}", again.stdout);
    assert!(again.stdout.contains("\nAs vLLM bench serve 0.33 counts\n"), "{}", again.stdout);
    assert_eq!(table(&run.stdout), table(&again.stdout)[..table(&run.stdout).len()]);
    assert!(again.stdout.lines().all(|line| line.chars().count() <= 100), "{}", again.stdout);
}

const KEY: &str = "sk-test-0123456789abcdef";

#[test]
fn no_byte_of_a_recording_is_a_secret() {
    let (recording, results) = (dir(), Results::new());
    let escaped: String = KEY.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let server = Server::start(move |asked, socket| match asked.n {
        0 => say(socket, &sse(&[KEY]).replacen("\r\n", &format!("\r\nx-request-id: {KEY}\r\n"), 1)),
        1 => say(socket, &sse(&["x"]).replacen("\"x\"", &format!("\"{escaped}\""), 1)),
        2 => say(
            socket,
            &format!("HTTP/1.1 401 No\r\nconnection: close\r\n\r\n{{\"error\":\"{KEY} is bad\"}}"),
        ),
        // Two reads, the key in both; and the same where one part of the response ends and the next begins.
        n => {
            let filler = "x".repeat(if n == 3 { 1 } else { 64 << 10 });
            let text = sse(&[&format!("{filler}{KEY} and more"), KEY]);
            let middle = text.find(KEY).expect("a key") + 9;
            say(socket, &text[..middle]);
            std::thread::sleep(Duration::from_millis(200));
            say(socket, &text[middle..]);
        }
    });
    let path = recording.path().to_str().expect("UTF-8");
    let flags = ["--base-url", &server.base, "--requests", "5", "--concurrency", "1", "--record", path];
    let run = llmperf("load").env("OPENAI_API_KEY", KEY).args(SMALL).args(flags);
    run.args(results.flag()).done().exits(0);
    let contents = contents(recording.path());
    let text = String::from_utf8_lossy(&contents);
    for form in [&KEY[..14], &KEY[12..], "\\u0073\\u006b"] {
        assert!(!text.contains(form), "{form} is in the recording");
    }
    assert!(text.contains("************************ and more"));
    let json = json_of(&replay(recording.path(), &["--output", "json"]).exits(0));
    assert_eq!(json["counts"], results.summary()["counts"]);
}

#[test]
fn a_run_that_was_killed_can_be_replayed_up_to_the_tear() {
    let recording = dir();
    let mock = mock(&["--ttft", "5ms", "--itl", "5ms"]);
    let path = recording.path().to_str().expect("UTF-8");
    let flags = ["--base-url", &mock.base, "--requests", "100000", "--concurrency", "8", "--record", path];
    let mut run = llmperf("load").args(SMALL).args(flags).start();
    let file = recording.path().join("recording.llmperf");
    let grown = (0..600).any(|_| {
        run.ends_within(Duration::from_millis(50));
        fs::metadata(&file).is_ok_and(|file| file.len() > 6000)
    });
    assert!(grown, "the recording grows while the run runs");
    run.signal(Signal::KILL);
    run.ends_within(Duration::from_secs(30));
    let done = replay(recording.path(), &["--output", "json"]).exits(0);
    let json = json_of(&done);
    assert!(json["counts"]["ok"].as_u64() > Some(0), "{json}");
    assert_eq!((&json["ended"], &json["replay"]["torn"]), (&Value::Null, &json!(true)));
    assert!(done.stderr.contains("note: the recording is torn"), "{}", done.stderr);
}

#[test]
fn another_tokenizer_or_plugin_is_told_and_changes_its_own_numbers_only() {
    let (recording, results) = (dir(), Results::new());
    let path = recording.path().to_str().expect("UTF-8");
    let flags = ["--target", "mock", "--requests", "4", "--concurrency", "2", "--record", path];
    llmperf("load").args(SMALL).args(flags).args(results.flag()).done().exits(0);
    let run = results.summary();

    let tokenizer = recording.path().join("tokenizer.json");
    fs::write(&tokenizer, ONE_TOKEN).expect("written");
    let tokenizer = tokenizer.to_str().expect("UTF-8");
    let done = replay(recording.path(), &["--tokenizer", tokenizer, "--output", "json"]).exits(0);
    let json = json_of(&done);
    assert!(done.stderr.contains("note: another tokenizer than in the run"), "{}", done.stderr);
    assert_eq!(json["replay"]["tokenizer"]["same"], false);
    assert_eq!(
        (&run["tokens"]["output"]["local_tokens"], &json["tokens"]["output"]["local_tokens"]),
        (&json!(40), &json!(4))
    );
    assert_eq!(json["tokens"]["input"], run["tokens"]["input"]);
    assert_eq!(json["counts"], run["counts"]);
    for metric in ["ttft", "ttfo", "e2el", "itl", "isl", "schedule_lag"] {
        assert_eq!(json["metrics"][metric], run["metrics"][metric], "{metric}");
    }

    // The server gives no counts, so by them nothing of tokens is defined.
    let json = json_of(&replay(recording.path(), &["--tokens", "server", "--output", "json"]).exits(0));
    assert_eq!((&json["tokens"]["basis"], &json["metrics"]["osl"]["n"]), (&json!("server"), &json!(0)));

    let done = replay(recording.path(), &["--llm-api", "echo", "--output", "json"]);
    assert!(done.stderr.contains("note: another plugin than in the run"), "{done:?}");
    assert_eq!(json_of(&done)["counts"]["sent"], 4);
}

#[test]
fn what_cannot_be_replayed_or_recorded_is_told_with_the_remedy() {
    let place = dir();
    let at = |name: &str| place.path().join(name);
    let check = |done: Done, words: &[&str]| {
        let done = done.exits(2);
        assert!(words.iter().all(|word| done.stderr.contains(word)), "{done:?}");
        assert_eq!(done.stdout, "");
    };
    check(replay(&at("none"), &[]), &["none is not there", "hint:", "--record"]);
    check(replay(place.path(), &[]), &["recording.llmperf cannot be read"]);
    fs::write(at("foreign"), "{\"id\":0}\n").expect("written");
    check(replay(&at("foreign"), &[]), &["foreign is no recording", "hint:"]);
    check(replay(&at("foreign"), &["--dialect", "locust"]), &["--dialect", "locust", "vllm"]);
    fs::write(at("recording.llmperf"), "").expect("written");
    let record = |dir: &Path| {
        let dir = dir.to_str().expect("UTF-8");
        llmperf("load").args(["--target", "mock", "--requests", "1", "--record", dir]).done()
    };
    check(record(place.path()), &["--record", "holds a recording already", "hint:"]);
    check(record(&at("foreign")), &["--record", "it is a file", "hint:"]);
}

/// A tokenizer to which any text is one token.
const ONE_TOKEN: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
"pre_tokenizer":null,"post_processor":null,"decoder":null,
"model":{"type":"WordLevel","vocab":{"[UNK]":0},"unk_token":"[UNK]"}}"#;
