use super::*;
use crate::metrics::Metric;
use crate::report::compare::Tool;

const LEGACY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/llmperf/whole");

fn read(path: impl AsRef<Path>) -> Result<Vec<ComparedRun>> {
    Ok(read_runs(&[path.as_ref().to_owned()], 0)?.0)
}

#[test]
fn requests_of_another_run_than_the_summary_are_left_alone() {
    // Kept short: two rows of twelve. A second run overwrites LLMPerf's files, and may die between the two.
    let runs = read(Path::new(LEGACY).parent().unwrap()).unwrap();
    assert_eq!(runs.len(), 1, "its correctness test is left out");
    assert!(runs[0].sample.is_none());
    let mean = runs[0].estimates.get(Quantity::Of(Metric::Ttft, Moment::Mean)).unwrap();
    assert_eq!((mean.value, mean.ci95), (99.28281483337287, None));
}

#[test]
fn llmperfs_own_files_are_read() {
    let runs = read(LEGACY).unwrap();
    let run = &runs[0];
    assert_eq!(
        (run.tool, run.model.as_str(), run.label.as_str()),
        (Tool::LegacyLlmperf, "mock/llama-2-7b_chat:v1.0", "Llama2 7B")
    );
    let sample = run.sample.as_ref().unwrap();
    assert_eq!(sample.len() as u64, run.ok + run.failed);
    let mean = run.estimates.value(Quantity::Of(Metric::Ttft, Moment::Mean)).unwrap();
    assert!((mean / run.distributions[&Metric::Ttft].mean - 1.0).abs() < 1e-9, "requests and summary agree");
    assert!(run.distributions[&Metric::Osl].max > 1.0 && run.rates.len() == 3);
}

#[test]
fn a_number_that_python_could_not_write_is_undefined() {
    assert_eq!(
        without_nan(r#"{"NaN": NaN, "a\"NaN": [-Infinity, Infinity], "é\\": NaN}"#),
        r#"{"NaN": null, "a\"NaN": [null, null], "é\\": null}"#
    );
    assert_eq!(without_nan("\"\\"), "\"\\");
}

#[test]
fn what_is_no_result_or_of_another_version_is_named_with_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let check = |name: &str, text: &str, word: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains(word) && error.contains(name) && error.contains("\nhint: "), "{error}");
        std::fs::remove_file(&path).unwrap();
    };
    check("a.json", "{}", "is no result");
    check("a.json", "[1]", "is no result");
    check("a.json", "<html>", "is no JSON");
    check("summary.json", r#"{"schema_version": 2}"#, "schema_version 2; this llmperf reads 1");
    check("summary.json", r#"{"schema_version": 1}"#, "is no summary of a run");
    check("sweep_1.json", r#"{"schema_version": 1, "kind": "sweep", "runs": [{}]}"#, "names no directories");
    check("sweep_1.json", r#"{"schema_version": 3, "kind": "sweep", "runs": []}"#, "schema_version 3");
    check("x_summary.json", r#"{"version": "2099-01-01", "model": "m"}"#, "version \"2099-01-01\"");
    check("x_summary.json", r#"{"version": "2023-08-31", "model": "m"}"#, "no summary of a load test");
    let correctness = r#"{"version": "2023-08-31", "model": "m", "num_mismatched_requests": 1}"#;
    check("x_summary.json", correctness, "of a correctness test");

    let error = read(directory.path()).unwrap_err().to_string();
    assert!(error.contains("holds no results\nhint: "), "{error}");
    let error = format!("{:#}", read(directory.path().join("missing")).unwrap_err());
    assert!(error.contains("cannot read") && error.contains("hint: "), "{error}");
    std::fs::write(directory.path().join("manifest.json"), r#"{"schema_version": 1}"#).unwrap();
    let check = |word: &str| {
        let error = read(directory.path()).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("\nhint: "), "{error}");
    };
    check("records.jsonl is missing");
    std::fs::write(directory.path().join("records.jsonl"), "").unwrap();
    check("no whole record");
}

#[test]
fn runs_of_one_model_are_told_apart() {
    let file = format!("{LEGACY}/mock-llama-2-7b_chat-v1-0_550_50_summary.json");
    let (twice, _) = read_runs(&[file.clone().into(), file.into()], 0).unwrap();
    let labels: Vec<&str> = twice.iter().map(|run| run.label.as_str()).collect();
    assert_eq!(labels, ["Llama2 7B #1", "Llama2 7B #2"]);
}
