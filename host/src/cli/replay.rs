//! `llmperf replay`: a recording, read again.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;

use super::conclude::{Found, conclude};
use super::load::results::{DialectArgs, Output, Tokens};
use super::load::{PLAIN_WIDTH, tell_files};
use super::print_result;
use crate::error::Error;
use crate::plan::{ReplayInput, resolve_replay};
use crate::report::{RunLabel, ascii_json, inert, render, render_dialects, say};
use crate::run::{self, Replayed, RunStatus};

/// Notes quote what a file by a stranger may say.
const NOTE_WIDTH: usize = 400;

#[derive(Debug, Args)]
#[command(
    // Among the flags of a load it is one of the rarer ones; here it is what one comes for.
    mut_arg("dialect", |arg| arg.hide_short_help(false)),
    after_help = "Example: llmperf load --record rec …, then llmperf replay rec --tokenizer tokenizer.json"
)]
pub(super) struct ReplayArgs {
    /// Directory that was given to --record, or the file in it; or that of a run, whose records are summarised again
    ///
    /// A run that was killed has no summary.json; this makes one of its records.jsonl (with --results-dir, and LLMPerf's files too).
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// Plugin to read the responses with, instead of the one of the run
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// API whose bundled plugin is to read them
    #[arg(long, visible_alias = "api")]
    llm_api: Option<String>,
    /// Limit of the plugin, as NAME=VALUE; may be repeated (llmperf load --help has them)
    #[arg(long = "plugin-limit", value_name = "NAME=VALUE")]
    plugin_limits: Vec<String>,
    /// Show what the plugin writes to its stdout and stderr, up to 100 lines
    #[arg(long)]
    plugin_log: bool,
    /// tokenizer.json to count output with, instead of the tokenizer of the run
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Whose token counts the metrics use [default: as in the run]
    #[arg(long, value_enum)]
    tokens: Option<Tokens>,
    /// Objectives, as 'ttft:p95<500ms itl:p99<50ms'; exits with 3 if missed
    #[arg(long, value_name = "SLOS")]
    slo: Vec<String>,
    #[command(flatten)]
    dialects: DialectArgs,
    /// Directory for the results; without one nothing is saved
    #[arg(long, value_name = "DIR")]
    results_dir: Option<PathBuf>,
    /// Save every response's text in the records too
    #[arg(long)]
    save_text: bool,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn run(args: ReplayArgs) -> Result<u8, Error> {
    let output = args.output;
    let plan = resolve_replay(ReplayInput {
        recording: args.recording,
        plugin: args.plugin,
        llm_api: args.llm_api,
        plugin_limits: args.plugin_limits,
        tokenizer: args.tokenizer,
        tokens: args.tokens.map(Tokens::basis),
        slo: args.slo,
        dialects: args.dialects.dialects(),
        results_dir: args.results_dir,
        save_text: args.save_text,
        plugin_log: args.plugin_log,
    });
    let replayed = run::replay(&plan.map_err(Error::usage)?)?;
    for note in &replayed.notes {
        say(format_args!("note: {}", inert(note, NOTE_WIDTH)));
    }
    match output {
        Output::Json => print_result(&format!("{}\n", ascii_json(&replayed.json)))?,
        Output::Text => print_result(&text(&replayed))?,
    }
    // The exit code that the run would have had.
    let unwritten = !tell_files(&replayed.files);
    let status = RunStatus::of_summary(&replayed.summary);
    Ok(conclude(Found { unwritten, ..Found::complete(status) }, false))
}

fn text(replayed: &Replayed) -> String {
    let label = &replayed.label;
    let label = RunLabel {
        model: &label.model,
        target: &label.target,
        api: &label.api,
        plugin: &label.plugin,
        load: &label.load,
        open_loop: label.open_loop,
        // A replay measures nothing; whether to believe the run was said when it was made.
        verdict: None,
        error_bar: None,
    };
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    render(&replayed.summary, &label, PLAIN_WIDTH, color)
        + &render_dialects(&replayed.dialects, PLAIN_WIDTH, color)
}
