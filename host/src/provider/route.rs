//! Model names as LiteLLM takes them: a prefix says who serves the model.

use anyhow::{Result, bail};

use super::catalog::longest_start;
use super::{Catalog, ProviderEntry};

/// Names are alike from here on, of 1.
const ALIKE: f64 = 0.75;
const SHOWN_ALIKE: usize = 4;

impl Catalog {
    /// Who serves a model that is named in LiteLLM's way, and the model's name without the prefix. The longest prefix
    /// decides, then the longest beginning of the model's name.
    ///
    /// # Errors
    /// No provider has the prefix, or serves a model of that name without one; near names are listed.
    pub fn route(&self, model: &str) -> Result<(&ProviderEntry, String)> {
        let mut best = None;
        for entry in self.entries() {
            for prefix in &entry.litellm {
                let Some(rest) = model.strip_prefix(prefix.as_str()).filter(|rest| !rest.is_empty()) else {
                    continue;
                };
                let Some(fit) = entry.fit(rest) else { continue };
                let rank = (prefix.len(), fit);
                if best.as_ref().is_none_or(|(best, _, _)| rank > *best) {
                    best = Some((rank, entry, rest));
                }
            }
        }
        if let Some((_, entry, rest)) = best {
            return Ok((entry, rest.to_owned()));
        }
        let bare = |entry: &&ProviderEntry| longest_start(&entry.bare, model);
        match self.entries().iter().filter(|entry| bare(entry).is_some()).max_by_key(bare) {
            Some(entry) => Ok((entry, model.to_owned())),
            None => bail!(self.nobody(model)),
        }
    }

    fn nobody(&self, model: &str) -> String {
        let mut prefixes: Vec<&str> =
            self.entries().iter().flat_map(|entry| &entry.litellm).map(String::as_str).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let Some((given, _)) = model.split_once('/') else {
            return format!(
                "--model {model} does not say who serves it\nhint: write PROVIDER/{model}, as in groq/{model} or ollama/{model}"
            );
        };
        let near = alike(given, &prefixes);
        let hint = match near.is_empty() {
            true => format!("known are {}", prefixes.join(" ")),
            false => format!("near are {}; llmperf providers lists all", near.join(" ")),
        };
        format!("--model {model}: no provider has the prefix {given}/\nhint: {hint}")
    }
}

impl ProviderEntry {
    /// Why LiteLLM takes this provider for a model, where it is the model's owner and no prefix that says so.
    pub fn why(&self, model: &str) -> Option<String> {
        let is_prefixed = self.litellm.iter().any(|prefix| model.starts_with(prefix.as_str()));
        let begins = &model[..longest_start(&self.bare, model)?];
        (!is_prefixed && model.contains('/')).then(|| {
            format!(
                "--model {model} names no provider: LiteLLM sends what begins with {begins} to {}; write PROVIDER/{model} for another",
                self.name
            )
        })
    }
}

/// The names that look most like the one given, the likest first; none where none does.
pub fn alike<'a>(given: &str, names: &[&'a str]) -> Vec<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(given, name.trim_end_matches('/'));
    let mut near: Vec<&str> = names.iter().copied().filter(|name| likeness(name) >= ALIKE).collect();
    near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    near.truncate(SHOWN_ALIKE);
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_go_where_their_prefix_says() {
        let catalog = Catalog::bundled().expect("the bundled list");
        let check = |model: &str, provider: &str, rest: &str| {
            let (entry, model_there) =
                catalog.route(model).unwrap_or_else(|error| panic!("{model}: {error}"));
            assert_eq!((entry.name.as_str(), model_there.as_str()), (provider, rest), "{model}");
        };
        check("openai/gpt-4o-mini", "openai", "gpt-4o-mini");
        check(
            "together_ai/togethercomputer/CodeLlama-7b-Instruct",
            "together",
            "togethercomputer/CodeLlama-7b-Instruct",
        );
        check("anthropic/claude-2", "anthropic-complete", "claude-2");
        check("anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5");
        check("bedrock/anthropic.claude-v2", "bedrock", "anthropic.claude-v2");
        check("bedrock/converse/us.amazon.nova-lite-v1:0", "bedrock", "us.amazon.nova-lite-v1:0");
        check("bedrock/invoke/meta.llama3-8b", "bedrock-invoke", "meta.llama3-8b");
        check("vertex_ai/gemini-2.5-flash", "vertex", "gemini-2.5-flash");
        check("vertex_ai/claude-sonnet-4-5@20250929", "vertex-anthropic", "claude-sonnet-4-5@20250929");
        check("vertex_ai/openai/123", "vertex-endpoint", "123");
        check("vertex_ai/meta/llama-4-maas", "vertex-openai", "meta/llama-4-maas");
        check("cohere_chat/v1/command-r", "cohere-v1", "command-r");
        check("hosted_vllm/Qwen/Qwen3-8B", "vllm", "Qwen/Qwen3-8B");
    }

    #[test]
    fn a_bare_name_goes_where_litellm_sends_it() {
        let catalog = Catalog::bundled().expect("the bundled list");
        let provider = |model| catalog.route(model).map(|(entry, _)| entry.name.as_str()).ok();
        assert_eq!(provider("gpt-4o-mini"), Some("openai"));
        assert_eq!(provider("gpt-3.5-turbo-instruct"), Some("openai-completions"));
        assert_eq!(provider("claude-2.1"), Some("anthropic-complete"));
        assert_eq!(provider("claude-sonnet-4-5"), Some("anthropic"));
        assert_eq!(provider("meta-llama/Llama-2-7b-chat-hf"), Some("huggingface"));
        assert_eq!(provider("command-r"), Some("cohere"));
        assert_eq!(provider("gemini-2.5-flash"), Some("vertex"));
        assert_eq!(provider("anthropic.claude-v2:1"), Some("bedrock"));
    }

    #[test]
    fn an_owner_in_place_of_a_prefix_is_said_to_be_what_decided() {
        let catalog = Catalog::bundled().expect("the bundled list");
        let why = |model: &str| catalog.route(model).expect(model).0.why(model);
        let said = why("meta-llama/Llama-2-7b-chat-hf").expect("a reason");
        assert!(said.contains("begins with meta-llama/Llama-2- to huggingface"), "{said}");
        assert_eq!(why("huggingface/meta-llama/Llama-2-7b-chat-hf"), None);
        assert_eq!(why("gpt-4o-mini"), None);
    }

    #[test]
    fn an_unknown_name_is_refused_with_what_is_near() {
        let catalog = Catalog::bundled().expect("the bundled list");
        let error = |model| catalog.route(model).expect_err(model).to_string();
        assert!(error("togther_ai/x").contains("together_ai/"), "{}", error("togther_ai/x"));
        assert!(error("qqqq/x").contains("groq/"), "{}", error("qqqq/x"));
        assert!(error("llama3").contains("ollama/llama3"), "{}", error("llama3"));
        assert!(error("groq/").contains("groq/"));
    }
}
