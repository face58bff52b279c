//! Signature Version 4, by AWS's own library: what of a request is signed, and the headers that say so.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sha2::Digest as _;
use url::Url;

use super::{AwsKeySource, AwsKeys};

/// Holds the body's digest from when a request is built until it is signed; it is not sent.
const PAYLOAD_SHA256: &str = "x-amz-content-sha256";

/// Signs requests to one service in one region.
#[derive(Debug, Clone)]
pub struct Sigv4 {
    pub service: String,
    pub region: String,
    pub keys: AwsKeySource,
}

impl Sigv4 {
    /// What of the work depends on the body alone, done when the request is built: of a long prompt it is the most.
    pub(in crate::provider) fn prepare(headers: &mut HeaderMap, body: &[u8]) {
        let digest = payload_sha256(body).parse().expect("hexadecimal digits");
        headers.insert(PAYLOAD_SHA256, digest);
    }

    /// Takes back what is not sent of what [`Sigv4::prepare`] did.
    pub(in crate::provider) fn unprepare(headers: &mut HeaderMap) {
        headers.remove(PAYLOAD_SHA256);
    }

    /// Signs a prepared request as it goes on the wire and adds the headers that say so. The path of `url` is signed encoded
    /// once more, as every service but S3 wants it.
    ///
    /// # Errors
    /// The URL or a header cannot be signed, or there are no keys yet.
    pub(in crate::provider) fn put_on(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        unix_seconds: u64,
    ) -> Result<()> {
        let payload = headers.remove(PAYLOAD_SHA256).context("it was not built to be signed")?;
        // The user's own header stands in its place.
        if headers.contains_key(AUTHORIZATION) {
            return Ok(());
        }
        let leased;
        let keys = match &self.keys {
            AwsKeySource::Fixed(keys) => keys,
            AwsKeySource::Leased(lease) => {
                leased = lease.keys().context("no AWS keys have been fetched")?;
                &leased
            }
        };
        let signed = headers.iter().filter(|(name, value)| is_signed(name, value));
        let signed = signed.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        for (name, value) in self.headers(keys, method, url, signed, payload.to_str()?, unix_seconds)? {
            headers.insert(name, value);
        }
        Ok(())
    }

    /// The headers that carry the signature over `signed`, the host, the time and the body with this [`payload_sha256`].
    ///
    /// # Errors
    /// The URL or a header cannot be signed.
    pub fn headers<'a>(
        &self,
        keys: &AwsKeys,
        method: &'a Method,
        url: &'a Url,
        signed: impl Iterator<Item = (&'a str, &'a str)>,
        payload: &'a str,
        unix_seconds: u64,
    ) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let session = keys.session.as_ref().map(|token| token.expose().to_owned());
        let identity =
            Credentials::new(keys.id.expose(), keys.secret.expose(), session, None, "llmperf").into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        // AWS signs a path without its empty segments, whatever goes on the wire. Only S3 takes them for what they are: a part
        // of a key.
        settings.uri_path_normalization_mode = match self.service.as_str() {
            "s3" => UriPathNormalizationMode::Disabled,
            _ => UriPathNormalizationMode::Enabled,
        };
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(UNIX_EPOCH + Duration::from_secs(unix_seconds))
            .settings(settings)
            .build()?
            .into();
        let request = SignableRequest::new(
            method.as_str(),
            url.as_str(),
            signed,
            SignableBody::Precomputed(payload.to_owned()),
        )?;
        let (headers, _) = sign(request, &params)?.into_parts().0.into_parts();
        let headers = headers.into_iter().map(|header| {
            let mut value = HeaderValue::from_str(header.value())?;
            value.set_sensitive(true);
            Ok((HeaderName::from_static(header.name()), value))
        });
        headers.collect()
    }
}

/// The digest of a body, as signatures hold it.
pub fn payload_sha256(body: &[u8]) -> String {
    sha2::Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same headers that AWS's own clients sign. `Accept: */*` is what HTTP clients say who were told nothing, and what
/// lies on the way may change it.
fn is_signed(name: &HeaderName, value: &HeaderValue) -> bool {
    name == CONTENT_TYPE || (name == ACCEPT && value != "*/*") || name.as_str().starts_with("x-amz")
}
