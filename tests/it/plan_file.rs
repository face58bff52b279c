//! Plan files: several runs from one TOML file, checked before the first begins, made once, and gone on with where they stopped.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Cli, Done, entries, llmperf, mock};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory with a plan file in it.
struct Plan(TempDir);

impl Plan {
    fn new(text: &str) -> Plan {
        let plan = Plan(tempfile::tempdir().expect("a directory"));
        plan.write(text);
        plan
    }

    fn write(&self, text: &str) {
        fs::write(self.0.path().join("models.toml"), text).expect("a plan file");
    }

    fn results(&self) -> PathBuf {
        self.0.path().join("results")
    }

    fn cli(&self, args: &[&str]) -> Cli {
        let cli = llmperf("load").arg_path("--plan", &self.0.path().join("models.toml"));
        cli.arg_path("--results-dir", &self.results()).args(args)
    }

    fn run(&self, args: &[&str]) -> Done {
        self.cli(args).done()
    }

    fn json(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--output", "json"]].concat()).exits(0);
        serde_json::from_str(&done.stdout).expect("JSON")
    }
}

trait ArgPath {
    fn arg_path(self, flag: &str, path: &Path) -> Self;
}

impl ArgPath for Cli {
    fn arg_path(self, flag: &str, path: &Path) -> Cli {
        self.args([flag, path.to_str().expect("UTF-8")])
    }
}

/// What makes runs short.
const SMALL: &str = "isl = 60\nisl-stddev = 0\nosl = 5\nosl-stddev = 0\nrequests = 4\n";

fn of(base: &str, rest: &str) -> String {
    format!("base-url = \"{base}\"\n{SMALL}{rest}")
}

