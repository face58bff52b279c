//! `llmperf plugin list`: which APIs can be spoken, and by what.

use clap::Args;
use serde_json::{Value, json};

use super::super::providers::table;
use super::print_result;
use crate::error::Error;
use crate::plan::judge_plugin;
use crate::plugin::{Limits, Store, bundled};
use crate::report::inert;
use crate::run::plugin_engine;

/// Characters of a summary, which is a stranger's.
const SUMMARY_WIDTH: usize = 60;
/// And of its version.
const VERSION_WIDTH: usize = 20;
/// Digits of a digest that a table shows.
const DIGEST_WIDTH: usize = 12;

/// Name, version, whether it came with llmperf or was added, SHA-256 of the component and summary of each plugin. An installed one
/// is not run for it; one whose file is not what was agreed to is marked.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

struct Row {
    name: String,
    version: String,
    source: &'static str,
    sha256: String,
    summary: String,
    /// Of an installed one: where it was copied from, and why it cannot be used if that is so.
    origin: Option<String>,
    defect: Option<String>,
}

pub(in crate::cli) fn run(args: ListArgs) -> Result<u8, Error> {
    let rows = rows()?;
    let text = match args.json {
        true => format!("{:#}\n", Value::Array(rows.iter().map(as_json).collect())),
        false => as_text(&rows),
    };
    print_result(&text)?;
    Ok(0)
}

fn rows() -> Result<Vec<Row>, Error> {
    let mut rows = vec![];
    let store = Store::open().map_err(Error::usage)?;
    for plugin in store.installed().map_err(Error::usage)? {
        let changed = store.component(&plugin).err().map(|error| error.to_string());
        let left_out =
            || judge_plugin(&plugin).err().map(|error| format!("it cannot be used any more: {error:#}"));
        let defect = changed.or_else(left_out);
        rows.push(Row {
            name: plugin.name,
            version: plugin.version,
            source: "installed",
            sha256: plugin.sha256,
            summary: plugin.summary,
            origin: Some(plugin.origin),
            defect,
        });
    }
    let engine = plugin_engine(Limits::default())?;
    for plugin in bundled() {
        let loaded = engine.load_bundled(&plugin)?;
        let said = loaded.description();
        rows.push(Row {
            name: plugin.name.to_owned(),
            version: said.version.clone(),
            source: "bundled",
            sha256: loaded.digest().to_owned(),
            summary: said.summary.clone(),
            origin: None,
            defect: None,
        });
    }
    Ok(rows)
}

fn as_text(rows: &[Row]) -> String {
    let mut cells: Vec<[String; 5]> =
        vec![["PLUGIN", "VERSION", "SOURCE", "SHA256", "SUMMARY"].map(str::to_owned)];
    for row in rows {
        cells.push([
            row.name.clone(),
            inert(&row.version, VERSION_WIDTH),
            if row.defect.is_some() { "UNUSABLE".to_owned() } else { row.source.to_owned() },
            row.sha256.chars().take(DIGEST_WIDTH).collect(),
            inert(&row.summary, SUMMARY_WIDTH),
        ]);
    }
    table(&cells)
}

fn as_json(row: &Row) -> Value {
    json!({
        "name": row.name,
        "version": row.version,
        "source": row.source,
        "sha256": row.sha256,
        "summary": row.summary,
        "origin": row.origin,
        "defect": row.defect,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_a_line_and_what_it_says_is_inert() {
        let row = Row {
            name: "parrot".to_owned(),
            version: "0.1.0\u{1b}[31m".to_owned(),
            source: "installed",
            sha256: "0123456789abcdef".to_owned(),
            summary: "says\nit".to_owned(),
            origin: None,
            defect: None,
        };
        let changed = Row { defect: Some("changed".to_owned()), name: "b".to_owned(), ..row_like(&row) };
        assert_eq!(
            as_text(&[row, changed]),
            "PLUGIN  VERSION          SOURCE     SHA256        SUMMARY\n\
             parrot  0.1.0\\u{1b}[31m  installed  0123456789ab  says\\nit\n\
             b       0.1.0\\u{1b}[31m  UNUSABLE   0123456789ab  says\\nit\n"
        );
    }

    fn row_like(row: &Row) -> Row {
        Row {
            name: row.name.clone(),
            version: row.version.clone(),
            source: row.source,
            sha256: row.sha256.clone(),
            summary: row.summary.clone(),
            origin: row.origin.clone(),
            defect: row.defect.clone(),
        }
    }
}
