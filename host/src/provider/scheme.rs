//! How a provider is authenticated to, as `providers.toml` says it, and the credential that the environment has for it.
//! Reads variables and the files they name; nothing is fetched here.

use anyhow::{Result, anyhow, bail};
use http::HeaderName;
use http::header::AUTHORIZATION;
use serde::Deserialize;

use super::{Credential, Secret, aws, google, watsonx};

/// Looks up an environment variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One way to authenticate to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scheme {
    /// `Authorization: Bearer KEY`
    Bearer { env: Vec<String> },
    /// `NAME: PREFIX` + `KEY`
    Header {
        name: String,
        #[serde(default)]
        prefix: String,
        env: Vec<String>,
    },
    /// `?NAME=KEY`
    Query { name: String, env: Vec<String> },
    /// AWS's signatures for this service.
    Sigv4 { service: String },
    /// Google's access tokens: given, or granted to a service account or a user.
    Google,
    /// An IBM Cloud API key, exchanged for access tokens.
    WatsonxIam { env: Vec<String> },
}

impl Scheme {
    /// The credential; `None` where not one of its variables is set.
    ///
    /// # Errors
    /// A variable is set and wrong. It is named, and its value is not shown.
    pub fn find(&self, env: Env<'_>) -> Result<Option<Credential>> {
        match self {
            Scheme::Bearer { env: names } => Ok(key(names, env)?.map(Credential::Bearer)),
            Scheme::Header { name, prefix, env: names } => {
                let name = header_name(name)?;
                if prefix.chars().any(|c| c.is_control() || !c.is_ascii()) {
                    bail!("the prefix of the credential header {name} is none that a header can carry");
                }
                let key = key(names, env)?;
                Ok(key.map(|key| Credential::Header { name, prefix: prefix.clone(), key }))
            }
            Scheme::Query { name, env: names } => {
                Ok(key(names, env)?.map(|key| Credential::Query { name: name.clone(), key }))
            }
            Scheme::Sigv4 { service } => Ok(aws::find(service, env)?.map(Credential::Sigv4)),
            Scheme::Google => google::find(env),
            Scheme::WatsonxIam { env: names } => watsonx::find(names, env),
        }
    }

    /// The variables it looks at, for the error that says what is missing.
    pub fn variables(&self) -> Vec<String> {
        match self {
            Scheme::Bearer { env }
            | Scheme::Header { env, .. }
            | Scheme::Query { env, .. }
            | Scheme::WatsonxIam { env } => env.clone(),
            Scheme::Sigv4 { .. } => aws::variables(),
            Scheme::Google => google::variables(),
        }
    }

    /// The names of all variables that hold a part of the credential, or lead to it.
    pub fn secret_variables(&self) -> Vec<String> {
        match self {
            Scheme::Sigv4 { .. } => aws::SECRET_VARIABLES.map(str::to_owned).to_vec(),
            _ => self.variables(),
        }
    }

    /// The same scheme with its key in this variable; where it takes more than a key, the bearer token that serves in its
    /// place.
    ///
    /// # Errors
    /// The scheme takes no single key.
    pub fn with_key_from(&self, variable: &str) -> Result<Scheme> {
        let env = vec![variable.to_owned()];
        Ok(match self.clone() {
            Scheme::Bearer { .. } => Scheme::Bearer { env },
            Scheme::Header { name, prefix, .. } => Scheme::Header { name, prefix, env },
            Scheme::Query { name, .. } => Scheme::Query { name, env },
            Scheme::WatsonxIam { .. } => Scheme::WatsonxIam { env },
            Scheme::Google => Scheme::Bearer { env },
            // The one service of AWS's that takes API keys.
            Scheme::Sigv4 { service } if service == "bedrock" => Scheme::Bearer { env },
            Scheme::Sigv4 { service } => bail!(
                "--key-env {variable}: {service} takes no key but signatures\nhint: AWS keys come from {}",
                aws::variables().join(", ")
            ),
        })
    }
}

fn header_name(name: &str) -> Result<HeaderName> {
    if name.eq_ignore_ascii_case(AUTHORIZATION.as_str()) {
        return Ok(AUTHORIZATION);
    }
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| anyhow!("{name:?} is no header name"))?;
    super::prepare::refuse_framing(&name).map_err(|why| anyhow!(why))?;
    Ok(name)
}

/// The key in the first of these variables that is set.
pub(super) fn key(names: &[String], env: Env<'_>) -> Result<Option<Secret>> {
    let Some((name, key)) = first_set(names, env) else { return Ok(None) };
    // What was read from a file or printed by a program ends in a line break.
    let secret = Secret::new(key.trim_end_matches(['\r', '\n']));
    secret.map(Some).map_err(|why| anyhow!("the key in the environment variable {name} {why}"))
}

/// The first of these variables that is set, and its value. One that is empty is not set.
pub(super) fn first_set<'a>(
    names: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
    env: Env<'_>,
) -> Option<(&'a str, String)> {
    names.into_iter().find_map(|name| {
        let name = name.as_ref();
        Some((name, env(name).filter(|value| !value.is_empty())?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(toml: &str) -> Scheme {
        #[derive(Deserialize)]
        struct Table {
            credential: Vec<Scheme>,
        }
        let table: Table = toml::from_str(&format!("credential = [{{ {toml} }}]")).expect(toml);
        table.credential.into_iter().next().expect("a scheme")
    }

    #[test]
    fn a_scheme_is_read_from_a_provider_table_and_finds_its_key() {
        let env = |name: &str| match name {
            "A" => Some(String::new()),
            "B" => Some("0123456789\n".to_owned()),
            "C" => Some("0123\n456789".to_owned()),
            _ => None,
        };
        let check = |toml: &str, found: &str| {
            let scheme = scheme(toml);
            let shown = match scheme.find(&env) {
                Ok(None) => format!("none of {}", scheme.variables().join(" ")),
                Ok(Some(Credential::Bearer(key))) => format!("bearer {}", key.expose()),
                Ok(Some(Credential::Header { name, prefix, key })) => {
                    format!("{name}: {prefix}{}", key.expose())
                }
                Ok(Some(Credential::Query { name, key })) => format!("?{name}={}", key.expose()),
                Ok(Some(other)) => format!("{other:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, found, "{toml}");
        };
        check(r#"scheme = "bearer", env = ["A", "B"]"#, "bearer 0123456789");
        check(r#"scheme = "bearer", env = ["A", "D"]"#, "none of A D");
        check(r#"scheme = "header", name = "x-api-key", env = ["B"]"#, "x-api-key: 0123456789");
        check(
            r#"scheme = "header", name = "Authorization", prefix = "Token ", env = ["B"]"#,
            "authorization: Token 0123456789",
        );
        check(r#"scheme = "query", name = "key", env = ["B"]"#, "?key=0123456789");
        check(
            r#"scheme = "bearer", env = ["C"]"#,
            "the key in the environment variable C has a line break in it",
        );
    }

    #[test]
    fn the_key_may_come_from_another_variable() {
        let header = scheme(r#"scheme = "header", name = "api-key", env = ["A"]"#);
        let other = header.with_key_from("MINE").expect("it takes a key");
        assert_eq!(other, scheme(r#"scheme = "header", name = "api-key", env = ["MINE"]"#));
    }
}
