//! What a run leaves behind: LLMPerf's files as LLMPerf wrote them, and a directory of the run's own.

use std::collections::BTreeSet;

use crate::support::{Results, SMALL, counts, entries, llmperf, mock};
use llmperf::metrics::{Context, summarize};
use llmperf::plugin::ending_of;
use llmperf::report::{read_records, summary_json};
use serde_json::{Map, Value, json};

const GOLDEN: &str = include_str!("../fixtures/llmperf/mock-llama-2-7b_chat-v1-0_550_50_summary.json");
const GOLDEN_ROWS: &str =
    include_str!("../fixtures/llmperf/mock-llama-2-7b_chat-v1-0_550_50_individual_responses.json");

#[test]
fn the_command_line_of_the_readme_works_as_it_is_written() {
    let mock = mock(&["--ttft", "20ms", "--itl", "200us"]);
    let results = Results::new();
    let flags = [
        "--model",
        "hf.co/rombodawg/Rombos-LLM-V2.6-Qwen-14b-Q8_0-GGUF:latest",
        "--mean-input-tokens",
        "230",
        "--stddev-input-tokens",
        "100",
        "--mean-output-tokens",
        "280",
        "--stddev-output-tokens",
        "100",
        "--max-num-completed-requests",
        "16",
        "--timeout",
        "600",
        "--num-concurrent-requests",
        "4",
    ];
    let rest = ["--llm-api", "openai", "--additional-sampling-params", "{}"];
    let run = llmperf("load").env("OPENAI_API_KEY", "ollama").env("OPENAI_API_BASE", &mock.base);
    run.args(flags).args(results.flag()).args(rest).done().exits(0);
    let truth = mock.truth();
    assert_eq!(truth.len(), 16);
    assert!(truth.iter().all(|row| row.auth && row.path == "/v1/chat/completions"));
    let base = "hf-co-rombodawg-Rombos-LLM-V2-6-Qwen-14b-Q8_0-GGUF-latest_230_280";
    for part in ["summary", "individual_responses"] {
        assert!(
            results.path().join(format!("{base}_{part}.json")).is_file(),
            "{:?}",
            entries(results.path())
        );
    }
    let summary = results.llmperf("summary");
    assert_eq!(summary["results_num_completed_requests"], 16);
    let asked: BTreeSet<u64> = truth.iter().filter_map(|row| row.max_tokens).collect();
    assert!(asked.len() > 8, "lengths are drawn: {asked:?}");
    assert_eq!(
        results.records().iter().map(|record| record.osl.0).sum::<u64>(),
        truth.iter().map(|row| row.tokens).sum::<u64>()
    );
}

/// LLMPerf's own run, against a server that does what its server did.
fn as_llmperf_ran() -> Results {
    let mock = mock(&["--ttft", "20ms", "--itl", "1ms"]);
    let results = Results::new();
    let flags = "--mean-input-tokens 550 --stddev-input-tokens 150 --mean-output-tokens 50 --stddev-output-tokens 0 \
                 --max-num-completed-requests 12 --timeout 600 --num-concurrent-requests 4 --llm-api openai \
                 --model mock/llama-2-7b_chat:v1.0 --metadata purpose=golden,run=1 --additional-sampling-params";
    let run =
        llmperf("load").env("OPENAI_API_KEY", "k").env("OPENAI_API_BASE", &mock.base).args(results.flag());
    let sampling = r#"{"temperature": 0.5, "stop": ["zz"]}"#;
    run.args(flags.split_whitespace()).args([sampling]).done().exits(0);
    results
}

