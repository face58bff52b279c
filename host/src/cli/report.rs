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
    /// Directory of a run: the one with summary.json in it, within --results-dir
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
    let page = RunDir::open(&args.result)
        .and_then(|run| html_page(&run, args.lang.language()))
        .map_err(Error::usage)?;
    write_atomically(&args.html, page.as_bytes()).map_err(Error::usage)?;
    say(format_args!("report: {}", args.html.display()));
    Ok(0)
}
