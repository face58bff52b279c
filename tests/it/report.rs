//! The page of a run: its numbers are the summary's, its size has a bound, and a browser shows it without asking anyone for anything.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Done, Proxy, SMALL, browse, llmperf, mock};
use llmperf::metrics::{Context, summarize};
use llmperf::record::{Outcome, RequestRecord, Usage};
use llmperf::report::{summary_json, write_record};
use llmperf::units::{RequestId, Stamp, Tokens};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The page may be so large at [`MANY`] requests.
const MOST_BYTES: usize = 1_000_000;
const MANY: u64 = 10_000;
/// A chart is a figure; eight of them are of every run with a success.
const CHARTS: usize = 8;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/report/run")
}

fn report(run: &Path, page: &Path) -> Done {
    llmperf("report").args([run]).args(["--html"]).args([page]).done()
}

/// The page of a run, and what holds it.
fn page_of(run: &Path) -> (String, PathBuf, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("page.html");
    report(run, &path).exits(0);
    (fs::read_to_string(&path).expect("a page"), path, dir)
}

fn summary_of(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("summary.json")).expect("a summary")).expect("JSON")
}

/// What the page says of a metric, as the summary would write it.
fn cell<'a>(page: &'a str, metric: &str, statistic: &str) -> Option<&'a str> {
    let (_, row) = page.split_once(&format!("<tr data-metric=\"{metric}\">"))?;
    let (row, _) = row.split_once("</tr>")?;
    let (_, cell) = row.split_once(&format!("data-stat=\"{statistic}\">"))?;
    let (cell, _) = cell.split_once("</td>")?;
    cell.split_once("value=\"")?.1.split('"').next()
}

#[track_caller]
fn numbers_are_the_summarys(page: &str, summary: &Value) {
    let mut compared = 0;
    for (metric, statistics) in summary["metrics"].as_object().expect("metrics") {
        if !page.contains(&format!("data-metric=\"{metric}\"")) {
            continue;
        }
        for statistic in ["mean", "stddev", "min", "p50", "p90", "p95", "p99", "max"] {
            let value = &statistics[statistic];
            let expected = (!value.is_null()).then(|| value.to_string());
            assert_eq!(cell(page, metric, statistic).map(str::to_owned), expected, "{metric} {statistic}");
            compared += 1;
        }
    }
    assert!(compared >= 6 * 8, "{compared}");
    for pointer in [
        "/counts/ok",
        "/counts/scheduled",
        "/rates/output_throughput/value",
        "/rates/request_throughput/value",
        "/rates/error_rate/value",
    ] {
        let value = summary.pointer(pointer).expect(pointer);
        assert!(page.contains(&format!("<data value=\"{value}\">")), "{pointer}");
    }
}

