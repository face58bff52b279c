//! Datasets end to end: what a file says is what is sent, sessions go on with the real answers, traces keep their times.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::support::{Server, llmperf, load_small, mock, say, sse};
use llmperf::units::Tokens;
use serde_json::Value;
use tempfile::TempDir;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/datasets").join(name);
    path.to_str().expect("UTF-8").to_owned()
}

fn written(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rows");
    std::fs::write(&path, text).expect("a file");
    (dir, path)
}

/// A server that answers the question `q` with `answer to q`, and what it was asked: the messages as `role: text`.
fn answering() -> (Server, Arc<Mutex<Vec<Vec<String>>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let server = Server::start(move |request, socket| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let messages = body["messages"].as_array().expect("messages").iter();
        let messages: Vec<String> =
            messages.map(|m| format!("{}: {}", text(&m["role"]), text(&m["content"]))).collect();
        let question = messages.last().expect("a message").trim_start_matches("user: ").to_owned();
        seen.lock().expect("no panic").push(messages);
        say(socket, &sse(&["answer ", "to ", &question]));
    });
    (server, asked)
}

#[test]
fn a_session_goes_on_with_the_real_answers_after_its_time_to_think() {
    let (server, asked) = answering();
    let file = fixture("aiperf-multi-turn.jsonl");
    let (done, results) = load_small(&server.base, &["--dataset", &file, "--concurrency", "1"]);
    let done = done.exits(0);
    assert!(!done.stderr.contains("not reached"), "{}", done.stderr);
    let expected: [&[&str]; 4] = [
        &["user: Hello"],
        &["user: Hello", "assistant: answer to Hello", "user: How are you?"],
        &[
            "user: Hello",
            "assistant: answer to Hello",
            "user: How are you?",
            "assistant: answer to How are you?",
            "user: Goodbye",
        ],
        &["user: One question only"],
    ];
    assert_eq!(*asked.lock().expect("no panic"), expected);
    let records = results.records();
    assert_eq!(records.iter().map(|r| r.id.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    for (before, after, think_ms) in [(0, 1, 150), (1, 2, 50)] {
        let (before, after) = (&records[before], &records[after]);
        assert_eq!(after.due.since(before.end).0, think_ms * 1_000_000);
        assert!(after.sent >= after.due);
    }
    let sessions: Vec<Option<u64>> = records.iter().map(|r| r.session.map(|session| session.0)).collect();
    assert_eq!(sessions, [Some(0), Some(0), Some(0), None]);
    assert_eq!(records[1].max_tokens, Some(Tokens(7)));
    assert!(records[2].isl > records[1].isl);
    let plan = &results.of_run("manifest.json")["plan"];
    assert_eq!(
        (&plan["dataset"]["format"], &plan["dataset"]["requests"]),
        (&"aiperf-multi-turn".into(), &4.into())
    );
    assert_eq!(results.summary()["turns_not_reached"], 0);
}

#[test]
fn sessions_never_run_more_at_a_time_than_there_are_slots() {
    let rows: String = (0..30)
        .map(|n| {
            format!(
                "{{\"turns\": [{{\"text\": \"a{n}\"}}, {{\"text\": \"b{n}\"}}, {{\"text\": \"c{n}\"}}]}}\n"
            )
        })
        .collect();
    let (_dir, path) = written(&rows);
    let mock = mock(&["--itl", "1ms"]);
    let flags = ["--dataset", path.to_str().expect("UTF-8"), "--concurrency", "5"];
    let (done, results) = load_small(&mock.base, &flags);
    done.exits(0);
    let records = results.records();
    assert_eq!(records.iter().map(|r| r.id.0).collect::<Vec<_>>(), (0..90).collect::<Vec<_>>());
    for record in &records {
        let running = records.iter().filter(|other| other.sent <= record.sent && record.sent < other.end);
        assert!(running.count() <= 5);
    }
    // The answer before it is part of each later turn.
    assert!(records.chunks(3).all(|turns| turns[0].isl < turns[1].isl && turns[1].isl < turns[2].isl));
    assert_eq!(mock.truth().len(), 90);
}

#[test]
fn a_failed_turn_ends_its_session_and_what_was_not_reached_is_counted() {
    let mock = mock(&["--fault", "503:#2"]);
    let file = fixture("aiperf-multi-turn.jsonl");
    let (done, results) = load_small(&mock.base, &["--dataset", &file, "--concurrency", "1"]);
    let done = done.exits(0);
    assert!(done.stderr.contains("note: turns not reached: 1;"), "{}", done.stderr);
    let summary = results.summary();
    assert_eq!(crate::support::counts(&summary), [3, 2, 1, 0]);
    assert_eq!(summary["turns_not_reached"], 1);
}

#[test]
fn a_run_that_ends_does_not_wait_for_anyone_who_thinks() {
    let mock = mock(&[]);
    let (_dir, path) = written("{\"turns\": [{\"text\": \"a\"}, {\"text\": \"b\", \"delay\": 3600000}]}");
    let flags = ["--dataset", path.to_str().expect("UTF-8"), "--timeout", "1", "--drain", "30"];
    let (done, results) = load_small(&mock.base, &flags);
    let done = done.exits(0);
    assert!(done.stderr.contains("note: turns not reached: 1;"), "{}", done.stderr);
    assert_eq!(crate::support::counts(&results.summary()), [1, 1, 0, 0]);
    assert_eq!(results.summary()["ended"], "timed_out");
}

#[test]
fn sessions_arrive_at_a_rate_and_their_turns_follow_the_answers() {
    let rows: String = (0..10)
        .map(|n| format!("{{\"turns\": [{{\"text\": \"a{n}\"}}, {{\"text\": \"b{n}\", \"delay\": 20}}]}}\n"))
        .collect();
    let (_dir, path) = written(&rows);
    let mock = mock(&[]);
    let path = path.to_str().expect("UTF-8");
    let flags = ["--dataset", path, "--request-rate", "100", "--arrival", "constant"];
    let (done, results) = load_small(&mock.base, &flags);
    done.exits(0);
    let records = results.records();
    assert_eq!(records.len(), 20);
    for (n, turns) in records.chunks(2).enumerate() {
        let since_first = turns[0].due.since(records[0].due).0;
        assert_eq!((since_first, turns[1].due.since(turns[0].end).0), (n as u64 * 10_000_000, 20_000_000));
    }
}

#[test]
fn requests_cut_a_session_off_and_go_round_a_short_dataset() {
    let (server, asked) = answering();
    let file = fixture("aiperf-multi-turn.jsonl");
    let flags = ["--dataset", &file, "--concurrency", "1", "--requests", "6"];
    let (done, _results) = load_small(&server.base, &flags);
    let done = done.exits(0);
    assert!(done.stderr.contains("has 4 requests and 6 are sent: it is repeated"), "{}", done.stderr);
    let asked = asked.lock().expect("no panic");
    assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 5, 1, 1, 3]);
}

