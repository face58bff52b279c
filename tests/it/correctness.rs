//! The correctness test end to end: against targets that are wrong on purpose, and known to be.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{Done, Mock, Results, Server, entries, llmperf, mock, say, sse};
use llmperf::workload::number_words;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

fn correctness(base: &str, results: &Results, args: &[&str]) -> Done {
    let done = llmperf("correctness").args(["--base-url", base, "--model", "a/b:c"]);
    done.args(results.flag()).args(args).done()
}

/// A mock that writes every number in digits, but for those that `is_wrong`; and whatever it keeps in files.
fn counting(is_wrong: impl Fn(u32) -> bool, args: &[&str]) -> (Mock, TempDir) {
    let answers = (0..=10_000).map(|number| {
        let said = if is_wrong(number) { number + 1 } else { number };
        // As models do: with a comma, in words, in the middle.
        let text = match number % 3 {
            0 => format!("{said} is the number."),
            1 if said >= 1000 => format!("**{},{:03}**\nis \"it\".", said / 1000, said % 1000),
            _ => format!("The number is {said}"),
        };
        (format!("number: {}.\n", number_words(number)), Value::from(text))
    });
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("answers.json");
    std::fs::write(&path, Value::Object(answers.collect::<Map<_, _>>()).to_string()).expect("a file");
    let flag = ["--answer-file", path.to_str().expect("a path in UTF-8")];
    (mock(&[&flag[..], args].concat()), dir)
}

fn divisible_by_four(number: u32) -> bool {
    number.is_multiple_of(4)
}

fn fixture(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/llmperf").join(path);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn numbers(responses: &Value) -> Vec<u32> {
    let rows = responses.as_array().expect("rows").iter();
    let number = |row: &Value| row["request_config"]["metadata"]["rnd_number"].as_u64().expect("a number");
    rows.map(|row| u32::try_from(number(row)).expect("a small number")).collect()
}

