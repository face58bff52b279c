//! Which provider and which plugin a run talks to: where requests go, and what the provider wants in each.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value};
use url::Url;

use super::credential::credential;
use super::installed::installed;
use super::{LoadInput, PluginSource, Target};
use crate::plugin::bundled;
use crate::provider::{
    Catalog, Env, Provider, ProviderEntry, alike, aws_region, expand, is_key_of_query, own_header,
};

/// The word of `--llm-api` that takes model names as LiteLLM does.
const LITELLM: &str = "litellm";

/// Everything that follows from who is asked.
pub(super) struct Addressed {
    pub(super) target: Target,
    pub(super) plugin: PluginSource,
    /// The model's name as the target knows it.
    pub(super) sent_model: String,
    /// The provider's options for the plugin, below the user's own.
    pub(super) options: Vec<(String, String)>,
    /// The provider's fields of every body, with the user's sampling parameters over them.
    pub(super) sampling: Map<String, Value>,
}

/// Where requests go and how. `notes` takes what was read otherwise than it was written.
pub(super) fn address(
    input: &LoadInput,
    model: &str,
    sampling: Map<String, Value>,
    catalog: &Catalog,
    env: Env<'_>,
    notes: &mut Vec<String>,
) -> Result<Addressed> {
    let (mut entry, sent_model) = find_entry(input, model, catalog)?;
    let why = (api_word(input) == LITELLM).then(|| entry.why(model)).flatten();
    let plugin = resolve_plugin(input, &entry)?;
    let fill = |text: &str| expand(text, &|name| variable(name, &sent_model, env));
    if api_word(input) == LITELLM && entry.name == "openai" {
        // LiteLLM asks OpenAI itself for token counts, and no other server of its API.
        let (base, _) = base_url(input, &entry, env, &fill)?;
        let is_openai = base.host_str() == Some("api.openai.com");
        entry.options.insert("stream-usage".to_owned(), is_openai.to_string());
    }
    let mut sampling = sampling;
    drop_refused(&entry, &mut sampling, notes);
    let mut body = filled(&entry.body, &fill)?;
    body.append(&mut sampling);
    let options = match plugin {
        PluginSource::File(_) => vec![],
        PluginSource::Bundled(_) | PluginSource::Installed(_) => options(input, &entry, &fill)?,
    };
    let target = match built_in(input)? {
        true => Target::BuiltIn,
        false => {
            let provider = provider(input, &entry, &sent_model, env, &fill);
            Target::Provider(Box::new(provider.map_err(|error| match &why {
                // Who looks for the key of another provider has to know why it is this one.
                Some(why) => error.context(why.clone()),
                None => error,
            })?))
        }
    };
    notes.extend(why);
    Ok(Addressed { target, plugin, sent_model, options, sampling: body })
}

/// Whether the built-in target is meant.
pub(super) fn built_in(input: &LoadInput) -> Result<bool> {
    match input.target.as_deref() {
        None => Ok(false),
        Some("mock") if input.base_url.is_some() => {
            bail!("--target mock and --base-url contradict each other\nhint: leave one out")
        }
        Some("mock") => Ok(true),
        Some(other) => bail!(
            "--target {other} is not known\nhint: mock is the only built-in target; give --base-url for another"
        ),
    }
}

/// What `--llm-api` says, or means where it is left out.
pub(super) fn api_word(input: &LoadInput) -> &str {
    match (&input.llm_api, &input.plugin) {
        (Some(word), _) => word,
        (None, Some(_)) => "custom",
        (None, None) => "openai",
    }
}

/// The provider of `--llm-api`, and the model's name there. The name of an API whose provider is unknown, and `--plugin`,
/// mean a server at `--base-url` that speaks it.
pub(super) fn find_entry(
    input: &LoadInput,
    model: &str,
    catalog: &Catalog,
) -> Result<(ProviderEntry, String)> {
    let word = api_word(input);
    let (entry, model) = if word == LITELLM {
        let (entry, model) = catalog.route(model)?;
        (as_litellm(entry), router_model(entry, &model))
    } else if let Some(entry) = catalog.find(word, model) {
        (entry.clone(), model.to_owned())
    } else if input.plugin.is_some() || is_plugin(word)? {
        (ProviderEntry::custom(word, word), model.to_owned())
    } else {
        let mut known = catalog.names();
        known.extend(bundled().map(|plugin| plugin.name));
        let added = installed()?;
        known.extend(added.iter().map(|plugin| plugin.name.as_str()));
        known.push(LITELLM);
        known.sort_unstable();
        known.dedup();
        let near = alike(word, &known).join(", ");
        let hint = if near.is_empty() { String::new() } else { format!("near are {near}; ") };
        bail!("--llm-api {word} is not known\nhint: {hint}llmperf providers lists all");
    };
    let sent = match &entry.model {
        Some(whole) if !model.contains('/') => expand(whole, &|_| Some(model.clone()))?,
        _ => model,
    };
    Ok((entry, sent))
}

