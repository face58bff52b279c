//! Providers that a plugin brings along: a stranger's word, which may claim no name, key or place that is another's.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail};
use http::HeaderName;
use serde_json::Value;
use url::{Host, Origin, Url};

use super::{Catalog, ProviderEntry, Scheme, parse_header};

/// More than any plugin's providers need.
const MAX_TOML_BYTES: usize = 64 << 10;
const MAX_PROVIDERS: usize = 32;
/// Variables of a provider's texts that are none of the environment.
const OWN_VARIABLES: [&str; 3] = ["model", "model-name", "aws-region"];
/// Words of `--llm-api` that are no provider's.
const RESERVED: [&str; 3] = ["litellm", "custom", "mock"];

/// Whether an environment variable's name says that it holds a secret, whoever's.
pub fn looks_secret(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    let is_word = |word: &str| {
        matches!(word, "KEY" | "KEYS" | "TOKEN" | "PASS" | "AUTH" | "PAT") || word.ends_with("APIKEY")
    };
    upper.split(['_', '-', '.']).any(is_word)
        || ["SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL"].iter().any(|part| upper.contains(part))
        || upper.ends_with("_KEY")
        || upper.ends_with("TOKEN")
}

impl Catalog {
    /// Whether a word is taken: by a provider, an API, a LiteLLM prefix or llmperf itself.
    pub fn is_taken(&self, word: &str) -> bool {
        RESERVED.contains(&word)
            || self.entries().iter().any(|entry| {
                let mut names = [&entry.name, &entry.api].into_iter().chain(&entry.aliases);
                let mut prefixes = entry.litellm.iter();
                names.any(|name| name == word)
                    || prefixes.any(|prefix| prefix == word || prefix.trim_end_matches('/') == word)
            })
    }

    /// The providers that the plugin `api` brings, where all of them may be added to these.
    ///
    /// # Errors
    /// It is no TOML in the form of `providers.toml`, or one of them claims what is not its own.
    pub fn judge_foreign(&self, api: &str, toml: &str) -> Result<Vec<ProviderEntry>> {
        if toml.len() > MAX_TOML_BYTES {
            bail!("its providers are longer than {} KiB", MAX_TOML_BYTES >> 10);
        }
        let brought = Catalog::parse(toml).context("its providers cannot be read")?;
        let entries = brought.entries();
        if entries.len() > MAX_PROVIDERS {
            bail!("it brings more than {MAX_PROVIDERS} providers");
        }
        for (n, entry) in entries.iter().enumerate() {
            self.judge_names(entry, &entries[..n])?;
            self.judge_entry(api, entry)
                .with_context(|| format!("its provider {} is refused", entry.name))?;
        }
        Ok(entries.to_vec())
    }

