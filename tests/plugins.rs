//! `llmperf plugin`: what is bundled passes the check, what is hostile fails it with the right reason.

mod support;

#[path = "plugins/answer.rs"]
mod answer;
#[allow(dead_code)]
#[path = "sandbox/bombs.rs"]
mod bombs;
#[allow(dead_code)]
#[path = "sandbox/component.rs"]
mod component;
#[allow(dead_code)]
#[path = "sandbox/harness.rs"]
mod harness;
#[path = "plugins/hostile.rs"]
mod hostile;
#[path = "sandbox/strangers.rs"]
mod strangers;

use std::path::{Path, PathBuf};
use std::process::Command;

use llmperf::plugin::bundled;
use serde_json::Value;
use support::{Done, in_parallel, llmperf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn plugin(args: &[&str]) -> Done {
    llmperf("plugin").args(args).done()
}

/// The checks of a component: name, outcome, evidence.
fn checks(args: &[&str]) -> (Option<i32>, Vec<[String; 3]>) {
    let done = plugin(&[&["check", "--json"], args].concat());
    let report: Value =
        serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {done:?}"));
    assert_eq!(report["ok"], done.code == Some(0), "{args:?}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let rows = report["checks"].as_array().expect("checks").iter();
    (done.code, rows.map(|row| ["name", "outcome", "evidence"].map(|key| text(&row[key]))).collect())
}

/// The evidence of a check that must have failed.
fn failure<'a>(checks: &'a [[String; 3]], name: &str, what: &str) -> &'a str {
    let found = checks.iter().find(|[known, ..]| known == name);
    let [_, outcome, evidence] = found.unwrap_or_else(|| panic!("{what}: no check {name} in {checks:#?}"));
    assert_eq!(outcome, "failed", "{what}: {name}: {checks:#?}");
    evidence
}

#[test]
fn every_bundled_plugin_passes_with_its_fixtures() {
    let names: Vec<&str> = bundled().map(|plugin| plugin.name).collect();
    let problems = in_parallel(&names, |name| {
        let fixtures = root().join("plugins").join(name).join("fixtures");
        let named = format!("bundled:{name}");
        let (code, checks) = checks(&[&named, "--fixtures", fixtures.to_str().expect("a path")]);
        let bad: Vec<_> = checks.into_iter().filter(|[_, outcome, _]| outcome != "ok").collect();
        (code != Some(0) || !bad.is_empty()).then(|| format!("{name}: {code:?} {bad:#?}"))
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn inspection_shows_what_can_be_known_and_marks_what_is_the_plugins_own_word() {
    let done = plugin(&["inspect", "--json", "bundled:sagemaker"]);
    let seen: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(
        (&seen["contract"], &seen["contract_is_spoken"]),
        (&"llmperf:plugin/api@0.1.0".into(), &true.into())
    );
    assert_eq!(seen["sha256"].as_str().map(str::len), Some(64));
    let imports = seen["component"]["imports"].as_array().expect("imports");
    assert!(
        !imports.is_empty() && imports.iter().all(|import| import["treatment"] == "stubbed"),
        "{imports:?}"
    );
    assert_eq!(seen["its_own_word"]["name"], "sagemaker");
    let text = plugin(&["inspect", "bundled:sagemaker"]).stdout;
    let (known, own) = text.split_once("Its own word, unchecked:").expect("the mark");
    assert!(
        known.contains("stubbed: no arguments") && known.contains("made with  processed-by wit-component"),
        "{known}"
    );
    assert!(own.contains("name       sagemaker"), "{own}");
    let unasked = plugin(&["inspect", "--without-running", "bundled:sagemaker"]).stdout;
    assert_eq!(unasked.trim_end(), known.trim_end());
}

#[test]
fn a_new_plugin_takes_no_place_that_is_taken_and_no_name_that_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("taken")).expect("a directory");
    for (args, word) in [
        (&["taken"][..], "exists already"),
        (&["../x"], "cannot be the name"),
        (&["echo"], "comes with llmperf"),
        (&["x", "--sdk", "/no/such"], "--sdk /no/such"),
        (&["x", "--language", "cobol"], "rust"),
        (&["x", "--language", "go", "--sdk", "sdk"], "is for Rust"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmperf"));
        let output =
            command.current_dir(dir.path()).args(["plugin", "new"]).args(args).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(word), "{args:?}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 1, "nothing was written");
}