#[test]
fn every_run_is_made_in_its_order_into_one_directory() {
    let mock = mock(&[]);
    let plan = Plan::new(&of(
        &mock.base,
        "concurrency = [1, 2]\nmetadata = \"who=me\"\n[[run]]\nmodel = [\"a\", \"b\"]\n[[run]]\nname = \"other api\"\nmodel = \"c\"\nllm-api = \"anthropic-messages\"\nconcurrency = 3\n",
    ));
    let document = plan.json(&[]);
    let names: Vec<&str> = document["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| run["name"].as_str().expect("a name"))
        .collect();
    let expected = [
        "a num-concurrent-requests=1",
        "b num-concurrent-requests=1",
        "a num-concurrent-requests=2",
        "b num-concurrent-requests=2",
        "other api",
    ];
    assert_eq!(names, expected);
    assert_eq!(document["runs_planned"], 5);
    for run in document["runs"].as_array().expect("runs") {
        assert_eq!(
            (&run["summary"]["counts"]["ok"], &run["done_before"]),
            (&json!(4), &json!(false)),
            "{run}"
        );
        let dir = PathBuf::from(run["run_dir"].as_str().expect("a directory"));
        assert!(dir.starts_with(plan.results()), "{dir:?}");
        let manifest: Value =
            serde_json::from_str(&fs::read_to_string(dir.join("manifest.json")).expect("a file"))
                .expect("JSON");
        assert_eq!(manifest["plan"]["metadata"], json!({ "who": "me", "plan_run": run["name"] }));
    }
    // LLMPerf's files have the model's name only; here none replaces another's.
    let dirs: Vec<_> = entries(&plan.results()).into_iter().filter(|path| path.is_dir()).collect();
    assert_eq!(dirs.len(), 5, "{dirs:?}");
    for dir in dirs {
        let files = entries(&dir);
        assert!(files.iter().any(|file| file.to_string_lossy().ends_with("_60_5_summary.json")), "{files:?}");
    }
    let truth = mock.truth();
    assert_eq!(truth.len(), 20);
}

#[test]
fn what_is_done_is_not_made_again_unless_it_changed_or_is_to() {
    let mock = mock(&[]);
    let text = of(&mock.base, "[[run]]\nmodel = \"a\"\n[[run]]\nmodel = \"b\"\n");
    let plan = Plan::new(&text);
    plan.run(&[]).exits(0);
    let again = plan.run(&[]).exits(0);
    assert_eq!(again.stderr.matches("done before").count(), 2, "{}", again.stderr);
    assert_eq!(again.stdout.lines().count(), 3, "the table has what was done before: {}", again.stdout);
    // Another name is no other run; another setting is.
    plan.write(
        &text
            .replace("model = \"b\"", "model = \"b\"\nname = \"renamed\"")
            .replace("requests = 4", "requests = 4 "),
    );
    let renamed = plan.json(&[]);
    assert_eq!(renamed["runs"][1]["name"], "renamed");
    assert_eq!(renamed["runs"][1]["done_before"], true);
    plan.write(&text.replace("model = \"b\"", "model = \"b\"\nseed = 2"));
    let changed = plan.json(&[]);
    assert_eq!(
        (&changed["runs"][0]["done_before"], &changed["runs"][1]["done_before"]),
        (&json!(true), &json!(false))
    );
    let anew = plan.json(&["--restart"]);
    assert!(anew["runs"].as_array().expect("runs").iter().all(|run| run["done_before"] == false));
    assert_eq!(mock.truth().len(), (2 + 1 + 2) * 4);
}

#[test]
fn an_interrupted_plan_goes_on_with_the_run_it_was_in() {
    let mock = mock(&["--ttft", "200ms"]);
    let text =
        of(&mock.base, "concurrency = 1\n[[run]]\nmodel = \"a\"\n[[run]]\nmodel = \"b\"\nrequests = 200\n");
    let plan = Plan::new(&text);
    let mut running = plan.cli(&["--output", "json"]).start();
    let state = plan.results().join("plan-state.json");
    // The first run is done, and the second is on.
    while !state.exists() {
        assert!(!running.ends_within(Duration::from_millis(20)));
    }
    running.signal(Signal::INT);
    let done = running.wait().exits(130);
    let document: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert!(document["runs"].as_array().expect("runs").len() <= 2);
    plan.write(&text.replace("requests = 200", "requests = 2"));
    let rest = plan.json(&[]);
    assert_eq!(
        (&rest["runs"][0]["done_before"], &rest["runs"][1]["done_before"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn a_run_that_got_no_answer_does_not_end_the_others_and_is_made_again() {
    let mock = mock(&[]);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let text = of(
        &mock.base,
        &format!(
            "[[run]]\nmodel = \"gone\"\nbase-url = \"http://{closed}/v1\"\n[[run]]\nmodel = \"there\"\n"
        ),
    );
    let plan = Plan::new(&text);
    let done = plan.run(&[]).exits(5);
    assert!(
        done.stdout.lines().any(|line| line.starts_with("there") && line.contains(" 4 ")),
        "{}",
        done.stdout
    );
    let again = plan.run(&[]).exits(5);
    assert_eq!(again.stderr.matches("done before").count(), 1, "{}", again.stderr);
}

#[test]
fn a_missed_objective_of_any_run_is_the_exit_code() {
    let mock = mock(&[]);
    let plan = Plan::new(&of(
        &mock.base,
        "model = \"m\"\n[[run]]\nslo = [\"e2el<1us\"]\n[[run]]\nslo = \"e2el<60s\"\n",
    ));
    plan.run(&[]).exits(3);
}

#[test]
fn a_plan_that_is_done_ends_again_as_its_runs_did() {
    let faulty = mock(&["--fault", "503:every=4"]);
    let text = of(
        &faulty.base,
        "requests = 8\nmodel = \"m\"\n[[run]]\nname = \"refused\"\n[[run]]\nname = \"knee\"\n",
    )
    .replacen("requests = 4\n", "", 1);
    let plan = Plan::new(&format!("{text}sweep = \"concurrency=1,2\"\nslo = \"e2el:p50<1us\"\n"));
    // The sweep missed its objectives at every load, which goes before the verdict.
    for before in [0, 3] {
        let done = plan.run(&["--strict"]).exits(3);
        assert_eq!(done.stderr.matches("done before").count(), before, "{}", done.stderr);
        assert_eq!(
            done.stdout.lines().filter(|line| line.ends_with("  INVALID")).count(),
            3,
            "{}",
            done.stdout
        );
        assert_eq!(done.stderr.contains("refused: INVALID: "), before == 0, "{}", done.stderr);
    }
    let plan = Plan::new(&text);
    plan.run(&[]).exits(0);
    for _ in 0..2 {
        let done = plan.run(&["--strict"]).exits(4);
        assert_eq!(done.stderr.matches("done before").count(), 2, "{}", done.stderr);
    }
    plan.run(&[]).exits(0);
    assert_eq!(faulty.truth().len(), 3 * 8 + 2 * 8);
}

#[test]
fn of_a_sweep_in_a_plan_one_load_that_meets_the_objectives_is_enough() {
    let mock = mock(&["--ttft", "100ms", "--max-concurrent", "1"]);
    let sweep =
        "model = \"m\"\n[[run]]\nsweep = \"concurrency=1,4\"\nslo = \"ttft:p50<250ms\"\nrequests = 8\n";
    let plan = Plan::new(&of(&mock.base, sweep));
    plan.run(&[]).exits(0);
    let done = plan.run(&[]).exits(0);
    assert_eq!(done.stderr.matches("done before").count(), 2, "{}", done.stderr);
}

#[test]
fn a_dry_run_sends_nothing_and_says_what_it_would() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let plan = Plan::new(&format!(
        "base-url = \"{base}\"\ncool-down = 30\nisl = 100\nisl-stddev = 0\nosl = 51\nosl-stddev = 0\n[[run]]\nmodel = \"a\"\nrequests = 10\nconcurrency = [1, 5]\n[[run]]\nmodel = \"b\"\nrequest-rate = 2\nduration = 60\n"
    ));
    let done = plan.run(&["--dry-run"]).exits(0);
    let lines: Vec<Vec<&str>> = done.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    // Ten answers of 1.5 s each, one after the other; then two rounds of five; then a minute.
    assert_eq!(lines[1][lines[1].len() - 5..], ["10", "1,000", "510", "15", "s"]);
    assert_eq!(lines[2][lines[2].len() - 5..], ["10", "1,000", "510", "3", "s"]);
    assert_eq!(lines[3][lines[3].len() - 7..], ["120", "12,000", "6,120", "1", "min", "02", "s"][..]);
    // And two times 30 s between them.
    assert_eq!(lines[4][lines[4].len() - 7..], ["140", "14,000", "7,140", "2", "min", "20", "s"][..]);
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "a connection was opened");
    assert!(!plan.results().exists(), "a directory was made");
    let json = plan.json(&["--dry-run"]);
    assert_eq!((&json["to_do"]["runs"], &json["to_do"]["requests"]), (&json!(3), &json!(140.0)));
}

#[test]
fn what_a_dry_run_foresees_is_what_happens() {
    // A target that is as fast as the estimate assumes.
    let mock = mock(&["--ttft", "500ms", "--itl", "20ms"]);
    let plan = Plan::new(&format!(
        "base-url = \"{}\"\nmodel = \"m\"\nisl = 80\nisl-stddev = 0\nosl = 26\nosl-stddev = 0\n[[run]]\nrequests = 6\nconcurrency = 3\n[[run]]\nrequests = 8\nrequest-rate = 8\narrival = \"constant\"\n[[run]]\nrequests = 60\nconcurrency = 60\nisl-stddev = 100\nosl-stddev = 30\n",
        mock.base
    ));
    let foreseen = plan.json(&["--dry-run"]);
    let done = plan.json(&[]);
    for (at, run) in done["runs"].as_array().expect("runs").iter().enumerate() {
        let (estimate, summary) = (&foreseen["runs"][at], &run["summary"]);
        assert_eq!(estimate["requests"].as_f64(), summary["counts"]["sent"].as_f64(), "{at}");
        for key in ["input", "output"] {
            let (expected, sent) =
                (estimate[format!("{key}_tokens")].as_f64(), summary["tokens"][key]["local_tokens"].as_f64());
            let (expected, sent) = (expected.expect("an estimate"), sent.expect("a count"));
            // What is drawn of a few lengths is their mean give or take; without deviation it is exact.
            let slack = if at == 2 { 0.25 } else { 0.0 };
            assert!((sent / expected - 1.0).abs() <= slack, "{at} {key}: {sent}, and {expected} estimated");
        }
        // No target is faster than it is; how much slower a busy machine is, nobody knows.
        let took = summary["window_s"].as_f64().expect("a window");
        // Of many lengths, the longest is not what is estimated.
        let times = if at == 2 { 0.5 } else { 0.85 };
        assert!(took >= times * estimate["seconds"].as_f64().expect("a time"), "{took} {estimate}");
    }
    assert_eq!(mock.truth().len() as f64, foreseen["to_do"]["requests"]);
}

#[test]
fn a_sweep_is_a_run_for_each_load_and_goes_on_where_it_stopped() {
    let mock = mock(&["--ttft", "60ms", "--max-concurrent", "2"]);
    let text = of(
        &mock.base,
        "model = \"m\"\n[[run]]\nname = \"knee\"\nsweep = \"concurrency=1,2,4\"\nrequests = 12\n",
    );
    let plan = Plan::new(&text);
    let foreseen = plan.json(&["--dry-run"]);
    assert_eq!((&foreseen["to_do"]["runs"], &foreseen["to_do"]["requests"]), (&json!(3), &json!(36.0)));
    let mut running = plan.cli(&[]).start();
    while !plan.results().join("plan-state.json").exists() {
        assert!(!running.ends_within(Duration::from_millis(10)));
    }
    running.signal(Signal::KILL);
    running.wait();
    let document = plan.json(&[]);
    let runs = document["runs"].as_array().expect("runs");
    assert_eq!(
        (runs.len(), &runs[0]["done_before"], &runs[2]["done_before"]),
        (3, &json!(true), &json!(false))
    );
    assert_eq!(
        (&runs[2]["name"], &runs[2]["sweep"]["load"]),
        (&json!("knee num-concurrent-requests=4"), &json!(4.0))
    );
    let found = &document["findings"][0];
    assert_eq!((&found["name"], &found["kind"]), (&json!("knee"), &json!("sweep")), "{document}");
    let again = plan.run(&[]).exits(0);
    assert_eq!(again.stderr.matches("done before").count(), 3, "{}", again.stderr);
    assert!(again.stdout.lines().any(|line| line.starts_with("knee: saturation")), "{}", again.stdout);
    // A load more is that load only.
    plan.write(&text.replace("1,2,4", "1,2,4,3"));
    let more = plan.run(&[]).exits(0);
    assert_eq!(more.stderr.matches("done before").count(), 3, "{}", more.stderr);
}

#[test]
fn a_search_is_a_run_whose_finding_is_kept() {
    let mock = mock(&["--ttft", "5ms", "--itl", "1ms"]);
    let search = "request-rate = 40\nmax-rate = 80\nstep-duration = 0.5\nfind-max-rate = true\nslo = \"e2el:p50<1s\"\n";
    let plan =
        Plan::new(&of(&mock.base, &format!("model = \"m\"\n[[run]]\nunset = [\"requests\"]\n{search}")));
    let foreseen = plan.run(&["--dry-run"]).exits(0);
    assert!(
        foreseen.stdout.contains("search from 40 to 80 requests/s") && foreseen.stdout.contains("up to "),
        "{}",
        foreseen.stdout
    );
    let most = plan.json(&["--dry-run"])["to_do"]["requests"].as_f64().expect("a number");
    let done = plan.run(&[]).exits(0);
    let line = "m: max rate at least 80.0000 requests/s (passed); no rate failed";
    assert!(done.stdout.lines().any(|l| l == line) && done.stderr.contains("step 2: "), "{done:?}");
    let sent = mock.truth().len();
    assert!(sent > 0 && sent as f64 <= most, "{sent} of at most {most}");
    let again = plan.run(&[]).exits(0);
    assert!(again.stdout.lines().any(|l| l == line) && again.stderr.contains("done before"), "{again:?}");
    let json = plan.json(&[]);
    assert_eq!(json["runs"][0]["search"]["max_rate"]["passed_requests_per_s"], 80.0, "{json}");
    assert_eq!(json["findings"][0]["kind"], "find_max_rate");
}

#[test]
fn two_plans_do_not_share_a_directory_at_a_time() {
    let mock = mock(&["--ttft", "30s"]);
    let plan = Plan::new(&of(&mock.base, "model = \"m\"\n"));
    let mut running = plan.cli(&[]).start();
    let dir = plan.results().join("m");
    while !dir.exists() {
        assert!(!running.ends_within(Duration::from_millis(10)));
    }
    let second = plan.run(&[]).exits(2);
    assert!(
        second.stderr.contains("another llmperf") && second.stderr.contains("--results-dir"),
        "{}",
        second.stderr
    );
    plan.run(&["--dry-run"]).exits(0);
    running.signal(Signal::KILL);
    running.wait();
    // Nothing of the dead one is in the way.
    plan.write("target = \"mock\"\nisl = 60\nisl-stddev = 0\nosl = 2\nosl-stddev = 0\nrequests = 1\n");
    plan.run(&[]).exits(0);
}

#[test]
fn a_plan_that_is_killed_loses_nothing_and_makes_nothing_twice() {
    let mock = mock(&["--ttft", "100ms"]);
    let plan = Plan::new(&of(&mock.base, "concurrency = 4\nmodel = [\"a\", \"b\", \"c\"]\n"));
    for _ in 0..2 {
        let before = fs::read_to_string(plan.results().join("plan-state.json")).unwrap_or_default();
        let mut running = plan.cli(&[]).start();
        while fs::read_to_string(plan.results().join("plan-state.json")).unwrap_or_default() == before {
            assert!(!running.ends_within(Duration::from_millis(5)));
        }
        running.signal(Signal::KILL);
        running.wait();
    }
    let document = plan.json(&[]);
    let done: Vec<_> =
        document["runs"].as_array().expect("runs").iter().map(|run| &run["done_before"]).collect();
    assert_eq!(done, [&json!(true), &json!(true), &json!(false)]);
    for name in ["a", "b", "c"] {
        let whole =
            entries(&plan.results().join(name)).into_iter().filter(|dir| dir.join("summary.json").exists());
        assert_eq!(whole.count(), 1, "{name}");
    }
    // What was killed within a run is there, without a summary, and a report of all leaves it out.
    llmperf("compare").args([plan.results().to_str().expect("UTF-8")]).done().exits(0);
}

#[test]
fn a_pause_stands_between_runs_and_only_there() {
    let mock = mock(&[]);
    let plan = Plan::new(&of(&mock.base, "cool-down = 0.3\nmodel = [\"a\", \"b\"]\nconcurrency = 4\n"));
    let done = plan.run(&[]).exits(0);
    assert_eq!(done.stderr.matches("cool-down: 0.3 s").count(), 1, "{}", done.stderr);
    let mut sent: Vec<u64> = mock.truth().iter().map(|row| row.request_ns).collect();
    sent.sort_unstable();
    assert!(sent[4] - sent[3] >= 300_000_000, "{sent:?}");
}

#[test]
fn what_is_wrong_anywhere_in_the_file_is_said_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let good = format!("base-url = \"{base}\"\nmodel = \"m\"\n[[run]]\nseed = 1\n[[run]]\n");
    let cases: &[(&str, &[&str])] = &[
        ("modle = \"m\"", &["models.toml:6: modle is not known", "hint: there is model"]),
        ("seed = \"one\"", &["models.toml:6: seed takes a whole number", "\"random\""]),
        ("seed = 1\nseed = 2", &["models.toml:7: duplicate key"]),
        ("concurrency = 0", &["models.toml:6: run \"m (2)\": --num-concurrent-requests is 0", "hint:"]),
        ("llm-api = \"opnai\"", &["models.toml:6", "opnai", "openai"]),
        ("plugin-option = \"no-such=1\"", &["run \"m (2)\"", "--plugin-option no-such", "hint:"]),
        ("isl = 1", &["run \"m (2)\"", "--mean-input-tokens"]),
        ("header = \"X-Api-Key: hush\"", &["models.toml:6: header", "secret", "key-env"]),
        ("key-env = \"NO_SUCH_VARIABLE\"", &["models.toml:", "NO_SUCH_VARIABLE"]),
        ("sweep = \"concurency=1,2\"", &["models.toml:6: run \"m (2)\": --sweep", "cannot be swept"]),
        ("sweep = \"concurrency=1\"\nconcurrency = 2", &["run \"m (2)\"", "--sweep says the loads"]),
        ("find-max-rate = true", &["models.toml:6: run \"m (2)\": --find-max-rate", "hint: give --slo"]),
        ("unset = [\"seed\"]", &["models.toml:6: unset names seed", "hint: leave it out"]),
        ("output = \"json\"", &["models.toml:6: output", "command line"]),
        ("record = \"r\"\nseed = [1, 2]", &["would record into r", "record of its own"]),
    ];
    for (line, words) in cases {
        let plan = Plan::new(&format!("{good}{line}\n"));
        let done = plan.run(&[]).exits(2);
        assert_eq!(done.stdout, "", "{line}");
        for word in *words {
            assert!(done.stderr.contains(word), "{line}: {word:?} is not in {:?}", done.stderr);
        }
        assert!(!done.stderr.contains("hush"), "{}", done.stderr);
    }
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "a connection was opened");
}

#[test]
fn a_flag_that_belongs_into_the_file_is_refused_beside_it() {
    let plan = Plan::new("target = \"mock\"\n");
    for flag in [
        &["--model", "m"][..],
        &["--concurrency", "2"],
        &["--isl", "60"],
        &["--read-timeout", "5"],
        &["--slo", "e2el<1s"],
        &["--save-text"],
    ] {
        let done = plan.run(flag).exits(2);
        assert!(
            done.stderr.contains("--plan") && done.stderr.contains("cannot be used with"),
            "{}",
            done.stderr
        );
    }
    llmperf("load").args(["--restart"]).done().exits(2);
    let missing = llmperf("load").args(["--plan", "no/such.toml"]).done().exits(2);
    assert!(missing.stderr.contains("--plan no/such.toml cannot be read"), "{}", missing.stderr);
}

#[test]
fn a_state_that_cannot_be_read_is_named_with_the_remedy() {
    let plan = Plan::new(&format!("target = \"mock\"\n{SMALL}"));
    fs::create_dir(plan.results()).expect("a directory");
    fs::write(plan.results().join("plan-state.json"), "{").expect("a file");
    let done = plan.run(&[]).exits(2);
    assert!(done.stderr.contains("plan-state.json") && done.stderr.contains("--restart"), "{}", done.stderr);
    plan.run(&["--restart"]).exits(0);
}

#[test]
fn the_schema_that_is_shipped_is_that_of_the_flags() {
    let done = llmperf("load").args(["--plan-schema"]).done().exits(0);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan/plan.schema.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &done.stdout).expect("the schema is written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(done.stdout, kept, "if that is meant, run again with UPDATE_SNAPSHOTS=1");
    let schema: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(schema["properties"]["num-concurrent-requests"]["anyOf"][0]["type"], "integer");
    assert!(schema["properties"].get("sweep").is_some() && schema["properties"].get("output").is_none());
}
