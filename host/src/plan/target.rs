//! Which provider and which plugin a run talks to, and with which key.

use anyhow::{Context, Result, anyhow, bail};
use url::Url;

use super::{LoadInput, PluginSource, Target};
use crate::plugin::bundled;
use crate::provider::{
    Catalog, Credential, CredentialScheme, Env, Provider, ProviderEntry, Scheme, parse_header,
};

/// Where requests go. `notes` takes what was read otherwise than it was written.
pub(super) fn resolve_target(
    input: &LoadInput,
    catalog: &Catalog,
    env: Env<'_>,
    notes: &mut Vec<String>,
) -> Result<Target> {
    match input.target.as_deref() {
        None => {}
        Some("mock") => {
            if input.base_url.is_some() {
                bail!("--target mock and --base-url contradict each other\nhint: leave one out");
            }
            return Ok(Target::BuiltIn);
        }
        Some(other) => bail!(
            "--target {other} is not known\nhint: mock is the only built-in target; give --base-url for another"
        ),
    }
    let entry = find_entry(input, catalog)?;
    let (base, is_default) = base_url(input, &entry, env, notes)?;
    let credential = credential(input, &entry, is_default, env)?;
    Ok(Target::Provider(Provider { name: entry.name, base, credential, headers: headers(&input.headers)? }))
}

/// The plugin that speaks the API: a file, or the bundled one that the provider or the API's name says.
pub(super) fn resolve_plugin(input: &LoadInput, catalog: &Catalog) -> Result<PluginSource> {
    if let Some(path) = &input.plugin {
        if !path.is_file() {
            bail!("--plugin {} is no file", path.display());
        }
        return Ok(PluginSource::File(path.clone()));
    }
    let api = find_entry(input, catalog)?.api;
    let plugin = bundled().find(|plugin| plugin.name == api);
    plugin
        .map(|plugin| PluginSource::Bundled(plugin.name))
        .ok_or_else(|| anyhow!("no plugin speaks the API {api}"))
}

/// What `--llm-api` says, or means where it is left out.
pub(super) fn api_word(input: &LoadInput) -> &str {
    match (&input.llm_api, &input.plugin) {
        (Some(word), _) => word,
        (None, Some(_)) => "custom",
        (None, None) => "openai",
    }
}

/// The provider of `--llm-api`. The name of an API, and `--plugin`, mean a server at `--base-url` that speaks it.
fn find_entry(input: &LoadInput, catalog: &Catalog) -> Result<ProviderEntry> {
    let word = api_word(input);
    if let Some(entry) = catalog.find(word) {
        return Ok(entry.clone());
    }
    if input.plugin.is_some() || bundled().any(|plugin| plugin.name == word) {
        return Ok(ProviderEntry {
            name: word.to_owned(),
            api: word.to_owned(),
            base_url: None,
            base_env: vec![],
            key_env: vec![],
            credential: CredentialScheme::Bearer,
            endpoint: None,
        });
    }
    let mut known: Vec<&str> = catalog.names().chain(bundled().map(|plugin| plugin.name)).collect();
    known.sort_unstable();
    bail!("--llm-api {word} is not known\nhint: known are {}", known.join(", "))
}

/// The base URL, and whether it is the provider's own.
fn base_url(
    input: &LoadInput,
    entry: &ProviderEntry,
    env: Env<'_>,
    notes: &mut Vec<String>,
) -> Result<(Url, bool)> {
    let from_env = || entry.base_env.iter().find_map(|name| Some((name.clone(), env(name)?)));
    let (origin, text, is_default) = match (&input.base_url, from_env(), &entry.base_url) {
        (Some(text), _, _) => ("--base-url".to_owned(), text.clone(), false),
        (None, Some((name, text)), _) => (name, text, false),
        (None, None, Some(text)) => (format!("provider {}", entry.name), text.clone(), true),
        (None, None, None) => bail!("{} has no base URL of its own\nhint: give --base-url", entry.name),
    };
    let url = parse_base(text.trim()).with_context(|| format!("{origin} is no base URL"))?;
    Ok((without_endpoint(url, &origin, entry, notes), is_default))
}

fn parse_base(text: &str) -> Result<Url> {
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(url) if url.has_host() => {
            bail!("{} is no scheme it can have\nhint: http and https are", url.scheme())
        }
        Err(error) if text.starts_with("http://") || text.starts_with("https://") => {
            bail!("{text:?} cannot be read: {error}\nhint: write http://HOST:PORT/PATH")
        }
        // `localhost:11434/v1` parses as a scheme and a path.
        _ => bail!("{text:?} does not begin with http:// or https://\nhint: write http://{text}"),
    };
    if !url.has_host() {
        bail!("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!(
            "it holds a user name or password\nhint: put the key into an environment variable and name it with --key-env"
        );
    }
    if url.fragment().is_some() {
        bail!("it has a fragment (#…), which is never sent");
    }
    Ok(url)
}

