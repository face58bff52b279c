//! The command line: the only room that knows clap. It turns flags into what the rooms below take, and errors into exit codes.

mod calibrate;
mod compare;
mod conclude;
mod correctness;
mod load;
mod mock;
mod plugin;
mod process;
mod providers;
mod replay;
mod report;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;
use crate::report::say;

/// Load tests for LLM APIs.
#[derive(Debug, Parser)]
#[command(name = "llmperf", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a load test against an LLM API
    Load(Box<load::LoadArgs>),
    /// Test an LLM API with questions of known answers and count the wrong replies
    Correctness(Box<correctness::CorrectnessArgs>),
    /// Recompute the results of a recording without sending anything
    Replay(Box<replay::ReplayArgs>),
    /// Compare runs, or gate CI on a regression
    Compare(compare::CompareArgs),
    /// Show a saved run as one page of HTML
    Report(report::ReportArgs),
    /// Measure what the client itself adds on this machine: the error bar of later runs
    Calibrate(calibrate::CalibrateArgs),
    /// List the providers that --llm-api knows
    Providers(providers::ProvidersArgs),
    /// Manage plugins: new, check, add, list
    Plugin(plugin::PluginArgs),
    /// Serve the built-in target: an OpenAI- and Anthropic-speaking server with scripted timing and faults
    Mock(Box<mock::MockArgs>),
}

/// Runs the program: parses the command line, does what it says, and prints what went wrong.
pub fn main() -> ExitCode {
    process::prepare();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and is no failure. Where nobody reads it, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { conclude::USAGE } else { 0 });
        }
    };
    let done = match cli.command {
        Command::Load(args) => load::run(*args),
        Command::Correctness(args) => correctness::run(*args),
        Command::Replay(args) => replay::run(*args),
        Command::Compare(args) => compare::run(args),
        Command::Report(args) => report::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Providers(args) => providers::run(args),
        Command::Plugin(args) => plugin::run(args),
        Command::Mock(args) => mock::run(*args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::from(conclude::error(error.kind))
        }
    }
}

/// Writes a result to stdout. A reader that has gone away (`| head`) is no error.
fn print_result(text: &str) -> Result<(), Error> {
    use std::io::{ErrorKind, Write};
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).context("stdout cannot be written").into())
        }
        _ => Ok(()),
    }
}
