//! `llmperf report`: a run that was saved, as one page.

use std::path::PathBuf;

use clap::Args;

use super::compare::Lang;
use crate::error::Error;
use crate::report::{RunDir, html_page, say, write_atomically};

#[derive(Debug, Args)]
#[command(
    after_help = "Example: llmperf load --results-dir results …, then llmperf report results/RUN --html run.html"
)]
pub(super) struct ReportArgs {
    /// Directory of a run: the one with manifest.json in it, within --results-dir
    ///
    /// Of a run that was killed, and so has no summary.json, the page is of what its records.jsonl holds.
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    /// Page to write: one file, which opens without a network and holds no script
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
    /// Language of the page's words
    #[arg(long, value_enum, value_name = "LANG", default_value_t = Lang::En)]
    lang: Lang,
}

pub(super) fn run(args: ReportArgs) -> Result<u8, Error> {
    let run = RunDir::open(&args.result).map_err(Error::usage)?;
    let page = html_page(&run, args.lang.language()).map_err(Error::usage)?;
    for note in run.damage() {
        say(format_args!("note: {note}"));
    }
    write_atomically(&args.html, page.as_bytes()).map_err(Error::usage)?;
    say(format_args!("report: {}", args.html.display()));
    Ok(0)
}
