//! Keys from the place the program runs in: a container's agent, or the instance (IMDSv2). Asked only where the user allows it.

use anyhow::{Context, Result, anyhow, bail};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use http::{Method, Request};
use serde::Deserialize;
use url::Url;

use super::super::lease::{Fetch, Grant, Granted, expect_success, is_near};
use super::super::scheme::{Env, first_set};
use super::super::{Secret, scheme};
use super::AwsKeys;

/// Where the agent of ECS listens.
const CONTAINER: &str = "http://169.254.170.2";
/// Where agents listen that may be asked without TLS: of ECS and of EKS.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
const INSTANCE: &str = "http://169.254.169.254";
/// The longest that an instance's token may live.
const TOKEN_SECONDS: &str = "21600";

/// Whom to ask.
#[derive(Debug, Clone)]
pub(in crate::provider) enum Metadata {
    Container { url: Url, authorization: Option<Secret> },
    Instance { base: Url },
}

impl Metadata {
    pub(super) fn from_env(env: Env<'_>) -> Result<Metadata> {
        let variable = |name: &'static str| first_set(&[name], env).map(|(_, value)| value);
        let relative =
            variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER}{path}"));
        let Some(url) = relative.or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else {
            let base = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| INSTANCE.to_owned());
            let base = Url::parse(&base).context("AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL")?;
            return Ok(Metadata::Instance { base });
        };
        let url = Url::parse(&url).context("AWS_CONTAINER_CREDENTIALS_… is no URL")?;
        if url.scheme() != "https" && !is_near(&url) && !AGENTS.contains(&url.host_str().unwrap_or_default())
        {
            bail!("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor the address of a known agent");
        }
        let mut authorization = scheme::key(&["AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned()], env)?;
        if let Some(path) = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
            authorization =
                Some(Secret::new(text.trim()).map_err(|why| anyhow!("the token in {path} {why}"))?);
        }
        Ok(Metadata::Container { url, authorization })
    }

    pub(in crate::provider) async fn ask(&self, fetch: &impl Fetch, unix_seconds: u64) -> Result<Granted> {
        let body = match self {
            Metadata::Container { url, authorization } => {
                let header = authorization.as_ref().map(|token| ("authorization", token.expose()));
                get(fetch, Method::GET, url, header).await?
            }
            Metadata::Instance { base } => {
                let at = |path: &str| base.join(path).context("no address of instance metadata");
                let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS);
                let token = get(fetch, Method::PUT, &at("/latest/api/token")?, Some(ttl)).await?;
                let token = text(&token)?;
                let header = Some(("x-aws-ec2-metadata-token", token));
                let roles = "/latest/meta-data/iam/security-credentials/";
                let role = get(fetch, Method::GET, &at(roles)?, header).await?;
                let role = text(&role)?.lines().next().unwrap_or_default();
                get(fetch, Method::GET, &at(&format!("{roles}{role}"))?, header).await?
            }
        };
        read(&body, unix_seconds)
    }
}

async fn get(fetch: &impl Fetch, method: Method, url: &Url, header: Option<(&str, &str)>) -> Result<Bytes> {
    let mut request = Request::builder().method(method).uri(url.as_str());
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let answer = fetch.fetch(request.body(String::new())?).await?;
    let sent = header.and_then(|(_, value)| Secret::new(value).ok());
    expect_success(url, answer, sent.as_slice())
}

fn text(body: &[u8]) -> Result<&str> {
    std::str::from_utf8(body).map(str::trim).map_err(|_| anyhow!("instance metadata is no text"))
}

fn read(body: &[u8], unix_seconds: u64) -> Result<Granted> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        access_key_id: String,
        secret_access_key: String,
        token: Option<String>,
        expiration: String,
    }
    // The parser's own error may quote what it read.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| anyhow!("AWS metadata holds no keys"))?;
    let expires = DateTime::from_str(&answer.expiration, Format::DateTimeWithOffset)
        .map_err(|_| anyhow!("the keys in AWS metadata do not say when they expire"))?;
    let lifetime = u64::try_from(expires.secs()).unwrap_or(0).saturating_sub(unix_seconds);
    let keys = AwsKeys::new(&answer.access_key_id, &answer.secret_access_key, answer.token.as_deref())?;
    Ok(Granted { grant: Grant::AwsKeys(keys), lifetime })
}
