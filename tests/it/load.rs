//! A load test as its user sees it: what is printed, what is sent, and how often.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use crate::support::{Results, SMALL, Server, counts, llmperf, load, load_small, mock, say, sse};
use llmperf::units::Span;
use serde_json::Value;

const BUILT_IN: &[&str] = &["--target", "mock", "--requests", "6", "--concurrency", "3"];
const SHORT: &[&str] = &["--isl", "60", "--isl-stddev", "0", "--osl", "5", "--osl-stddev", "0"];

#[test]
fn the_summary_is_all_that_stdout_gets() {
    let results = crate::support::Results::new();
    let done = load(&[BUILT_IN, SHORT, &results.flag()].concat()).exits(0);
    for words in [
        "6 scheduled = 6 sent + 0 dropped",
        "6 sent      = 6 ok + 0 failed + 0 cancelled",
        "Throughput",
        "output tokens/s",
        "TTFT          ms",
        "ITL           ms",
        "E2EL          ms",
    ] {
        assert!(done.stdout.contains(words), "{words:?} is not in\n{}", done.stdout);
    }
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 100), "{}", done.stdout);
    assert!(!done.stdout.contains("results:") && !done.stdout.contains('\x1b'), "{}", done.stdout);
    assert!(done.stderr.starts_with("results: ") && !done.stderr.contains("Throughput"), "{}", done.stderr);
}

#[test]
fn nothing_is_said_and_nothing_saved_where_nothing_was_asked_for() {
    let done = load(&[BUILT_IN, SHORT].concat()).exits(0);
    assert_eq!(done.stderr, "");
}

#[test]
fn json_on_stdout_is_the_summary_of_the_results() {
    let results = crate::support::Results::new();
    let done = load(&[BUILT_IN, SHORT, &["--output", "json"], &results.flag()].concat()).exits(0);
    let printed: Value = serde_json::from_str(&done.stdout).expect("JSON");
    let keys: Vec<&str> = printed.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "schema_version",
            "counts",
            "window_s",
            "rates",
            "metrics",
            "tokens",
            "slo",
            "goodput",
            "failures",
            "finish_reasons",
            "endings",
            "body_bytes",
            "notes",
            "ended",
            "connections",
            "verdict",
            "health",
            "error_bar",
            "plugin"
        ]
    );
    assert_eq!(counts(&printed), [6, 6, 0, 0]);
    for metric in ["ttft", "ttfo", "itl", "tpot", "e2el", "isl", "osl", "schedule_lag"] {
        let metric = &printed["metrics"][metric];
        assert!(metric["formula"].is_string() && metric["unit"].is_string(), "{metric}");
        assert!(metric["n"].as_u64() >= Some(6) && metric["p50"].is_number(), "{metric}");
    }
    assert_eq!(printed["tokens"]["output"]["local_tokens"], 30);
    assert_eq!((&printed["ended"], &printed["connections"]["opened_ahead"]), (&"complete".into(), &3.into()));
    assert_eq!(results.summary(), printed);
}

#[test]
fn a_reader_of_stdout_that_leaves_is_no_error() {
    for output in ["text", "json"] {
        let run = llmperf("load").args(BUILT_IN).args(SHORT).args(["--output", output]).start_unread();
        let done = run.wait().exits(0);
        assert_eq!(done.stderr, "");
    }
}

#[test]
fn exactly_as_many_requests_are_sent_as_were_asked_for() {
    for (requests, concurrency) in [(1, 1), (5, 3), (7, 20), (1, 50), (200, 8)] {
        let mock = mock(&[]);
        let (n, c) = (requests.to_string(), concurrency.to_string());
        let (done, results) = load_small(&mock.base, &["--requests", &n, "--concurrency", &c]);
        done.exits(0);
        let truth = mock.truth();
        assert_eq!(truth.len(), requests, "{requests} requests, {concurrency} at a time");
        assert_eq!(results.records().len(), requests);
        assert_eq!(counts(&results.summary())[..2], [requests as u64; 2]);
        // No request waits for a connection to open.
        assert!(results.records().iter().all(|record| record.connected.is_none()));
    }
}

