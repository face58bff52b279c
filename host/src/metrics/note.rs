//! What a reader of a summary must know to read it right.

use std::fmt;

use super::{Context, TokenBasis, TokenTotals};

/// A caveat of a summary; `Display` says what it is and what it means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Note {
    /// The server's count of output tokens differs from the local one by this share of the local one.
    OutputTokensDisagree { share: f64, basis: TokenBasis },
    /// The same for input tokens, those of a cache included.
    InputTokensDisagree { share: f64, chat_template: bool },
    /// Number of successful requests that brought no token, and have no latencies.
    NoToken { requests: u64, of: u64 },
    /// Number of successful requests without a server count, where those were asked for.
    ServerCountMissing { requests: u64, of: u64 },
    /// Number of streamed answers without the end marker of this name, and with a finish reason.
    NoEndMarker { requests: u64, of: u64, name: &'static str },
    /// Number without a finish reason in the field of this name, and with their end marker.
    NoFinishReason { requests: u64, of: u64, name: &'static str },
    /// Number with neither, by a plugin of which it is not known whether it reports either.
    NoEnding { requests: u64, of: u64 },
    /// Number of successful requests that brought several events with tokens, all in one read: they were not streamed.
    NotStreaming { requests: u64, of: u64 },
}

/// Tokenizers that agree differ by the odd special token; more than this changes what a rate means.
const DISAGREEMENT: f64 = 0.02;

impl Note {
    /// The notes that these totals call for, over `ok` successful requests, of which `with_token` brought a token and `at_once`
    /// brought all their tokens in one read.
    pub(super) fn about(
        tokens: &TokenTotals,
        context: Context,
        ok: u64,
        (with_token, at_once): (u64, u64),
    ) -> Vec<Note> {
        let Context { token_basis: basis, chat_template, .. } = context;
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
            notes.push(Note::InputTokensDisagree { share, chat_template });
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
            Note::InputTokensDisagree { share, chat_template } if chat_template && share > 0.0 => {
                disagree(f, share, "input", " (a chat template adds its own)")
            }
            Note::InputTokensDisagree { share, .. } => {
                disagree(f, share, "input", "; --tokenizer names the model's own")
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
            Note::NoEndMarker { requests, of, name } => {
                write!(
                    f,
                    "{requests} of {of} streamed answers gave a finish reason and ended without their "
                )?;
                write!(f, "end marker ({name})")
            }
            Note::NoFinishReason { requests, of, name } => {
                write!(
                    f,
                    "{requests} of {of} streamed answers had their end marker and no finish reason ({name})"
                )
            }
            Note::NoEnding { requests, of } => {
                write!(
                    f,
                    "{requests} of {of} streamed answers ended with neither an end marker nor a finish "
                )?;
                f.write_str("reason that the plugin reports: one that was cut off looks the same")
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
            Note::InputTokensDisagree { share: 0.05, chat_template: true },
            "the server counts 5.0 % more input tokens than the local tokenizer (a chat template adds its own)",
        );
        // A template takes nothing away, and completions have none.
        for (share, chat_template, direction) in [(-0.05, true, "fewer"), (0.05, false, "more")] {
            check(
                Note::InputTokensDisagree { share, chat_template },
                &format!(
                    "the server counts 5.0 % {direction} input tokens than the local tokenizer; --tokenizer names the model's own"
                ),
            );
        }
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
        check(
            Note::NoEndMarker { requests: 3, of: 10, name: "[DONE]" },
            "3 of 10 streamed answers gave a finish reason and ended without their end marker ([DONE])",
        );
        check(
            Note::NoFinishReason { requests: 3, of: 10, name: "finish_reason" },
            "3 of 10 streamed answers had their end marker and no finish reason (finish_reason)",
        );
        check(
            Note::NoEnding { requests: 3, of: 10 },
            "3 of 10 streamed answers ended with neither an end marker nor a finish reason that the plugin reports: one that was cut off looks the same",
        );
    }
}
