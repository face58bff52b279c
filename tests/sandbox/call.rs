//! What goes wrong in a call fails the request it was made for, under its own kind, and the others go on.

use crate::bound::{NO_CPU, NO_MEMORY, NO_ROOM, alone, check_bounds, check_fault};
use crate::harness::{Mock, load};

#[test]
fn a_fault_while_building_fails_that_request_and_is_named() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    for (model, kind, message) in [
        ("loop-build", "plugin_limit", NO_CPU),
        ("trap-build", "plugin_trap", "a bomb in build-request"),
        ("error-build", "plugin_request", "no words for that"),
        ("exit-build", "plugin_trap", "exit"),
        ("alloc-build", "plugin_limit", NO_MEMORY),
        ("recursion-build", "plugin_trap", "wasm trap"),
        ("huge-body", "plugin_limit", NO_ROOM),
        ("gigantic-body", "plugin_limit", NO_MEMORY),
        ("aliased-list", "plugin_limit", NO_ROOM),
        ("bad-utf8", "plugin_trap", "utf-8"),
        ("method", "plugin_request", "CONNECT"),
        ("many-headers", "plugin_request", "more than 100 headers"),
        ("many-framings", "plugin_request", "framings, more than 3"),
        ("long-path", "plugin_request", "longer than 8192 bytes"),
    ] {
        check_fault(&mock, model, kind, message);
    }
    assert_eq!(mock.paths(), [""; 0], "nothing was sent");
}

#[test]
fn a_fault_while_decoding_fails_that_request_and_is_named() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let cases = [
        ("loop-decode", "plugin_limit", NO_CPU),
        ("loop-finish", "plugin_limit", NO_CPU),
        ("trap-decode", "plugin_trap", "a bomb in push"),
        ("trap-finish", "plugin_trap", "a bomb in finish"),
        ("error-decode", "plugin_error", "what a mess"),
        ("exit-decode", "plugin_trap", "exit"),
        ("alloc-decode", "plugin_limit", NO_MEMORY),
        ("recursion-decode", "plugin_trap", "wasm trap"),
        ("million-deltas", "plugin_limit", NO_ROOM),
        ("wrong-event-index", "plugin_error", "event 1000000 of 24"),
        ("bad-utf8-decode", "plugin_trap", "utf-8"),
        ("log-spam-trap", "plugin_trap", "wrote: "),
        ("sleep", "plugin_trap", "no clock to wait on"),
    ];
    for (model, kind, message) in cases {
        check_fault(&mock, model, kind, message);
    }
    assert_eq!(mock.paths(), ["/v1/chat/completions"; 13]);
}

#[test]
fn a_trap_in_one_response_leaves_the_others_whole() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "trap-decode-every-3", &["-n", "30", "-c", "5"]);
    check_bounds("trap-decode-every-3", &outcome);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.records.len(), 30);
    let (good, bad): (Vec<_>, Vec<_>) =
        outcome.records.iter().partition(|record| record["failure"].is_null());
    assert_eq!((good.len(), bad.len()), (20, 10));
    for record in bad {
        assert_eq!(record["failure"]["kind"], "plugin_trap");
    }
    for record in good {
        assert_eq!((&record["osl_tokens"], &record["usage"]["output_tokens"]), (&20.into(), &20.into()));
        assert_eq!(record["token_event_ns"].as_array().map(Vec::len), Some(20));
    }
}

#[test]
fn a_fault_in_explaining_does_not_hide_what_the_server_said() {
    let _alone = alone();
    let mock = Mock::start(&["--fault", "500:all"]);
    let outcome = load(&mock.base_url, "trap-explain", &["-n", "2", "-c", "1"]);
    check_bounds("trap-explain", &outcome);
    assert_eq!(
        (outcome.code, outcome.kinds().as_slice()),
        (5, &["http_status"; 2][..]),
        "{}",
        outcome.stderr
    );
    assert!(outcome.message().contains("error"), "{:?}", outcome.message());
    assert_eq!(outcome.records[0]["failure"]["code"], "500");
    // A loop, a memory bomb and 40 MiB of words are nothing else.
    for status in ["506", "507", "508"] {
        let mock = Mock::start(&["--fault", &format!("{status}:all")]);
        let outcome = load(&mock.base_url, "plain", &["-n", "2", "-c", "1"]);
        check_bounds(status, &outcome);
        assert_eq!((outcome.code, outcome.kinds()), (5, vec!["http_status"; 2]), "{}", outcome.stderr);
        assert_eq!(outcome.records[0]["status"].to_string(), status);
        assert!((1..=1001).contains(&outcome.message().chars().count()), "{status}");
    }
}