/// Whether there is a provider or a plugin of this name, or a plugin's file in its stead.
pub(super) fn is_known(input: &LoadInput, word: &str, catalog: &Catalog) -> Result<bool> {
    Ok(catalog.names().contains(&word) || input.plugin.is_some() || is_plugin(word)?)
}

/// Whether a plugin of this name is bundled or installed.
fn is_plugin(word: &str) -> Result<bool> {
    Ok(bundled().any(|plugin| plugin.name == word) || installed()?.iter().any(|plugin| plugin.name == word))
}

/// LiteLLM asks for token counts only where it is told to; so do runs that are to be compared with its.
fn as_litellm(entry: &ProviderEntry) -> ProviderEntry {
    let mut entry = entry.clone();
    if matches!(entry.api.as_str(), "openai-chat" | "openai-completions") {
        entry.options.entry("stream-usage".to_owned()).or_insert_with(|| "false".to_owned());
    }
    entry
}

/// `huggingface/together/OWNER/NAME` names who runs the model; Hugging Face's router takes that behind a colon.
fn router_model(entry: &ProviderEntry, model: &str) -> String {
    match model.splitn(3, '/').collect::<Vec<_>>()[..] {
        [runner, owner, name] if entry.name == "huggingface" => format!("{owner}/{name}:{runner}"),
        _ => model.to_owned(),
    }
}

/// The plugin that speaks the API: a file, or the one of the API's name, a bundled one first.
pub(super) fn resolve_plugin(input: &LoadInput, entry: &ProviderEntry) -> Result<PluginSource> {
    if let Some(path) = &input.plugin {
        if !path.is_file() {
            bail!("--plugin {} is no file", path.display());
        }
        return Ok(PluginSource::File(path.clone()));
    }
    if let Some(plugin) = bundled().find(|plugin| plugin.name == entry.api) {
        return Ok(PluginSource::Bundled(plugin.name));
    }
    let added = installed()?.into_iter().find(|plugin| plugin.name == entry.api);
    added.map(|plugin| PluginSource::Installed(Box::new(plugin))).ok_or_else(|| {
        let known: Vec<_> = bundled().map(|plugin| plugin.name).collect();
        anyhow!(
            "provider {} speaks {}, and no plugin does\nhint: give one with --plugin, or install one with llmperf plugin add; bundled are {}",
            entry.name,
            entry.api,
            known.join(", ")
        )
    })
}

/// A variable of a provider's texts.
fn variable(name: &str, model: &str, env: Env<'_>) -> Option<String> {
    match name {
        "model" => Some(model.to_owned()),
        "model-name" => Some(model.split('@').next().unwrap_or(model).to_owned()),
        "aws-region" => arn_region(model).or_else(|| aws_region(env)),
        _ => env(name),
    }
}

/// `arn:aws:bedrock:REGION:…`: a model that is named so is served there and nowhere else.
fn arn_region(model: &str) -> Option<String> {
    let mut parts = model.split(':');
    let region = (parts.next() == Some("arn")).then(|| parts.nth(2)).flatten()?;
    (!region.is_empty()).then(|| region.to_owned())
}

fn options(
    input: &LoadInput,
    entry: &ProviderEntry,
    fill: &dyn Fn(&str) -> Result<String>,
) -> Result<Vec<(String, String)>> {
    let own = |name: &str| input.plugin_options.iter().any(|option| option.split('=').next() == Some(name));
    let mut options = vec![];
    for (name, value) in entry.options.iter().filter(|(name, _)| !own(name)) {
        match fill(value) {
            Ok(value) => options.push((name.clone(), value)),
            // A server of one's own may do without what the provider's needs.
            Err(_) if input.base_url.is_some() => {}
            Err(missing) => bail!(
                "{} needs {name}: {missing}\nhint: set it in the environment, or give --plugin-option {name}=…",
                entry.name
            ),
        }
    }
    Ok(options)
}

fn filled(body: &Map<String, Value>, fill: &dyn Fn(&str) -> Result<String>) -> Result<Map<String, Value>> {
    body.iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => Value::String(fill(text)?),
                other => other.clone(),
            };
            Ok((name.clone(), value))
        })
        .collect()
}

fn drop_refused(entry: &ProviderEntry, sampling: &mut Map<String, Value>, notes: &mut Vec<String>) {
    for name in &entry.drop {
        if sampling.remove(name).is_some() {
            notes.push(format!("{} refuses the sampling parameter {name}; it is left out", entry.name));
        }
    }
}

