//! A credential that cannot be shown by accident.

use std::borrow::Cow;
use std::fmt;

/// Secrets shorter than this are not searched for in foreign text: servers without a key are given placeholders such as
/// `ollama` or `EMPTY`, and to cross those out would garble honest output.
const MIN_REDACTED_BYTES: usize = 8;
const REDACTED: &str = "[redacted]";

/// A credential. `Debug` and `Display` do not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

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
        Ok(Secret(key.to_owned()))
    }

    /// The key itself. For the request's credential header, and nothing else.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.0.len() >= MIN_REDACTED_BYTES && text.contains(&self.0) {
            Cow::Owned(text.replace(&self.0, REDACTED))
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