#[test]
fn the_two_files_have_llmperfs_names_keys_order_and_types() {
    let results = as_llmperf_ran();
    let object = |value: Value| match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    };
    let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
    let golden = object(serde_json::from_str(GOLDEN).expect("LLMPerf's summary"));
    let ours = object(results.llmperf("summary"));
    assert_eq!(keys(&ours), keys(&golden));
    for (key, value) in &golden {
        let (ours, value) = (&ours[key], number_of(value));
        assert_eq!(kind(ours), kind(&value), "{key}: {ours}");
        if !key.starts_with("results_") && key != "timestamp" {
            assert_eq!(*ours, value, "{key}");
        }
    }
    assert_eq!(ours["results_number_output_tokens_mean"], golden["results_number_output_tokens_mean"]);
    assert_eq!(ours["results_num_requests_started"], 12);

    let rows = |value: Value| match value {
        Value::Array(rows) => rows.into_iter().map(object).collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    let golden = rows(serde_json::from_str(GOLDEN_ROWS).expect("LLMPerf's rows"));
    let ours = rows(results.llmperf("individual_responses"));
    assert_eq!(ours.len(), 12);
    for row in ours {
        assert_eq!(keys(&row), keys(&golden[0]));
        for (key, value) in &golden[0] {
            assert_eq!(kind(&row[key]), kind(value), "{key}");
        }
        assert_eq!(row["number_output_tokens"], 51);
    }
}