fn provider(
    input: &LoadInput,
    entry: &ProviderEntry,
    sent_model: &str,
    env: Env<'_>,
    fill: &dyn Fn(&str) -> Result<String>,
) -> Result<Provider> {
    let (base, needs_key) = base_url(input, entry, env, fill)?;
    let credential = credential(input.key_env.as_deref(), entry, needs_key, &|name| match name {
        // What is served in one region is signed for it.
        "AWS_REGION_NAME" => arn_region(sent_model).or_else(|| env(name)),
        _ => env(name),
    })?;
    let in_path =
        |error: anyhow::Error| error.context(format!("the path of provider {} is not complete", entry.name));
    let segments = entry.path.split('/').filter(|segment| !segment.is_empty());
    let path = segments.map(fill).collect::<Result<_>>().map_err(in_path)?;
    let mut query = vec![];
    for (name, value) in &entry.query {
        query.push((name.clone(), fill(value)?));
    }
    query.retain(|(_, value)| !value.is_empty());
    let mut headers = vec![];
    for (name, value) in &entry.headers {
        let value = fill(value)?;
        if !value.is_empty() {
            headers.push(own_header(name, &value).map_err(|why| anyhow!("provider {}: {why}", entry.name))?);
        }
    }
    headers.extend(own_headers(&input.headers)?);
    Ok(Provider { name: entry.name.clone(), base, path, query, credential, headers })
}

/// The base URL, and whether what is there surely wants a credential: a provider's own address does, and one that only a
/// provider's variable names; a server elsewhere (a local one) may do without.
fn base_url(
    input: &LoadInput,
    entry: &ProviderEntry,
    env: Env<'_>,
    fill: &dyn Fn(&str) -> Result<String>,
) -> Result<(Url, bool)> {
    let from_env = || entry.base_env.iter().find_map(|name| Some((name.clone(), env(name)?)));
    let (origin, text, needs_key) = match (&input.base_url, from_env(), &entry.base_url) {
        (Some(text), _, _) => ("--base-url".to_owned(), text.clone(), false),
        (None, Some((name, text)), own) => (name, text, own.is_none()),
        (None, None, Some(text)) => (format!("provider {}", entry.name), fill_base(entry, text, fill)?, true),
        (None, None, None) => bail!("{} has no base URL of its own\nhint: {}", entry.name, where_from(entry)),
    };
    let url = parse_base(text.trim()).with_context(|| format!("{origin} is no base URL"))?;
    Ok((url, needs_key))
}

fn where_from(entry: &ProviderEntry) -> String {
    match entry.base_env.is_empty() {
        true => "give --base-url".to_owned(),
        false => format!("set {}, or give --base-url", entry.base_env.join(" or ")),
    }
}

fn fill_base(entry: &ProviderEntry, text: &str, fill: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    fill(text).map_err(|error| {
        let missing =
            error.to_string().replace("aws-region", "AWS_REGION_NAME or AWS_REGION or AWS_DEFAULT_REGION");
        anyhow!(
            "the address of {} is not complete: {missing}\nhint: set it in the environment, or give --base-url",
            entry.name
        )
    })
}

fn parse_base(text: &str) -> Result<Url> {
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(url) if url.has_host() => {
            bail!("{} is no scheme it can have\nhint: http and https are", url.scheme())
        }
        Err(error) if text.starts_with("http://") || text.starts_with("https://") => {
            bail!("{:?} cannot be read: {error}\nhint: write http://HOST:PORT/PATH", bare(text))
        }
        // `localhost:11434/v1` parses as a scheme and a path.
        _ => {
            let bare = bare(text);
            bail!("{bare:?} does not begin with http:// or https://\nhint: write http://{bare}")
        }
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
    if let Some((name, _)) = url.query_pairs().find(|(name, _)| is_key_of_query(name)) {
        bail!(
            "it holds a key ({name}=…), and base URLs are shown in results\nhint: put the key into an environment variable and name it with --key-env; where the server takes it nowhere but in the query, say so in a file for --providers: credential = [{{ scheme = \"query\", name = \"{name}\", env = [\"MY_KEY\"] }}]"
        );
    }
    Ok(url)
}

/// What may be shown of a text that is no base URL: neither a query nor what stands before an `@`, which may be secret.
fn bare(text: &str) -> &str {
    let place = text.split(['?', '#']).next().unwrap_or_default();
    place.rsplit('@').next().unwrap_or_default()
}

fn own_headers(items: &[String]) -> Result<Vec<(http::HeaderName, http::HeaderValue)>> {
    items
        .iter()
        .map(|item| {
            let (name, value) = item.split_once(':').ok_or_else(|| {
                // What is there may be a credential.
                anyhow!("--header has no colon in it\nhint: write --header 'Name: value'")
            })?;
            let (name, mut value) =
                own_header(name.trim(), value.trim()).map_err(|why| anyhow!("--header: {why}"))?;
            // It may well be a credential, so it is never shown.
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests;
