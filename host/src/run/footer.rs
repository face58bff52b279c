//! The end of a recording: what is known only once its run has ended. It may come from a file by a stranger; what is missing
//! is as if it were empty.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ended, manifest};
use crate::units::Span;

/// What is known only once the run has ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Footer {
    /// Requests that were due and never sent.
    pub(super) dropped: u64,
    /// How the run ended, in one word; `None` where it was killed.
    pub(super) ended: Option<String>,
    /// What the server did with connections after an answer.
    pub(super) server: Option<String>,
    opened_ahead_ns: Vec<u64>,
}

impl Footer {
    pub(super) fn json(dropped: u64, ended: Ended, opened_ahead: &[Span], server: Option<&str>) -> Value {
        let opened_ahead_ns: Vec<u64> = opened_ahead.iter().map(|span| span.0).collect();
        json!({
            "dropped": dropped,
            "ended": manifest::ended_word(ended),
            "server": server,
            "opened_ahead_ns": opened_ahead_ns,
        })
    }

    pub(super) fn of(footer: &Value) -> serde_json::Result<Footer> {
        Footer::deserialize(footer)
    }

    pub(super) fn opened_ahead(&self) -> Vec<Span> {
        self.opened_ahead_ns.iter().copied().map(Span).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_footer_says_is_read_back() {
        let json = Footer::json(3, Ended::TimedOut, &[Span(5)], Some("keeps"));
        let footer = Footer::of(&json).expect("a footer");
        assert_eq!((footer.dropped, footer.ended.as_deref()), (3, Some("timed_out")));
        assert_eq!((footer.opened_ahead(), footer.server.as_deref()), (vec![Span(5)], Some("keeps")));
        assert_eq!(Footer::default().ended, None);
    }
}
