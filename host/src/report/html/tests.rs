use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::metrics::request::tests::{ms, record};
use crate::metrics::{Context, summarize};
use crate::record::{Failure, FailureKind, Outcome, RequestRecord};
use crate::report::{summary_json, write_record};

const HOSTILE: &str =
    "\"'></title></style></svg><script>alert(1)</script><img src=//x onerror=alert(1)>\u{202e}\u{0}";

/// A run of these records, and what holds its files.
fn run(records: &[RequestRecord]) -> (RunDir, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("records.jsonl");
    let mut lines = Vec::new();
    records.iter().for_each(|record| write_record(record, &mut lines));
    std::fs::write(&path, lines).unwrap();
    let mut summary = summary_json(&summarize(records, Context::default()));
    summary["verdict"] =
        json!({"level": "doubtful", "reasons": [{"message": "a reason", "remedy": "a remedy"}]});
    let manifest = json!({"schema_version": 1, "llmperf_version": "0.1.0", "plan": {"model": "m", "num_concurrent_requests": 4,
        "metadata": {"key": "value"}}, "machine": {"cores": 2}});
    (RunDir { summary, manifest, records: path, made_of: None, torn: false }, dir)
}

fn records() -> Vec<RequestRecord> {
    let failure = Failure { code: "503".to_owned(), ..Failure::new(FailureKind::HttpStatus, "busy") };
    let failed = RequestRecord { outcome: Outcome::Failed(failure), end: ms(502), ..record(2, &[]) };
    vec![record(0, &[52, 62, 82]), record(1, &[53, 63]), failed]
}

#[test]
fn a_page_has_its_charts_and_tables() {
    let (run, _dir) = run(&records());
    let page = html_page(&run, Language::English).unwrap();
    assert_eq!(page.matches("<figure>").count(), 8);
    for part in ["id=\"verdict\"", "id=\"latencies\"", "id=\"failures\"", "id=\"plan\"", "a remedy", "busy"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<h2>Notes"), "the files agree");
}

#[test]
fn a_page_in_chinese_has_the_same_numbers_and_its_own_words() {
    let (mut run, _dir) = run(&records());
    run.summary["verdict"]["reasons"][0]["kind"] = "few_samples".into();
    let [english, chinese] =
        [Language::English, Language::Chinese].map(|language| html_page(&run, language).unwrap());
    assert!(chinese.contains("<html lang=\"zh-CN\">") && !chinese.contains("Latencies and lengths"));
    for part in [
        "<h2>存疑</h2>",
        "<b>样本过少</b>：a reason",
        "<h2>延迟与长度</h2>",
        "随时间变化",
        "首个令牌生成时间",
        "并发 4",
    ] {
        assert!(chinese.contains(part), "{part}");
    }
    for mark in ["<data value=", "<figure>", "<tr ", "<th "] {
        assert_eq!(english.matches(mark).count(), chinese.matches(mark).count(), "{mark}");
    }
}

#[test]
fn no_text_of_a_file_becomes_markup() {
    let mut hostile_records = records();
    for record in &mut hostile_records {
        record.finish = Some(HOSTILE.to_owned());
        if let Outcome::Failed(failure) = &mut record.outcome {
            (failure.code, failure.message) = (HOSTILE.to_owned(), HOSTILE.to_owned());
        }
    }
    let (mut run, _dir) = run(&hostile_records);
    run.manifest["plan"]["metadata"] = json!({HOSTILE: HOSTILE});
    spoil(&mut run.summary);
    spoil(&mut run.manifest);
    let page = html_page(&run, Language::English).unwrap();
    for tag in ["script", "img", "iframe", "link", "object", "a"] {
        assert!(!page.contains(&format!("<{tag} ")) && !page.contains(&format!("<{tag}>")), "{tag}");
    }
    for (tag, count) in [("</title>", 1), ("</style>", 1), ("<meta ", 4), ("</html>", 1)] {
        assert_eq!(page.matches(tag).count(), count, "{tag}");
    }
    assert_eq!(page.matches("</svg>").count(), page.matches("<svg ").count());
    assert!(page.contains("&lt;script&gt;") && !page.contains('\u{202e}') && !page.contains('\0'));
}

/// Puts a hostile text in place of every text.
fn spoil(value: &mut Value) {
    match value {
        Value::String(text) => *text = HOSTILE.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(spoil),
        Value::Object(map) => map.values_mut().for_each(spoil),
        _ => {}
    }
}

#[test]
fn a_file_that_says_little_or_something_else_makes_a_page_all_the_same() {
    let (mut run, _dir) = run(&records());
    for odd in [
        json!(null),
        json!([1, "x"]),
        json!({"metrics": 3, "slo": [1], "failures": [null, {"count": -1}], "verdict": []}),
    ] {
        (run.summary, run.manifest) = (odd.clone(), odd);
        assert!(html_page(&run, Language::English).unwrap().ends_with("</html>\n"));
    }
}

#[test]
fn a_run_without_success_has_a_page_without_charts() {
    let (run, _dir) = run(&records()[2..]);
    let page = html_page(&run, Language::English).unwrap();
    assert!(!page.contains("<figure>") && !page.contains("id=\"latencies\""));
    assert!(page.contains("id=\"failures\""));
}

#[test]
fn records_that_are_not_the_summarys_are_noted() {
    let (mut run, _dir) = run(&records());
    let text = std::fs::read_to_string(&run.records).unwrap();
    let second = text.find('\n').unwrap() + 1;
    std::fs::write(&run.records, &text[..second + 20]).unwrap();
    run.torn = true;
    let page = html_page(&run, Language::English).unwrap();
    assert!(page.contains("records.jsonl ends inside a line"));
    assert!(page.contains("is of 2 requests with a first token, and records.jsonl holds 1"));
}