/// LLMPerf wrote the least and the greatest count as text, which was plainly wrong.
fn number_of(value: &Value) -> Value {
    match value.as_str().and_then(|text| text.parse::<u64>().ok()) {
        // `run=1` of the metadata is text and stays so.
        Some(number) if number > 1 => json!(number),
        _ => value.clone(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[test]
fn metadata_and_sampling_parameters_are_in_the_summary() {
    let mock = mock(&[]);
    let results = Results::new();
    let sampling = r#"{"max_tokens": 7, "stream_options": {"include_usage": true}, "stop": ["a", "b"]}"#;
    let flags = ["--requests", "1", "--metadata", "a=b=c,run=1", "--additional-sampling-params", sampling];
    llmperf("load")
        .args(SMALL)
        .args(results.flag())
        .args(flags)
        .args(["--base-url", &mock.base])
        .done()
        .exits(0);
    let summary = results.llmperf("summary");
    for (key, value) in [
        ("a", json!("b=c")),
        ("run", json!("1")),
        ("additional_sampling_params_max_tokens", json!(7)),
        ("additional_sampling_params_stream_options_include_usage", json!(true)),
        ("additional_sampling_params_stop", json!(["a", "b"])),
        ("results_number_output_tokens_mean", json!(8.0)),
        // One value has no deviation.
        ("results_ttft_s_stddev", Value::Null),
    ] {
        assert_eq!(summary[key], value, "{key}");
    }
    let plan = results.of_run("manifest.json")["plan"].clone();
    assert_eq!(plan["metadata"], json!({"a": "b=c", "run": "1"}));
    assert_eq!(plan["additional_sampling_params"]["max_tokens"], 7);
}

#[test]
fn two_runs_into_one_directory_do_not_meet() {
    let mock = mock(&["--ttft", "20ms"]);
    let results = Results::new();
    let start = |requests: &str| {
        let flags = ["--base-url", &mock.base, "--requests", requests];
        llmperf("load").args(SMALL).args(results.flag()).args(flags).start()
    };
    let runs = [start("20"), start("30"), start("40")];
    for run in runs {
        run.wait().exits(0);
    }
    let dirs = results.run_dirs();
    let mut sizes: Vec<usize> = dirs
        .iter()
        .map(|dir| {
            let summary = std::fs::read_to_string(dir.join("summary.json")).expect("a summary");
            let records = read_records(&dir.join("records.jsonl")).expect("records").records;
            assert_eq!(counts(&serde_json::from_str(&summary).expect("JSON"))[1], records.len() as u64);
            records.len()
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [20, 30, 40]);
    // Of LLMPerf's two files, which have one name for all runs, the last run's are there and whole.
    assert!(results.llmperf("summary").is_object());
    let files = entries(results.path()).into_iter().filter(|path| path.is_file()).count();
    assert_eq!(files, 2, "{:?}", entries(results.path()));
}

#[test]
fn the_summary_can_be_made_again_from_the_records() {
    let mock =
        mock(&["--ttft", "5ms", "--itl", "1ms", "--fault", "503:every=4", "--fault", "reset,after=3:#6"]);
    let results = Results::new();
    let flags = ["--base-url", &mock.base, "--requests", "40", "--concurrency", "8"];
    llmperf("load").args(SMALL).args(results.flag()).args(flags).done().exits(0);
    let records = results.read_records().records;
    let context = Context { chat_template: true, ending: ending_of("openai-chat"), ..Context::default() };
    let summary = summarize(&records, context);
    let mut saved = results.summary();
    saved.as_object_mut().expect("an object").retain(|key, _| !OF_THE_RUN.contains(&key.as_str()));
    assert_eq!(summary_json(&summary), saved);
    assert_eq!(counts(&saved), [40, 29, 11, 0]);
}

/// What the run itself adds to its summary, which is in no record.
const OF_THE_RUN: [&str; 6] = ["ended", "connections", "verdict", "health", "error_bar", "plugin"];

#[test]
fn a_run_that_lost_its_summary_has_the_same_numbers() {
    let mock =
        mock(&["--ttft", "5ms", "--itl", "1ms", "--fault", "503:every=5", "--fault", "reset,after=3:#9"]);
    let closed = ["--requests", "60", "--concurrency", "8", "--warmup-requests", "5", "--save-text"];
    let open = ["--request-rate", "80", "--duration", "1.5", "--max-concurrency", "40"];
    for flags in [&closed[..], &open] {
        let results = Results::new();
        let common = ["--slo", "ttft:p50<1s itl<20ms", "--dialect", "llmperf,vllm", "--metadata", "a=b"];
        let run = llmperf("load").args(SMALL).args(results.flag()).args(["--base-url", &mock.base]);
        run.args(flags).args(common).done().exits(0);
        let (dir, saved) = (results.run_dir(), results.summary());
        let json_of = |command: &str| -> Value {
            let done = llmperf(command).args([&dir]).args(["--output", "json"]).done().exits(0);
            serde_json::from_str(&done.stdout).expect("JSON")
        };
        let compared = json_of("compare");
        std::fs::remove_file(dir.join("summary.json")).expect("it was there");
        let again = json_of("replay");
        let dropped = saved["counts"]["dropped"].clone();
        for (key, value) in saved.as_object().expect("an object") {
            let mut value = value.clone();
            if key == "counts" && flags == open {
                // What was due and never sent is in no record.
                (value["dropped"], value["scheduled"]) = (Value::Null, Value::Null);
            }
            if !(OF_THE_RUN.contains(&key.as_str())
                || dropped != 0 && ["slo", "goodput", "rates"].contains(&key.as_str()))
            {
                assert_eq!(again[key], value, "{key}");
            }
        }
        let compared_again = json_of("compare");
        assert_eq!(compared_again["runs"][0]["from_records"], true);
        assert_eq!(compared_again["runs"][0]["metrics"], compared["runs"][0]["metrics"]);
        // With a place for them, all files of a run are made of its records, and are those of a run.
        let whole = Results::new();
        llmperf("replay").args([&dir]).args(whole.flag()).done().exits(0);
        assert_eq!(whole.summary()["metrics"], saved["metrics"]);
        assert_eq!(whole.records(), results.records());
        let llmperfs = entries(&whole.run_dir())
            .into_iter()
            .find(|file| file.to_string_lossy().ends_with("_10_summary.json"));
        let llmperfs = std::fs::read(llmperfs.expect("LLMPerf's summary")).expect("a file");
        assert_eq!(serde_json::from_slice::<Value>(&llmperfs).expect("JSON"), results.llmperf("summary"));
    }
}

#[test]
fn the_text_of_responses_is_saved_where_it_was_asked_for() {
    let mock = mock(&["--reasoning-tokens", "3"]);
    for (flag, saved) in [(&["--save-text"][..], true), (&[], false)] {
        let (done, results) = crate::support::load_small(&mock.base, &[&["--requests", "2"], flag].concat());
        done.exits(0);
        for record in results.records() {
            assert_eq!(record.output.is_some(), saved);
            assert_eq!((record.osl.0, record.reasoning.0), (10, 3));
            if let Some(output) = record.output {
                let words = |text: &str| text.split_whitespace().count();
                assert_eq!((words(&output.text), words(&output.reasoning)), (7, 3));
            }
        }
    }
}
