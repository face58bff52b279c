//! Requests beside the measured ones: to those who grant credentials. No redirects, no proxy from the environment, nothing
//! sent twice, and every answer within limits.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::{Request, Response};

use super::failure::classify;
use super::http::tls;
use crate::record::FailureKind;

/// From the first packet to the last. Such an answer takes a second at most where all is well.
const DEADLINE: Duration = Duration::from_secs(20);
/// Tokens have some KiB at most.
const MAX_BODY_BYTES: usize = 256 << 10;

/// A client for single requests.
#[derive(Debug, Clone)]
pub struct Fetcher(reqwest::Client);

impl Fetcher {
    /// # Errors
    /// The client cannot be set up.
    pub fn new() -> Result<Fetcher> {
        tls();
        let client = reqwest::Client::builder()
            .user_agent(concat!("llmperf/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .timeout(DEADLINE)
            .build();
        Ok(Fetcher(client.context("the HTTP client cannot be set up")?))
    }

    /// Sends a request and reads the answer, whatever its status.
    ///
    /// # Errors
    /// There is no whole answer within the limits; the error names the URL's host and path.
    pub async fn fetch(&self, request: Request<String>) -> Result<Response<Bytes>> {
        let uri = request.uri().clone();
        let place = format!("{}{}", uri.host().unwrap_or_default(), uri.path());
        let request = reqwest::Request::try_from(request).map_err(|error| anyhow!(error.without_url()))?;
        let told = |error: reqwest::Error| {
            let timed_out = error.is_timeout();
            let failure = classify(&error.without_url(), FailureKind::Reset);
            let why = if timed_out { "it took too long".to_owned() } else { failure.message };
            anyhow!("{place} does not answer: {why}")
        };
        let mut response = self.0.execute(request).await.map_err(told)?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(told)? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_BODY_BYTES {
                bail!("{place} answers with more than {} KiB", MAX_BODY_BYTES >> 10);
            }
        }
        Ok(Response::builder().status(response.status()).body(Bytes::from(body))?)
    }
}