#[test]
fn connections_are_reused_once_it_is_known_that_the_server_keeps_them() {
    let mock = mock(&["--ttft", "5ms"]);
    let (done, results) = load_small(&mock.base, &["--concurrency", "8", "--duration", "2"]);
    done.exits(0);
    let records = results.records();
    // That of the first request is watched for 100 ms; the next one goes out on it, and from then on they are reused.
    let watched = records[0].end + Span::from_millis(100);
    let known = records.iter().map(|record| record.sent).filter(|sent| *sent > watched).min().expect("more");
    let later: HashSet<_> = records
        .iter()
        .filter(|record| record.sent > known)
        .filter_map(|record| record.response_id.clone())
        .collect();
    assert!(later.len() > 50, "{} of {} requests came later", later.len(), records.len());
    let truth = mock.truth();
    let connections: HashSet<_> =
        truth.iter().filter(|row| later.contains(&row.id)).map(|row| row.conn).collect();
    // The client may open one connection more while it waits for one to come back, but no request waits for it.
    assert!(connections.len() <= 8 + 1, "{} connections", connections.len());
    assert!(records.iter().all(|record| record.connected.is_none()));
    assert_eq!(results.summary()["connections"]["server"], "keeps");
}

#[test]
fn an_open_loop_keeps_its_schedule_whatever_the_server_does() {
    let mock = mock(&["--ttft", "300ms", "--itl", "1ms"]);
    let open = ["--requests", "50", "--request-rate", "100", "--arrival", "constant"];
    let (done, results) = load_small(&mock.base, &open);
    done.exits(0);
    let mut records = results.records();
    records.sort_by_key(|record| record.id);
    assert!(records.iter().all(|record| record.sent >= record.due));
    let gaps = records.windows(2).map(|pair| pair[1].due.since(pair[0].due).0);
    assert!(gaps.into_iter().all(|gap| gap == 10_000_000), "requests are due every 10 ms");
    // A closed loop could not have had as many in flight.
    let first_end = records.iter().map(|record| record.end).min().expect("records");
    let sent_before = records.iter().filter(|record| record.sent < first_end).count();
    assert!(sent_before > 15, "{sent_before} were sent before the first had ended");
}

#[test]
fn what_finds_no_slot_in_an_open_loop_is_dropped_and_counted() {
    let mock = mock(&["--ttft", "3s"]);
    let open = ["--requests", "40", "--request-rate", "80", "--max-concurrency", "5"];
    let (done, results) = load_small(&mock.base, &open);
    done.exits(0);
    let counts = &results.summary()["counts"];
    assert_eq!([&counts["scheduled"], &counts["sent"], &counts["dropped"]], [40, 5, 35], "{counts}");
    assert_eq!((mock.truth().len(), results.records().len()), (5, 5));
}

#[test]
fn the_same_seed_asks_the_same_and_another_seed_something_else() {
    let asked = |seed: &str| {
        let mock = mock(&[]);
        let flags = [
            "--model",
            "m",
            "--base-url",
            &mock.base,
            "--requests",
            "30",
            "--concurrency",
            "1",
            "--seed",
            seed,
        ];
        load(&flags).exits(0);
        let truth = mock.truth();
        truth.iter().map(|row| (row.prompt_bytes, row.max_tokens)).collect::<Vec<_>>()
    };
    let first = asked("7");
    assert_eq!(asked("7"), first);
    assert_ne!(asked("8"), first);
}