#[test]
fn an_answer_without_end_is_cut_off_whichever_way_it_comes() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    for (model, words) in [
        ("million-calls", "more than 1000 tool calls and server timings"),
        ("million-timings", "more than 1000 tool calls and server timings"),
        ("huge-finish", "larger than 16777216 bytes (--plugin-limit output)"),
    ] {
        let outcome = load(&mock.base_url, model, &["-n", "2", "-c", "1"]);
        check_bounds(model, &outcome);
        assert_eq!((outcome.code, outcome.kinds()), (5, vec!["too_large"; 2]), "{model}: {}", outcome.stderr);
        assert!(outcome.message().contains(words), "{model}: {:?}", outcome.message());
    }
    let outcome = load(&mock.base_url, "long-word", &["-n", "2", "-c", "1"]);
    check_bounds("long-word", &outcome);
    assert_eq!(outcome.kinds(), ["ok"; 2], "{}", outcome.stderr);
    let word = outcome.records[0]["finish_reason"].as_str().expect("a word");
    assert!(word.starts_with("stop stop") && word.chars().count() <= 1001, "{}", word.len());
}

#[test]
fn a_loop_late_in_a_response_leaves_what_was_read_before() {
    let _alone = alone();
    let mock = Mock::start(&["--output-tokens", "600"]);
    let outcome = load(&mock.base_url, "loop-late", &["-n", "1", "--osl", "600"]);
    check_bounds("loop-late", &outcome);
    assert_eq!((outcome.code, outcome.kinds()), (6, vec!["plugin_limit"]), "{}", outcome.stderr);
    assert!(outcome.message().contains(NO_CPU), "{:?}", outcome.message());
    let stamps = outcome.records[0]["token_event_ns"].as_array().expect("stamps").len();
    assert!((400..=500).contains(&stamps), "{stamps}");
    assert!(!outcome.texts()[0].is_empty());
}

#[test]
fn numbers_beyond_all_measure_break_no_sum() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "huge-usage", &["-n", "4", "-c", "2"]);
    check_bounds("huge-usage", &outcome);
    assert_eq!((outcome.code, outcome.kinds()), (0, vec!["ok"; 4]), "{}", outcome.stderr);
    let summary: serde_json::Value = serde_json::from_str(&outcome.file("summary.json")).expect("JSON");
    assert_eq!(summary["counts"]["ok"], 4, "{summary}");
    // What was counted here stands.
    assert!(outcome.records.iter().all(|record| record["osl_tokens"] == 20));
}

/// A run that was ended because the plugin did nothing but fail.
fn check_given_up(model: &str, kind: &str, args: &[&str]) {
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, model, args);
    check_bounds(model, &outcome);
    assert_eq!(outcome.code, 6, "{model}: {}", outcome.stderr);
    assert!(outcome.stderr.contains("error: the plugin failed"), "{model}: {}", outcome.stderr);
    let faults = outcome.kinds().iter().filter(|&&found| found == kind).count();
    assert!((10..100).contains(&faults), "{model}: {faults} of {:?}", outcome.kinds());
    assert!(outcome.file("summary.json").contains("\"ended\": \"plugin_faults\""), "{model}");
    assert!(outcome.file("_individual_responses.json").contains("error"), "{model}");
}

#[test]
fn ten_faults_in_a_row_end_the_run_with_its_results_written() {
    let _alone = alone();
    check_given_up("trap-decode", "plugin_trap", &["-n", "500", "-c", "4"]);
    check_given_up("error-build", "plugin_request", &["-n", "500", "-c", "4"]);
}

#[test]
fn faults_are_seen_while_requests_are_built_ahead() {
    let _alone = alone();
    // Hundreds are built before the first is sent, and each burns a second: ten must be enough.
    check_given_up("loop-build", "plugin_limit", &["-n", "500", "-c", "1"]);
}

#[test]
fn what_a_plugin_lies_about_is_laid_beside_what_was_counted() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "lie", &["-n", "4", "-c", "1"]);
    check_bounds("lie", &outcome);
    let summary: serde_json::Value = serde_json::from_str(&outcome.file("summary.json")).expect("JSON");
    let share = summary.pointer("/tokens/output/disagreement").and_then(serde_json::Value::as_f64);
    assert!(share.is_some_and(|share| (share - 49.0).abs() < 1e-9), "{share:?}");
    assert!(outcome.stdout.contains("4900.0 % more output"), "{}", outcome.stdout);
    for record in &outcome.records {
        // No text is no token; what did not end says so; both counts are there.
        assert_eq!(record["token_event_ns"].as_array().map(Vec::len), Some(20), "{record}");
        assert_eq!(
            (&record["terminated"], &record["finish_reason"]),
            (&false.into(), &serde_json::Value::Null)
        );
        assert_eq!((&record["osl_tokens"], &record["usage"]["output_tokens"]), (&20.into(), &1000.into()));
    }
}
