//! `llmperf plugin remove`: forgets a plugin that was added.

use anyhow::anyhow;
use clap::Args;

use super::print_result;
use crate::error::Error;
use crate::plugin::{Store, bundled};
use crate::report::inert;

/// Characters of a name or path that is not ours.
const WIDTH: usize = 200;

/// Takes an installed plugin and the providers it brought away. The file it was copied from stays.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    /// Its name, as `llmperf plugin list` shows it
    name: String,
}

pub(in crate::cli) fn run(args: RemoveArgs) -> Result<u8, Error> {
    let name = args.name;
    if bundled().any(|plugin| plugin.name == name) {
        return Err(Error::usage(anyhow!("plugin {name} came with llmperf and cannot be removed")));
    }
    let store = Store::open().map_err(Error::usage)?;
    let known: Vec<String> =
        store.installed().map_err(Error::usage)?.into_iter().map(|plugin| plugin.name).collect();
    match store.remove(&name)? {
        Some(plugin) => {
            print_result(&format!("removed {} {}\n", plugin.name, inert(&plugin.version, WIDTH)))?;
            Ok(0)
        }
        None if known.is_empty() => Err(Error::usage(anyhow!(
            "no plugin {} is installed\nhint: none is; llmperf plugin add FILE adds one",
            inert(&name, WIDTH)
        ))),
        None => Err(Error::usage(anyhow!(
            "no plugin {} is installed\nhint: installed are {}",
            inert(&name, WIDTH),
            known.join(", ")
        ))),
    }
}
