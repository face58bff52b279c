//! Which credential a run has. Only the variables of the provider that is asked are read.

use anyhow::{Result, bail};

use crate::provider::{Credential, Env, ProviderEntry, Scheme};

/// The credential of the variable of `--key-env`, or of the provider's first scheme whose variables are set.
///
/// # Errors
/// It is set and wrong, or needed and not set; names the variables, never a value.
pub(super) fn credential(
    key_env: Option<&str>,
    entry: &ProviderEntry,
    needed: bool,
    env: Env<'_>,
) -> Result<Credential> {
    if let Some(name) = key_env {
        let bearer = Scheme::Bearer { env: vec![] };
        let scheme = entry.credential.first().unwrap_or(&bearer).with_key_from(name)?;
        return match scheme.find(env)? {
            Some(credential) => Ok(credential),
            None => bail!("--key-env {name}: the environment variable {name} is not set"),
        };
    }
    for scheme in &entry.credential {
        if let Some(credential) = scheme.find(env)? {
            return Ok(credential);
        }
    }
    if needed && !entry.key_optional && !entry.credential.is_empty() {
        let ways: Vec<String> =
            entry.credential.iter().map(|scheme| scheme.variables().join(" or ")).collect();
        bail!(
            "{} needs a key, and none is set\nhint: put it into the environment variable {}, or name another server with --base-url",
            entry.name,
            ways.join("; or ")
        );
    }
    Ok(Credential::None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{LoadInput, Plan, Target, resolve};

    fn plan(llm_api: &str, model: &str, vars: &[(&str, &str)]) -> Result<Plan> {
        let input = LoadInput {
            llm_api: Some(llm_api.to_owned()),
            model: Some(model.to_owned()),
            ..LoadInput::default()
        };
        let find = |name: &str| vars.iter().find(|(known, _)| *known == name);
        resolve(input, &|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn has_key(plan: Plan) -> bool {
        match plan.target {
            Target::Provider(provider) => provider.credential.is_some(),
            Target::BuiltIn => panic!("the built-in target"),
        }
    }

    #[test]
    fn a_key_is_needed_at_the_providers_own_address_only() {
        let error = plan("openai", "m", &[]).expect_err("no key");
        assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
        assert!(has_key(plan("openai", "m", &[("OPENAI_API_KEY", "sk-0123456789")]).expect("a plan")));
        let local = [("OPENAI_API_BASE", "http://localhost:1/v1"), ("OPENAI_API_KEY", "")];
        assert!(!has_key(plan("openai", "m", &local).expect("a plan")));
        let azure = [("AZURE_API_BASE", "https://mine.openai.azure.com")];
        let error = plan("azure", "m", &azure).expect_err("no key").to_string();
        assert!(error.contains("AZURE_API_KEY") && error.contains("AZURE_AD_TOKEN"), "{error}");
        assert!(!has_key(plan("vllm", "m", &[]).expect("a plan")));
    }

    #[test]
    fn no_provider_gets_the_key_of_another() {
        let openai = ("OPENAI_API_KEY", "sk-0123456789");
        for model in ["perplexity/sonar", "cerebras/m", "nvidia_nim/m", "deepinfra/m", "wandb/m/x"] {
            let error = plan("litellm", model, &[openai]).expect_err(model).to_string();
            assert!(error.contains("needs a key") && !error.contains("OPENAI"), "{model}: {error}");
        }
        assert!(!has_key(plan("litellm", "hosted_vllm/m", &[openai]).expect("a plan")));
    }

    #[test]
    fn a_broken_key_is_refused_without_being_shown() {
        let broken = [("OPENAI_API_KEY", "sk-01234\n56789")];
        let error = format!("{:#}", plan("openai", "m", &broken).expect_err("a line break"));
        assert!(
            error.contains("OPENAI_API_KEY") && error.contains("line break") && !error.contains("sk-"),
            "{error}"
        );
    }
}
