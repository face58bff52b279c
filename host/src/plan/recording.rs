//! Recordings: where one is made, and what is to be done with one.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::goals::slos;
use super::limits::limits;
use super::resolve::{results_dir, writable_dir};
use super::target::{find_entry, resolve_plugin};
use super::{LoadInput, PluginSource};
use crate::metrics::{Dialect, Slo, TokenBasis};
use crate::plugin::Limits;
use crate::provider::Catalog;
use crate::record::archive::RECORDING_FILE;

/// The directory is made now, where it is no `dry_run`; a recording in it is never written over.
pub(super) fn record_dir(given: Option<PathBuf>, dry_run: bool) -> Result<Option<PathBuf>> {
    let Some(dir) = given else { return Ok(None) };
    if dir.as_os_str().is_empty() {
        bail!("--record is empty\nhint: name a directory; it is made where there is none");
    }
    writable_dir(&dir, dry_run).with_context(|| format!("--record {} cannot be used", dir.display()))?;
    if dir.join(RECORDING_FILE).exists() {
        bail!(
            "--record {} holds a recording already\nhint: name another directory, or remove {RECORDING_FILE} from it",
            dir.display()
        );
    }
    Ok(Some(dir))
}

/// The settings of `llmperf replay` as they were given. Field names are the long flag names.
#[derive(Debug, Clone, Default)]
pub struct ReplayInput {
    /// A recording, or the directory that holds one.
    pub recording: PathBuf,
    pub plugin: Option<PathBuf>,
    pub llm_api: Option<String>,
    /// `NAME=VALUE`, any number.
    pub plugin_limits: Vec<String>,
    pub tokenizer: Option<PathBuf>,
    pub tokens: Option<TokenBasis>,
    /// As `--slo` takes them.
    pub slo: Vec<String>,
    pub dialects: Vec<Dialect>,
    pub results_dir: Option<PathBuf>,
    pub save_text: bool,
    pub plugin_log: bool,
}

/// A recording to be read again. What is `None` is as it was recorded.
#[derive(Debug, Clone)]
pub struct ReplayPlan {
    pub recording: PathBuf,
    pub plugin: Option<PluginSource>,
    pub tokenizer: Option<PathBuf>,
    pub token_basis: Option<TokenBasis>,
    pub slos: Vec<Slo>,
    pub limits: Limits,
    pub dialects: Vec<Dialect>,
    /// Where results go; `None` saves nothing.
    pub results_dir: Option<PathBuf>,
    pub save_text: bool,
    pub show_plugin_log: bool,
}

/// Makes a plan of it. Every error names the setting and the remedy.
pub fn resolve_replay(input: ReplayInput) -> Result<ReplayPlan> {
    if !input.recording.exists() {
        bail!(
            "recording {} is not there\nhint: give the directory that was given to --record",
            input.recording.display()
        );
    }
    let plugin = match (&input.plugin, &input.llm_api) {
        (None, None) => None,
        (plugin, llm_api) => Some(spoken_by(plugin.clone(), llm_api.clone())?),
    };
    Ok(ReplayPlan {
        recording: input.recording,
        plugin,
        tokenizer: input.tokenizer,
        token_basis: input.tokens,
        slos: slos(&input.slo)?,
        limits: limits(&input.plugin_limits)?,
        dialects: input.dialects,
        results_dir: results_dir(input.results_dir, false)?,
        save_text: input.save_text,
        show_plugin_log: input.plugin_log,
    })
}

/// The plugin that a recorded run used: the file named then, or the bundled one of that API.
pub fn recorded_plugin(file: Option<PathBuf>, api: String) -> Result<PluginSource> {
    if let Some(file) = file.as_ref().filter(|file| !file.is_file()) {
        bail!(
            "the recording was made with the plugin {}, which is not there\nhint: give a plugin with --plugin or --llm-api",
            file.display()
        );
    }
    spoken_by(file, Some(api))
}

fn spoken_by(plugin: Option<PathBuf>, llm_api: Option<String>) -> Result<PluginSource> {
    let input = LoadInput { plugin, llm_api, ..LoadInput::default() };
    let (entry, _) = find_entry(&input, "", &Catalog::bundled()?)?;
    resolve_plugin(&input, &entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_and_a_recording_in_it_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let new = dir.path().join("a/b");
        record_dir(Some(new.clone()), true).expect("a directory");
        assert!(!new.exists(), "a dry run makes nothing");
        assert_eq!(record_dir(Some(new.clone()), false).expect("a directory"), Some(new.clone()));
        std::fs::write(new.join(RECORDING_FILE), "").expect("written");
        let check = |given: PathBuf, words: &[&str]| {
            let error = format!("{:#}", record_dir(Some(given), false).expect_err("refused"));
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        };
        check(new.clone(), &["--record", "holds a recording already", "hint:"]);
        check(new.join(RECORDING_FILE), &["--record", "it is a file", "hint:"]);
        check(PathBuf::new(), &["--record is empty", "hint:"]);
    }

    #[test]
    fn what_is_wrong_with_a_replay_is_named_with_its_remedy() {
        let here = || ReplayInput { recording: "/".into(), ..ReplayInput::default() };
        let check = |input: ReplayInput, words: &[&str]| {
            let error = format!("{:#}", resolve_replay(input).expect_err(words[0]));
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        };
        check(
            ReplayInput { recording: "/none".into(), ..here() },
            &["/none is not there", "hint:", "--record"],
        );
        check(ReplayInput { plugin: Some("/none".into()), ..here() }, &["--plugin /none is no file"]);
        check(ReplayInput { llm_api: Some("opnai".to_owned()), ..here() }, &["--llm-api opnai", "hint:"]);
        let gone = recorded_plugin(Some("/none.wasm".into()), "custom".to_owned()).expect_err("no file");
        assert!(gone.to_string().contains("/none.wasm, which is not there\nhint:"), "{gone}");
        assert!(resolve_replay(here()).expect("a plan").plugin.is_none());
    }
}
