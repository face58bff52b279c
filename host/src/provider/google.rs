//! Google: an access token that is given, or one that is granted for the key of a service account (RFC 7523) or for the
//! refresh token of a user (RFC 6749, 6).

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use serde::Deserialize;
use serde_json::json;
use url::{Url, form_urlencoded};

use super::lease::{Fetch, Granted, Source, read_token, token_url};
use super::scheme::{Env, first_set, key};
use super::{Credential, Lease, Secret};

/// LLMPerf's: a token that `gcloud auth print-access-token` printed.
const ACCESS_TOKEN: &str = "GCLOUD_ACCESS_TOKEN";
/// The path of a JSON file, or the JSON itself. LiteLLM's name first.
const ACCOUNT: [&str; 2] = ["VERTEXAI_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"];
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The longest that Google accepts.
const JWT_SECONDS: u64 = 3600;

pub(super) fn variables() -> Vec<String> {
    [ACCESS_TOKEN].iter().chain(&ACCOUNT).map(|&name| name.to_owned()).collect()
}

pub(super) fn find(env: Env<'_>) -> Result<Option<Credential>> {
    let stripped = |name: &str| env(name).map(|value| value.trim().to_owned());
    if let Some(token) = key(&[ACCESS_TOKEN.to_owned()], &stripped)? {
        return Ok(Some(Credential::Bearer(token)));
    }
    let Some((variable, value)) = first_set(&ACCOUNT, env) else { return Ok(None) };
    let text = if value.trim_start().starts_with('{') {
        value
    } else {
        std::fs::read_to_string(&value).with_context(|| format!("{variable}: {value} cannot be read"))?
    };
    let account = Account::read(&text).with_context(|| format!("{variable} is of no use"))?;
    Ok(Some(Credential::Token(Lease::new(Source::Google(account)))))
}

/// Whose access it is.
pub(super) enum Account {
    Service { email: String, key_id: Option<String>, key: Arc<dyn SigningKey>, token_uri: Url },
    User { client_id: String, client_secret: Secret, refresh_token: Secret, token_uri: Url },
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

/// A file of credentials, with what its kinds have.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    token_uri: Option<String>,
}

impl Account {
    fn read(text: &str) -> Result<Account> {
        // The parser's own error may quote what it read.
        let file: File = serde_json::from_str(text)
            .map_err(|error| anyhow!("it is no JSON of Google credentials (line {})", error.line()))?;
        let token_uri = token_url("its token_uri", file.token_uri.as_deref().unwrap_or(TOKEN_URI))?;
        let needed = |name: &str, value: Option<String>| value.with_context(|| format!("it has no {name}"));
        let secret = |name: &str, value: Option<String>| {
            Secret::new(&needed(name, value)?).map_err(|why| anyhow!("its {name} {why}"))
        };
        match file.kind.as_str() {
            "service_account" => Ok(Account::Service {
                email: needed("client_email", file.client_email)?,
                key_id: file.private_key_id,
                key: signing_key(&needed("private_key", file.private_key)?)?,
                token_uri,
            }),
            "authorized_user" => Ok(Account::User {
                client_id: needed("client_id", file.client_id)?,
                client_secret: secret("client_secret", file.client_secret)?,
                refresh_token: secret("refresh_token", file.refresh_token)?,
                token_uri,
            }),
            other => bail!(
                "its type is {other:?}, and only service_account and authorized_user can be used\n\
                 hint: {ACCESS_TOKEN}=$(gcloud auth print-access-token) serves for an hour"
            ),
        }
    }

