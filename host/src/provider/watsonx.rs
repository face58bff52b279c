//! IBM Cloud: an API key is exchanged for an access token (IAM).

use anyhow::{Context, Result};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use url::{Url, form_urlencoded};

use super::lease::{Fetch, Granted, Source, read_token, token_url};
use super::scheme::{Env, first_set, key};
use super::{Credential, Lease, Secret};

/// As LiteLLM reads it the whole address; here the base alone is enough too.
const IAM_URL: &str = "WATSONX_IAM_URL";
const DEFAULT_IAM: &str = "https://iam.cloud.ibm.com";
const TOKEN_PATH: &str = "/identity/token";
const API_KEY_GRANT: &str = "urn:ibm:params:oauth:grant-type:apikey";

pub(super) fn find(names: &[String], env: Env<'_>) -> Result<Option<Credential>> {
    let Some(key) = key(names, env)? else { return Ok(None) };
    let url = first_set(&[IAM_URL], env).map_or_else(|| DEFAULT_IAM.to_owned(), |(_, url)| url);
    let mut url = token_url(IAM_URL, url.trim()).context("the API key cannot be exchanged")?;
    if !url.path().trim_end_matches('/').ends_with(TOKEN_PATH) {
        url.set_path(&format!("{}{TOKEN_PATH}", url.path().trim_end_matches('/')));
    }
    Ok(Some(Credential::Token(Lease::new(Source::Watsonx(IamKey { url, key })))))
}

/// An API key, and where it is exchanged.
#[derive(Debug)]
pub(super) struct IamKey {
    url: Url,
    key: Secret,
}

impl IamKey {
    pub(super) async fn ask(&self, fetch: &impl Fetch) -> Result<Granted> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", API_KEY_GRANT)
            .append_pair("apikey", self.key.expose())
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(form)?;
        read_token(&self.url, fetch.fetch(request).await?, std::slice::from_ref(&self.key))
    }
}
