//! `llmperf plugin check`: does a plugin do what the contract says, and can it be trusted to?

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::conclude;
use super::{print_result, read_component};
use crate::error::Error;
use crate::report::inert;
use crate::run::check::{Check, CheckOutcome, check, fixtures_near};

/// Characters of one line of evidence.
const WIDTH: usize = 500;

/// Runs a component in the sandbox, with nothing sent anywhere, and judges it: contract and imports, what it says of itself, the
/// requests it builds, how it reads recorded answers in every cutting and batching, bytes that mean nothing, HTTP errors, whether it
/// keeps state between responses, what it writes, its CPU, memory and speed. The exit code is 6 where a check fails.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// The component; bundled:NAME is one that comes with llmperf
    #[arg(value_name = "FILE")]
    file: String,
    /// Directory of recorded answers [default: fixtures/ next to the file, or in the nearest directory above it that has one]
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: CheckArgs) -> Result<u8, Error> {
    let component = read_component(&args.file)?;
    let fixtures = args.fixtures.or_else(|| component.path.as_deref().and_then(fixtures_near));
    let checks = check(&component.origin, &component.bytes, fixtures.as_deref())?;
    let failed = count(&checks, CheckOutcome::Failed);
    print_result(&if args.json { as_json(&args.file, &checks) } else { as_text(&args.file, &checks) })?;
    Ok(conclude::plugin_check(failed > 0))
}

fn count(checks: &[Check], outcome: CheckOutcome) -> usize {
    checks.iter().filter(|check| check.outcome == outcome).count()
}

fn word(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Ok => "ok",
        CheckOutcome::Failed => "failed",
        CheckOutcome::Skipped => "skipped",
    }
}

fn as_text(named: &str, checks: &[Check]) -> String {
    let mut text = String::new();
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0).min(60);
    for Check { name, outcome, evidence } in checks {
        let mut lines = evidence.lines().map(|line| inert(line, WIDTH));
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(text, "{:<7}  {:<width$}  {first}", word(*outcome), inert(name, WIDTH));
        lines.for_each(|line| _ = writeln!(text, "{:<7}  {:<width$}  {line}", "", ""));
    }
    let of = |outcome| count(checks, outcome);
    let (ok, failed, skipped) = (of(CheckOutcome::Ok), of(CheckOutcome::Failed), of(CheckOutcome::Skipped));
    let _ = writeln!(text, "\n{}: {ok} ok, {failed} failed, {skipped} skipped", inert(named, WIDTH));
    text
}

fn as_json(named: &str, checks: &[Check]) -> String {
    let rows = checks.iter().map(|Check { name, outcome, evidence }| {
        json!({ "name": name, "outcome": word(*outcome), "evidence": evidence })
    });
    let value = json!({
        "plugin": named,
        "ok": count(checks, CheckOutcome::Failed) == 0,
        "checks": rows.collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_a_line_and_what_a_plugin_says_is_inert() {
        let check = |name: &str, outcome, evidence: &str| Check {
            name: name.to_owned(),
            outcome,
            evidence: evidence.to_owned(),
        };
        let checks = [
            check("file", CheckOutcome::Ok, "a component"),
            check("fixture a", CheckOutcome::Failed, "text: \u{1b}[31m\nevents: 2"),
        ];
        let text = as_text("x.wasm", &checks);
        assert_eq!(
            text,
            "ok       file       a component\n\
             failed   fixture a  text: \\u{1b}[31m\n                    events: 2\n\n\
             x.wasm: 1 ok, 1 failed, 0 skipped\n"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json("x.wasm", &checks)).expect("JSON");
        assert_eq!((&json["ok"], &json["checks"][1]["outcome"]), (&false.into(), &"failed".into()));
    }
}
