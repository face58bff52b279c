//! `llmperf mock`: the built-in target, to be run by hand or by a test.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use crate::error::Error;
use crate::mock::{Answers, Delay, FaultRule, MockConfig, RoleChunk, UsageMode, bind, create_truth, serve};
use crate::report::say;
use crate::run::EndSignals;

#[derive(Debug, Args)]
#[command(
    after_help = "Example: llmperf mock --ttft lognormal:200ms,0.5 --itl 20ms --fault 429:5% --truth truth.jsonl"
)]
pub(super) struct MockArgs {
    /// Address to listen on; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Time to the first token: 200ms, uniform:100ms..300ms, lognormal:200ms,0.5 (median, sigma)
    #[arg(long, value_name = "DELAY", default_value = "200ms", value_parser = parsed::<Delay>)]
    ttft: Delay,
    /// Time between events, in the same forms
    #[arg(long, value_name = "DELAY", default_value = "20ms", value_parser = parsed::<Delay>)]
    itl: Delay,
    /// Decides every delay, word and fault
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Tokens of every answer, whatever max_tokens says
    #[arg(long, value_name = "N")]
    output_tokens: Option<u64>,
    /// JSON object: what is in a prompt, to the text to answer with; the first that is found counts
    #[arg(long, value_name = "FILE")]
    answer_file: Option<PathBuf>,
    /// Make the first N tokens of an answer reasoning
    #[arg(long, value_name = "N", default_value_t = 0)]
    reasoning_tokens: u64,
    /// Tokens in one event
    #[arg(long, value_name = "N", default_value_t = 1)]
    tokens_per_event: u32,
    /// Events in one write
    #[arg(long, value_name = "N", default_value_t = 1)]
    events_per_write: u32,
    /// Cut every write into pieces of at most BYTES bytes
    #[arg(long, value_name = "BYTES")]
    split: Option<usize>,
    /// When streams report usage: auto, always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = parsed::<UsageMode>)]
    usage: UsageMode,
    /// Where the role chunk stands: first, late, none
    #[arg(long, value_name = "WHERE", default_value = "first", value_parser = parsed::<RoleChunk>)]
    role: RoleChunk,
    /// Leave the end marker ([DONE]) out
    #[arg(long)]
    no_done: bool,
    /// Put an SSE comment before every token
    #[arg(long)]
    comments: bool,
    /// Answer at most N requests at a time and queue the rest: a capacity for --find-max-rate to find
    #[arg(long, value_name = "N")]
    max_concurrent: Option<usize>,
    /// What goes wrong, and when: 429:10%, 503:every=3, reset,after=5:#2,7; may be repeated
    #[arg(long = "fault", value_name = "FAULT", value_parser = parsed::<FaultRule>)]
    faults: Vec<FaultRule>,
    /// Log what was really done and when, one JSON line a response
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Name of the environment variable that holds the key requests must bring
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// Threads to serve on
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
}

/// clap wants the error of a value as text of its own; ours are chains.
fn parsed<T: std::str::FromStr<Err = anyhow::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: anyhow::Error| format!("{error:#}"))
}

pub(super) fn run(args: MockArgs) -> Result<u8, Error> {
    let listen = args.listen;
    let threads = args.threads;
    let config = config(args).map_err(Error::usage)?;
    config.validate().map_err(Error::usage)?;
    if let Some(truth) = &config.truth {
        // Before the address is printed: whoever reads it takes the mock for ready.
        create_truth(truth).context("--truth").map_err(Error::usage)?;
    }
    let listener = bind(listen).with_context(|| format!("--listen {listen} cannot be used"));
    let listener = listener.map_err(Error::usage)?;
    let address = listener.local_addr().context("the address is not known")?;
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        n => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(n);
            builder
        }
    };
    let runtime = builder.enable_all().build().context("the runtime cannot be started")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).context("cannot listen")?;
        let mut signals = EndSignals::listen().context("signals cannot be seen")?;
        // The one line a script reads to learn the address.
        super::print_result(&format!("http://{address}/v1\n"))?;
        let report = serve(listener, config, async move { signals.next().await }).await?;
        say(format_args!(
            "served {} requests, {} tokens; the latest token was {:.1} ms late",
            report.requests,
            report.tokens,
            report.late_max.as_ms()
        ));
        Ok(0)
    })
}

fn config(args: MockArgs) -> anyhow::Result<MockConfig> {
    let api_key = match args.key_env {
        Some(name) => Some(std::env::var(&name).map_err(|_| anyhow!("--key-env {name}: it is not set"))?),
        None => None,
    };
    Ok(MockConfig {
        ttft: args.ttft,
        itl: args.itl,
        seed: args.seed,
        output_tokens: args.output_tokens,
        answers: args
            .answer_file
            .map(|path| Answers::from_file(&path).context("--answer-file"))
            .transpose()?,
        reasoning_tokens: args.reasoning_tokens,
        tokens_per_event: args.tokens_per_event,
        events_per_write: args.events_per_write,
        split: args.split,
        usage: args.usage,
        role: args.role,
        done: !args.no_done,
        comments: args.comments,
        max_concurrent: args.max_concurrent,
        faults: args.faults,
        truth: args.truth,
        api_key,
        threads: args.threads,
        ..MockConfig::default()
    })
}
