//! The providers the host knows: data, read from `providers.toml` and from the user's own file.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Scheme;

/// One table of `providers.toml`. Its texts may hold variables; [`expand`](super::expand) says how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    pub name: String,
    /// The plugin that speaks its API.
    pub api: String,
    /// Other names on the command line. Entries may share one: `models` decides.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What LiteLLM's model names begin with that go here; cut off before the model is sent.
    #[serde(default)]
    pub litellm: Vec<String>,
    /// What the models served here begin with; empty serves any.
    #[serde(default)]
    pub models: Vec<String>,
    /// What LiteLLM's model names without a prefix begin with that go here.
    #[serde(default)]
    pub bare: Vec<String>,

    pub base_url: Option<String>,
    /// Environment variables for the base URL, first one set wins.
    #[serde(default)]
    pub base_env: Vec<String>,
    /// A path between the base URL and what the plugin adds.
    #[serde(default)]
    pub path: String,
    /// Query pairs of every request.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Headers of every request; never a credential.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,

    /// Ways to authenticate, in order: the first whose variables are set counts. Empty: nothing is sent.
    #[serde(default)]
    pub credential: Vec<Scheme>,
    /// The provider's own address serves also without a credential.
    #[serde(default)]
    pub key_optional: bool,

    /// The model's name as the provider knows it, where that is longer than what people write (and has a `/`).
    pub model: Option<String>,
    /// Options of the plugin, where nothing else is asked for.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Fields of every request's body, below the sampling parameters.
    #[serde(default)]
    pub body: Map<String, Value>,
    /// Sampling parameters that the provider refuses: they are left out, and that is said.
    #[serde(default)]
    pub drop: Vec<String>,
}

impl ProviderEntry {
    /// A server that is known by its API alone.
    pub fn custom(name: &str, api: &str) -> ProviderEntry {
        ProviderEntry {
            name: name.to_owned(),
            api: api.to_owned(),
            aliases: vec![],
            litellm: vec![],
            models: vec![],
            bare: vec![],
            base_url: None,
            base_env: vec![],
            path: String::new(),
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            credential: vec![],
            key_optional: true,
            model: None,
            options: BTreeMap::new(),
            body: Map::new(),
            drop: vec![],
        }
    }

    /// How well the entry fits a model: the length of the longest beginning that fits; `None` where it serves others only.
    pub(super) fn fit(&self, model: &str) -> Option<usize> {
        match self.models.is_empty() {
            true => Some(0),
            false => longest_start(&self.models, model),
        }
    }
}

/// The length of the longest of `starts` that `text` begins with.
pub(super) fn longest_start(starts: &[String], text: &str) -> Option<usize> {
    starts.iter().filter(|start| text.starts_with(start.as_str())).map(String::len).max()
}

/// The known providers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    #[serde(rename = "provider")]
    entries: Vec<ProviderEntry>,
}

impl Catalog {
    /// The providers that come with the host.
    pub fn bundled() -> Result<Catalog> {
        toml::from_str(include_str!("providers.toml")).context("the bundled provider list cannot be read")
    }

    /// # Errors
    /// It is no TOML of this form; the error names line and field.
    pub(super) fn parse(toml: &str) -> Result<Catalog> {
        Ok(toml::from_str(toml)?)
    }

    /// Adds entries that are known to be in nobody's way, behind all others.
    pub fn append(&mut self, entries: Vec<ProviderEntry>) {
        self.entries.extend(entries);
    }

    /// Takes over the tables of a user's own file. One of a name that is known replaces what has it.
    ///
    /// # Errors
    /// It is no TOML of this form; the error names line and field.
    pub fn extend(&mut self, toml: &str) -> Result<()> {
        let own = Catalog::parse(toml)?;
        for (n, entry) in own.entries.iter().enumerate() {
            if entry.name.trim().is_empty() {
                bail!("provider {} has an empty name", n + 1);
            }
            if own.entries[..n].iter().any(|earlier| earlier.name == entry.name) {
                bail!("two providers are called {}", entry.name);
            }
        }
        self.entries.retain(|entry| own.entries.iter().all(|own| own.name != entry.name));
        // In front, so that they come before bundled ones in every choice that is a draw.
        self.entries.splice(0..0, own.entries);
        Ok(())
    }

