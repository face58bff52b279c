//! Goals: objectives with their exit code, sweeps, and the search for the highest rate, against a mock whose times are known.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use support::{Results, SMALL, entries, llmperf, load_small, mock};

#[test]
fn an_objective_is_met_or_missed_by_the_time_the_server_takes() {
    let mock = mock(&["--ttft", "60ms", "--itl", "2ms"]);
    let met = ["--requests", "40", "--slo", "ttft:p50<2s,itl:p50<1s e2el<30s"];
    let (done, results) = load_small(&mock.base, &met);
    let done = done.exits(0);
    assert!(
        done.stdout.contains("Objectives   ok     ttft:p50<2s") && done.stdout.contains("Goodput"),
        "{}",
        done.stdout
    );
    let summary = results.summary();
    let ttft = &summary["slo"][0];
    assert_eq!((&ttft["attainment"], &ttft["n"], &ttft["met"]), (&1.0.into(), &40.into(), &true.into()));
    assert!(ttft["ci95"][0].as_f64() > Some(0.9) && ttft["value"].as_f64() >= Some(60.0), "{ttft}");
    assert_eq!(summary["slo"][1]["n"], 40 * 9);
    assert_eq!(summary["goodput"]["good_requests"], 40);
    assert_eq!(summary["rates"]["goodput"]["value"], summary["rates"]["request_throughput"]["value"]);
    assert_eq!(results.of_run("manifest.json")["plan"]["slo"][1], "itl:p50<1s");

    let missed = ["--requests", "40", "--slo", "ttft:p95<50ms", "--slo", "e2el<30s"];
    let (done, results) = load_small(&mock.base, &missed);
    let done = done.exits(3);
    assert!(done.stdout.contains("MISSED ttft:p95<50ms"), "{}", done.stdout);
    let summary = results.summary();
    assert_eq!(summary["slo"][0]["attainment"], 0.0);
    assert_eq!((&summary["slo"][1]["met"], &summary["goodput"]["good_requests"]), (&true.into(), &0.into()));
}

#[test]
fn a_failed_request_is_a_miss_and_a_run_without_any_success_is_more_than_that() {
    let faulty = mock(&["--fault", "503:every=4"]);
    let slo = ["--requests", "40", "--slo", "ttft:p75<30s"];
    let (done, results) = load_small(&faulty.base, &slo);
    done.exits(0);
    assert_eq!(results.summary()["slo"][0]["attainment"], 0.75);
    let (done, _) = load_small(&faulty.base, &["--requests", "40", "--slo", "ttft:p76<30s"]);
    done.exits(3);
    let broken = mock(&["--fault", "503:100%"]);
    load_small(&broken.base, &slo).0.exits(5);
}

#[test]
fn a_sweep_ends_with_a_table_and_the_load_that_saturates() {
    let mock = mock(&["--ttft", "20ms", "--itl", "4ms", "--max-concurrent", "2"]);
    let sweep = ["--requests", "24", "--sweep", "concurrency=1,2,6", "--slo", "e2el:p90<80ms"];
    let (done, results) = load_small(&mock.base, &sweep);
    let done = done.exits(0);
    let rows: Vec<&str> = done.stdout.lines().collect();
    assert!(rows[0].contains("TTFT p50") && rows[0].contains("goodput"), "{}", done.stdout);
    assert!(rows[0].ends_with("verdict"), "{}", done.stdout);
    let words = ["VALID", "DOUBTFUL", "INVALID"];
    let verdicts: Vec<&str> = rows[1..4].iter().filter_map(|row| row.split_whitespace().last()).collect();
    assert!(verdicts.iter().all(|verdict| words.contains(verdict)), "{}", done.stdout);
    let loads: Vec<&str> = rows[1..4].iter().filter_map(|row| row.split_whitespace().next()).collect();
    assert_eq!(loads, ["1", "2", "6"], "{}", done.stdout);
    assert!(done.stdout.contains("saturation at 2 concurrent requests"), "{}", done.stdout);
    assert!(done.stderr.contains("sweep 3/3: 6 concurrent"), "{}", done.stderr);
    assert_eq!(results.run_dirs().len(), 3);
    let series = series(&results, "sweep_");
    assert_eq!(series["saturation"]["concurrency"], 2.0);
    let dirs: Vec<&Value> =
        series["runs"].as_array().expect("runs").iter().map(|run| &run["run_dir"]).collect();
    assert_eq!(dirs.len(), 3);
    assert!(dirs.iter().all(|dir| dir.is_string()));
    assert_eq!(series["runs"][2]["counts"]["ok"], 24);
    let levels = series["runs"].as_array().expect("runs").iter().map(|run| &run["verdict"]["level"]);
    let levels: Vec<String> = levels.map(|level| level.as_str().expect("a word").to_uppercase()).collect();
    assert_eq!(levels, verdicts, "the table says what the documents do");
}

