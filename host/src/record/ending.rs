//! How the streamed answers of an API show that they are whole.

/// A sign that an answer is whole, by the API's own name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The API has no such sign.
    Never,
    /// Some servers send it, or some forms of the answer have it.
    Sometimes(&'static str),
    /// Every whole answer has it.
    Always(&'static str),
}

/// The two signs of an answer that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The protocol's own end marker.
    pub marker: Sign,
    /// The word for why the model stopped.
    pub reason: Sign,
}

impl Ending {
    /// What an answer lacks that ended with neither sign; `None` where the API has neither.
    pub fn lacking(self) -> Option<String> {
        let named = |sign: Sign, what: &str| match sign {
            Sign::Never => None,
            Sign::Sometimes(name) | Sign::Always(name) => Some(format!("{what} ({name})")),
        };
        match (named(self.marker, "its end marker"), named(self.reason, "a finish reason")) {
            (Some(marker), Some(reason)) => Some(format!("{marker} and without {reason}")),
            (marker, reason) => marker.or(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_by_its_name() {
        let check = |marker, reason, expected: Option<&str>| {
            assert_eq!(Ending { marker, reason }.lacking().as_deref(), expected);
        };
        let both = "its end marker ([DONE]) and without a finish reason (finish_reason)";
        check(Sign::Always("[DONE]"), Sign::Always("finish_reason"), Some(both));
        check(Sign::Sometimes("[DONE]"), Sign::Never, Some("its end marker ([DONE])"));
        check(Sign::Never, Sign::Always("finishReason"), Some("a finish reason (finishReason)"));
        check(Sign::Never, Sign::Never, None);
    }
}
