//! `llmperf compare`: runs beside each other, and a gate between two.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};

use super::{conclude, print_result};
use crate::error::Error;
use crate::metrics::{Aggregate, Metric, Quantity, Rule, Ruling, judge_rule};
use crate::report::{
    ComparedRun, Format, InputNote, Language, ascii_json, compare_json, comparison_notes, damage_notes,
    gate_json, gate_text, inert, read_pair, read_runs, render_comparison, say,
};

/// Notes quote what a file by a stranger may say.
const NOTE_WIDTH: usize = 400;

/// The width of a report that goes to no terminal.
const LOG_WIDTH: usize = 120;

#[derive(Debug, Args)]
#[command(after_help = "Example: llmperf compare results/a results/b --output markdown --lang zh\n         \
    llmperf compare --baseline main/ --candidate branch/ --fail-if 'ttft.p95 > +10%'")]
pub(super) struct CompareArgs {
    /// Results to compare: run directories or directories of them, summary.json, sweep_*.json, LLMPerf's *_summary.json
    ///
    /// Runs stand in the order given, and those of one directory by family and size. Among several paths, what is no run is left out.
    #[arg(value_name = "RESULT", conflicts_with = "baseline", required_unless_present = "baseline")]
    results: Vec<PathBuf>,
    /// The run that another is held against; of a directory with several of one plan, the newest
    #[arg(long, value_name = "RESULT", requires = "candidate")]
    baseline: Option<PathBuf>,
    /// The run that is held against the baseline, or a directory as there
    #[arg(long, value_name = "RESULT", requires = "baseline", requires = "fail_if")]
    candidate: Option<PathBuf>,
    /// Exit with 3 where the candidate is worse by more than this, as 'ttft.p95 > +10%'; may be repeated
    ///
    /// METRIC.STATISTIC > +LIMIT, or < -LIMIT for what must not shrink. METRIC: ttft, ttft_due, ttfo, e2el, e2el_due, schedule_lag,
    /// connect, itl, tokens_per_event, tpot, output_throughput_per_request, isl, osl. STATISTIC: mean, stddev, p25, p50, p75, p90, p95,
    /// p99, p99.9; min and max have no interval. Without a statistic: output_throughput, request_throughput, error_rate, and of runs
    /// with the same --slo goodput and goodput_share. The limit is a share of the baseline (%), or has the unit of the number: +50ms,
    /// -5 tokens/s, -0.5 requests/s, +1pp (percentage points). A rule fails where the whole 95 % interval of the change lies beyond
    /// its limit, so that noise alone does not fail it; where the interval holds the limit it is UNDECIDED, which exits with 0.
    #[arg(long, value_name = "RULE", requires = "candidate")]
    fail_if: Vec<String>,
    /// Fail rules too that are undecided: an interval that holds the limit, or too few requests for one
    #[arg(long, requires = "fail_if")]
    strict: bool,
    /// Language of all words
    #[arg(long, value_enum, value_name = "LANG", default_value_t = Lang::En)]
    lang: Lang,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = CompareOutput::Text)]
    output: CompareOutput,
    /// Decides the resampling that intervals come from
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Lang {
    En,
    Zh,
}

