//! The help texts: what they say is kept in `snapshots/`, and rewritten there under `UPDATE_SNAPSHOTS=1`.

use std::path::Path;
use std::process::Command;

/// Columns of the terminal that help is written for.
const COLUMNS: usize = 100;
/// `-h` is read on one screen.
const MOST_SHORT_LINES: usize = 60;

fn help(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmperf"));
    let output =
        command.env_clear().env("COLUMNS", COLUMNS.to_string()).args(args).output().expect("the binary runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{args:?}: help is a result, not talk");
    String::from_utf8(output.stdout).expect("help is text")
}

fn check(name: &str, args: &[&str]) {
    let text = help(args);
    for line in text.lines() {
        assert!(line.chars().count() <= COLUMNS, "{name}: wider than {COLUMNS} columns: {line}");
    }
    if args.contains(&"-h") {
        let lines = text.lines().count();
        assert!(lines <= MOST_SHORT_LINES, "{name}: {lines} lines are no screen");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(&path, &text).expect("the snapshot is written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, kept, "{name}: if that is meant, run again with UPDATE_SNAPSHOTS=1");
}

#[test]
fn the_short_help_is_as_kept_and_fits_a_screen() {
    check("help-llmperf-short", &["-h"]);
    check("help-load-short", &["load", "-h"]);
    check("help-mock-short", &["mock", "-h"]);
    check("help-correctness-short", &["correctness", "-h"]);
    check("help-replay-short", &["replay", "-h"]);
    check("help-plugin-short", &["plugin", "-h"]);
    check("help-plugin-check-short", &["plugin", "check", "-h"]);
    check("help-plugin-inspect-short", &["plugin", "inspect", "-h"]);
    check("help-plugin-new-short", &["plugin", "new", "-h"]);
    check("help-compare-short", &["compare", "-h"]);
    check("help-report-short", &["report", "-h"]);
}

#[test]
fn the_long_help_is_as_kept() {
    check("help-llmperf-long", &["--help"]);
    check("help-load-long", &["load", "--help"]);
    check("help-mock-long", &["mock", "--help"]);
    check("help-correctness-long", &["correctness", "--help"]);
    check("help-replay-long", &["replay", "--help"]);
    check("help-plugin-check-long", &["plugin", "check", "--help"]);
    check("help-plugin-inspect-long", &["plugin", "inspect", "--help"]);
    check("help-plugin-new-long", &["plugin", "new", "--help"]);
    check("help-compare-long", &["compare", "--help"]);
}

#[test]
fn what_is_no_command_is_a_mistake_of_usage() {
    for args in [&[][..], &["lode"], &["load", "--no-such-flag"], &["mock", "--listen", "x"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_llmperf")).env_clear().args(args).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}
