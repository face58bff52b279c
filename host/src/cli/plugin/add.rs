//! `llmperf plugin add`: shows what a plugin asks for, asks, and keeps it.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::print_result;
use crate::error::Error;
use crate::provider::{ProviderEntry, Scheme};
use crate::report::{inert, prompt};
use crate::run::{Proposal, propose};

/// Characters of a line that a stranger wrote.
const WIDTH: usize = 200;

/// Loads a component in the sandbox, shows what it is and asks for, and asks whether to keep it: a copy in your data directory, with its
/// SHA-256 and what was agreed to in plugins.lock.toml. From then on --llm-api finds it and the providers it brings by their names.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    /// The component, a file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Add it only if its SHA-256 is this, as sha256:HEX
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Put it in the place of an installed plugin of its name
    #[arg(long)]
    replace: bool,
    /// Say yes to what it asks for, for scripts
    #[arg(long, short)]
    yes: bool,
}

pub(in crate::cli) fn run(args: AddArgs) -> Result<u8, Error> {
    let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let proposal = propose(&args.file, args.digest.as_deref(), args.replace)?;
    prompt(shown(&proposal));
    if !args.yes {
        if !can_ask {
            return Err(Error::usage(anyhow!(
                "nobody is there to be asked whether to add plugin {}\nhint: --yes agrees to what is said above",
                proposal.plugin.name
            )));
        }
        if !agreed()? {
            return Err(Error::usage(anyhow!("plugin {} is not added", proposal.plugin.name)));
        }
    }
    let plugin = proposal.install()?;
    print_result(&format!(
        "added {} {} sha256:{}\n",
        plugin.name,
        inert(&plugin.version, WIDTH),
        plugin.sha256
    ))?;
    Ok(0)
}

fn agreed() -> Result<bool, Error> {
    prompt("Add it? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("the answer cannot be read")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What the plugin is and asks for, for the person who decides.
fn shown(proposal: &Proposal) -> String {
    let Proposal { plugin, description, providers, withheld, replaces, .. } = proposal;
    let mut text = String::new();
    line(&mut text, "plugin", &format!("{} {}", plugin.name, plugin.version));
    line(&mut text, "summary", &plugin.summary);
    line(&mut text, "sha256", &plugin.sha256);
    if let Some(earlier) = replaces {
        line(&mut text, "replaces", &format!("{} sha256:{}", earlier.version, earlier.sha256));
    }
    let nothing = plugin.imports.is_empty().then(|| "nothing".to_owned());
    for import in nothing.iter().chain(&plugin.imports) {
        line(&mut text, "imports", import);
    }
    for option in &description.options {
        let reads: Vec<String> = option.env.iter().map(|name| reading(name, withheld)).collect();
        let reads = match reads.is_empty() {
            true => String::new(),
            false => format!(", reads {}", reads.join(" or ")),
        };
        line(&mut text, "option", &format!("{}{reads}: {}", option.name, option.help));
    }
    providers.iter().for_each(|entry| show_provider(&mut text, entry));
    text.push_str("It runs in a sandbox: without network, files, clock, environment or key. Requests go to its providers or to --base-url.\n");
    text
}

fn reading(name: &str, withheld: &[String]) -> String {
    match withheld.iter().any(|held| held == name) {
        true => format!("{name} (never: it names a secret)"),
        false => name.to_owned(),
    }
}

fn show_provider(text: &mut String, entry: &ProviderEntry) {
    let names = std::iter::once(&entry.name).chain(&entry.aliases).map(String::as_str).collect::<Vec<_>>();
    line(
        text,
        "provider",
        &format!("{} at {}{}", names.join(" or "), entry.base_url.as_deref().unwrap_or("-"), entry.path),
    );
    for scheme in &entry.credential {
        let (how, variables) = match scheme {
            Scheme::Bearer { env } => ("as a bearer token".to_owned(), env),
            Scheme::Header { name, env, .. } => (format!("in the header {name}"), env),
            Scheme::Query { name, env } => (format!("in the query as {name}"), env),
            // Is not let through.
            Scheme::Sigv4 { .. } | Scheme::Google | Scheme::WatsonxIam { .. } => continue,
        };
        line(text, "", &format!("sends it ${} {how}", variables.join(" or $")));
    }
    let open = entry.open_variables();
    if !open.is_empty() {
        let open: Vec<&str> = open.into_iter().collect();
        line(text, "", &format!("reads ${}", open.join(" $")));
    }
    if !entry.base_env.is_empty() {
        line(text, "", &format!("goes to ${} instead, where that is set", entry.base_env.join(" or $")));
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<9} {}", inert(value, WIDTH));
}
