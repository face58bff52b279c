//! A credential that cannot be shown by accident.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Lease;

/// Secrets shorter than this are not searched for in foreign text: servers without a key are given placeholders such as
/// `ollama` or `EMPTY`, and to cross those out would garble honest output.
const MIN_REDACTED_BYTES: usize = 8;
const REDACTED: &str = "[redacted]";

/// A credential. `Debug` and `Display` do not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a key as it was given; it must be one line of visible ASCII, as an HTTP header needs.
    pub fn new(key: &str) -> Result<Secret, &'static str> {
        if key.is_empty() {
            return Err("is empty");
        }
        if key.contains(['\n', '\r']) {
            return Err("has a line break in it");
        }
        if !key.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
            return Err("has a blank or a character in it that no HTTP header can carry");
        }
        Ok(Secret(key.into()))
    }

    /// The key itself. For the request's credential header, and nothing else.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.0.len() >= MIN_REDACTED_BYTES && text.contains(&*self.0) {
            Cow::Owned(text.replace(&*self.0, REDACTED))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// Crosses every occurrence of the secret out of foreign bytes, in place.
    pub fn cross_out(&self, bytes: &mut [u8]) {
        let needle = self.0.as_bytes();
        if needle.len() < MIN_REDACTED_BYTES {
            return;
        }
        let mut from = 0;
        while let Some(found) = memchr::memmem::find(&bytes[from..], needle) {
            let start = from + found;
            from = start + needle.len();
            bytes[start..from].fill(b'*');
        }
    }

    /// The same where any of its characters may be escaped as JSON strings allow it; for bytes that are kept undecoded.
    /// The length stays.
    pub fn cross_out_escaped(&self, bytes: &mut [u8]) {
        let needle = self.0.as_bytes();
        if needle.len() < MIN_REDACTED_BYTES {
            return;
        }
        let mut from = 0;
        while let Some(found) = memchr::memchr2(needle[0], b'\\', &bytes[from..]) {
            let start = from + found;
            let end =
                needle.iter().try_fold(start, |at, &wanted| Some(at + stands_for(&bytes[at..], wanted)?));
            from = end.unwrap_or(start + 1);
            if end.is_some() {
                bytes[start..from].fill(b'*');
            }
        }
    }

    /// The most bytes that [`Secret::cross_out_escaped`] has to see together to find it; 0 where it is never searched for.
    pub fn longest_form(&self) -> usize {
        if self.0.len() < MIN_REDACTED_BYTES { 0 } else { self.0.len() * UNICODE_ESCAPE }
    }
}

/// The secrets of a run, those that are fetched while it runs too.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    fixed: Arc<[Secret]>,
    lease: Option<Lease>,
}

impl Secrets {
    pub(super) fn new(fixed: impl Iterator<Item = Secret>, lease: Option<&Lease>) -> Secrets {
        Secrets { fixed: fixed.collect(), lease: lease.cloned() }
    }

    /// All there are now. What a response may repeat is among them from before its request was sent.
    pub fn all(&self) -> Arc<[Secret]> {
        match &self.lease {
            None => Arc::clone(&self.fixed),
            Some(lease) => self.fixed.iter().cloned().chain(lease.secrets()).collect(),
        }
    }
}

/// `\u0041`
const UNICODE_ESCAPE: usize = 6;

/// How many bytes at the start of `text` stand for the byte `wanted`: itself, or its escape in a JSON string.
fn stands_for(text: &[u8], wanted: u8) -> Option<usize> {
    let code = |digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    match text {
        [b'\\', b'u', ..] if text.get(2..UNICODE_ESCAPE).and_then(code) == Some(u32::from(wanted)) => {
            Some(UNICODE_ESCAPE)
        }
        [b'\\', escaped, ..] if *escaped == wanted => Some(2),
        [first, ..] if *first == wanted => Some(1),
        _ => None,
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown_and_is_found_in_foreign_text() {
        let secret = Secret::new("sk-0123456789").expect("a good key");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(secret.redact("no key sk-0123456789!"), "no key [redacted]!");
        let mut body = *b"{\"k\":\"sk-0123456789\"}sk-0123456789";
        secret.cross_out(&mut body);
        assert_eq!(&body, b"{\"k\":\"*************\"}*************");
        let placeholder = Secret::new("ollama").expect("a good key");
        assert_eq!(placeholder.redact("ollama is not found"), "ollama is not found");
    }

    #[test]
    fn a_secret_is_found_in_its_escaped_forms_too() {
        let secret = Secret::new("sk/\\\"01234").expect("a good key");
        let check = |text: &str| {
            let mut bytes = format!("<{text}>").into_bytes();
            secret.cross_out_escaped(&mut bytes);
            assert_eq!(String::from_utf8(bytes), Ok(format!("<{}>", "*".repeat(text.len()))));
        };
        check(r#"sk/\"01234"#);
        check(r#"sk\/\\\"01234"#);
        check(r#"\u0073k\u002f\u005C\"0123\u0034"#);
        check(&"sk/\\\"01234".repeat(3));
        for other in [r"sk/", r"\u0073", r"\u00", r"\", r#"sk/\"01235 \u0073k\u002fx"#] {
            let mut bytes = other.as_bytes().to_vec();
            secret.cross_out_escaped(&mut bytes);
            assert_eq!(bytes, other.as_bytes());
        }
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused() {
        for (key, why) in [
            ("", "empty"),
            ("a\nb", "line break"),
            ("a\r", "line break"),
            ("a b", "blank"),
            ("ключ", "blank"),
        ] {
            let refused = Secret::new(key).expect_err(key);
            assert!(refused.contains(why), "{key:?}: {refused}");
        }
    }
}
