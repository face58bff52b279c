//! The plugins that the user added, and the providers they bring: beside what came with llmperf and what the user wrote, and
//! never in its place.

use std::fmt;

use anyhow::{Result, bail};

use crate::plugin::{Installed, Store, bundled, data_dir, is_plugin_name};
use crate::provider::{Catalog, ProviderEntry};

use super::resolve::own_catalog;

/// All installed plugins; none where the user has no place for them.
///
/// # Errors
/// Their list is broken; the error names it.
pub fn installed() -> Result<Vec<Installed>> {
    match data_dir() {
        Some(dir) => Store::at(&dir).installed(),
        None => Ok(vec![]),
    }
}

/// The providers of a plugin that is installed or to be, where it may be used beside all others. They are judged anew whenever
/// they are used: another version of llmperf may have bundled a name since, or the user's own file taken it.
///
/// # Errors
/// Its name or one of its providers is or claims what is another's.
pub fn judge_plugin(plugin: &Installed) -> Result<Vec<ProviderEntry>> {
    let mut others = installed()?;
    others.retain(|other| other.name != plugin.name);
    let mut catalog = own_catalog(None)?;
    add_providers(&mut catalog, &others);
    judge(plugin, &others, &catalog)
}

/// An installed plugin that was good when it was added, and whose words another has taken since: none of its providers is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    plugin: String,
    /// What `--llm-api` would find it by.
    words: Vec<String>,
    why: String,
}

impl LeftOut {
    fn of(plugin: &Installed, why: &anyhow::Error) -> LeftOut {
        let brought = plugin.providers.as_deref().map(Catalog::words_of).unwrap_or_default();
        let words = std::iter::once(plugin.name.clone()).chain(brought).collect();
        LeftOut { plugin: plugin.name.clone(), words, why: format!("{why:#}") }
    }

    /// Whether `--llm-api` may have meant it.
    pub(super) fn answers_to(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeftOut { plugin, why, .. } = self;
        write!(
            f,
            "the providers of the installed plugin {plugin} are left out: {why}\n\
             hint: llmperf plugin remove {plugin} forgets it; --plugin FILE with --base-url uses its file beside the other"
        )
    }
}

/// Adds the providers of installed plugins; those of a plugin that fails its judgement stay out, and are told.
pub(super) fn add_providers(catalog: &mut Catalog, plugins: &[Installed]) -> Vec<LeftOut> {
    let mut left_out = vec![];
    for plugin in plugins {
        match judge(plugin, plugins, catalog) {
            Ok(entries) => catalog.append(entries),
            Err(why) => left_out.push(LeftOut::of(plugin, &why)),
        }
    }
    left_out
}

fn judge(plugin: &Installed, installed: &[Installed], catalog: &Catalog) -> Result<Vec<ProviderEntry>> {
    let name = &plugin.name;
    if !is_plugin_name(name) {
        bail!("its name {name:?} is not of lower-case letters, digits and dashes");
    }
    if bundled().any(|bundled| bundled.name == name) {
        bail!("its name {name} is that of a bundled plugin");
    }
    if catalog.is_taken(name) {
        bail!("its name {name} is that of a provider, or a word that --llm-api knows already");
    }
    let Some(toml) = &plugin.providers else { return Ok(vec![]) };
    let entries = catalog.judge_foreign(name, toml)?;
    let is_plugin = |word: &&String| {
        *word != name
            && (bundled().any(|bundled| bundled.name == word.as_str())
                || installed.iter().any(|other| other.name == **word))
    };
    let mut words = entries.iter().flat_map(|entry| std::iter::once(&entry.name).chain(&entry.aliases));
    match words.find(is_plugin) {
        Some(word) => bail!("its provider {word} has the name of another plugin"),
        None => Ok(entries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str, providers: Option<&str>) -> Installed {
        Installed {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            summary: String::new(),
            sha256: "0".repeat(64),
            origin: String::new(),
            imports: vec![],
            options: vec![],
            providers: providers.map(|word| {
                format!("[[provider]]\nname = \"{word}\"\napi = \"{name}\"\nbase_url = \"https://a.example\"")
            }),
        }
    }

    fn words(plugins: &[Installed]) -> Vec<String> {
        let mut catalog = Catalog::bundled().expect("the bundled list");
        let known = catalog.entries().len();
        add_providers(&mut catalog, plugins);
        catalog.entries()[known..].iter().map(|entry| entry.name.clone()).collect()
    }

    #[test]
    fn providers_stand_behind_all_others_and_clashing_ones_stay_out() {
        assert_eq!(
            words(&[plugin("a", Some("a")), plugin("b", Some("b-cloud")), plugin("c", None)]),
            ["a", "b-cloud"]
        );
        assert_eq!(words(&[plugin("a", Some("one")), plugin("b", Some("one"))]), ["one"]);
        assert_eq!(words(&[plugin("a", Some("b")), plugin("b", None)]), [""; 0]);
        assert_eq!(words(&[plugin("a", Some("groq"))]), [""; 0]);
        assert_eq!(words(&[plugin("a", Some("echo"))]), [""; 0]);
        assert_eq!(words(&[plugin("openai-chat", Some("one"))]), [""; 0]);
    }

    #[test]
    fn what_is_left_out_is_known_by_all_its_words_and_says_why() {
        let left_out = |plugins: &[Installed]| {
            add_providers(&mut Catalog::bundled().expect("the bundled list"), plugins)
        };
        assert_eq!(left_out(&[plugin("a", Some("one")), plugin("b", None)]), []);
        let found = left_out(&[plugin("a", Some("one")), plugin("b", Some("one"))]);
        assert!(found.len() == 1 && ["b", "one"].iter().all(|word| found[0].answers_to(word)), "{found:?}");
        assert!(!found[0].answers_to("a"));
        let text = found[0].to_string();
        for word in ["plugin b ", "its provider one has the name", "\nhint: llmperf plugin remove b"] {
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn a_plugins_name_is_its_own() {
        let catalog = Catalog::bundled().expect("the bundled list");
        for (name, word) in [
            ("openai-chat", "bundled plugin"),
            ("echo", "bundled plugin"),
            ("groq", "that of a provider"),
            ("together-ai", ""),
            ("litellm", "that of a provider"),
            ("custom", "that of a provider"),
            ("../x", "lower-case letters"),
            ("Parrot", "lower-case letters"),
            ("parrot", ""),
        ] {
            match judge(&plugin(name, None), &[], &catalog) {
                Ok(_) => assert_eq!(word, "", "{name}"),
                Err(error) => {
                    assert!(!word.is_empty() && error.to_string().contains(word), "{name}: {error}")
                }
            }
        }
    }
}
