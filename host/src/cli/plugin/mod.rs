//! `llmperf plugin`: what people do with plugins beside running them. One file per command.

mod add;
mod list;
mod remove;

use clap::{Args, Subcommand};

use super::print_result;
use crate::error::Error;

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
}

pub(super) fn run(args: PluginArgs) -> Result<u8, Error> {
    match args.command {
        PluginCommand::Add(args) => add::run(args),
        PluginCommand::List(args) => list::run(args),
        PluginCommand::Remove(args) => remove::run(args),
    }
}
