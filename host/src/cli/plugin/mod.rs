//! `llmperf plugin`: what people do with plugins beside running them. One file per command.

mod add;
mod check;
mod inspect;
mod list;
mod new;
mod remove;
mod skeleton;

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};

use super::print_result;
use crate::error::Error;
use crate::plugin::bundled;

/// What may be done with plugins.
#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Install a plugin, after showing what it asks for
    Add(add::AddArgs),
    /// Show the plugins that there are: bundled and installed
    List(list::ListArgs),
    /// Uninstall a plugin
    Remove(remove::RemoveArgs),
    /// Judge a plugin: what it asks for, what it builds and reads, what it costs
    Check(check::CheckArgs),
    /// Show what a plugin's file is and asks for, and then what it says of itself
    Inspect(inspect::InspectArgs),
    /// Begin a plugin: a directory with one that works, to be changed
    New(new::NewArgs),
}

pub(super) fn run(args: PluginArgs) -> Result<u8, Error> {
    match args.command {
        PluginCommand::Add(args) => add::run(args),
        PluginCommand::List(args) => list::run(args),
        PluginCommand::Remove(args) => remove::run(args),
        PluginCommand::Check(args) => check::run(args),
        PluginCommand::Inspect(args) => inspect::run(args),
        PluginCommand::New(args) => new::run(args),
    }
}

/// What stands before the name of a bundled plugin where a file could be.
const BUNDLED: &str = "bundled:";

/// A component that was named on the command line.
struct Component {
    /// How it was named.
    origin: String,
    /// `None` for a bundled one.
    path: Option<PathBuf>,
    bytes: Vec<u8>,
}

/// Reads the component of a file, or of `bundled:NAME`.
fn read_component(named: &str) -> Result<Component, Error> {
    let origin = named.to_owned();
    if let Some(name) = named.strip_prefix(BUNDLED) {
        let plugin = bundled().find(|plugin| plugin.name == name).ok_or_else(|| {
            let known: Vec<_> = bundled().map(|plugin| plugin.name).collect();
            Error::usage(anyhow!("no bundled plugin is called {name:?}\nhint: they are {}", known.join(", ")))
        })?;
        return Ok(Component { origin, path: None, bytes: plugin.wasm.to_vec() });
    }
    let path = PathBuf::from(named);
    if path.is_dir() {
        return Err(Error::usage(anyhow!(
            "plugin {named} is a directory\nhint: name the component that was built, say target/wasm32-wasip2/release/NAME.wasm"
        )));
    }
    let bytes = std::fs::read(&path).with_context(|| format!("plugin {named} cannot be read"));
    Ok(Component { origin, path: Some(path), bytes: bytes.map_err(Error::usage)? })
}