#[test]
fn a_sweep_over_rates_finds_the_one_that_is_kept_up_with() {
    // 4 at a time in 20 + 9 × 5 ms each: 61 a second.
    let mock = mock(&["--ttft", "20ms", "--itl", "5ms", "--max-concurrent", "4"]);
    let sweep = [
        "--requests",
        "120",
        "--arrival",
        "constant",
        "--sweep",
        "request-rate=20,40,150",
        "--output",
        "json",
    ];
    let (done, _) = load_small(&mock.base, &sweep);
    let json: Value = serde_json::from_str(&done.exits(0).stdout).expect("JSON");
    let keeps_up: Vec<&Value> =
        json["runs"].as_array().expect("runs").iter().map(|run| &run["load"]["keeps_up"]).collect();
    assert_eq!(keeps_up, [true, true, false], "{json}");
    assert_eq!(json["saturation"]["request_rate"], 40.0);
}

#[test]
fn an_interrupt_ends_the_whole_sweep_with_what_there_is() {
    let mock = mock(&["--ttft", "400ms"]);
    let results = Results::new();
    let sweep =
        ["--requests", "12", "--drain", "0", "--sweep", "concurrency=4,1,2", "--base-url", &mock.base];
    let mut run = llmperf("load").args(sweep).args(SMALL).args(results.flag()).start();
    while results.run_dirs().len() < 2 && !run.ends_within(std::time::Duration::from_millis(20)) {}
    run.signal(Signal::INT);
    let done = run.wait().exits(130);
    assert!(done.stdout.contains("TTFT p50") && done.stderr.contains("partial"), "{done:?}");
    assert_eq!(results.run_dirs().len(), 2);
    assert_eq!(series(&results, "sweep_")["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_search_encloses_the_capacity_of_the_server() {
    // 8 at a time in 40 + 9 × 10 ms each: 61.5 a second.
    let capacity = 8.0 / 0.130;
    let mock = mock(&["--ttft", "40ms", "--itl", "10ms", "--max-concurrent", "8"]);
    let search =
        ["--find-max-rate", "--slo", "ttft:p90<120ms", "--arrival", "constant", "--request-rate", "24"];
    let (done, results) = load_small(&mock.base, &[&search[..], &["--step-duration", "2"]].concat());
    let done = done.exits(0);
    assert!(done.stdout.contains("max rate between") && done.stdout.contains("verdict"), "{}", done.stdout);
    let json = series(&results, "find_max_rate_");
    let rate = |key: &str| json["max_rate"][key].as_f64().expect("a rate");
    let (passed, failed) = (rate("passed_requests_per_s"), rate("failed_requests_per_s"));
    // A machine that is busy answers later than it is told to, and a short step sees little of a small overload.
    assert!(passed <= capacity * 1.06 && failed >= capacity * 0.9, "{passed} to {failed}\n{}", done.stdout);
    assert!(failed / passed <= 1.25, "{}", done.stdout);
}

#[test]
fn a_search_that_nothing_passes_says_so() {
    let mock = mock(&["--ttft", "80ms"]);
    let search = ["--find-max-rate", "--slo", "ttft:p50<20ms", "--request-rate", "200", "--max-rate", "300"];
    let (done, _) = load_small(&mock.base, &[&search[..], &["--step-duration", "0.1"]].concat());
    let done = done.exits(3);
    assert!(done.stdout.contains("no rate passed"), "{}", done.stdout);
    load_small(&mock.base, &["--find-max-rate"]).0.exits(2);
}

#[track_caller]
fn series(results: &Results, prefix: &str) -> Value {
    let named = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    let files: Vec<_> = entries(results.path()).into_iter().filter(named).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    serde_json::from_str(&std::fs::read_to_string(&files[0]).expect("a file")).expect("JSON")
}