#[test]
fn a_random_seed_is_drawn_and_written_down() {
    let drawn = || {
        let results = Results::new();
        let flags = ["--target", "mock", "--requests", "2", "--osl", "2", "--seed", "random"];
        let done = llmperf("load").args(flags).args(results.flag()).done().exits(0);
        let seed = results.of_run("manifest.json")["plan"]["seed"].as_u64().expect("a number");
        let note = format!("note: --seed random drew {seed}; --seed {seed} asks the same again");
        assert!(done.stderr.contains(&note), "{}", done.stderr);
        seed
    };
    assert_ne!(drawn(), drawn());
    let done = load(&["--target", "mock", "--seed", "often"]).exits(2);
    assert!(done.stderr.contains("give a whole number, or random"), "{}", done.stderr);
}

#[test]
fn every_prompt_is_another() {
    let (sender, prompts) = channel();
    let sender = Mutex::new(sender);
    let server = Server::start(move |asked, socket| {
        let body: Value = serde_json::from_str(&asked.body).expect("JSON");
        sender.lock().expect("a sender").send(body["messages"].to_string()).expect("a receiver");
        say(socket, &sse(&["a"]));
    });
    let (done, _) = load_small(&server.base, &["--requests", "40", "--concurrency", "4"]);
    done.exits(0);
    let prompts: std::collections::HashSet<String> = prompts.try_iter().collect();
    assert_eq!(prompts.len(), 40);
}

#[test]
fn a_request_says_who_sends_it_and_asks_for_nothing_it_does_not_need() {
    let (sender, heads) = channel();
    let sender = Mutex::new(sender);
    let server = Server::start(move |asked, socket| {
        let header = |name: &str| asked.header(name).map(str::to_owned);
        let headers =
            ["accept-encoding", "user-agent", "authorization", "cookie", "referer", "x-run"].map(header);
        let line = asked.head.lines().next().map(str::to_owned);
        sender.lock().expect("a sender").send((line, headers)).expect("a receiver");
        say(socket, &sse(&["a"]));
    });
    let flags = ["--base-url", &server.base, "--requests", "1", "--header", "X-Run: 5"];
    // A proxy that is named in the environment would be a second server to measure.
    let run = llmperf("load").args(SMALL).args(flags).env("OPENAI_API_KEY", "sk-0123456789");
    run.env("http_proxy", "http://127.0.0.1:1").env("HTTP_PROXY", "http://127.0.0.1:1").done().exits(0);
    let (line, [encoding, agent, authorization, cookie, referer, extra]) = heads.recv().expect("a request");
    assert_eq!(line.as_deref(), Some("POST /v1/chat/completions HTTP/1.1"));
    assert_eq!((encoding, cookie, referer), (None, None, None));
    assert_eq!(agent.as_deref(), Some(concat!("llmperf/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(authorization.as_deref(), Some("Bearer sk-0123456789"));
    assert_eq!(extra.as_deref(), Some("5"));
}

#[test]
fn a_local_server_needs_no_key_and_its_address_may_be_written_in_several_ways() {
    let mock = mock(&[]);
    let pasted = format!("{}/chat/completions", mock.base);
    for base in [mock.base.clone(), format!("{}/", mock.base), pasted] {
        let done = load(&[SMALL, &["--base-url", &base, "--requests", "1"]].concat()).exits(0);
        assert!(done.stderr.is_empty(), "{}", done.stderr);
    }
    let truth = mock.truth();
    assert_eq!(truth.len(), 3);
    for row in truth {
        assert_eq!((row.path.as_str(), row.status, row.auth), ("/v1/chat/completions", Some(200), false));
    }
}

#[test]
fn sampling_parameters_replace_those_of_the_workload() {
    let mock = mock(&[]);
    let flags = ["--requests", "2", "--additional-sampling-params", r#"{"max_tokens": 7, "temperature": 0}"#];
    let (done, results) = load_small(&mock.base, &flags);
    done.exits(0);
    for row in mock.truth() {
        assert_eq!((row.max_tokens, row.tokens), (Some(7), 7));
    }
    for record in results.records() {
        assert_eq!(record.osl.0, 7);
    }
}
