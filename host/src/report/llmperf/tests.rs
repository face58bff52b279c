use super::*;
use crate::metrics::request::tests::record;
use crate::record::{Failure, FailureKind, Outcome, RequestRecord};

/// Genuine results of LLMPerf (commit f1d6bed) against a server with fixed timing.
const SUMMARY: &str = include_str!("../testdata/llmperf_summary.json");
const INDIVIDUAL: &str = include_str!("../testdata/llmperf_individual_responses.json");

fn golden_params() -> Map<String, Value> {
    serde_json::from_str(r#"{"temperature": 0.5, "stop": ["zz"]}"#).unwrap()
}

fn golden_run<'a>(params: &'a Map<String, Value>, metadata: &'a [(String, String)]) -> LlmperfRun<'a> {
    LlmperfRun {
        model: "mock/llama-2-7b_chat:v1.0",
        mean_input_tokens: 550.0,
        stddev_input_tokens: 150.0,
        mean_output_tokens: 50.0,
        stddev_output_tokens: 0.0,
        num_concurrent_requests: 4,
        additional_sampling_params: params,
        metadata,
        timestamp: 1_795_489_962,
    }
}

fn golden_rows() -> Vec<Row> {
    let rows: Vec<Map<String, Value>> = serde_json::from_str(INDIVIDUAL).unwrap();
    let row = |row: Map<String, Value>| Row {
        error_code: row["error_code"].as_i64(),
        error_msg: row["error_msg"].as_str().unwrap().to_owned(),
        inter_token_latency_s: row["inter_token_latency_s"].as_f64(),
        ttft_s: row["ttft_s"].as_f64(),
        end_to_end_latency_s: row["end_to_end_latency_s"].as_f64(),
        request_output_throughput_token_per_s: row["request_output_throughput_token_per_s"].as_f64(),
        number_total_tokens: Tokens(row["number_total_tokens"].as_u64().unwrap()),
        number_output_tokens: Tokens(row["number_output_tokens"].as_u64().unwrap()),
        number_input_tokens: Tokens(row["number_input_tokens"].as_u64().unwrap()),
    };
    rows.into_iter().map(row).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn individual_responses(files: &LlmperfFiles) -> String {
    let mut text = Vec::new();
    files.write_individual_responses(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn both_files_are_llmperfs_own_to_the_byte() {
    let (params, metadata) = (golden_params(), pairs(&[("purpose", "golden"), ("run", "1")]));
    let rows = golden_rows();
    // The window is not in the files; it is 612 tokens over their stated rate.
    let results = Results::of(&rows, 12, Some(612.0 / 70.6075787900399));
    let files = LlmperfFiles::from_parts(&golden_run(&params, &metadata), rows, &results);
    assert_eq!(files.base, "mock-llama-2-7b_chat-v1-0_550_50");
    assert_eq!(individual_responses(&files), INDIVIDUAL);
    // LLMPerf wrote these four as strings, by accident.
    let mut expected = SUMMARY.to_owned();
    for number in ["418", "967", "51"] {
        expected = expected.replace(&format!(": \"{number}\""), &format!(": {number}"));
    }
    assert_eq!(files.summary, expected);
}

#[test]
fn undefined_is_null_and_never_nan() {
    let (params, metadata) = (Map::new(), pairs(&[]));
    let summary = |records: &[RequestRecord]| {
        let files = LlmperfFiles::of(&golden_run(&params, &metadata), records.iter().collect());
        serde_json::from_str::<Map<String, Value>>(&files.summary).unwrap()
    };
    let one = summary(&[record(0, &[52, 62])]);
    assert_eq!((&one["results_ttft_s_mean"], &one["results_ttft_s_stddev"]), (&json!(0.05), &Value::Null));
    let none = summary(&[]);
    assert_eq!(one.keys().collect::<Vec<_>>(), none.keys().collect::<Vec<_>>());
    assert!(none.iter().filter(|(key, _)| key.contains("_s_")).all(|(_, value)| value.is_null()));
    assert_eq!(none["results_num_completed_requests"], json!(0));
    assert_eq!(none["results_error_code_frequency"], json!("{}"));
}

#[test]
fn a_failed_request_is_a_row_with_its_error() {
    let failure = Failure { code: "503".to_owned(), ..Failure::new(FailureKind::HttpStatus, "no é\n") };
    let failed = RequestRecord { status: Some(503), outcome: Outcome::Failed(failure), ..record(0, &[]) };
    let cancelled = RequestRecord { outcome: Outcome::Cancelled, ..record(1, &[52]) };
    let (params, metadata) = (Map::new(), pairs(&[]));
    let files = LlmperfFiles::of(&golden_run(&params, &metadata), [failed, cancelled].iter().collect());
    let expected = r#"[
    {
        "error_code": 503,
        "error_msg": "no \u00e9\n",
        "inter_token_latency_s": 0,
        "ttft_s": 0,
        "end_to_end_latency_s": 0,
        "request_output_throughput_token_per_s": 0,
        "number_total_tokens": 10,
        "number_output_tokens": 0,
        "number_input_tokens": 10
    }
]"#;
    assert_eq!(individual_responses(&files), expected);
    let summary: Map<String, Value> = serde_json::from_str(&files.summary).unwrap();
    assert_eq!(summary["results_num_requests_started"], json!(2));
    assert_eq!(summary["results_error_rate"], json!(1.0));
    assert_eq!(summary["results_error_code_frequency"], json!("{503: 1}"));
}

#[test]
fn sampling_params_are_flattened_and_metadata_replaces_in_place() {
    let params =
        serde_json::from_str(r#"{"a": {"b": {"c": 1}, "none": {}}, "l": [], "x": 1e-5, "n": null}"#).unwrap();
    let metadata = pairs(&[("name", "golden"), ("results", "mine"), ("timestamp", "0")]);
    let files = LlmperfFiles::of(&golden_run(&params, &metadata), Rows::default());
    let summary: Map<String, Value> = serde_json::from_str(&files.summary).unwrap();
    let keys: Vec<&str> = summary.keys().map(String::as_str).collect();
    let params = "additional_sampling_params_";
    assert_eq!(keys[..3], ["version", "name", "model"]);
    assert_eq!(keys[8..12], ["a_b_c", "l", "x", "n"].map(|key| params.to_owned() + key));
    assert_eq!(keys[keys.len() - 2..], ["results", "timestamp"]);
    assert_eq!((&summary["name"], &summary["timestamp"]), (&json!("golden"), &json!(1_795_489_962)));
    assert!(files.summary.contains("\"additional_sampling_params_x\": 1e-05,"));
}

#[test]
fn file_names_follow_llmperfs_rule() {
    let check = |name: &str, expected: &str| assert_eq!(file_base(name), expected);
    check("mock/llama-2-7b_chat:v1.0_550_50", "mock-llama-2-7b_chat-v1-0_550_50");
    check("../..//etc_1_2", "-etc_1_2");
    check("a--b---c", "a-b-c");
    check("modèle 日本_1_2", "modèle-日本_1_2");
    check("m_550_0.5", "m_550_0-5");
}

#[test]
fn a_name_that_is_too_long_for_a_file_is_shortened_with_a_digest() {
    let names =
        [("模".repeat(300), "x"), ("模".repeat(299), "x"), ("模".repeat(300), "y"), ("é".repeat(150), "x")];
    let bases: Vec<String> = names.iter().map(|(a, b)| file_base(&format!("{a}{b}{a}_550_150"))).collect();
    for base in &bases {
        assert!(base.len() <= MAX_BASE_BYTES && base.ends_with("_550_150"), "{base}");
        assert_eq!(*base, file_base(base));
    }
    let different: std::collections::BTreeSet<&String> = bases.iter().collect();
    assert_eq!(different.len(), bases.len());
    let longest = "m".repeat(MAX_BASE_BYTES);
    assert_eq!(file_base(&longest), longest);
}

#[test]
fn the_two_files_are_of_one_run_however_many_write_them() {
    let directory = tempfile::tempdir().unwrap();
    let write = |requests: u64| {
        let (params, metadata) = (Map::new(), pairs(&[]));
        let records: Vec<_> = (0..requests).map(|id| record(id, &[52])).collect();
        let files = LlmperfFiles::of(&golden_run(&params, &metadata), records.iter().collect());
        files.write(directory.path()).unwrap()
    };
    let [summary, individual] = write(1);
    for _ in 0..20 {
        std::thread::scope(|scope| {
            for requests in 1..=4 {
                scope.spawn(move || write(requests));
            }
        });
        let read = |path| -> Value { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
        let rows = read(&individual).as_array().map(Vec::len);
        assert_eq!(read(&summary)["results_num_requests_started"].as_u64(), rows.map(|rows| rows as u64));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn both_files_are_written_by_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let (params, metadata) = (Map::new(), pairs(&[]));
    let files = LlmperfFiles::of(&golden_run(&params, &metadata), [record(0, &[52])].iter().collect());
    let [summary, individual] = files.write(directory.path()).unwrap();
    let base = directory.path().join("mock-llama-2-7b_chat-v1-0_550_50");
    assert_eq!(summary, PathBuf::from(format!("{}_summary.json", base.display())));
    assert_eq!(std::fs::read_to_string(summary).unwrap(), files.summary);
    assert_eq!(std::fs::read_to_string(individual).unwrap(), individual_responses(&files));
}
