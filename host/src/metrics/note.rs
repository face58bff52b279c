//! What a reader of a summary must know to read it right.

use std::fmt;

use super::{TokenBasis, TokenTotals};

/// A caveat of a summary; `Display` says what it is and what it means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Note {
    /// The server's count of output tokens differs from the local one by this share of the local one.
    OutputTokensDisagree { share: f64, basis: TokenBasis },
    /// The same for input tokens.
    InputTokensDisagree { share: f64, basis: TokenBasis },
    /// So many successful requests brought no token, and have no latencies.
    NoToken { requests: u64, of: u64 },
    /// Server counts were asked for, and so many successful requests came without.
    ServerCountMissing { requests: u64, of: u64 },
    /// So many successful requests brought several events with tokens, all in one read: they were not streamed.
    NotStreaming { requests: u64, of: u64 },
}

/// Tokenizers that agree differ by the odd special token; more than this changes what a rate means.
const DISAGREEMENT: f64 = 0.02;

impl Note {
    /// The notes that these totals call for, over `ok` successful requests of which so many brought a token, and so many
    /// brought all their tokens in one read.
    pub(super) fn about(
        tokens: &TokenTotals,
        basis: TokenBasis,
        ok: u64,
        (with_token, at_once): (u64, u64),
    ) -> Vec<Note> {
        let beyond = |share: &f64| share.abs() > DISAGREEMENT;
        let mut notes = Vec::new();
        if with_token < ok {
            notes.push(Note::NoToken { requests: ok - with_token, of: ok });
        }
        if at_once > 0 {
            notes.push(Note::NotStreaming { requests: at_once, of: ok });
        }
        if basis == TokenBasis::Server && tokens.output.reported < ok {
            notes.push(Note::ServerCountMissing { requests: ok - tokens.output.reported, of: ok });
        }
        if let Some(share) = tokens.output.disagreement.filter(beyond) {
            notes.push(Note::OutputTokensDisagree { share, basis });
        }
        if let Some(share) = tokens.input.disagreement.filter(beyond) {
            notes.push(Note::InputTokensDisagree { share, basis });
        }
        notes
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disagree = |f: &mut fmt::Formatter<'_>, share: f64, what: &str, remedy: &str| {
            let direction = if share > 0.0 { "more" } else { "fewer" };
            let percent = share.abs() * 100.0;
            write!(
                f,
                "the server counts {percent:.1} % {direction} {what} tokens than the local tokenizer{remedy}"
            )
        };
        let other = |basis| match basis {
            TokenBasis::Local => "; --tokens server uses its count",
            TokenBasis::Server => "; the server's count is used",
        };
        match *self {
            Note::OutputTokensDisagree { share, basis } => disagree(f, share, "output", other(basis)),
            // A chat template adds its own tokens to every prompt, and that is no fault of the tokenizer.
            Note::InputTokensDisagree { share, .. } => {
                disagree(f, share, "input", " (a chat template adds its own)")
            }
            Note::NoToken { requests, of } => {
                write!(f, "{requests} of {of} successful requests brought no token and are in no latency")
            }
            Note::NotStreaming { requests, of } => {
                write!(
                    f,
                    "{requests} of {of} successful requests got all their tokens in one read: not streaming; "
                )?;
                f.write_str("their TTFT is that of the whole answer, and their ITL is 0")
            }
            Note::ServerCountMissing { requests, of } => {
                write!(f, "the server gave no token count for {requests} of {of} successful requests; ")?;
                f.write_str("--tokens local counts them here")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_it_is_and_what_to_do() {
        let check = |note: Note, expected: &str| assert_eq!(note.to_string(), expected);
        check(
            Note::OutputTokensDisagree { share: 0.034, basis: TokenBasis::Local },
            "the server counts 3.4 % more output tokens than the local tokenizer; --tokens server uses its count",
        );
        check(
            Note::OutputTokensDisagree { share: -0.1, basis: TokenBasis::Server },
            "the server counts 10.0 % fewer output tokens than the local tokenizer; the server's count is used",
        );
        check(
            Note::InputTokensDisagree { share: 0.05, basis: TokenBasis::Local },
            "the server counts 5.0 % more input tokens than the local tokenizer (a chat template adds its own)",
        );
        check(
            Note::NoToken { requests: 3, of: 10 },
            "3 of 10 successful requests brought no token and are in no latency",
        );
        check(
            Note::NotStreaming { requests: 3, of: 10 },
            "3 of 10 successful requests got all their tokens in one read: not streaming; their TTFT is that of the \
             whole answer, and their ITL is 0",
        );
        check(
            Note::ServerCountMissing { requests: 3, of: 10 },
            "the server gave no token count for 3 of 10 successful requests; --tokens local counts them here",
        );
    }
}