#[test]
fn wrong_numbers_are_counted_exactly_and_listed() {
    let (mock, _dir) = counting(divisible_by_four, &[]);
    let results = Results::new();
    let args = ["--requests", "60", "--concurrency", "7", "--metadata", "purpose=golden,run=1"];
    let sampling = ["--additional-sampling-params", r#"{"max_tokens": 32}"#];
    let done = correctness(&mock.base, &results, &[&args[..], &sampling].concat()).exits(0);
    let responses = results.llmperf("correctness_individual_responses");
    let wrong = numbers(&responses).into_iter().filter(|&number| divisible_by_four(number)).count() as u64;
    assert!(wrong > 3);

    let summary = results.llmperf("correctness_summary");
    assert_eq!(keys(&summary), keys(&fixture("mock-llama-2-7b_chat-v1-0_correctness_summary.json")));
    assert_eq!(summary["num_mismatched_requests"], wrong);
    assert_eq!(summary["mismatch_rate"], json!(wrong as f64 / 60.0));
    for (key, expected) in [
        ("name", json!("a-b-c_correctness_summary")),
        ("number_errors", json!(0)),
        ("error_rate", json!(0.0)),
        ("num_completed_requests", json!(60)),
        ("num_non_errored_requests", json!(60)),
        ("model", json!("a/b:c")),
        ("num_concurrent_requests", json!(7)),
        ("additional_sampling_params_max_tokens", json!(32)),
        ("llm_api", json!("openai")),
        ("purpose", json!("golden")),
        ("run", json!("1")),
    ] {
        assert_eq!(summary[key], expected, "{key}");
    }

    let json = results.of_run("correctness.json");
    assert_eq!(json["counts"]["right"], 60 - wrong);
    assert_eq!(json["mismatches"].as_array().expect("a list").len() as u64, wrong);
    for mismatch in json["mismatches"].as_array().expect("a list") {
        let expected: u32 = mismatch["expected"].as_str().expect("a text").parse().expect("a number");
        assert!(divisible_by_four(expected), "{mismatch}");
        assert!(done.stdout.contains(&format!("expected {expected}, got ")), "{}", done.stdout);
    }
    assert!(done.stdout.contains("60 sent = 60 answered + 0 failed + 0 cancelled"), "{}", done.stdout);
    assert!(done.stdout.contains(&format!("Right        {} of 60", 60 - wrong)), "{}", done.stdout);
    assert_eq!(mock.truth().len(), 60);
}

#[test]
fn both_files_have_llmperfs_names_and_keys() {
    let (mock, _dir) = counting(|_| false, &["--fault", "503:every=4"]);
    let results = Results::new();
    let args = ["--requests", "8", "--concurrency", "4", "--metadata", "purpose=golden,run=1"];
    let sampling = ["--additional-sampling-params", r#"{"max_tokens": 32}"#];
    let args = [&args[..], &sampling].concat();
    correctness(&mock.base, &results, &args).exits(0);
    let of = |name: &str| {
        fixture(&format!("correctness-with-errors/mock-llama-2-7b_chat-v1-0_correctness_{name}.json"))
    };
    let (theirs, ours) = (of("individual_responses"), results.llmperf("correctness_individual_responses"));
    let sorted = |rows: &Value| {
        let mut rows = rows.as_array().expect("rows").clone();
        rows.sort_by_key(|row| row["metrics"]["error_code"].as_i64());
        rows
    };
    let (theirs, ours) = (sorted(&theirs), sorted(&ours));
    assert_eq!((theirs.len(), ours.len()), (8, 8));
    for (theirs, ours) in theirs.iter().zip(&ours) {
        same_shape(theirs, ours);
        assert_eq!(ours["metrics"]["error_code"], theirs["metrics"]["error_code"]);
        let (ours, theirs) = (&ours["request_config"], &theirs["request_config"]);
        assert_eq!(ours["sampling_params"].to_string(), r#"{"temperature":0.0,"max_tokens":32}"#);
        assert_eq!(ours["sampling_params"], theirs["sampling_params"]);
        let number = ours["metadata"]["rnd_number"].as_u64().expect("a number");
        assert_eq!(
            ours["prompt"][0],
            format!(
                "Convert the following sequence of words into a number: {}.\nPrint the number first.",
                number_words(number as u32)
            )
        );
    }
    let (theirs, ours) = (of("summary"), results.llmperf("correctness_summary"));
    same_shape(&theirs, &ours);
    for key in ["number_errors", "error_rate", "num_mismatched_requests", "mismatch_rate"] {
        assert_eq!(ours[key], theirs[key], "{key}");
    }
    for key in ["num_completed_requests", "num_non_errored_requests"] {
        assert_eq!(ours[key], theirs[key], "{key}");
    }
}

/// The same keys in the same order, and values of the same types.
fn same_shape(theirs: &Value, ours: &Value) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(keys(theirs), keys(ours));
            a.values().zip(b.values()).for_each(|(theirs, ours)| same_shape(theirs, ours));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(theirs, ours)| same_shape(theirs, ours));
        }
        (Value::Number(a), Value::Number(b)) => assert_eq!(a.is_f64(), b.is_f64(), "{a} {b}"),
        (a, b) => assert_eq!(std::mem::discriminant(a), std::mem::discriminant(b), "{a} {b}"),
    }
}

