//! A credential, and how it is put on a request: what stays the same when the request is built, the rest when it is sent.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use anyhow::{Context, Result};

use super::aws::{AwsKeySource, Sigv4};
use super::{Lease, Secret};
use crate::record::{Outgoing, PreparedRequest};

/// How a provider is authenticated to.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Nothing is sent.
    None,
    /// `Authorization: Bearer <key>`.
    Bearer(Secret),
    /// `<name>: <prefix><key>`.
    Header { name: HeaderName, prefix: String, key: Secret },
    /// `?<name>=<key>`, put on when the request is sent, so that no URL the program shows or keeps holds it.
    Query { name: String, key: Secret },
    /// AWS's signature over each request.
    Sigv4(Sigv4),
    /// `Authorization: Bearer <token>`, with a token that is fetched and renewed.
    Token(Lease),
}

impl Credential {
    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        !matches!(self, Credential::None)
    }

    /// The header it comes in, where it does.
    pub(super) fn header(&self) -> Option<&HeaderName> {
        match self {
            Credential::Bearer(_) | Credential::Sigv4(_) | Credential::Token(_) => Some(&AUTHORIZATION),
            Credential::Header { name, .. } => Some(name),
            Credential::None | Credential::Query { .. } => None,
        }
    }

    /// Puts on what does not depend on when the request is sent.
    pub(super) fn put_on(&self, headers: &mut HeaderMap, body: &[u8]) {
        match self {
            Credential::Bearer(key) => {
                headers.insert(AUTHORIZATION, sensitive("Bearer ", key));
            }
            Credential::Header { name, prefix, key } => {
                headers.insert(name.clone(), sensitive(prefix, key));
            }
            Credential::Sigv4(_) => Sigv4::prepare(headers, body),
            // Put on by `send`.
            Credential::Query { .. } | Credential::Token(_) | Credential::None => {}
        }
    }

    /// What goes on the wire for this request, now.
    ///
    /// # Errors
    /// It cannot be signed, or nothing was fetched yet.
    pub fn send(&self, request: &PreparedRequest, unix_seconds: u64) -> Result<Outgoing> {
        let mut outgoing = Outgoing { url: request.url.clone(), headers: request.headers.clone() };
        let Outgoing { url, headers } = &mut outgoing;
        match self {
            Credential::Query { name, key } => {
                url.query_pairs_mut().append_pair(name, key.expose());
            }
            Credential::Sigv4(aws) => aws.put_on(&request.method, url, headers, unix_seconds)?,
            // The user's own header stands in its place.
            Credential::Token(_) if headers.contains_key(AUTHORIZATION) => {}
            Credential::Token(lease) => {
                let token = lease.token().context("no access token has been fetched")?;
                headers.insert(AUTHORIZATION, sensitive("Bearer ", &token));
            }
            Credential::None | Credential::Bearer(_) | Credential::Header { .. } => {}
        }
        Ok(outgoing)
    }

    /// What has to be fetched before the first request and renewed meanwhile.
    pub fn lease(&self) -> Option<&Lease> {
        match self {
            Credential::Token(lease) => Some(lease),
            Credential::Sigv4(Sigv4 { keys: AwsKeySource::Leased(lease), .. }) => Some(lease),
            _ => None,
        }
    }

    /// Whether what it signs has to have a path in which everything but unreserved characters is encoded.
    pub(super) fn wants_strict_path(&self) -> bool {
        matches!(self, Credential::Sigv4(_))
    }

    /// What of it may come back from a server, but for what is fetched.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Credential::Sigv4(Sigv4 { keys: AwsKeySource::Fixed(keys), .. }) => keys.secrets(),
            Credential::None | Credential::Sigv4(_) | Credential::Token(_) => vec![],
            Credential::Bearer(key) | Credential::Header { key, .. } => vec![key.clone()],
            Credential::Query { key, .. } => {
                let encoded: String = url::form_urlencoded::byte_serialize(key.expose().as_bytes()).collect();
                let encoded = Some(encoded).filter(|encoded| encoded != key.expose());
                let encoded = encoded.and_then(|encoded| Secret::new(&encoded).ok());
                [Some(key.clone()), encoded].into_iter().flatten().collect()
            }
        }
    }
}

/// A header value that no log shows.
pub(super) fn sensitive(prefix: &str, key: &Secret) -> HeaderValue {
    let value = HeaderValue::from_str(&format!("{prefix}{}", key.expose()));
    let mut value = value.expect("a Secret is visible ASCII, and a prefix was checked");
    value.set_sensitive(true);
    value
}
