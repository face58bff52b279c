//! `llmperf load`: the load test.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{exit, print_result};
use crate::error::Error;
use crate::load::{Arrival, Process};
use crate::metrics::TokenBasis;
use crate::plan::{ArrivalWord, LoadInput, Plan, default, resolve};
use crate::record::RequestRecord;
use crate::report::{Progress, RunLabel, ascii_json, render};
use crate::run::{self, Ended, Report, Setup, Watcher};
use crate::units::Span;

/// Columns of a summary that goes to a file or a pipe.
const PLAIN_WIDTH: usize = 100;

#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Example: llmperf load --target mock --requests 20 --concurrency 4\nMore flags: llmperf load --help"
)]
pub(super) struct LoadArgs {
    /// Model name: goes into every request, and names the result files
    #[arg(long, short, help_heading = "Target")]
    model: Option<String>,
    /// Provider, or API where the server is your own: openai, openai-chat, … [default: openai]
    #[arg(long, visible_alias = "api", help_heading = "Target")]
    llm_api: Option<String>,
    /// Base URL of the server
    ///
    /// It goes before the provider's environment variable (OPENAI_API_BASE) and the provider's own address.
    #[arg(long, value_name = "URL", help_heading = "Target")]
    base_url: Option<String>,
    /// Environment variable that holds the key
    ///
    /// It is read instead of the provider's own (OPENAI_API_KEY).
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    key_env: Option<String>,
    /// Header for every request, as 'Name: value'; may be repeated
    #[arg(long = "header", value_name = "HEADER", help_heading = "Target")]
    headers: Vec<String>,
    /// 'mock' starts the built-in target for this run
    ///
    /// No server, key or model is needed then.
    #[arg(long, value_name = "TARGET", help_heading = "Target")]
    target: Option<String>,
    /// Plugin to speak the API with, instead of a bundled one
    ///
    /// A WebAssembly component. It runs in a sandbox: without network, files, clock, environment or key.
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    plugin: Option<PathBuf>,
    /// Option of the plugin, as NAME=VALUE; may be repeated
    #[arg(long = "plugin-option", value_name = "NAME=VALUE", help_heading = "Target")]
    plugin_options: Vec<String>,
    /// Show what the plugin writes to its stdout and stderr, up to 100 lines
    #[arg(long, help_heading = "Target", hide_short_help = true)]
    plugin_log: bool,

