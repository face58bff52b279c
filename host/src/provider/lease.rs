//! A credential that is fetched and expires: who grants it, what was granted, and when it is to be renewed.
//! It says what to ask and reads the answer; the asking is done by whoever holds a client.

use std::collections::VecDeque;
use std::sync::{Arc, RwLock};

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use url::{Host, Url};

use super::Secret;
use super::aws::{AwsKeys, Metadata};
use super::google::Account;
use super::watsonx::IamKey;

/// A credential is renewed so long before it ends, or a quarter of its life before where that is less.
const MARGIN_SECONDS: u64 = 300;
/// A response outlives the credential of its request by some renewals at most; that number is still crossed out.
const MAX_REMEMBERED: usize = 48;
/// After a failed renewal.
const LONGEST_RETRY_SECONDS: u64 = 60;
/// More of a server's word on why it refuses helps nobody.
const MAX_REASON_CHARS: usize = 300;

/// Sends one request and reads the answer to its end, within limits.
pub trait Fetch {
    fn fetch(&self, request: Request<String>) -> impl Future<Output = Result<Response<Bytes>>>;
}

/// A credential that is fetched. Its clones share what was granted.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    // Written when a renewal is there, by its thread; read for each request, by others.
    held: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    grant: Option<Grant>,
    /// Seconds since 1970.
    renew_at: u64,
    expires_at: u64,
    /// Of this grant and those before it, the newest first.
    secrets: VecDeque<Secret>,
}

/// Who grants it.
#[derive(Debug)]
pub(super) enum Source {
    Google(Account),
    Watsonx(IamKey),
    Aws(Metadata),
}

#[derive(Debug, Clone)]
pub(super) enum Grant {
    Token(Secret),
    AwsKeys(AwsKeys),
}

/// A grant, and for how many seconds it holds.
pub(super) struct Granted {
    pub(super) grant: Grant,
    pub(super) lifetime: u64,
}

impl Lease {
    pub(super) fn new(source: Source) -> Lease {
        Lease(Arc::new(Inner { source, held: RwLock::default() }))
    }

    /// How many seconds from now it is to be renewed; 0 where it is time, or nothing was granted yet.
    pub fn due_in(&self, unix_seconds: u64) -> u64 {
        self.held().renew_at.saturating_sub(unix_seconds)
    }

    /// Fetches it anew. Where that fails, what was granted before stays, and the next attempt is put off.
    ///
    /// # Errors
    /// Says who was asked and what came back, without what was sent.
    pub async fn renew(&self, fetch: &impl Fetch, unix_seconds: u64) -> Result<()> {
        let granted = match &self.0.source {
            Source::Google(account) => {
                account.ask(fetch, unix_seconds).await.context("no Google access token")
            }
            Source::Watsonx(key) => key.ask(fetch).await.context("no IBM Cloud access token"),
            Source::Aws(metadata) => metadata.ask(fetch, unix_seconds).await.context("no AWS keys"),
        };
        let mut held = self.0.held.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match granted {
            Ok(Granted { grant, lifetime }) => {
                held.expires_at = unix_seconds + lifetime;
                let margin = (lifetime / 4).clamp(1, MARGIN_SECONDS);
                // Never at once: an authority that grants nothing but what has expired would be asked without end.
                held.renew_at = unix_seconds + lifetime.saturating_sub(margin).max(1);
                for secret in grant.secrets() {
                    held.secrets.push_front(secret);
                }
                held.secrets.truncate(MAX_REMEMBERED);
                held.grant = Some(grant);
                Ok(())
            }
            Err(error) => {
                let left = held.expires_at.saturating_sub(unix_seconds);
                held.renew_at = unix_seconds + (left / 4).clamp(1, LONGEST_RETRY_SECONDS);
                Err(error)
            }
        }
    }

    pub(super) fn token(&self) -> Option<Secret> {
        match &self.held().grant {
            Some(Grant::Token(token)) => Some(token.clone()),
            _ => None,
        }
    }

    pub(super) fn keys(&self) -> Option<AwsKeys> {
        match &self.held().grant {
            Some(Grant::AwsKeys(keys)) => Some(keys.clone()),
            _ => None,
        }
    }

    /// What was granted so far; what is granted later is in a later answer.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.held().secrets.iter().cloned().collect()
    }

    fn held(&self) -> std::sync::RwLockReadGuard<'_, Held> {
        self.0.held.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Grant {
    fn secrets(&self) -> Vec<Secret> {
        match self {
            Grant::Token(token) => vec![token.clone()],
            Grant::AwsKeys(keys) => keys.secrets(),
        }
    }
}

/// The answer of an OAuth 2 token endpoint (RFC 6749, 5.1).
pub(super) fn read_token(url: &Url, response: Response<Bytes>, sent: &[Secret]) -> Result<Granted> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        expires_in: Option<u64>,
    }
    /// What Google and IBM grant where they do not say.
    const USUAL_LIFETIME: u64 = 3600;
    let body = expect_success(url, response, sent)?;
    // The parser's own error may quote what it read.
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|_| anyhow!("the answer of {url} holds no access_token"))?;
    let token = Secret::new(answer.access_token.trim())
        .map_err(|why| anyhow!("the access_token in the answer of {url} {why}"))?;
    Ok(Granted { grant: Grant::Token(token), lifetime: answer.expires_in.unwrap_or(USUAL_LIFETIME) })
}