/// People paste the whole endpoint; the plugin adds that path itself.
fn without_endpoint(mut url: Url, origin: &str, entry: &ProviderEntry, notes: &mut Vec<String>) -> Url {
    let Some(endpoint) = &entry.endpoint else { return url };
    let path = url.path().trim_end_matches('/').to_owned();
    if let Some(base) = path.strip_suffix(endpoint.as_str()) {
        url.set_path(base);
        notes.push(format!(
            "{origin} ends in {endpoint}, which is added to it anyway; requests go to {url} + {endpoint}"
        ));
    }
    url
}

/// The key: the variable of `--key-env`, or the first of the provider's that is set. A provider's own address needs one;
/// a server elsewhere (a local one) may do without.
fn credential(
    input: &LoadInput,
    entry: &ProviderEntry,
    is_default: bool,
    env: Env<'_>,
) -> Result<Credential> {
    if entry.credential == CredentialScheme::None && input.key_env.is_none() {
        return Ok(Credential::None);
    }
    let mut scheme = Scheme::Bearer { env: entry.key_env.clone() };
    if let Some(name) = &input.key_env {
        scheme = scheme.with_key_from(name)?;
    }
    if let Some(credential) = scheme.find(env)? {
        return Ok(credential);
    }
    if let Some(name) = &input.key_env {
        bail!("--key-env {name}: the environment variable {name} is not set");
    }
    if is_default {
        bail!(
            "{} needs a key, and none is set\nhint: put it into the environment variable {}, or name another server with --base-url",
            entry.name,
            scheme.variables().join(" or ")
        );
    }
    Ok(Credential::None)
}

fn headers(items: &[String]) -> Result<Vec<(http::HeaderName, http::HeaderValue)>> {
    items
        .iter()
        .map(|item| {
            let (name, value) = item.split_once(':').ok_or_else(|| {
                anyhow!("--header {item:?} is no header\nhint: write --header 'Name: value'")
            })?;
            let (name, mut value) =
                parse_header(name.trim(), value.trim()).map_err(|why| anyhow!("--header: {why}"))?;
            // It may well be a credential, so it is never shown.
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, resolve};

    fn plan(base: Option<&str>, key: Option<&str>) -> Result<Plan> {
        let input = LoadInput { model: Some("m".to_owned()), ..LoadInput::default() };
        resolve(input, &|name| match name {
            "OPENAI_API_BASE" => base.map(str::to_owned),
            "OPENAI_API_KEY" => key.map(str::to_owned),
            _ => None,
        })
    }

    fn provider(plan: Plan) -> Provider {
        match plan.target {
            Target::Provider(provider) => provider,
            Target::BuiltIn => panic!("the built-in target"),
        }
    }

    #[test]
    fn a_base_is_taken_with_and_without_a_slash_and_with_the_endpoint_pasted() {
        for (given, base, noted) in [
            ("http://localhost:11434/v1", "http://localhost:11434/v1", false),
            ("http://localhost:11434/v1/", "http://localhost:11434/v1/", false),
            (" http://localhost:11434/v1 ", "http://localhost:11434/v1", false),
            ("http://localhost:11434/v1/chat/completions", "http://localhost:11434/v1", true),
            ("http://localhost:11434/v1/chat/completions/", "http://localhost:11434/v1", true),
        ] {
            let plan = plan(Some(given), None).expect(given);
            assert_eq!(plan.notes.len(), usize::from(noted), "{given}");
            assert_eq!(provider(plan).base.as_str(), base);
        }
    }

    #[test]
    fn a_key_is_needed_at_the_providers_own_address_only() {
        let error = plan(None, None).expect_err("no key");
        assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
        let own = provider(plan(None, Some("sk-0123456789")).expect("a plan"));
        assert_eq!(own.base.as_str(), "https://api.openai.com/v1");
        assert!(own.credential.is_some());
        let local = provider(plan(Some("http://localhost:1/v1"), Some("")).expect("a plan"));
        assert!(!local.credential.is_some());
    }

    #[test]
    fn a_broken_key_is_refused_without_being_shown() {
        let error = plan(None, Some("sk-01234\n56789")).expect_err("a line break").to_string();
        assert!(
            error.contains("OPENAI_API_KEY") && error.contains("line break") && !error.contains("sk-"),
            "{error}"
        );
    }
}
