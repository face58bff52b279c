//! Placeholder until the credentials land.
use super::{Credential, Secret};
use anyhow::{Result, bail};
use serde::Deserialize;

pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scheme {
    Bearer {
        env: Vec<String>,
    },
    Header {
        name: String,
        #[serde(default)]
        prefix: String,
        env: Vec<String>,
    },
    Query {
        name: String,
        env: Vec<String>,
    },
    Sigv4 {
        service: String,
    },
    Google,
    WatsonxIam {
        env: Vec<String>,
    },
}
impl Scheme {
    pub fn find(&self, env: Env<'_>) -> Result<Option<Credential>> {
        let vars = self.variables();
        let Some((variable, key)) = vars.iter().find_map(|name| Some((name, env(name)?))) else {
            return Ok(None);
        };
        match Secret::new(key.trim_end()) {
            Ok(secret) => Ok(Some(Credential::Bearer(secret))),
            Err(why) => bail!("the key in the environment variable {variable} {why}"),
        }
    }
    pub fn variables(&self) -> Vec<String> {
        match self {
            Scheme::Bearer { env }
            | Scheme::Header { env, .. }
            | Scheme::Query { env, .. }
            | Scheme::WatsonxIam { env } => env.clone(),
            Scheme::Sigv4 { .. } => vec!["AWS_ACCESS_KEY_ID".to_owned(), "AWS_SECRET_ACCESS_KEY".to_owned()],
            Scheme::Google => vec!["GCLOUD_ACCESS_TOKEN".to_owned()],
        }
    }
    pub fn with_key_from(&self, name: &str) -> Result<Scheme> {
        Ok(Scheme::Bearer { env: vec![name.to_owned()] })
    }
}
pub fn aws_region(env: Env<'_>) -> Option<String> {
    ["AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| env(name))
}
