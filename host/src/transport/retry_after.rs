//! `Retry-After` as a date (RFC 9110, section 10.2.3): the wait is what lies between the response's own `Date` and it, so neither
//! the server's clock nor that of this machine has to be right, and a replay sees the same wait.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::units::Span;

/// Notes when a response arrived that names an instant to come back at and no `Date` (RFC 9110, section 6.6.1).
pub(super) fn date(headers: &mut HeaderMap, unix_seconds: impl FnOnce() -> u64) {
    if !headers.contains_key(RETRY_AFTER) || headers.contains_key(DATE) {
        return;
    }
    let now = DateTime::from_secs(i64::try_from(unix_seconds()).unwrap_or(i64::MAX));
    let now = now.fmt(Format::HttpDate).ok().and_then(|now| HeaderValue::from_str(&now).ok());
    headers.extend(now.map(|now| (DATE, now)));
}

/// How long a server asks to wait that names an instant; nothing where that is over already.
pub fn until_retry_date(headers: &HeaderMap) -> Option<Span> {
    let wait = instant(headers, RETRY_AFTER)? - instant(headers, DATE)?;
    Some(Span(u64::try_from(wait).unwrap_or(0).saturating_mul(1_000_000_000)))
}

/// A date, in seconds since 1970.
fn instant(headers: &HeaderMap, name: HeaderName) -> Option<i64> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(DateTime::from_str(text.trim(), Format::HttpDate).ok()?.secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_wait_is_counted_from_the_date_of_the_response() {
        let check = |after: &'static str, date: &'static str, seconds: Option<u64>| {
            let headers = headers(&[(RETRY_AFTER, after), (DATE, date)]);
            assert_eq!(until_retry_date(&headers), seconds.map(Span::from_secs), "{after} {date}");
        };
        let date = "Wed, 21 Oct 2026 07:28:00 GMT";
        check("Wed, 21 Oct 2026 07:28:37 GMT", date, Some(37));
        check("Thu, 22 Oct 2026 07:28:00 GMT", date, Some(86_400));
        assert_eq!(
            until_retry_date(&headers(&[(RETRY_AFTER, "Fri, 31 Dec 9999 23:59:59 GMT"), (DATE, date)])),
            Some(Span(u64::MAX))
        );
        check("Wed, 21 Oct 2026 07:27:00 GMT", date, Some(0));
        check("120", date, None);
        check("soon", date, None);
        check("Wed, 21 Oct 2026 07:28:37 GMT", "today", None);
        assert_eq!(until_retry_date(&headers(&[(RETRY_AFTER, date)])), None);
    }

    #[test]
    fn a_response_without_a_date_gets_that_of_its_arrival() {
        let mut undated = headers(&[(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:37 GMT")]);
        super::date(&mut undated, || 1_792_567_680);
        assert_eq!(undated[DATE], "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(until_retry_date(&undated), Some(Span::from_secs(37)));
        for mut other in
            [headers(&[]), headers(&[(RETRY_AFTER, "1"), (DATE, "Wed, 21 Oct 2026 07:28:00 GMT")])]
        {
            let before = other.clone();
            super::date(&mut other, || 0);
            assert_eq!(other, before);
        }
    }
}
