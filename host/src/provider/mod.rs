//! Who serves an API: base URL, credential, and the one place that puts a request together for the wire.
//! A plugin's request is checked here; it goes under the provider's base URL or nowhere.

mod catalog;
mod prepare;
mod secret;

pub use catalog::{Catalog, CredentialScheme, ProviderEntry};
pub use prepare::{Refusal, parse_header};
pub use secret::Secret;

use http::{HeaderName, HeaderValue};
use url::Url;

/// How a provider is authenticated to.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Nothing is sent.
    None,
    /// `Authorization: Bearer <key>`.
    Bearer(Secret),
}

impl Credential {
    /// The secret itself, for redaction.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Credential::None => None,
            Credential::Bearer(secret) => Some(secret),
        }
    }
}

/// A provider, resolved: where requests go and what the host adds to each.
#[derive(Debug, Clone)]
pub struct Provider {
    pub name: String,
    /// Base URL: http or https, with a host, no user info, no fragment.
    pub base: Url,
    pub credential: Credential,
    /// Headers the user asked for; they replace a plugin's header of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}