/// The body of a success; else an error with the server's own words, less what was sent to it.
pub(super) fn expect_success(url: &Url, response: Response<Bytes>, sent: &[Secret]) -> Result<Bytes> {
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let reason = reason(response.body());
    let reason = sent.iter().fold(reason, |text, secret| secret.redact(&text).into_owned());
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect();
    let colon = if reason.is_empty() { "" } else { ": " };
    bail!("{url} answers {}{colon}{reason}", status.as_u16())
}

/// What the known endpoints say: OAuth's two fields, or IBM's.
fn reason(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Words {
        error: Option<String>,
        error_description: Option<String>,
        #[serde(rename = "errorCode")]
        error_code: Option<String>,
        #[serde(rename = "errorMessage")]
        error_message: Option<String>,
    }
    let Ok(words) = serde_json::from_slice::<Words>(body) else { return String::new() };
    let words = [words.error, words.error_description, words.error_code, words.error_message];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Whether a URL names this machine, so that what goes there crosses no network.
pub(super) fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Where a secret may be sent to: https, or this machine.
pub(super) fn token_url(origin: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text).with_context(|| format!("{origin} is no URL"))?;
    if url.scheme() != "https" && !(url.scheme() == "http" && is_near(&url)) {
        bail!("{origin} is not https");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::provider::{Credential, Scheme};

    /// Grants tokens of these lifetimes, one after the other; 0 refuses.
    struct Authority<'a>(Cell<&'a [u64]>);

    impl Fetch for Authority<'_> {
        async fn fetch(&self, _: Request<String>) -> Result<Response<Bytes>> {
            let (&lifetime, rest) = self.0.get().split_first().expect("no more is asked for");
            self.0.set(rest);
            let body =
                format!("{{\"access_token\":\"token-{}-0123\",\"expires_in\":{lifetime}}}", rest.len());
            let status = if lifetime == 0 { 503 } else { 200 };
            Ok(Response::builder().status(status).body(Bytes::from(body))?)
        }
    }

    fn lease() -> Lease {
        let scheme = Scheme::WatsonxIam { env: vec!["KEY".to_owned()] };
        match scheme.find(&|name| (name == "KEY").then(|| "api-key".to_owned())) {
            Ok(Some(Credential::Token(lease))) => lease,
            other => panic!("{other:?}"),
        }
    }

    fn renew(lease: &Lease, authority: &Authority<'_>, at: u64) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(lease.renew(authority, at))
    }

    #[test]
    fn a_token_is_renewed_before_it_expires_and_outlives_a_renewal_that_fails() {
        let lease = lease();
        let token = || lease.token().map(|token| token.expose().to_owned());
        let authority = Authority(Cell::new(&[3600, 0, 0, 60, 1]));
        assert_eq!((lease.due_in(1000), token()), (0, None));
        renew(&lease, &authority, 1000).expect("a token");
        assert_eq!((lease.due_in(1000), token().as_deref()), (3300, Some("token-4-0123")));
        // 300 s are left, so the next attempt may wait a minute; with 8 s left, 2 s.
        renew(&lease, &authority, 4300).expect_err("none");
        assert_eq!((lease.due_in(4300), token().as_deref()), (60, Some("token-4-0123")));
        renew(&lease, &authority, 4592).expect_err("none");
        assert_eq!(lease.due_in(4592), 2);
        renew(&lease, &authority, 4594).expect("a token");
        assert_eq!((lease.due_in(4594), token().as_deref()), (45, Some("token-1-0123")));
        renew(&lease, &authority, 4639).expect("a token");
        assert_eq!(lease.due_in(4639), 1, "an authority is not asked without end");
        let seen = lease.secrets();
        assert_eq!(seen.len(), 3, "all that a late answer may repeat");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_without_the_body() {
        let url = Url::parse("https://iam/token").expect("a URL");
        let check = |status: u16, body: &'static str, expected: &str| {
            let response = Response::builder().status(status).body(Bytes::from(body)).expect("a response");
            let sent = Secret::new("api-key-0123").expect("a key");
            let error = read_token(&url, response, &[sent]).err().expect("an error");
            assert_eq!(error.to_string(), expected);
        };
        check(200, "{\"token\":\"secret\"}", "the answer of https://iam/token holds no access_token");
        check(200, "secret", "the answer of https://iam/token holds no access_token");
        check(
            200,
            "{\"access_token\":\"a b\"}",
            "the access_token in the answer of https://iam/token has a blank or a character in it that no HTTP header can carry",
        );
        check(401, "", "https://iam/token answers 401");
        check(
            400,
            "{\"errorCode\":\"BXNIM\",\"errorMessage\":\"no api-key-0123 \\u001b[1m\"}",
            "https://iam/token answers 400: BXNIM, no [redacted] [1m",
        );
    }
}