#[test]
fn the_page_of_a_kept_run_has_its_numbers() {
    let (page, ..) = page_of(&fixture());
    numbers_are_the_summarys(&page, &summary_of(&fixture()));
    assert_eq!(page.matches("<figure>").count(), CHARTS);
    for part in [
        "id=\"verdict\"",
        "id=\"failures\"",
        "id=\"objectives\"",
        "id=\"plan\"",
        "id=\"machine\"",
        "first_token - sent",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_page_of_a_run_has_its_numbers() {
    let mock = mock(&["--ttft", "5ms", "--itl", "1ms", "--fault", "503:every=5"]);
    let (done, results) =
        crate::support::load_small(&mock.base, &["--requests", "20", "--warmup-requests", "3"]);
    done.exits(0);
    let (page, ..) = page_of(&results.run_dir());
    numbers_are_the_summarys(&page, &results.summary());
    assert_eq!(page.matches("<figure>").count(), CHARTS);
}

#[test]
fn a_replay_has_a_page_too() {
    let (mock, dir, results) =
        (mock(&[]), tempfile::tempdir().expect("a directory"), crate::support::Results::new());
    let recording = dir.path().to_str().expect("a path in UTF-8");
    let flags = ["--base-url", &mock.base, "--requests", "4", "--record", recording];
    llmperf("load").args(SMALL).args(flags).done().exits(0);
    llmperf("replay").args([recording]).args(results.flag()).done().exits(0);
    let (page, ..) = page_of(&results.run_dir());
    assert!(page.contains("No verdict"));
    numbers_are_the_summarys(&page, &results.summary());
}

#[test]
fn what_is_no_run_is_told_before_anything_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let page = dir.path().join("page.html");
    let kept = fixture();
    let check = |run: &Path, page: &Path, expected: &str| {
        let done = report(run, page).exits(2);
        assert!(done.stderr.contains(expected) && !page.is_file(), "{done:?}");
    };
    check(&dir.path().join("missing"), &page, "cannot read");
    check(kept.parent().expect("a parent"), &page, "hint: name the run in it: ");
    check(&kept.join("summary.json"), &page, "is a file\nhint: ");
    check(&kept, &dir.path().join("missing/page.html"), "cannot write");
    assert_eq!(llmperf("report").args([&kept]).done().code, Some(2), "no page is named");
}

/// A run of many requests, as the program would have saved it.
fn synthetic(dir: &Path) {
    let record = |n: u64| {
        let spread = (n * 2_654_435_761) % 1_000_003;
        let sent = Stamp(n * 5_000_000 + spread);
        let first = sent.0 + 100_000_000 + spread * 400;
        let tokens = 20 + n % 180;
        let token_events: Vec<Stamp> =
            (0..tokens).map(|token| Stamp(first + token * (9_000_000 + spread * 7))).collect();
        let end = *token_events.last().expect("an event");
        RequestRecord {
            id: RequestId(n),
            session: None,
            warmup: false,
            response_id: None,
            status: Some(200),
            due: sent,
            sent,
            connected: None,
            headers: Some(Stamp(first)),
            first_output: Some(Stamp(first)),
            token_events,
            end,
            events: tokens,
            body_bytes: 100 * tokens,
            isl_target: Tokens(200 + spread % 2000),
            isl: Tokens(200 + spread % 2000),
            osl: Tokens(tokens),
            reasoning: Tokens(0),
            max_tokens: None,
            usage: Usage::default(),
            finish: Some("stop".to_owned()),
            terminated: true,
            outcome: Outcome::Ok,
            output: None,
        }
    };
    let records: Vec<RequestRecord> = (0..MANY).map(record).collect();
    let mut lines = Vec::new();
    records.iter().for_each(|record| write_record(record, &mut lines));
    fs::write(dir.join("records.jsonl"), lines).expect("records");
    let summary = summary_json(&summarize(&records, Context::default()));
    fs::write(dir.join("summary.json"), summary.to_string()).expect("a summary");
    let manifest = json!({"schema_version": 1, "plan": {"model": "m", "num_concurrent_requests": 200}});
    fs::write(dir.join("manifest.json"), manifest.to_string()).expect("a manifest");
}

#[test]
fn ten_thousand_requests_make_a_page_of_less_than_a_megabyte() {
    let dir = tempfile::tempdir().expect("a directory");
    synthetic(dir.path());
    let (page, ..) = page_of(dir.path());
    eprintln!("{} bytes", page.len());
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    numbers_are_the_summarys(&page, &summary_of(dir.path()));
    assert!(!page.contains("records.jsonl holds"), "every request is drawn");
}

/// The kept run with a hostile text wherever the server, the plugin or the user chose it.
fn hostile(dir: &Path) {
    let text = "</h1></svg><script>document.title='owned'</script><img src=http://fetched.test/a.png><svg onload=alert(1)>";
    fs::copy(fixture().join("records.jsonl"), dir.join("records.jsonl")).expect("records");
    let mut summary = summary_of(&fixture());
    for (pointer, key) in [("/failures/0", "example"), ("/failures/0", "code"), ("/failures/1", "kind")] {
        summary.pointer_mut(pointer).expect("a failure")[key] = json!(text);
    }
    summary["notes"] = json!([text]);
    summary["finish_reasons"] = json!({text: 3});
    fs::write(dir.join("summary.json"), summary.to_string()).expect("a summary");
    let manifest = fs::read(fixture().join("manifest.json")).expect("a manifest");
    let mut manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    manifest["plan"]["model"] = json!(text);
    manifest["plan"]["metadata"] = json!({text: text});
    fs::write(dir.join("manifest.json"), manifest.to_string()).expect("a manifest");
}

#[test]
fn a_browser_shows_charts_and_tables_and_fetches_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    hostile(dir.path());
    for run in [fixture(), dir.path().to_owned()] {
        let (_, page, _held) = page_of(&run);
        let proxy = Proxy::start();
        let dom = browse(&page, &proxy, &["--dump-dom"]).exits(0).stdout;
        let count = |text: &str| dom.matches(text).count();
        assert_eq!(count("<figure>"), CHARTS, "{dom}");
        assert_eq!(count("<svg role=\"img\""), CHARTS);
        assert!(count("<table") >= 6 && count("<rect") > 50 && count("<polyline") >= 6);
        assert_eq!([count("<script"), count("<img"), count("onload=alert(1)>&lt;")], [0; 3]);
        assert!(!dom.contains("<title>owned"));
        // The browser's maker is not heard here, and nobody else is named either.
        for fetches in ["src=\"", "href=\"", "url(", "@import"] {
            assert_eq!(count(fetches), 0, "{fetches}");
        }
        assert_eq!(proxy.asked(), 0, "the page of {} asked for something", run.display());
    }
}

#[test]
fn a_browser_draws_the_page_at_the_width_of_a_phone_and_of_a_desk() {
    let (_, page, held) = page_of(&fixture());
    let proxy = Proxy::start();
    for (width, args) in [(400, vec![]), (1400, vec!["--blink-settings=preferredColorScheme=0"])] {
        let picture = held.path().join(format!("{width}.png"));
        let (size, shot) =
            (format!("--window-size={width},3000"), format!("--screenshot={}", picture.display()));
        let args: Vec<&str> = args.into_iter().chain([size.as_str(), &shot, "--hide-scrollbars"]).collect();
        browse(&page, &proxy, &args).exits(0);
        let png = fs::read(&picture).expect("a picture");
        assert_eq!(png[16..20], u32::to_be_bytes(width), "the width that was asked for");
        // An empty page of this size is 10 kB.
        assert!(png.len() > 60_000, "{} bytes", png.len());
    }
    assert_eq!(proxy.asked(), 0);
}

#[test]
fn the_listener_of_these_tests_would_hear_a_page_that_fetches() {
    let dir = tempfile::tempdir().expect("a directory");
    let page = dir.path().join("page.html");
    fs::write(&page, "<!doctype html><img src=\"http://fetched.test/a.png\">").expect("a page");
    let proxy = Proxy::start();
    browse(&page, &proxy, &["--dump-dom"]).exits(0);
    assert!(proxy.asked() > 0);
}
