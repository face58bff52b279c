//! AWS: the keys that the environment and the shared files have, the region, and signatures (SigV4).

mod metadata;
mod profile;
mod sigv4;

pub(super) use metadata::Metadata;
pub use sigv4::{Sigv4, payload_sha256};

use anyhow::{Result, anyhow, bail};

use super::scheme::{Env, first_set};
use super::{Lease, Secret, lease};

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
const PROFILE: &str = "AWS_PROFILE";
/// What holds keys, or the name of the profile that does.
pub(super) const SECRET_VARIABLES: [&str; 4] = [KEY_ID, SECRET_KEY, SESSION_TOKEN, PROFILE];
/// `1` allows asking the container or the instance for keys.
const METADATA: &str = "LLMPERF_AWS_METADATA";
/// LiteLLM's name first, which LLMPerf's README uses.
const REGION: [&str; 3] = ["AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"];

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsKeys {
    pub(super) id: Secret,
    pub(super) secret: Secret,
    /// Where the keys are for a while only.
    pub(super) session: Option<Secret>,
}

impl AwsKeys {
    /// # Errors
    /// One of them is none that a header can carry; it is named, not shown.
    pub fn new(id: &str, secret: &str, session: Option<&str>) -> Result<AwsKeys> {
        let part =
            |name: &str, text: &str| Secret::new(text.trim()).map_err(|why| anyhow!("the AWS {name} {why}"));
        Ok(AwsKeys {
            id: part("access key id", id)?,
            secret: part("secret access key", secret)?,
            session: session.map(|text| part("session token", text)).transpose()?,
        })
    }

    /// What of it no result may show.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        [Some(&self.id), Some(&self.secret), self.session.as_ref()].into_iter().flatten().cloned().collect()
    }
}

/// Where the keys for a signature are.
#[derive(Debug, Clone)]
pub enum AwsKeySource {
    Fixed(AwsKeys),
    /// From the container or the instance, which give new ones every few hours.
    Leased(Lease),
}

/// The region: a variable, or else what the profile says.
pub fn aws_region(env: Env<'_>) -> Option<String> {
    first_set(&REGION, env).map(|(_, value)| value.trim().to_owned()).or_else(|| {
        let profile = profile::read(env).ok()?;
        profile.get("region")
    })
}

/// The variables that are looked at for keys.
pub(super) fn variables() -> Vec<String> {
    [&format!("{KEY_ID} with {SECRET_KEY}"), PROFILE, &format!("{METADATA}=1")].map(str::to_owned).to_vec()
}

/// Signatures for a service, where there are keys.
pub(super) fn find(service: &str, env: Env<'_>) -> Result<Option<Sigv4>> {
    let Some(keys) = find_keys(env)? else { return Ok(None) };
    let Some(region) = aws_region(env) else {
        bail!("AWS keys are set, and no region\nhint: put it into the environment variable {}", REGION[0]);
    };
    if !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        bail!("{region:?} is no AWS region\nhint: it comes from {} or the profile", REGION.join(", "));
    }
    Ok(Some(Sigv4 { service: service.to_owned(), region, keys }))
}

fn find_keys(env: Env<'_>) -> Result<Option<AwsKeySource>> {
    let variable = |name: &'static str| first_set(&[name], env).map(|(_, value)| value);
    match (variable(KEY_ID), variable(SECRET_KEY)) {
        (Some(id), Some(secret)) => {
            let keys = AwsKeys::new(&id, &secret, variable(SESSION_TOKEN).as_deref())?;
            return Ok(Some(AwsKeySource::Fixed(keys)));
        }
        (Some(_), None) => bail!("{KEY_ID} is set, and {SECRET_KEY} is not\nhint: both belong together"),
        (None, Some(_)) => bail!("{SECRET_KEY} is set, and {KEY_ID} is not\nhint: both belong together"),
        (None, None) => {}
    }
    if let Some(keys) = profile::read(env)?.keys()? {
        return Ok(Some(AwsKeySource::Fixed(keys)));
    }
    match variable(METADATA).as_deref() {
        None | Some("0" | "false") => Ok(None),
        Some("1" | "true") => {
            let source = lease::Source::Aws(Metadata::from_env(env)?);
            Ok(Some(AwsKeySource::Leased(Lease::new(source))))
        }
        Some(other) => bail!("{METADATA} is {other:?}\nhint: 1 allows asking the container or the instance"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)]) -> String {
        let env = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        match find("bedrock", &env) {
            Ok(None) => "none".to_owned(),
            Ok(Some(Sigv4 { region, keys: AwsKeySource::Fixed(keys), .. })) => {
                let session = keys.session.as_ref().map_or("-", Secret::expose);
                format!("{} {} {session} in {region}", keys.id.expose(), keys.secret.expose())
            }
            Ok(Some(Sigv4 { keys: AwsKeySource::Leased(_), .. })) => "leased".to_owned(),
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn keys_come_from_variables_before_files_and_from_metadata_only_where_that_is_allowed() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path.to_str().expect("a path").to_owned()
        };
        let credentials = file(
            "credentials",
            "# comment\n[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key=sec/ret+de==\n\
             [work]\naws_access_key_id=AKWORK\naws_secret_access_key=s\naws_session_token = to//ken==\n",
        );
        let config = file(
            "config",
            "[default]\nregion = eu-west-1\ns3 =\n  region = nested\n[profile work]\nregion=us-west-2\n\
             [profile sso]\nsso_session = x\nregion=us-west-2\n[profile file]\naws_access_key_id=AKCONF\n\
             aws_secret_access_key=c\n",
        );
        let files =
            [("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()), ("AWS_CONFIG_FILE", config.as_str())];
        let check = |set: &[(&str, &str)], expected: &str| {
            assert_eq!(found(&[&files[..], set].concat()), expected, "{set:?}");
        };
        let env = [("AWS_ACCESS_KEY_ID", "AKENV"), ("AWS_SECRET_ACCESS_KEY", "envsecret")];
        check(&[], "AKDEFAULT sec/ret+de== - in eu-west-1");
        check(&env, "AKENV envsecret - in eu-west-1");
        check(
            &[&env[..], &[("AWS_SESSION_TOKEN", "t"), ("AWS_REGION", "r-1")]].concat(),
            "AKENV envsecret t in r-1",
        );
        check(&[("AWS_PROFILE", "work")], "AKWORK s to//ken== in us-west-2");
        check(&[("AWS_PROFILE", "work"), ("AWS_REGION_NAME", "x-1")], "AKWORK s to//ken== in x-1");
        check(&[("AWS_PROFILE", "file"), ("AWS_DEFAULT_REGION", "x-1")], "AKCONF c - in x-1");
        check(
            &[("AWS_PROFILE", "sso")],
            "the AWS profile sso gets its keys by sso_session, which llmperf does not do",
        );
        check(&[("AWS_PROFILE", "nobody")], "there is no AWS profile nobody");
        check(&env[..1], "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not");
        check(&[&env[..], &[("AWS_REGION", "a/b")]].concat(), "\"a/b\" is no AWS region");
        assert_eq!(found(&[]), "none");
        assert_eq!(found(&env), "AWS keys are set, and no region");
        assert_eq!(found(&[("LLMPERF_AWS_METADATA", "1"), ("AWS_REGION", "x-1")]), "leased");
        assert_eq!(found(&[("LLMPERF_AWS_METADATA", "0"), ("AWS_REGION", "x-1")]), "none");
    }
}
