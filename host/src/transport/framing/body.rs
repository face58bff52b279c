//! The whole body as one event, for answers that are not streamed.

use super::{BOM, FramingError, MAX_BODY};
use crate::record::EventBatch;
use crate::units::Stamp;

/// Keeps the body until it ends.
#[derive(Debug, Default)]
pub(super) struct Body {
    bytes: Vec<u8>,
    last: Stamp,
}

impl Body {
    pub(super) fn read(&mut self, at: Stamp, bytes: &[u8]) -> Result<(), FramingError> {
        if bytes.len() > MAX_BODY - self.bytes.len() {
            return Err(FramingError::over("the body", MAX_BODY));
        }
        self.bytes.extend_from_slice(bytes);
        self.last = at;
        Ok(())
    }

    /// An empty body is no event.
    pub(super) fn finish(&mut self, complete: bool, out: &mut EventBatch) -> Result<(), FramingError> {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() {
            return Ok(());
        }
        if !complete {
            return Err(FramingError::Truncated(format!("the body broke off after {} bytes", bytes.len())));
        }
        let text = bytes.strip_prefix(BOM).unwrap_or(&bytes);
        // A body that ends with its connection looks complete wherever it was cut.
        if breaks_off(text) {
            return Err(FramingError::Truncated(format!(
                "the body ends inside its JSON, {} bytes in",
                bytes.len()
            )));
        }
        out.push(self.last, "", text);
        Ok(())
    }
}

/// Whether a body is JSON whose end is missing. What is wrong in another way is the plugin's to say.
fn breaks_off(body: &[u8]) -> bool {
    let begins = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    begins && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err_and(|error| error.is_eof())
}

#[cfg(test)]
mod tests {
    use super::super::cutting::{check, flood, frame_at};
    use crate::record::{FailureKind, Framing::Body};
    use crate::units::Stamp;

    #[test]
    fn the_body_is_one_event_unless_it_is_empty_or_broken_off() {
        check(&[Body], b"{\"a\": 1}\n\n{}", true, &["{\"a\": 1}\n\n{}"], None);
        check(&[Body], b"", true, &[], None);
        check(&[Body], b"", false, &[], None);
        check(&[Body], b"{\"a\"", false, &[], Some(FailureKind::Truncated));
    }

    #[test]
    fn json_that_ends_too_early_is_truncated_however_the_connection_ended() {
        for cut in ["{\"a\": \"b", "[{\"a\":1}", " \n{\"a\": {}", "{"] {
            check(&[Body], cut.as_bytes(), true, &[], Some(FailureKind::Truncated));
        }
        for odd in ["{a", "[1}", "{}}", "<html", "\"a", "{\"a\":1} {"] {
            check(&[Body], odd.as_bytes(), true, &[odd], None);
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_answer() {
        check(&[Body], "\u{feff}{}".as_bytes(), true, &["{}"], None);
    }

    #[test]
    fn the_event_came_with_the_last_read() {
        let (out, _) = frame_at(&[Body], b"0123456789", &[3, 7], true);
        assert_eq!(out.get(0).map(|event| event.at), Some(Stamp(9)));
    }

    #[test]
    fn a_body_over_the_limit_is_too_large() {
        assert_eq!(flood(&[Body], b"", b' ', 64), None);
        assert_eq!(flood(&[Body], b" ", b' ', 64), Some(FailureKind::TooLarge));
    }
}
