//! Who serves an API: base URL, credential, and the one place that puts a request together for the wire.
//! A plugin's request is checked here; it goes under the provider's base URL or nowhere.

mod aws;
mod catalog;
mod credential;
mod expand;
mod foreign;
mod google;
mod lease;
mod prepare;
mod route;
mod scheme;
mod secret;
mod shown;
mod watsonx;

pub use aws::{AwsKeySource, AwsKeys, Sigv4, aws_region, payload_sha256};
pub use catalog::{Catalog, ProviderEntry};
pub use credential::Credential;
pub use expand::expand;
pub use foreign::looks_secret;
pub use lease::{Fetch, Lease};
pub use prepare::{Refusal, own_header, parse_header};
pub use route::alike;
pub use scheme::{Env, Scheme};
pub use secret::{Secret, Secrets};
pub use shown::ShownRequest;

use http::{HeaderName, HeaderValue};
use url::Url;

/// A provider, resolved: where requests go and what the host adds to each.
#[derive(Debug, Clone)]
pub struct Provider {
    pub name: String,
    /// Base URL: http or https, with a host, no user info, no fragment.
    pub base: Url,
    /// Segments between the base URL and what the plugin adds, not encoded.
    pub path: Vec<String>,
    /// Query pairs of every request, not encoded.
    pub query: Vec<(String, String)>,
    pub credential: Credential,
    /// Headers the provider wants, then those the user asked for; they replace a plugin's header of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Headers whose name holds one of these words carry credentials.
const SECRET_WORDS: [&str; 6] = ["auth", "cookie", "key", "password", "secret", "token"];

/// Whether a header or a query pair of this name carries a credential.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Whether a pair of this name in the query of a base URL carries a credential.
pub fn is_key_of_query(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    // `api_key`, `subscription-key`, `access_token`, `X-Amz-Credential`; `sig` and `code` are Azure's words.
    looks_secret(name)
        || lower.ends_with("key")
        || lower.ends_with("signature")
        || matches!(&*lower, "sig" | "code")
}

impl Provider {
    /// What a server may send back and no result may show: the credential, and those among the user's own headers and the
    /// provider's query.
    pub fn secrets(&self) -> Secrets {
        let own = self.headers.iter().filter(|(name, _)| names_a_secret(name.as_str()));
        // `Bearer <key>`, `name=value; name=value`: each word by itself, as a server may repeat it.
        let words =
            own.filter_map(|(_, value)| value.to_str().ok()).flat_map(|value| value.split([' ', '\t', ';']));
        let query =
            self.query.iter().filter(|(name, _)| is_key_of_query(name)).map(|(_, value)| value.as_str());
        let words = words.chain(query).filter_map(|word| Secret::new(word).ok());
        let fixed = self.credential.secrets().into_iter().chain(words);
        Secrets::new(fixed, self.credential.lease())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_among_the_users_headers_are_secret_and_other_headers_are_not() {
        let header = |name: &str, value: &str| parse_header(name, value).expect("a header");
        let provider = Provider {
            name: "test".to_owned(),
            base: Url::parse("http://h/v1").expect("a URL"),
            path: vec![],
            query: vec![],
            credential: Credential::Bearer(Secret::new("sk-0123456789").expect("a key")),
            headers: vec![
                header("X-Api-Key", "abcdefghij"),
                header("authorization", "Bearer klmnopqrst"),
                header("cookie", "session=uvwxyz01; b=c"),
                header("x-trace", "a-long-and-open-name"),
            ],
        };
        let text = "sk-0123456789 abcdefghij klmnopqrst session=uvwxyz01 a-long-and-open-name Bearer";
        let seen = provider
            .secrets()
            .all()
            .iter()
            .fold(text.to_owned(), |text, secret| secret.redact(&text).into_owned());
        let gone = "[redacted]";
        assert_eq!(seen, format!("{gone} {gone} {gone} {gone} a-long-and-open-name Bearer"));
    }
}
