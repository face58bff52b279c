//! llmperf beside the least that a correct client can do.
//!
//! `cargo bench -p llmperf --bench ratio -- [--runs N] [--only NAME] [--long] [--quiet PERCENT]` runs the floor
//! (`ratio/floor.rs`: hyper, SSE lines, typed JSON, stamps) and `llmperf load` in alternation, each against an `llmperf mock`
//! of its own, client and mock on one core each, and prints medians and ratios. On a shared machine, `--quiet 5` repeats
//! each run during which others used more than 5 % of a core.
//!
//! The driver keeps its own memory small, and leaves the reading of results to a process of its own: a process inherits
//! the peak of the one that started it (`ru_maxrss`), and the peak is one of the figures.

#[path = "ratio/compare.rs"]
mod compare;
#[path = "ratio/floor.rs"]
mod floor;
#[path = "ratio/process.rs"]
mod process;
#[path = "ratio/run.rs"]
mod run;
#[path = "ratio/scenario.rs"]
mod scenario;
#[path = "ratio/table.rs"]
mod table;

use anyhow::{Context, Result, bail};

use process::Cores;
use run::{Client, Measured};
use scenario::{SCENARIOS, Scenario};

fn main() -> Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        // The processes of a run.
        Some("floor") => return floor::run(&floor::Order::parse(&args[1..])?),
        Some("compare") => return compare::run(&args[1..]),
        Some("until-parent-ends") => return process::exec_until_parent_ends(&args[1..]),
        _ => {}
    }
    // `cargo test --benches` starts benches too, without this word: it wants to see that they start.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    args.retain(|arg| arg != "--bench");
    let wanted = Wanted::parse(&args)?;
    process::raise_open_files()?;
    let cores = Cores::choose()?;
    println!("{}", table::conditions(&cores));
    for scenario in SCENARIOS.iter().filter(|scenario| wanted.includes(scenario)) {
        let (floor, llmperf) = alternate(scenario, &wanted, &cores)?;
        println!("{}", table::render(scenario, &floor, &llmperf));
    }
    Ok(())
}

/// Runs both clients as often as wanted, in alternation. Which of them goes first alternates too.
fn alternate(scenario: &Scenario, wanted: &Wanted, cores: &Cores) -> Result<(Vec<Measured>, Vec<Measured>)> {
    // It fills the cache of compiled plugins, and tells how long the prompts are, so that the floor sends as many bytes.
    let first = run::once(Client::Llmperf, &scenario.first_token_only(), cores)?;
    let floor = Client::Floor { prompt_bytes: first.prompt_bytes.context("the mock saw no prompt")? };
    let (mut floors, mut llmperfs) = (Vec::new(), Vec::new());
    for n in 0..wanted.runs {
        eprintln!("{}: run {} of {}", scenario.name, n + 1, wanted.runs);
        let order = if n % 2 == 0 { [floor, Client::Llmperf] } else { [Client::Llmperf, floor] };
        for client in order {
            let into = if client == floor { &mut floors } else { &mut llmperfs };
            into.push(run::with_start(client, scenario, cores, wanted.quiet)?);
        }
    }
    Ok((floors, llmperfs))
}

/// The command line.
struct Wanted {
    runs: usize,
    only: Option<String>,
    long: bool,
    /// The share of a core that others may use during a run before it is repeated.
    quiet: Option<f64>,
}

impl Wanted {
    fn parse(args: &[String]) -> Result<Wanted> {
        let mut wanted = Wanted { runs: 5, only: None, long: false, quiet: None };
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            let mut value = || args.next().with_context(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--runs" => {
                    wanted.runs =
                        value()?.parse().ok().filter(|n| *n > 0).context("--runs must be 1 or more")?
                }
                "--only" => wanted.only = Some(value()?.clone()),
                "--quiet" => {
                    let percent = value()?.parse().ok().filter(|percent: &f64| *percent >= 0.0);
                    wanted.quiet = Some(percent.context("--quiet must be a percentage of a core")? / 100.0)
                }
                "--long" => wanted.long = true,
                other => {
                    bail!(
                        "{other} is no flag of this bench\nhint: it has --runs N, --only NAME, --long and --quiet PERCENT"
                    )
                }
            }
        }
        let known = |name: &String| SCENARIOS.iter().any(|scenario| scenario.name == name);
        if let Some(name) = wanted.only.as_ref().filter(|name| !known(name)) {
            let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            bail!("--only {name} is no scenario\nhint: there are {}", names.join(", "));
        }
        Ok(wanted)
    }

    fn includes(&self, scenario: &Scenario) -> bool {
        match &self.only {
            Some(name) => scenario.name == name,
            None => self.long || !scenario.long,
        }
    }
}