#[test]
fn the_same_seed_asks_the_same_numbers_whatever_the_concurrency() {
    let (mock, _dir) = counting(|_| false, &[]);
    let asked = |seed: &str, concurrency: &str| {
        let results = Results::new();
        let args = ["--requests", "20", "--seed", seed, "--concurrency", concurrency];
        correctness(&mock.base, &results, &args).exits(0);
        let mut numbers = numbers(&results.llmperf("correctness_individual_responses"));
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(asked("1", "1"), asked("1", "9"));
    assert_ne!(asked("1", "1"), asked("2", "1"));
}

#[test]
fn a_rate_above_the_limit_is_exit_3_and_errors_are_in_no_rate_but_their_own() {
    let (mock, _dir) = counting(divisible_by_four, &["--fault", "500:every=2"]);
    let results = Results::new();
    let args = |limit: &'static str| ["--requests", "40", "--concurrency", "1", "--fail-above", limit];
    let done = correctness(&mock.base, &results, &args("0.01")).exits(3);
    assert!(done.stdout.contains("FAILED"), "{}", done.stdout);
    let json = results.of_run("correctness.json");
    let mismatched = json["counts"]["mismatched"].as_f64().expect("a count");
    assert_eq!((&json["counts"]["answered"], &json["counts"]["failed"]), (&json!(20), &json!(20)));
    assert_eq!(json["mismatch_rate"]["value"], json!(mismatched / 20.0));
    assert_eq!((&json["error_rate"]["value"], &json["passed"]), (&json!(0.5), &json!(false)));
    let done = correctness(&mock.base, &Results::new(), &args("0.9")).exits(0);
    assert!(done.stdout.contains("passed: at most 90.00 % mismatched"), "{}", done.stdout);
}

#[test]
fn a_gate_does_not_pass_where_most_requests_failed_or_more_than_is_said() {
    let (mock, _dir) = counting(|_| false, &["--fault", "503:every=2"]);
    let check = |args: &[&str], code: i32, word: &str| {
        let results = Results::new();
        let all = [&["--requests", "10", "--concurrency", "1"], args].concat();
        let done = correctness(&mock.base, &results, &all).exits(code);
        assert!(done.stdout.contains(word), "{}", done.stdout);
        let passed = &results.of_run("correctness.json")["passed"];
        assert_eq!(*passed, if word.is_empty() { Value::Null } else { json!(code == 0) });
    };
    check(&[], 0, "");
    check(&["--fail-above", "0"], 0, "passed: at most 50.00 % failed");
    check(&["--fail-above", "0", "--fail-above-errors", "0.4"], 3, "FAILED: at most 40.00 % failed");
    check(&["--fail-above-errors", "0.5"], 0, "passed: at most 50.00 % failed");
    check(&["--fail-above-errors", "0"], 3, "FAILED: at most 0.00 % failed");
    let (mostly, _dir) = counting(|_| false, &["--fault", "503:70%"]);
    let done =
        correctness(&mostly.base, &Results::new(), &["--requests", "60", "--fail-above", "0.9"]).exits(3);
    assert!(done.stdout.contains("passed: at most 90.00 % mismatched"), "{}", done.stdout);
    assert!(done.stdout.contains("FAILED: at most 50.00 % failed"), "{}", done.stdout);
}

#[test]
fn nothing_answered_divides_by_nothing() {
    let mock = mock(&["--fault", "503:100%"]);
    let results = Results::new();
    let done = correctness(&mock.base, &results, &["--requests", "5", "--fail-above", "0"]).exits(5);
    assert!(
        done.stdout.contains("Mismatched   not defined") && !done.stdout.contains("NaN"),
        "{}",
        done.stdout
    );
    let summary = results.llmperf("correctness_summary");
    assert_eq!((&summary["mismatch_rate"], &summary["error_rate"]), (&Value::Null, &json!(1.0)));
}

#[test]
fn a_reply_that_attacks_the_terminal_is_inert() {
    let server = Server::start(|_, socket| say(socket, &sse(&["\u{1b}]0;x\u{7}\u{202e}", "no\nno"])));
    let results = Results::new();
    let done = correctness(&server.base, &results, &["--requests", "3"]).exits(0);
    assert!(done.stdout.contains("got \"\\u{1b}]0;x\\u{7}\\u{202e}no\\nno\""), "{}", done.stdout);
    assert!(done.stdout.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", done.stdout);
}

#[test]
fn every_check_finds_a_target_without_mistakes_right() {
    for check in ["number", "needle", "json", "repeat"] {
        let results = Results::new();
        let args = ["--target", "mock", "--requests", "6", "--check", check, "--fail-above", "0"];
        let done = llmperf("correctness").args(args).args(results.flag()).args(["--output", "json"]).done();
        let printed: Value = serde_json::from_str(&done.exits(0).stdout).expect("JSON");
        assert_eq!((&printed["check"], &printed["counts"]["right"]), (&json!(check), &json!(6)), "{printed}");
        assert_eq!(printed["replies"], json!({"empty": 0, "cut_short": 0, "garbled": 0}), "{printed}");
        assert_eq!(printed["alone"].is_object(), check == "repeat");
    }
}

#[test]
fn every_check_finds_a_target_that_babbles_wrong() {
    for check in ["number", "needle", "json"] {
        let mock = mock(&["--output-tokens", "5"]);
        let results = Results::new();
        let args = ["--requests", "5", "--check", check, "--fail-above", "0.5"];
        correctness(&mock.base, &results, &args).exits(3);
        assert_eq!(results.of_run("correctness.json")["counts"]["mismatched"], 5, "{check}");
        let names: BTreeSet<String> = entries(results.path())
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let base = if check == "number" {
            "a-b-c_correctness".to_owned()
        } else {
            format!("a-b-c_correctness_{check}")
        };
        assert!(names.contains(&format!("{base}_summary.json")), "{names:?}");
    }
}

#[test]
fn a_needle_is_asked_for_in_a_prompt_of_the_given_length() {
    let results = Results::new();
    let args = ["--target", "mock", "--requests", "4", "--check", "needle", "--needle-tokens", "700"];
    llmperf("correctness").args(args).args(results.flag()).done().exits(0);
    assert!(results.records().iter().all(|record| record.isl.0.abs_diff(700) <= 2));
    let rows = results.llmperf("correctness_needle_individual_responses");
    for row in rows.as_array().expect("rows") {
        let config = &row["request_config"];
        let needle = config["metadata"]["needle"].to_string();
        assert!(config["prompt"][0].as_str().expect("a prompt").contains(&needle), "{config}");
        assert_eq!(row["generated_text"], needle.as_str());
    }
}

#[test]
fn replies_that_change_under_load_are_counted_by_what_is_wrong() {
    // The first round has ten requests, one at a time; of the second, each is told by its place in the order of arrival.
    let server = Server::start(|asked, socket| {
        let cut = sse(&["the same"]).replace(
            "data: [DONE]",
            r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
        );
        let finished = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned()
            + "\n\ndata: [DONE]";
        let empty = sse(&[]).replace("data: [DONE]", &finished);
        let answer = match asked.n {
            11 => sse(&["another"]),
            12 => sse(&["the same\u{fffd}\u{fffd}"]),
            13 => empty,
            14 => cut,
            15 => "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
            _ => sse(&["the ", "same"]),
        };
        say(socket, &answer);
    });
    let results = Results::new();
    let args = ["--requests", "10", "--concurrency", "4", "--check", "repeat", "--fail-above", "0.2"];
    let done = correctness(&server.base, &results, &args).exits(3);
    assert_eq!(server.asked(), 20);
    assert!(done.stderr.contains("round 1/2: 1 at a time\nround 2/2: 4 at a time\n"), "{}", done.stderr);
    assert!(done.stdout.contains("Different    3 of 9 (33.33 %"), "{}", done.stdout);
    let responses = results.llmperf("correctness_repeat_individual_responses");
    assert_eq!(responses.as_array().expect("rows").len(), 10);
    let summary = results.llmperf("correctness_repeat_summary");
    assert_eq!((&summary["num_mismatched_requests"], &summary["number_errors"]), (&json!(3), &json!(1)));
    let dirs = results.run_dirs();
    let last = dirs.iter().find(|dir| dir.join("correctness.json").exists()).expect("the second round");
    let text = std::fs::read_to_string(last.join("correctness.json")).expect("a file");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["replies"], json!({"empty": 1, "cut_short": 1, "garbled": 1}));
    assert_eq!(json["alone"]["replies"], json!({"empty": 0, "cut_short": 0, "garbled": 0}));
    assert_eq!(json["alone"]["counts"]["answered"], 10);
    assert_eq!(dirs.len(), 2);
}

#[test]
fn what_cannot_be_meant_is_a_mistake_of_usage() {
    let check = |args: &[&str], expected: &str| {
        let done = llmperf("correctness").args(["--target", "mock"]).args(args).done().exits(2);
        assert!(done.stderr.contains(expected) && done.stdout.is_empty(), "{done:?}");
    };
    check(&["--fail-above", "2"], "--fail-above is 2");
    check(&["--fail-above-errors", "nan"], "--fail-above-errors is NaN");
    check(&["--needle-tokens", "500"], "--needle-tokens is the length of a needle's prompt");
    check(&["--check", "needle", "--needle-tokens", "5"], "--needle-tokens is 5, but the shortest");
    check(&["--check", "spelling"], "spelling");
    check(&["--requests", "0"], "--max-num-completed-requests is 0");
    check(&["--additional-sampling-params", "[1]"], "--additional-sampling-params is JSON, but no object");
}

#[test]
fn a_reply_that_the_limit_of_tokens_cuts_is_counted_as_such() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("answers.json");
    std::fs::write(&path, r#"{"Convert": "The number is not known"}"#).expect("a file");
    let mock = mock(&["--answer-file", path.to_str().expect("a path in UTF-8")]);
    for stream in [true, false] {
        let results = Results::new();
        let sampling = json!({"max_tokens": 2, "stream": stream}).to_string();
        correctness(&mock.base, &results, &["--requests", "4", "--sampling", &sampling]).exits(0);
        let json = results.of_run("correctness.json");
        assert_eq!(json["replies"], json!({"empty": 0, "cut_short": 4, "garbled": 0}), "{stream}");
        assert_eq!(json["mismatches"][0]["reply"], "The number");
    }
}

#[test]
fn requests_that_the_timeout_ends_are_neither_right_nor_wrong() {
    let (mock, _dir) = counting(|_| false, &["--ttft", "30s"]);
    let results = Results::new();
    let done =
        correctness(&mock.base, &results, &["--requests", "9", "--concurrency", "3", "--timeout", "1"]);
    let done = done.exits(5);
    assert!(done.stdout.contains("3 sent = 0 answered + 0 failed + 3 cancelled"), "{}", done.stdout);
    assert!(done.stderr.contains("--timeout passed"), "{}", done.stderr);
    assert_eq!(results.llmperf("correctness_individual_responses"), json!([]));
    assert_eq!(results.llmperf("correctness_summary")["error_rate"], Value::Null);
}

#[test]
fn replies_of_vertex_ai_and_sagemaker_are_counted_by_the_tokenizer_as_in_llmperf() {
    for (api, options, body) in [
        (
            "vertexai",
            &["endpoint-id=e"][..],
            r#"{"predictions":["Prompt:\nx\nOutput:\nThe number is 12345"]}"#,
        ),
        (
            "sagemaker",
            &["stream=false"],
            r#"[{"generation":{"role":"assistant","content":"The number is 12345"}}]"#,
        ),
    ] {
        let server = Server::start(move |_, socket| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
            say(socket, &format!("{head}{body}"));
        });
        let results = Results::new();
        let options = options.iter().flat_map(|option| ["--plugin-option", option]).collect::<Vec<_>>();
        let args = [&["--llm-api", api, "--requests", "2", "--concurrency", "1"], &options[..]].concat();
        correctness(&server.base, &results, &args).exits(0);
        for row in results.llmperf("correctness_individual_responses").as_array().expect("rows") {
            let metrics = &row["metrics"];
            assert_eq!(row["generated_text"], "The number is 12345", "{api}");
            // Llama's: the number is one token a digit or some digits, and the beginning of the text is one.
            let tokens = metrics["number_output_tokens"].as_u64().expect("a number");
            assert!((5..=12).contains(&tokens), "{api}: {tokens}");
            assert_eq!(metrics["number_total_tokens"], tokens, "{api}");
        }
    }
}