    /// The provider that serves `model` under this name: its own, one it shares, or that of the API it speaks.
    pub fn find(&self, word: &str, model: &str) -> Option<&ProviderEntry> {
        let named =
            |entry: &&ProviderEntry| entry.name == word || entry.aliases.iter().any(|alias| alias == word);
        let best = self.entries.iter().filter(named).filter_map(|entry| Some((entry.fit(model)?, entry)));
        // The first of equals.
        let best = best.rev().max_by_key(|(fit, _)| *fit).map(|(_, entry)| entry);
        best.or_else(|| self.entries.iter().find(|entry| entry.api == word))
    }

    /// All providers, in the order of the files.
    pub fn entries(&self) -> &[ProviderEntry] {
        &self.entries
    }

    /// Every name and alias once, sorted.
    pub fn names(&self) -> Vec<&str> {
        let names = self.entries.iter().flat_map(|entry| std::iter::once(&entry.name).chain(&entry.aliases));
        let mut names: Vec<&str> = names.map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Every environment variable that any provider takes a credential from.
    pub fn credential_variables(&self) -> Vec<String> {
        let schemes = self.entries.iter().flat_map(|entry| &entry.credential);
        schemes.flat_map(Scheme::secret_variables).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_list_reads_and_names_are_unique() {
        let catalog = Catalog::bundled().expect("the bundled list");
        let mut names: Vec<_> = catalog.entries.iter().map(|entry| &entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), catalog.entries.len());
    }

    #[test]
    fn a_users_provider_is_added_or_replaces_the_bundled_one() {
        let mut catalog = Catalog::bundled().expect("the bundled list");
        let known = catalog.entries.len();
        let own = r#"
            [[provider]]
            name = "ours"
            api = "openai-chat"
            base_url = "https://llm.example/v1"
            credential = [{ scheme = "bearer", env = ["OURS_API_KEY"] }]

            [[provider]]
            name = "groq"
            api = "openai-chat"
            base_url = "https://groq.example/v1"
        "#;
        catalog.extend(own).expect("a good file");
        assert_eq!(catalog.entries.len(), known + 1);
        assert_eq!(catalog.find("ours", "m").map(|entry| &*entry.api), Some("openai-chat"));
        let groq = catalog.find("groq", "m").and_then(|entry| entry.base_url.as_deref());
        assert_eq!(groq, Some("https://groq.example/v1"));
        assert!(catalog.credential_variables().contains(&"OURS_API_KEY".to_owned()));
    }

    #[test]
    fn a_broken_file_is_refused_with_line_and_field() {
        let check = |toml: &str, words: &[&str]| {
            let mut catalog = Catalog::bundled().expect("the bundled list");
            let error = format!("{:#}", catalog.extend(toml).expect_err(toml));
            for word in words {
                assert!(error.contains(word), "{word:?} is not in {error:?}");
            }
        };
        check("[[provider]]\nname = \"a\"\n", &["line 1", "api"]);
        check("[[provider]]\nname = \"a\"\napi = \"b\"\nbase = \"x\"\n", &["line 4", "base", "base_url"]);
        check("[[provider]]\nname = \"a\"\napi = \"b\"\ncredential = [{ scheme = \"magic\" }]\n", &["magic"]);
        check("[[provider]]\nname = \"a\"\napi = \"b\"\n[[provider]]\nname = \"a\"\napi = \"c\"\n", &["two"]);
    }

    #[test]
    fn the_model_decides_between_entries_of_one_name_and_an_apis_name_means_its_first_provider() {
        let catalog = Catalog::bundled().expect("the bundled list");
        let api = |word, model| catalog.find(word, model).map(|entry| entry.api.as_str());
        assert_eq!(api("anthropic", "claude-2"), Some("anthropic-complete"));
        assert_eq!(api("anthropic", "claude-sonnet-4-5"), Some("anthropic-messages"));
        assert_eq!(api("anthropic-messages", "claude-2"), Some("anthropic-messages"));
        assert_eq!(api("opnai", "m"), None);
        assert_eq!(catalog.find("openai-chat", "m").map(|entry| entry.credential.len()), Some(0));
    }
}