    pub(super) async fn ask(&self, fetch: &impl Fetch, unix_seconds: u64) -> Result<Granted> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let (token_uri, sent) = match self {
            Account::Service { token_uri, .. } => {
                let assertion = self.assertion(unix_seconds)?;
                form.append_pair("grant_type", JWT_GRANT).append_pair("assertion", &assertion);
                (token_uri, vec![Secret::new(&assertion).map_err(|why| anyhow!("the assertion {why}"))?])
            }
            Account::User { client_id, client_secret, refresh_token, token_uri } => {
                form.append_pair("grant_type", "refresh_token")
                    .append_pair("client_id", client_id)
                    .append_pair("client_secret", client_secret.expose())
                    .append_pair("refresh_token", refresh_token.expose());
                (token_uri, vec![client_secret.clone(), refresh_token.clone()])
            }
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(token_uri.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish())?;
        read_token(token_uri, fetch.fetch(request).await?, &sent)
    }

    /// A JWT that says who asks for what, signed with the account's key.
    fn assertion(&self, unix_seconds: u64) -> Result<String> {
        let Account::Service { email, key_id, key, token_uri } = self else {
            bail!("only a service account signs");
        };
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = key_id {
            header["kid"] = id.as_str().into();
        }
        let claims = json!({
            "iss": email,
            "scope": SCOPE,
            "aud": token_uri.as_str(),
            "iat": unix_seconds,
            "exp": unix_seconds + JWT_SECONDS,
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signer =
            key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).context("its key is no RSA key")?;
        let signature = signer.sign(signed.as_bytes()).context("its key cannot sign")?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

fn signing_key(pem: &str) -> Result<Arc<dyn SigningKey>> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| anyhow!("its private_key is no key in PEM"))?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|_| anyhow!("its private_key is none that can sign"))?;
    key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).context("its private_key is no RSA key")?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_PEM: &str = include_str!("../../../tests/fixtures/credentials/service-account-key.pem");

    #[test]
    fn a_given_token_comes_first_and_a_file_of_no_use_is_named_and_not_shown() {
        let check = |set: &[(&str, &str)], expected: &str| {
            let env =
                |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
            let found = match find(&env) {
                Ok(None) => "none".to_owned(),
                Ok(Some(Credential::Bearer(token))) => format!("bearer {}", token.expose()),
                Ok(Some(Credential::Token(_))) => "fetched".to_owned(),
                Ok(Some(other)) => format!("{other:?}"),
                Err(error) => format!("{error:#}").lines().next().unwrap_or_default().to_owned(),
            };
            assert_eq!(found, expected);
        };
        let account = |kind: &str, key: &str, uri: &str| {
            json!({
                "type": kind, "client_email": "a@b", "private_key": key, "token_uri": uri,
                "client_id": "id", "client_secret": "secret", "refresh_token": "token",
            })
            .to_string()
        };
        let inline = |json: &str, expected: &str| {
            check(&[("GOOGLE_APPLICATION_CREDENTIALS", json)], expected);
        };
        let service = account("service_account", KEY_PEM, TOKEN_URI);
        check(&[], "none");
        check(
            &[("GCLOUD_ACCESS_TOKEN", " ya29.token\n"), ("GOOGLE_APPLICATION_CREDENTIALS", &service)],
            "bearer ya29.token",
        );
        inline(&service, "fetched");
        inline(&account("authorized_user", "", TOKEN_URI), "fetched");
        inline(&account("service_account", KEY_PEM, "http://127.0.0.1:1/token"), "fetched");
        let of_no_use = |what: &str| format!("GOOGLE_APPLICATION_CREDENTIALS is of no use: {what}");
        inline(
            &account("service_account", KEY_PEM, "http://example.com/token"),
            &of_no_use("its token_uri is not https"),
        );
        inline(
            &account("service_account", "c2VjcmV0", TOKEN_URI),
            &of_no_use("its private_key is no key in PEM"),
        );
        inline(
            &account("external_account", KEY_PEM, TOKEN_URI),
            &of_no_use(
                "its type is \"external_account\", and only service_account and authorized_user can be used",
            ),
        );
        inline("{\"type\": secret}", &of_no_use("it is no JSON of Google credentials (line 1)"));
        check(
            &[("VERTEXAI_CREDENTIALS", "/no/such/file")],
            "VERTEXAI_CREDENTIALS: /no/such/file cannot be read: No such file or directory (os error 2)",
        );
    }
}
