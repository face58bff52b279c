//! Installing a plugin: it is loaded in the sandbox and judged, a person is told what it asks for, and only then it is kept.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::plugin_engine;
use crate::error::Error;
use crate::plan::{installed, judge_plugin};
use crate::plugin::{
    AgreedOption, Anatomy, Description, Fault, Installed, Limits, Plugin, Store, already_there, is_digest,
    read_component, sha256,
};
use crate::provider::{ProviderEntry, looks_secret};

/// What a digest may be written behind.
const SHA256: &str = "sha256:";
/// Words of a stranger that go into the lock file.
const MAX_WORD_CHARS: usize = 200;
const MAX_OPTIONS: usize = 100;

/// A plugin that may be installed, and what it asks for.
#[derive(Debug)]
pub struct Proposal {
    /// As it would be written down.
    pub plugin: Installed,
    /// What it says of itself.
    pub description: Description,
    /// The providers it brings.
    pub providers: Vec<ProviderEntry>,
    /// Variables among those of its options that are never read for it, because their names are those of secrets.
    pub withheld: Vec<String>,
    /// The one whose place it would take.
    pub replaces: Option<Installed>,
    wasm: Vec<u8>,
}

/// Reads, loads and judges a component. `digest` is what it must be; `replace` lets it take the place of one of its name.
///
/// # Errors
/// It may not be installed, and why. One that traps or passes its limits is a plugin's fault.
pub fn propose(path: &Path, digest: Option<&str>, replace: bool) -> Result<Proposal, Error> {
    let wanted = digest.map(parse_digest).transpose().map_err(Error::usage)?;
    let wasm = read_component(path).map_err(|error| Error::usage(anyhow!("plugin {error:#}")))?;
    let found = sha256(&wasm);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
        return Err(Error::usage(anyhow!(
            "plugin {} has sha256 {found}, and --digest says {wanted}\nhint: it is another file than the one that was meant",
            path.display()
        )));
    }
    let origin = path.display().to_string();
    let loaded = plugin_engine(Limits::default())?.load(&origin, &wasm).map_err(kind_of)?;
    let refused =
        |error: anyhow::Error| Error::usage(error.context(format!("plugin {origin} is not installed")));
    judge(path, wasm, &loaded, replace).map_err(refused)
}

fn judge(path: &Path, wasm: Vec<u8>, loaded: &Plugin, replace: bool) -> Result<Proposal> {
    let said = loaded.description();
    let plugin = as_written(path, &wasm, loaded)?;
    let providers = judge_plugin(&plugin)?;
    let replaces = installed()?.into_iter().find(|other| other.name == plugin.name);
    if let Some(earlier) = replaces.as_ref().filter(|_| !replace) {
        bail!(already_there(earlier));
    }
    let withheld = withheld(&plugin, &providers)?;
    Ok(Proposal { plugin, description: said.clone(), providers, withheld, replaces, wasm })
}

impl Proposal {
    /// Keeps the plugin. What was judged may not have been overtaken by another that was added meanwhile.
    ///
    /// # Errors
    /// It may no longer be installed, or the store cannot be written.
    pub fn install(self) -> Result<Installed, Error> {
        judge_plugin(&self.plugin).map_err(Error::usage)?;
        let store = Store::open().map_err(Error::usage)?;
        store.add(self.plugin.clone(), &self.wasm, self.replaces.is_some()).map_err(Error::usage)?;
        Ok(self.plugin)
    }
}

/// What it is, is the user's to mend, and so is a description that breaks the contract; what it does, its author's.
fn kind_of(error: anyhow::Error) -> Error {
    match error.downcast_ref::<Fault>() {
        Some(Fault::Trap(_) | Fault::Limit(_)) => Error::plugin(error),
        Some(Fault::Error(_)) | None => Error::usage(error),
    }
}

fn parse_digest(text: &str) -> Result<String> {
    let hex = text.strip_prefix(SHA256).unwrap_or(text).to_ascii_lowercase();
    if !is_digest(&hex) {
        bail!("--digest {text:?} is no SHA-256\nhint: write sha256: and 64 hex digits");
    }
    Ok(hex)
}

fn as_written(path: &Path, wasm: &[u8], loaded: &Plugin) -> Result<Installed> {
    let said = loaded.description();
    let origin = path.canonicalize().with_context(|| format!("{} cannot be read", path.display()))?;
    for (what, text) in [("version", &said.version), ("summary", &said.summary)] {
        if text.chars().count() > MAX_WORD_CHARS {
            bail!("its {what} is longer than {MAX_WORD_CHARS} characters");
        }
    }
    if said.options.len() > MAX_OPTIONS {
        bail!("it has more than {MAX_OPTIONS} options");
    }
    for option in &said.options {
        if option.name.is_empty() || said.options.iter().filter(|other| other.name == option.name).count() > 1
        {
            bail!("its option {:?} has no name of its own", option.name);
        }
        let words = option.env.iter().chain([&option.name]);
        if words.clone().any(|word| word.chars().count() > MAX_WORD_CHARS) || option.env.len() > MAX_OPTIONS {
            bail!("one of its options has names without end");
        }
    }
    let option = |option: &crate::plugin::OptionSpec| AgreedOption {
        name: option.name.clone(),
        env: option.env.clone(),
    };
    Ok(Installed {
        name: said.name.clone(),
        version: said.version.clone(),
        summary: said.summary.clone(),
        sha256: loaded.digest().to_owned(),
        origin: origin.display().to_string(),
        imports: Anatomy::of(wasm).imports().map(str::to_owned).collect(),
        options: said.options.iter().map(option).collect(),
        providers: said.providers.clone(),
    })
}

/// The variables of its options that a run will not read for it.
fn withheld(plugin: &Installed, providers: &[ProviderEntry]) -> Result<Vec<String>> {
    let (mut catalog, _) = crate::plan::catalog(None)?;
    catalog.append(providers.to_vec());
    let secret = catalog.credential_variables();
    let named = plugin.options.iter().flat_map(|option| &option.env);
    Ok(named.filter(|name| secret.contains(name) || looks_secret(name)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_taken_with_its_prefix_and_without() {
        let hex = "0123456789abcdef".repeat(4);
        for text in [hex.clone(), format!("sha256:{hex}"), format!("sha256:{}", hex.to_uppercase())] {
            assert_eq!(parse_digest(&text).expect("a digest"), hex);
        }
        for text in ["", "sha256:", "sha512:00", &hex[1..]] {
            assert!(parse_digest(text).expect_err(text).to_string().contains("hint:"), "{text}");
        }
    }
}
