//! `llmperf providers`: who is known, under which names, with which credential.

use std::path::PathBuf;

use clap::Args;

use super::print_result;
use crate::error::Error;
use crate::plan;
use crate::provider::ProviderEntry;
use crate::report::say;

/// Each provider with the API it speaks, its prefix in LiteLLM's model names, where it is and the environment variables of
/// its key. A variable that is set is marked with a *.
#[derive(Debug, Args)]
pub(super) struct ProvidersArgs {
    /// Only those whose name, API or prefix has this in it
    filter: Option<String>,
    /// File of providers in addition to the bundled ones
    #[arg(long, value_name = "FILE")]
    providers: Option<PathBuf>,
}

pub(super) fn run(args: ProvidersArgs) -> Result<u8, Error> {
    let (catalog, left_out) = plan::catalog(args.providers.as_deref()).map_err(Error::usage)?;
    for plugin in &left_out {
        say(format_args!("note: {plugin}"));
    }
    let wanted = args.filter.unwrap_or_default();
    let mut rows: Vec<[String; 5]> = catalog.entries().iter().map(row).collect();
    rows.retain(|row| row[..3].iter().any(|cell| cell.contains(&wanted)));
    rows.sort();
    rows.insert(0, ["PROVIDER", "API", "LITELLM", "KEY", "BASE URL"].map(str::to_owned));
    print_result(&table(&rows))?;
    Ok(0)
}

fn row(entry: &ProviderEntry) -> [String; 5] {
    let names: Vec<&str> = std::iter::once(&entry.name).chain(&entry.aliases).map(String::as_str).collect();
    let base = match (&entry.base_url, &entry.base_env[..]) {
        (Some(url), _) => format!("{url}{}", entry.path),
        (None, []) => "--base-url".to_owned(),
        (None, variables) => format!("${}{}", variables.join(" or $"), entry.path),
    };
    [names.join(" "), entry.api.clone(), entry.litellm.join(" "), key(entry), base]
}

fn key(entry: &ProviderEntry) -> String {
    let variables = entry.credential.iter().flat_map(|scheme| scheme.variables());
    let is_set = |name: &String| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let marked: Vec<String> =
        variables.map(|name| if is_set(&name) { format!("{name}*") } else { name }).collect();
    match (marked.is_empty(), entry.key_optional) {
        (true, _) => "-".to_owned(),
        (false, true) => format!("[{}]", marked.join(" ")),
        (false, false) => marked.join(" "),
    }
}

/// Columns as wide as their widest cell; the last one as it is.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "long", "x"], ["bb", "", "yy"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "a   long  x\nbb        yy\n");
    }
}
