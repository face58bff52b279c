//! `plugins.lock.toml`: the installed plugins, as they are written down.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{AgreedOption, Installed, is_plugin_name};
use crate::plugin::is_digest;

/// The shape of the file. It grows by keys that may be missing, and this number by changes of meaning.
const FORMAT: u32 = 1;
const HEAD: &str = "# Written by llmperf plugin add and remove. What was agreed to of each plugin, and the digest it was agreed to with.\n\n";

#[derive(Serialize, Deserialize)]
struct LockFile {
    format: u32,
    #[serde(default, rename = "plugin")]
    plugins: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    version: String,
    summary: String,
    sha256: String,
    origin: String,
    #[serde(default)]
    imports: Vec<String>,
    providers: Option<String>,
    #[serde(default, rename = "option")]
    options: Vec<OptionRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionRow {
    name: String,
    #[serde(default)]
    env: Vec<String>,
}

/// # Errors
/// It is no TOML of this form, is of another format, or names a plugin that `add` could not have written.
pub(super) fn parse(text: &str) -> Result<Vec<Installed>> {
    let file: LockFile = toml::from_str(text).context("it cannot be read")?;
    if file.format != FORMAT {
        bail!("it is of format {}, and this llmperf reads {FORMAT}", file.format);
    }
    for row in &file.plugins {
        if !is_plugin_name(&row.name) {
            bail!("it names a plugin {:?}, which is no name for one", row.name);
        }
        if !is_digest(&row.sha256) {
            bail!("the sha256 of plugin {} is none", row.name);
        }
        if file.plugins.iter().filter(|other| other.name == row.name).count() > 1 {
            bail!("it names the plugin {} twice", row.name);
        }
    }
    Ok(file.plugins.into_iter().map(installed).collect())
}

pub(super) fn render(plugins: &[Installed]) -> Result<String> {
    let file = LockFile { format: FORMAT, plugins: plugins.iter().map(row).collect() };
    Ok(format!("{HEAD}{}", toml::to_string_pretty(&file)?))
}

fn installed(row: Row) -> Installed {
    let option = |row: OptionRow| AgreedOption { name: row.name, env: row.env };
    Installed {
        name: row.name,
        version: row.version,
        summary: row.summary,
        sha256: row.sha256,
        origin: row.origin,
        imports: row.imports,
        options: row.options.into_iter().map(option).collect(),
        providers: row.providers,
    }
}

fn row(plugin: &Installed) -> Row {
    let option = |option: &AgreedOption| OptionRow { name: option.name.clone(), env: option.env.clone() };
    Row {
        name: plugin.name.clone(),
        version: plugin.version.clone(),
        summary: plugin.summary.clone(),
        sha256: plugin.sha256.clone(),
        origin: plugin.origin.clone(),
        imports: plugin.imports.clone(),
        options: plugin.options.iter().map(option).collect(),
        providers: plugin.providers.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parrot() -> Installed {
        Installed {
            name: "parrot".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "says \"it\" \u{1b} again".to_owned(),
            sha256: "0123456789abcdef".repeat(4),
            origin: "/tmp/parrot.wasm".to_owned(),
            imports: vec!["wasi:cli/stdout@0.2.0".to_owned()],
            options: vec![AgreedOption { name: "voice".to_owned(), env: vec!["PARROT_VOICE".to_owned()] }],
            providers: Some("[[provider]]\nname = \"parrot\"\n".to_owned()),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let bare = Installed { name: "b".to_owned(), options: vec![], providers: None, ..parrot() };
        let plugins = vec![parrot(), bare];
        assert_eq!(parse(&render(&plugins).expect("text")).expect("plugins"), plugins);
        assert_eq!(parse(&render(&[]).expect("text")).expect("plugins"), []);
    }

    #[test]
    fn a_file_that_add_did_not_write_is_refused() {
        let check = |change: fn(&mut Installed), word: &str| {
            let mut changed = parrot();
            change(&mut changed);
            let error = parse(&render(&[changed]).expect("text")).expect_err(word);
            assert!(format!("{error:#}").contains(word), "{error:#}");
        };
        check(|plugin| plugin.name = "../parrot".to_owned(), "\"../parrot\"");
        check(|plugin| plugin.sha256 = "../../etc/passwd".to_owned(), "sha256 of plugin parrot");
        let twice = render(&[parrot(), parrot()]).expect("text");
        assert!(parse(&twice).expect_err("twice").to_string().contains("twice"));
        let later = render(&[]).expect("text").replace("format = 1", "format = 2");
        assert!(parse(&later).expect_err("later").to_string().contains("format 2"));
        assert!(format!("{:#}", parse("format = 1\n[[plugin]]\n").expect_err("torn")).contains("name"));
    }
}
