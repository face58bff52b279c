//! `llmperf correctness`: whether the replies are right.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::conclude::{Found, conclude};
use super::load::deadline::DeadlineArgs;
use super::load::forecast;
use super::load::results::Output;
use super::load::target::TargetArgs;
use super::load::{Live, PLAIN_WIDTH, tell_files};
use super::print_result;
use crate::error::Error;
use crate::plan::{
    CheckWord, CorrectnessInput, CorrectnessPlan, LoadInput, Plan, Seed, default, resolve_correctness,
};
use crate::report::{Progress, ascii_json, say};
use crate::run::{self, Answered, Checked, Ended, RunStatus, SeriesWatcher, Watcher};
use crate::workload::Check;

#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "\
Examples:
  llmperf correctness --target mock --requests 20 --concurrency 4
  llmperf correctness --model m --base-url http://127.0.0.1:8000/v1 --fail-above 0.05
  llmperf correctness --model m --check repeat --concurrency 32 --results-dir results"
)]
pub(super) struct CorrectnessArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    check: CheckArgs,
    #[command(flatten)]
    load: CheckLoadArgs,
    #[command(flatten)]
    results: CheckResultArgs,
}

/// What is asked, and how many mistakes are too many.
#[derive(Debug, Args)]
#[command(next_help_heading = "Check")]
struct CheckArgs {
    /// What is asked, and what makes a reply right
    #[arg(long, value_enum, default_value_t = CheckArg::Number)]
    check: CheckArg,
    /// Tokens of the prompt that the needle is hidden in [default: 3000]
    #[arg(long, value_name = "N")]
    needle_tokens: Option<u64>,
    /// Exit with 3 if a larger share of the answered requests is mismatched: 0 to 1
    ///
    /// Failed requests are in the error rate, never in this one; --fail-above-errors bounds that, and is 0.5 with this
    /// flag unless it is given.
    #[arg(long, value_name = "RATE")]
    fail_above: Option<f64>,
    /// Exit with 3 if a larger share of the requests fails: 0 to 1 [default: 0.5 with --fail-above]
    #[arg(long, value_name = "RATE")]
    fail_above_errors: Option<f64>,
    /// JSON object merged over the body of every request, whose temperature is 0
    #[arg(long, visible_alias = "sampling", value_name = "JSON", default_value = "{}")]
    additional_sampling_params: String,
    /// The same seed asks the same questions; random draws one and says it
    #[arg(long, value_name = "N|random", value_parser = Seed::from_str, default_value_t = Seed::Of(default::SEED))]
    seed: Seed,
    /// tokenizer.json to count with; instead of the built-in Llama tokenizer
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    tokenizer: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckArg {
    /// A number in words, to be written in digits: LLMPerf's check
    Number,
    /// A number hidden in a long text, to be found
    Needle,
    /// An order, to be written as JSON with given keys and types
    Json,
    /// The same questions one at a time, then all at once: the replies should be the same
    Repeat,
}

/// How much is asked, and until when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
struct CheckLoadArgs {
    /// How many requests to send [default: 50]
    #[arg(long, short = 'n', visible_alias = "requests", value_name = "N")]
    max_num_completed_requests: Option<u64>,
    /// How many requests to keep running at a time [default: 10]
    #[arg(long, short = 'c', visible_alias = "concurrency", value_name = "N")]
    num_concurrent_requests: Option<u64>,
    /// Stop starting requests after S seconds [default: 90]
    ///
    /// What still runs then is cancelled, after --drain. --check repeat has as much time for each of its two rounds.
    #[arg(long, value_name = "S")]
    timeout: Option<f64>,
    /// Seconds that running requests may go on once launching has stopped [default: 0, 5 after Ctrl-C]
    #[arg(long, value_name = "S", hide_short_help = true)]
    drain: Option<f64>,
    #[command(flatten)]
    deadlines: DeadlineArgs,
    /// Send nothing: print estimated requests, tokens and time, and the first request without its key
    #[arg(long, hide_short_help = true)]
    dry_run: bool,
}

/// What becomes of the replies.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
struct CheckResultArgs {
    /// Directory for the results, every reply among them; without one nothing is saved
    #[arg(long, value_name = "DIR")]
    results_dir: Option<PathBuf>,
    /// Pairs for the results, as k=v,k2=v2
    #[arg(long, value_name = "PAIRS", default_value = "")]
    metadata: String,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl CorrectnessArgs {
    fn into_input(self) -> CorrectnessInput {
        let CorrectnessArgs { target, check, load, results } = self;
        let mut input = LoadInput {
            dry_run: load.dry_run,
            max_num_completed_requests: load.max_num_completed_requests,
            num_concurrent_requests: load.num_concurrent_requests,
            timeout: load.timeout,
            drain: load.drain,
            seed: Some(check.seed),
            tokenizer: check.tokenizer,
            additional_sampling_params: Some(check.additional_sampling_params),
            results_dir: results.results_dir,
            metadata: Some(results.metadata),
            ..LoadInput::default()
        };
        target.fill(&mut input);
        load.deadlines.fill(&mut input);
        CorrectnessInput {
            load: input,
            check: match check.check {
                CheckArg::Number => CheckWord::Number,
                CheckArg::Needle => CheckWord::Needle,
                CheckArg::Json => CheckWord::Json,
                CheckArg::Repeat => CheckWord::Repeat,
            },
            needle_tokens: check.needle_tokens,
            fail_above: check.fail_above,
            fail_above_errors: check.fail_above_errors,
        }
    }
}

pub(super) fn run(args: CorrectnessArgs) -> Result<u8, Error> {
    let (output, dry_run) = (args.results.output, args.load.dry_run);
    let plan = resolve_correctness(args.into_input(), &|name| std::env::var(name).ok());
    let plan = plan.map_err(Error::usage)?;
    for note in &plan.plan.notes {
        say(format_args!("note: {note}"));
    }
    if dry_run {
        return forecast::correctness(&plan, output);
    }
    let checked = run::correctness(&plan, &mut Rounds::new(plan.check))?;
    match output {
        Output::Json => print_result(&format!("{}\n", ascii_json(&checked.json)))?,
        Output::Text => print_result(&checked.page(&plan).render(PLAIN_WIDTH))?,
    }
    Ok(conclude(found(&plan, &checked), false))
}

/// Says on stderr what the result does not, and what of it decides the exit code.
fn found(plan: &CorrectnessPlan, checked: &Checked) -> Found {
    let report = &checked.report;
    let unwritten = !tell_files(&report.files);
    if report.ended == Ended::TimedOut {
        say(format_args!("note: --timeout passed before all requests could be completed"));
    }
    let status = RunStatus {
        answered: Answered::of(checked.correctness.answered, &report.summary.failures),
        objectives_met: checked.page(plan).is_within(),
        ..RunStatus::of(report)
    };
    Found { unwritten, ended: report.ended, status }
}

/// The progress view of the rounds; says which is on where there are two.
struct Rounds {
    several: bool,
    live: Live,
}

impl Rounds {
    fn new(check: Check) -> Rounds {
        Rounds { several: check == Check::Repeat, live: Rounds::live() }
    }

    fn live() -> Live {
        Live(Progress::new(std::io::stderr().is_terminal()))
    }
}

impl SeriesWatcher for Rounds {
    fn begins(&mut self, number: usize, plan: &Plan) {
        if self.several {
            say(format_args!("round {number}/2: {} at a time", plan.concurrency));
        }
        self.live = Rounds::live();
    }

    fn run(&mut self) -> &mut dyn Watcher {
        &mut self.live
    }
}
