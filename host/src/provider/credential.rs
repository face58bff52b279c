//! A credential, and how it is put on a request: what stays the same when the request is built, the rest when it is sent.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Secret;
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
}

impl Credential {
    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        !matches!(self, Credential::None)
    }

    /// The header it comes in, where it does.
    pub(super) fn header(&self) -> Option<&HeaderName> {
        match self {
            Credential::Bearer(_) => Some(&AUTHORIZATION),
            Credential::Header { name, .. } => Some(name),
            Credential::None | Credential::Query { .. } => None,
        }
    }

    /// Puts a header on that is the same for every request.
    pub(super) fn put_on(&self, headers: &mut HeaderMap) {
        match self {
            Credential::Bearer(key) => {
                headers.insert(AUTHORIZATION, sensitive("Bearer ", key));
            }
            Credential::Header { name, prefix, key } => {
                headers.insert(name.clone(), sensitive(prefix, key));
            }
            Credential::None | Credential::Query { .. } => {}
        }
    }

    /// What goes on the wire for this request, now.
    pub fn send(&self, request: &PreparedRequest) -> Outgoing {
        let mut outgoing = Outgoing { url: request.url.clone(), headers: request.headers.clone() };
        if let Credential::Query { name, key } = self {
            outgoing.url.query_pairs_mut().append_pair(name, key.expose());
        }
        outgoing
    }

    /// What of it may come back from a server.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Credential::None => vec![],
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
