//! Half a character in JSON: servers that escape what is not ASCII and cut a text between two tokens write one half of a
//! surrogate pair alone. Other clients show U+FFFD for it; a strict parser would give up the event, and the answer with it.

use memchr::{memchr, memmem};

/// Bytes of `\\uXXXX`.
const ESCAPE: usize = 6;

/// Replaces each surrogate escape without its other half by that of U+FFFD, which is as long.
pub(super) fn mend(json: &mut [u8]) {
    let mut at = 0;
    while let Some(backslash) = memchr(b'\\', &json[at..]) {
        at += backslash;
        match unit(&json[at..]) {
            Some(0xd800..=0xdbff) => match json.get(at + ESCAPE..).and_then(unit) {
                Some(0xdc00..=0xdfff) => at += 2 * ESCAPE,
                _ => at = replace(json, at),
            },
            Some(0xdc00..=0xdfff) => at = replace(json, at),
            // Whatever is escaped, be it a backslash, begins no escape of its own.
            _ => at = json.len().min(at + 2),
        }
    }
}

/// Whether there may be something to mend: nearly never, and this is quick to say.
pub(super) fn may_be_in(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"\\ud").is_some() || memmem::find(bytes, b"\\uD").is_some()
}

fn replace(json: &mut [u8], at: usize) -> usize {
    json[at..at + ESCAPE].copy_from_slice(b"\\ufffd");
    at + ESCAPE
}

/// The UTF-16 unit of the escape that `bytes` begin with.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| {
        let value = (*digit as char).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_are_replaced() {
        let check = |json: &str, expected: &str| {
            let mut bytes = json.as_bytes().to_vec();
            mend(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
            assert!(json == expected || may_be_in(json.as_bytes()), "{json}");
        };
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""a\ud83d""#, r#""a\ufffd""#);
        check(r#""\uDE00 b""#, r#""\ufffd b""#);
        check(r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#);
        check(r#""\ud83d\n""#, r#""\ufffd\n""#);
        check(r#""\\ud83d \\\ud83d""#, r#""\\ud83d \\\ufffd""#);
        check(r#""\ud8"#, r#""\ud8"#);
        check("\\", "\\");
        check(r#""\u00fc\ud7ff\ue000""#, r#""\u00fc\ud7ff\ue000""#);
    }
}