    /// How many requests to send, in all
    #[arg(
        long,
        short = 'n',
        visible_alias = "requests",
        value_name = "N",
        default_value_t = default::REQUESTS,
        help_heading = "Load"
    )]
    max_num_completed_requests: u64,
    /// How many requests to keep running at a time [default: 10]
    #[arg(long, short = 'c', visible_alias = "concurrency", value_name = "N", help_heading = "Load")]
    num_concurrent_requests: Option<u64>,
    /// Send so many requests a second instead, whatever became of those before
    ///
    /// The schedule never waits for the server: what a request waits to be sent shows in the latencies from its due time.
    #[arg(long, value_name = "R", help_heading = "Load")]
    request_rate: Option<f64>,
    /// How they arrive at that rate [default: poisson]
    #[arg(long, value_enum, help_heading = "Load")]
    arrival: Option<ArrivalArg>,
    /// Shape of --arrival gamma: below 1 in bursts, above 1 more evenly than Poisson
    #[arg(long, value_name = "B", help_heading = "Load", hide_short_help = true)]
    burstiness: Option<f64>,
    /// With a rate: drop and count what finds so many running [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Load")]
    max_concurrency: Option<u64>,
    /// Stop launching after so many seconds
    ///
    /// What still runs then is cancelled, after --drain.
    #[arg(long, value_name = "S", default_value_t = default::TIMEOUT_S, help_heading = "Load")]
    timeout: f64,
    /// Seconds that running requests may go on once launching has stopped [default: 0 after --timeout, 5 after Ctrl-C]
    #[arg(long, value_name = "S", help_heading = "Load", hide_short_help = true)]
    drain: Option<f64>,
    /// Fail a request that has no connection after so many seconds
    #[arg(long, value_name = "S", default_value_t = default::CONNECT_TIMEOUT_S, help_heading = "Load", hide_short_help = true)]
    connect_timeout: f64,
    /// Fail a request on which nothing arrives for so many seconds
    #[arg(long, value_name = "S", default_value_t = default::READ_TIMEOUT_S, help_heading = "Load", hide_short_help = true)]
    read_timeout: f64,
    /// Fail a request that takes longer than so many seconds
    #[arg(long, value_name = "S", default_value_t = default::REQUEST_TIMEOUT_S, help_heading = "Load", hide_short_help = true)]
    request_timeout: f64,

    /// Mean of the prompt's length in tokens
    #[arg(long, visible_alias = "isl", value_name = "N", default_value_t = default::MEAN_INPUT_TOKENS, help_heading = "Workload")]
    mean_input_tokens: f64,
    /// Its standard deviation
    #[arg(
        long,
        visible_alias = "isl-stddev",
        value_name = "N",
        default_value_t = default::STDDEV_INPUT_TOKENS,
        help_heading = "Workload"
    )]
    stddev_input_tokens: f64,
    /// Mean of the output tokens asked for (max_tokens)
    #[arg(long, visible_alias = "osl", value_name = "N", default_value_t = default::MEAN_OUTPUT_TOKENS, help_heading = "Workload")]
    mean_output_tokens: f64,
    /// Its standard deviation
    #[arg(
        long,
        visible_alias = "osl-stddev",
        value_name = "N",
        default_value_t = default::STDDEV_OUTPUT_TOKENS,
        help_heading = "Workload"
    )]
    stddev_output_tokens: f64,
    /// JSON object merged over the body of every request
    #[arg(
        long,
        visible_alias = "sampling",
        value_name = "JSON",
        default_value = "{}",
        help_heading = "Workload"
    )]
    additional_sampling_params: String,
    /// The same seed makes the same prompts
    #[arg(long, default_value_t = default::SEED, help_heading = "Workload")]
    seed: u64,
    /// tokenizer.json to count with; instead of the built-in Llama tokenizer
    #[arg(long, value_name = "FILE", help_heading = "Workload")]
    tokenizer: Option<PathBuf>,

    /// Whose token counts the metrics use
    #[arg(long, value_enum, default_value_t = Tokens::Local, help_heading = "Results")]
    tokens: Tokens,
    /// Directory for the results; without one nothing is saved
    #[arg(long, value_name = "DIR", help_heading = "Results")]
    results_dir: Option<PathBuf>,
    /// Save every response's text in the records too
    #[arg(long, help_heading = "Results")]
    save_text: bool,
    /// Pairs for the results, as k=v,k2=v2
    #[arg(long, value_name = "PAIRS", default_value = "", help_heading = "Results")]
    metadata: String,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = Output::Text, help_heading = "Results")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArrivalArg {
    /// All times between requests are the same
    Constant,
    /// As of many independent users
    Poisson,
    /// More or less bursty, by --burstiness
    Gamma,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tokens {
    /// The tokenizer's, as LLMPerf does
    Local,
    /// What the server reports
    Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

impl LoadArgs {
    fn into_input(self) -> LoadInput {
        LoadInput {
            model: self.model,
            llm_api: self.llm_api,
            target: self.target,
            base_url: self.base_url,
            key_env: self.key_env,
            headers: self.headers,
            plugin: self.plugin,
            plugin_options: self.plugin_options,
            mean_input_tokens: Some(self.mean_input_tokens),
            stddev_input_tokens: Some(self.stddev_input_tokens),
            mean_output_tokens: Some(self.mean_output_tokens),
            stddev_output_tokens: Some(self.stddev_output_tokens),
            seed: Some(self.seed),
            tokenizer: self.tokenizer,
            tokens: Some(match self.tokens {
                Tokens::Local => TokenBasis::Local,
                Tokens::Server => TokenBasis::Server,
            }),
            max_num_completed_requests: Some(self.max_num_completed_requests),
            num_concurrent_requests: self.num_concurrent_requests,
            request_rate: self.request_rate,
            arrival: self.arrival.map(|arrival| match arrival {
                ArrivalArg::Constant => ArrivalWord::Constant,
                ArrivalArg::Poisson => ArrivalWord::Poisson,
                ArrivalArg::Gamma => ArrivalWord::Gamma,
            }),
            burstiness: self.burstiness,
            max_concurrency: self.max_concurrency,
            timeout: Some(self.timeout),
            drain: self.drain,
            connect_timeout: Some(self.connect_timeout),
            read_timeout: Some(self.read_timeout),
            request_timeout: Some(self.request_timeout),
            additional_sampling_params: Some(self.additional_sampling_params),
            metadata: Some(self.metadata),
            results_dir: self.results_dir,
            save_text: self.save_text,
            plugin_log: self.plugin_log,
        }
    }
}

pub(super) fn run(args: LoadArgs) -> Result<u8, Error> {
    let output = args.output;
    let plan = resolve(args.into_input(), &|name| std::env::var(name).ok()).map_err(Error::usage)?;
    for note in &plan.notes {
        eprintln!("note: {note}");
    }
    let setup = Setup::new(plan)?;
    let (target, plugin) = (setup.target(), setup.plugin());
    let plan = setup.plan();
    let (model, api, load) = (plan.model.clone(), setup.api(), load_of(plan));
    let open_loop = plan.arrival.is_some();
    let mut live = Live(Progress::new(std::io::stderr().is_terminal()));
    let report = run::load(setup, &mut live)?;
    match output {
        Output::Json => print_result(&format!("{}\n", ascii_json(&report.json)))?,
        Output::Text => {
            let load = format!("{load}{}", connections(&report.opened_ahead));
            let label = RunLabel {
                model: &model,
                target: &target,
                api: &api,
                plugin: &plugin,
                load: &load,
                open_loop,
            };
            let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            print_result(&render(&report.summary, &label, PLAIN_WIDTH, color))?;
        }
    }
    Ok(conclude(&report))
}

/// How the load is made.
fn load_of(plan: &Plan) -> String {
    let Some(Arrival { rate, process }) = plan.arrival else {
        return format!("{} concurrent", plan.concurrency);
    };
    let process = match process {
        Process::Constant => "constant".to_owned(),
        Process::Poisson => "poisson".to_owned(),
        Process::Gamma { burstiness } => format!("gamma {burstiness}"),
    };
    format!("{rate} requests/s {process}, at most {} concurrent", plan.concurrency)
}

/// How connecting went, apart from every latency.
fn connections(opened_ahead: &[Span]) -> String {
    let mut spans = opened_ahead.to_vec();
    if spans.is_empty() {
        return String::new();
    }
    let middle = spans.len() / 2;
    let median = spans.select_nth_unstable(middle).1.as_ms();
    let plural = if opened_ahead.len() == 1 { "" } else { "s" };
    format!(", {} connection{plural} opened ahead (p50 {median:.1} ms)", opened_ahead.len())
}

/// The progress view, watching a run.
struct Live(Progress);

impl Watcher for Live {
    fn started(&mut self, requests: u64) {
        self.0.started(requests);
    }
    fn finished(&mut self, record: &RequestRecord) {
        self.0.finished(record);
    }
    fn ended(&mut self) {
        self.0.ended();
    }
}

/// Says on stderr what the summary does not, and picks the exit code.
fn conclude(report: &Report) -> u8 {
    match &report.files {
        Ok(Some(files)) => {
            eprintln!("results: {}", files.run_dir.display());
            for file in &files.llmperf {
                eprintln!("         {}", file.display());
            }
        }
        Ok(None) => {}
        Err(error) => {
            eprintln!("error: {error:#}");
            return exit::INTERNAL;
        }
    }
    match report.ended {
        Ended::Interrupted => {
            eprintln!("note: interrupted; these are partial results");
            exit::INTERRUPTED
        }
        Ended::PluginFaults => {
            eprintln!("error: the plugin failed on every request for a while, so the run was ended");
            exit::PLUGIN
        }
        ended => {
            if ended == Ended::TimedOut {
                eprintln!("note: --timeout passed before all requests could be completed");
            }
            if report.summary.counts.ok > 0 {
                return 0;
            }
            // Nothing succeeded. Where no failure was the target's, it is not the target that is unusable.
            let failures = &report.summary.failures;
            if !failures.is_empty() && failures.keys().all(|kind| kind.is_plugin_fault()) {
                eprintln!("error: the plugin failed on every request");
                exit::PLUGIN
            } else {
                exit::TARGET
            }
        }
    }
}