#[test]
fn a_trace_keeps_its_times_at_its_speed() {
    let mock = mock(&[]);
    let file = fixture("mooncake.jsonl");
    let (done, results) = load_small(&mock.base, &["--dataset", &file, "--trace-speed", "2"]);
    let done = done.exits(0);
    assert!(done.stdout.contains("times of the trace at speed 2"), "{}", done.stdout);
    let records = results.records();
    let due: Vec<u64> = records.iter().map(|r| r.due.since(records[0].due).0 / 1000).collect();
    assert_eq!(due, [0, 50_000, 200_000]);
    assert!(records.iter().all(|r| r.sent >= r.due));
    assert_eq!(records.iter().map(|r| r.isl.0).collect::<Vec<_>>(), [1300, 1100, 40]);
    let truth = mock.truth();
    // The mock cannot have seen a request before it was due, on the clock that both read.
    let zero = results.of_run("manifest.json")["zero_monotonic_ns"].as_u64().expect("an instant");
    for (row, record) in truth.iter().zip(&records) {
        assert!(row.request_ns >= zero + record.due.0, "{row:?} {record:?}");
    }
    assert_eq!(truth.iter().map(|row| row.max_tokens).collect::<Vec<_>>(), [Some(52), Some(26), Some(5)]);
}

#[test]
fn a_trace_with_a_concurrency_of_its_own_gives_only_what_is_asked() {
    let mock = mock(&[]);
    let (done, results) =
        load_small(&mock.base, &["--dataset", &fixture("burstgpt.csv"), "--concurrency", "3"]);
    let done = done.exits(0);
    assert!(done.stderr.contains("requests that failed, are left out: 1"), "{}", done.stderr);
    // The trace itself takes two minutes.
    assert_eq!(results.records().iter().map(|r| r.isl.0).collect::<Vec<_>>(), [472, 1087, 417]);
    assert_eq!(mock.truth().len(), 3);
}

#[test]
fn a_shared_prefix_is_in_the_prompt_and_its_count() {
    let (server, asked) = answering();
    let file = fixture("plain.txt");
    let flags = ["--dataset", &file, "--concurrency", "1", "--prefix-tokens", "50"];
    let (done, results) = load_small(&server.base, &flags);
    done.exits(0);
    let asked = asked.lock().expect("no panic");
    let prefix = asked[2][0].strip_suffix("End.").expect("the question at the end");
    assert!(asked.iter().all(|messages| messages[0].starts_with(prefix)), "{asked:?}");
    assert!(results.records().iter().all(|r| (51..75).contains(&r.isl.0)));
}

#[test]
fn a_bad_row_is_told_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let (_dir, path) = written("{\"prompt\": \"a\"}\n{\"prompt\": 5}\n");
    let path = path.to_str().expect("UTF-8");
    let flags = ["--model", "m", "--base-url", &base, "--dataset", path];
    let done = llmperf("load").args(flags).done().exits(2);
    assert_eq!(
        done.stderr,
        format!(
            "error: --dataset {path} line 2: prompt is a number, no text\n\
             hint: the file was taken for vllm by its first row; mend the row, or name another format with --dataset-format\n"
        )
    );
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "a connection was opened");
}