impl Lang {
    pub(super) fn language(self) -> Language {
        match self {
            Lang::En => Language::English,
            Lang::Zh => Language::Chinese,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompareOutput {
    Text,
    Markdown,
    Html,
    Csv,
    Json,
}

pub(super) fn run(args: CompareArgs) -> Result<u8, Error> {
    let language = args.lang.language();
    if let (Some(baseline), Some(candidate)) = (&args.baseline, &args.candidate) {
        return gate(&args, baseline, candidate, language);
    }
    let (runs, notes) = read_runs(&args.results, args.seed).map_err(Error::usage)?;
    tell(&notes, language);
    // The other formats hold them.
    if matches!(args.output, CompareOutput::Csv | CompareOutput::Json) {
        for note in damage_notes(&runs, language) {
            say(format_args!("note: {}", inert(&note, NOTE_WIDTH)));
        }
    }
    let format = match args.output {
        CompareOutput::Text => Format::Text { width: width() },
        CompareOutput::Markdown => Format::Markdown,
        CompareOutput::Html => Format::Html,
        CompareOutput::Csv => Format::Csv,
        CompareOutput::Json => {
            print_result(&format!("{}\n", ascii_json(&compare_json(&runs, language, args.seed))))?;
            return Ok(0);
        }
    };
    print_result(&render_comparison(&runs, language, format, args.seed))?;
    Ok(0)
}

fn gate(args: &CompareArgs, baseline: &Path, candidate: &Path, language: Language) -> Result<u8, Error> {
    if !matches!(args.output, CompareOutput::Text | CompareOutput::Json) {
        let error = anyhow!("a gate has no such --output\nhint: text and json are known with --fail-if");
        return Err(Error::usage(error));
    }
    let rules: Result<Vec<Rule>> = args.fail_if.iter().map(|rule| rule.parse::<Rule>()).collect();
    let rules = rules.map_err(|error| Error::usage(anyhow!("--fail-if {error:#}")))?;
    let (runs, notes) = read_pair([baseline, candidate], args.seed).map_err(Error::usage)?;
    tell(&notes, language);
    check_comparable(&runs, &rules).map_err(Error::usage)?;
    for note in comparison_notes(&runs, language) {
        say(format_args!("note: {}", inert(&note, NOTE_WIDTH)));
    }
    let [baseline, candidate] = &runs;
    let rulings: Vec<Ruling> =
        rules.iter().map(|rule| judge_rule(rule, &baseline.estimates, &candidate.estimates)).collect();
    print_result(&match args.output {
        CompareOutput::Json => {
            let json = gate_json(baseline, candidate, &rulings, args.strict, args.seed);
            format!("{}\n", ascii_json(&json))
        }
        _ => gate_text(&rulings, args.strict, language),
    })?;
    Ok(conclude::gate(rulings.iter().any(|ruling| ruling.fails(args.strict))))
}

fn tell(notes: &[InputNote], language: Language) {
    for note in notes {
        say(format_args!("note: {}", inert(&note.text(language), NOTE_WIDTH)));
    }
}

/// Tools that define a number differently must not be held against each other by it.
fn check_comparable(runs: &[ComparedRun; 2], rules: &[Rule]) -> Result<()> {
    let mixed = runs[0].tool.has_llmperfs_formulas() != runs[1].tool.has_llmperfs_formulas();
    for rule in rules {
        let Quantity::Of(metric, _) = rule.quantity else {
            check_objectives(runs, rule)?;
            continue;
        };
        let name = metric.definition().name;
        if mixed && !matches!(metric, Metric::Ttft | Metric::E2el) {
            bail!(
                "{rule}: llmperf and LLMPerf's format do not mean the same by {name}\nhint: give the *_summary.json of both"
            );
        }
        let lacks =
            |run: &&ComparedRun| run.tool.has_llmperfs_formulas() && !run.distributions.contains_key(&metric);
        if let Some(run) = runs.iter().find(lacks) {
            bail!(
                "{rule}: {} has no {name}: LLMPerf's format does not know it\nhint: leave the rule out, or choose another metric",
                run.path.display()
            );
        }
    }
    Ok(())
}

/// Goodput is of the objectives that a run was held to.
fn check_objectives(runs: &[ComparedRun; 2], rule: &Rule) -> Result<()> {
    if !matches!(rule.quantity, Quantity::Rate(Aggregate::Goodput) | Quantity::GoodShare) {
        return Ok(());
    }
    if let Some(run) = runs.iter().find(|run| run.objectives.is_empty()) {
        bail!(
            "{rule}: {} was held to no objective\nhint: run llmperf load with --slo, or leave the rule out",
            run.path.display()
        );
    }
    if runs[0].objectives != runs[1].objectives {
        let of = |run: &ComparedRun| inert(&run.objectives.join(" "), NOTE_WIDTH);
        bail!(
            "{rule}: the runs had different objectives: {:?} and {:?}\nhint: run both with the same --slo",
            of(&runs[0]),
            of(&runs[1])
        );
    }
    Ok(())
}

/// Columns of the terminal; where there is none, what the variable says that shells set, or a width that logs have room for.
fn width() -> usize {
    let of_terminal =
        terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    let of_variable = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    of_terminal.or_else(of_variable).unwrap_or(LOG_WIDTH)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::metrics::Moment;

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        args: CompareArgs,
    }

    #[test]
    fn the_help_lists_every_metric_and_statistic_that_a_rule_takes() {
        let help =
            Program::command().render_long_help().to_string().replace(['\n', ','], " ").replace(". ", " ");
        let words: Vec<&str> = help.split(|c: char| c.is_whitespace() || c == ';').collect();
        let metrics = Metric::ALL.map(|metric| metric.definition().name);
        let rates = Aggregate::ALL.map(|rate| rate.definition().name);
        let statistics: Vec<&str> = Moment::all().map(Moment::name).collect();
        for name in metrics.iter().chain(&rates).chain(&statistics).chain(&["goodput_share"]) {
            assert!(words.contains(name), "{name}");
        }
    }
}