    /// The words of `--llm-api` that providers in the form of `providers.toml` would answer to, whatever else is wrong with them.
    pub fn words_of(toml: &str) -> Vec<String> {
        let brought = Catalog::parse(toml).map(|catalog| catalog.entries().to_vec()).unwrap_or_default();
        brought.into_iter().flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases)).collect()
    }

    fn judge_names(&self, entry: &ProviderEntry, earlier: &[ProviderEntry]) -> Result<()> {
        for name in std::iter::once(&entry.name).chain(&entry.aliases) {
            let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
            if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
                bail!(
                    "its provider {name:?} has a name that is not of lower-case letters, digits, - _ and ."
                );
            }
            if self.is_taken(name) {
                bail!("its provider {name} has the name of one that is known already");
            }
            if earlier.iter().any(|other| other.name == *name || other.aliases.contains(name)) {
                bail!("two of its providers are called {name}");
            }
        }
        Ok(())
    }

    fn judge_entry(&self, api: &str, entry: &ProviderEntry) -> Result<()> {
        if entry.api != api {
            bail!("it speaks {}, and the plugin speaks {api}", entry.api);
        }
        if !entry.litellm.is_empty() || !entry.bare.is_empty() {
            bail!("it claims model names of LiteLLM's (litellm, bare), which a plugin's provider may not");
        }
        let origin = origin_of(entry)?;
        for variable in &entry.base_env {
            self.judge_open_variable(variable).context("base_env")?;
        }
        for scheme in &entry.credential {
            self.judge_scheme(scheme, entry, &origin)?;
        }
        for text in texts(entry) {
            for variable in variables_in(text)?.iter().filter(|name| !OWN_VARIABLES.contains(name)) {
                self.judge_open_variable(variable).with_context(|| format!("{text:?}"))?;
            }
        }
        let segments = || entry.path.split('/');
        if segments().any(|segment| matches!(segment, "." | "..")) || entry.path.contains(['?', '#', '\\']) {
            bail!("its path {:?} leaves the base URL", entry.path);
        }
        for (name, value) in &entry.headers {
            let (name, _) = parse_header(name, value).map_err(|why| anyhow!("{why}"))?;
            if super::prepare::is_host_header(&name) {
                bail!("its header {name} is the host's own");
            }
        }
        Ok(())
    }

    /// A variable that is not a credential goes into URLs and bodies, and may be no secret.
    fn judge_open_variable(&self, name: &str) -> Result<()> {
        judge_variable_name(name)?;
        if self.credential_variables().iter().any(|known| known == name) || looks_secret(name) {
            bail!("{name} is the name of a credential, which may be nowhere but under credential");
        }
        Ok(())
    }

    fn judge_scheme(&self, scheme: &Scheme, entry: &ProviderEntry, origin: &Origin) -> Result<()> {
        let variables = match scheme {
            Scheme::Bearer { env } | Scheme::Query { env, .. } => env,
            Scheme::Header { name, prefix, env } => {
                judge_credential_header(name)?;
                if prefix.chars().any(|c| c.is_control() || !c.is_ascii()) {
                    bail!("the prefix of its credential is none that a header can carry");
                }
                env
            }
            Scheme::Sigv4 { .. } | Scheme::Google | Scheme::WatsonxIam { .. } => {
                bail!("its credential takes another company's keys; bearer, header and query may be used")
            }
        };
        if variables.is_empty() {
            bail!("its credential names no environment variable");
        }
        for variable in variables {
            judge_variable_name(variable)?;
            self.judge_key(variable, entry, origin)?;
        }
        Ok(())
    }

    /// A key that belongs to a known provider goes where that one's own requests go, and nowhere else.
    fn judge_key(&self, variable: &str, entry: &ProviderEntry, origin: &Origin) -> Result<()> {
        let takes = |known: &&ProviderEntry| {
            known.credential.iter().flat_map(Scheme::secret_variables).any(|name| name == variable)
        };
        let owners: Vec<&ProviderEntry> = self.entries().iter().filter(takes).collect();
        let Some(first) = owners.first() else { return Ok(()) };
        let is_there = |owner: &&ProviderEntry| {
            let at = owner.base_url.as_deref().and_then(|url| Url::parse(url).ok());
            at.is_some_and(|at| at.origin() == *origin)
                && entry.base_env.iter().all(|variable| owner.base_env.contains(variable))
        };
        if owners.iter().any(is_there) {
            return Ok(());
        }
        bail!(
            "its credential would send {variable}, which is the key of {}, to {}",
            first.name,
            origin.ascii_serialization()
        )
    }
}

/// Where its requests and its credential go.
fn origin_of(entry: &ProviderEntry) -> Result<Origin> {
    let Some(text) = &entry.base_url else {
        bail!("it has no base_url, which says where its credential goes")
    };
    if text.contains(['{', '}']) {
        bail!("its base_url {text:?} has a variable, so that nobody can say where it leads");
    }
    let url = Url::parse(text).map_err(|error| anyhow!("its base_url {text:?} cannot be read: {error}"))?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" if url.has_host() => {}
        "http" if is_loopback => {}
        _ => bail!("its base_url {text:?} is neither https nor http on this machine"),
    }
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_bare {
        bail!("its base_url {text:?} has more than a host, a port and a path");
    }
    Ok(url.origin())
}

fn judge_credential_header(name: &str) -> Result<()> {
    let header =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| anyhow!("{name:?} is no header name"))?;
    if super::prepare::is_connection_header(&header) {
        bail!("its credential header {header} is the connection's own");
    }
    Ok(())
}

fn judge_variable_name(name: &str) -> Result<()> {
    let is_plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_plain {
        bail!("{name:?} is no name of an environment variable");
    }
    Ok(())
}

/// All texts of an entry that may hold variables, and those that could be taken for such.
fn texts(entry: &ProviderEntry) -> Vec<&str> {
    let pairs = entry.query.iter().chain(&entry.headers).chain(&entry.options);
    let pairs = pairs.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let mut texts: Vec<&str> = pairs.chain([entry.path.as_str()]).chain(entry.model.as_deref()).collect();
    entry.body.values().for_each(|value| texts_in(value, &mut texts));
    texts
}

fn texts_in<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts_in(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| texts_in(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The names in `{A|B=value}`.
fn variables_in(text: &str) -> Result<Vec<&str>> {
    let mut names = vec![];
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('{') {
        let Some((variable, after)) = behind.split_once('}') else {
            bail!("{text:?} has a {{ without a }}");
        };
        let before_default = variable.split('=').next().unwrap_or_default();
        names.extend(before_default.split('|'));
        rest = after;
    }
    Ok(names)
}

impl ProviderEntry {
    /// The environment variables that its texts and its base URL are filled from, but for its credential's.
    pub fn open_variables(&self) -> BTreeSet<&str> {
        let named = texts(self).into_iter().filter_map(|text| variables_in(text).ok()).flatten();
        let named = named.filter(|name| !OWN_VARIABLES.contains(name));
        named.chain(self.base_env.iter().map(String::as_str)).collect()
    }
}

#[cfg(test)]
mod tests;
