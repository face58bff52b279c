//! `llmperf plugin inspect`: what can be known of a plugin without running it, and then, marked as its own word, what it says.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{print_result, read_component};
use crate::error::Error;
use crate::plugin::{Anatomy, CONTRACT, ComponentAnatomy, Contract, Description, Limits, Treatment};
use crate::report::inert;
use crate::run::plugin_engine;

/// Characters of a text that is not ours on one line.
const WIDTH: usize = 200;

/// Says what the file is, which contract it speaks, what it imports and what it was made with: none of its code runs for
/// that. Then the component is asked to describe itself, in the sandbox. What it says is its own word.
#[derive(Debug, Args)]
pub(in crate::cli) struct InspectArgs {
    /// The component; bundled:NAME is one that comes with llmperf
    #[arg(value_name = "FILE")]
    file: String,
    /// Do not run it, not even to describe itself
    #[arg(long)]
    without_running: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the component says of itself, or why it does not.
type Said = Result<Description, String>;

pub(in crate::cli) fn run(args: InspectArgs) -> Result<u8, Error> {
    let component = read_component(&args.file)?;
    let anatomy = Anatomy::of(&component.bytes);
    let said = match args.without_running {
        true => None,
        false => {
            let loaded = plugin_engine(Limits::default())?.load(&component.origin, &component.bytes);
            Some(loaded.map(|plugin| plugin.description().clone()).map_err(|error| format!("{error:#}")))
        }
    };
    let text = match args.json {
        true => format!("{:#}\n", as_json(&args.file, &anatomy, said.as_ref())),
        false => as_text(&args.file, &anatomy, said.as_ref()),
    };
    print_result(&text)?;
    Ok(0)
}

fn contract_line(contract: &Contract) -> String {
    match contract {
        Contract::Spoken => format!("{CONTRACT} (world plugin), which this host speaks"),
        Contract::Older(name) => format!("{name}, older than this host's {CONTRACT}: refused"),
        Contract::Newer(name) => format!("{name}, newer than this host's {CONTRACT}: refused"),
        Contract::None => "none: it is no llmperf plugin".to_owned(),
    }
}

fn as_text(named: &str, anatomy: &Anatomy, said: Option<&Said>) -> String {
    let mut text = format!("{}\n", inert(named, WIDTH));
    row(&mut text, "is", &format!("{}, {} bytes", anatomy.kind, anatomy.bytes));
    row(&mut text, "sha256", &anatomy.sha256);
    if let Some(component) = &anatomy.component {
        row(&mut text, "contract", &contract_line(&anatomy.contract()));
        write_component(&mut text, component);
    }
    if let Some(defect) = &anatomy.defect {
        row(&mut text, "broken", defect);
    }
    match said {
        None => {}
        Some(Ok(description)) => {
            text.push_str("\nIts own word, unchecked:\n");
            write_description(&mut text, description);
        }
        Some(Err(error)) => {
            let mut lines = error.lines();
            let _ = write!(text, "\nnot used: {}\n", inert(lines.next().unwrap_or_default(), 4 * WIDTH));
            lines.for_each(|line| _ = writeln!(text, "{}", inert(line, 4 * WIDTH)));
        }
    }
    text
}

fn row(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<10} {}", inert(value, 2 * WIDTH));
}

fn write_component(text: &mut String, component: &ComponentAnatomy) {
    for export in &component.exports {
        row(text, "exports", export);
    }
    if component.imports.is_empty() {
        row(text, "imports", "nothing");
    }
    for import in &component.imports {
        let treatment = match import.treatment {
            Treatment::Stubbed(answer) => format!("stubbed: {answer}"),
            Treatment::Refused => "REFUSED: no plugin may have it".to_owned(),
        };
        row(text, "imports", &format!("{:<36} {treatment}", import.name));
    }
    for [field, name, version] in &component.producers {
        row(text, "made with", &format!("{field} {name} {version}"));
    }
    let sections = component.custom_sections.iter();
    let sections: Vec<String> = sections.map(|(name, bytes)| format!("{name} ({bytes} bytes)")).collect();
    if !sections.is_empty() {
        row(text, "sections", &sections.join(", "));
    }
    let ComponentAnatomy { core_modules, functions, code_bytes, memory_bytes, .. } = component;
    row(
        text,
        "code",
        &format!(
            "{functions} functions in {core_modules} core modules, {code_bytes} bytes; starts with {} KiB of memory",
            memory_bytes >> 10
        ),
    );
}

fn write_description(text: &mut String, said: &Description) {
    row(text, "name", &format!("{} {}", said.name, said.version));
    row(text, "summary", &said.summary);
    row(text, "tasks", &said.tasks.join(", "));
    for option in &said.options {
        let default = option.default.as_ref().map(|value| format!(", default {value:?}")).unwrap_or_default();
        let needed = if option.required { ", required" } else { "" };
        let env =
            if option.env.is_empty() { String::new() } else { format!(", from {}", option.env.join(" or ")) };
        let about =
            format!("{} ({}{default}{needed}{env}): {}", option.name, option.kind.word(), option.help);
        row(text, "option", &about);
    }
    match &said.providers {
        None => row(text, "providers", "brings none along"),
        Some(toml) => {
            row(text, "providers", "brings these along:");
            toml.lines().for_each(|line| _ = writeln!(text, "    {}", inert(line, WIDTH)));
        }
    }
}

fn as_json(named: &str, anatomy: &Anatomy, said: Option<&Said>) -> Value {
    let contract = anatomy.contract();
    let mut value = json!({
        "file": named,
        "kind": anatomy.kind.to_string(),
        "bytes": anatomy.bytes,
        "sha256": anatomy.sha256,
        "contract": match &contract {
            Contract::Spoken => Some(CONTRACT),
            Contract::Older(name) | Contract::Newer(name) => Some(name.as_str()),
            Contract::None => None,
        },
        "contract_is_spoken": contract == Contract::Spoken,
        "defect": anatomy.defect,
    });
    if let Some(component) = &anatomy.component {
        let imports = component.imports.iter().map(|import| {
            let (treatment, finds) = match import.treatment {
                Treatment::Stubbed(answer) => ("stubbed", Some(answer)),
                Treatment::Refused => ("refused", None),
            };
            json!({ "name": import.name, "treatment": treatment, "finds": finds })
        });
        let producers = component.producers.iter();
        let sections = component.custom_sections.iter();
        value["component"] = json!({
            "exports": component.exports,
            "imports": imports.collect::<Vec<_>>(),
            "producers": producers
                .map(|[field, name, version]| json!({ "field": field, "name": name, "version": version }))
                .collect::<Vec<_>>(),
            "custom_sections": sections
                .map(|(name, bytes)| json!({ "name": name, "bytes": bytes }))
                .collect::<Vec<_>>(),
            "core_modules": component.core_modules,
            "functions": component.functions,
            "code_bytes": component.code_bytes,
            "memory_bytes": component.memory_bytes,
        });
    }
    match said {
        None => {}
        Some(Ok(said)) => value["its_own_word"] = description_json(said),
        Some(Err(error)) => value["not_used"] = json!(error),
    }
    value
}

fn description_json(said: &Description) -> Value {
    let options = said.options.iter().map(|option| {
        json!({
            "name": option.name, "kind": option.kind.word(), "env": option.env, "default": option.default,
            "required": option.required, "help": option.help,
        })
    });
    json!({
        "name": said.name, "version": said.version, "summary": said.summary, "tasks": said.tasks,
        "options": options.collect::<Vec<_>>(), "providers": said.providers,
    })
}
