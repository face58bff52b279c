//! The providers the host knows: data, read from `providers.toml`.

use anyhow::{Context, Result};
use serde::Deserialize;

/// One table of `providers.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    pub name: String,
    /// The plugin that speaks its API.
    pub api: String,
    pub base_url: Option<String>,
    /// Environment variables for the base URL, first one set wins.
    #[serde(default)]
    pub base_env: Vec<String>,
    /// Environment variables for the key, first one set wins.
    #[serde(default)]
    pub key_env: Vec<String>,
    pub credential: CredentialScheme,
    /// A path people paste with the base URL, and that the plugin adds by itself.
    pub endpoint: Option<String>,
}

/// How a key goes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialScheme {
    None,
    Bearer,
}

/// The known providers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
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

    /// The provider of this name.
    pub fn find(&self, name: &str) -> Option<&ProviderEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// All names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_list_reads_and_names_are_unique() {
        let catalog = Catalog::bundled().expect("the bundled list");
        let mut names: Vec<_> = catalog.names().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), catalog.entries.len());
        assert_eq!(catalog.find("openai").expect("openai").credential, CredentialScheme::Bearer);
    }
}
