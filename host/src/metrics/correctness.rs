//! How many replies are right. Requests that failed have no reply, so they are in no rate of mismatches, and mismatches
//! in none of errors.

use super::proportion::wilson95;
use crate::record::{Grade, Outcome, RequestRecord};

/// Summary of a correctness test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Correctness {
    /// Requests that succeeded.
    pub answered: u64,
    pub failed: u64,
    /// Requests that the run ended before their own end; they are in no rate.
    pub cancelled: u64,
    /// Of the answered: those whose right reply is known.
    pub judged: u64,
    /// Of the judged: those whose reply is another.
    pub mismatched: u64,
    /// Of the answered.
    pub defects: Defects,
}

/// Replies that show by themselves that something is wrong. One reply may count in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defects {
    /// No visible text.
    pub empty: u64,
    /// Ended by a limit of tokens, or by nothing the protocol knows.
    pub cut_short: u64,
    /// Characters that stand for broken bytes, control characters, or one thing over and over.
    pub garbled: u64,
}

/// A count out of a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub hits: u64,
    /// Never 0.
    pub of: u64,
}

impl Rate {
    fn new(hits: u64, of: u64) -> Option<Rate> {
        (of > 0).then_some(Rate { hits, of })
    }

    /// `hits / of`.
    pub fn value(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// The 95 % Wilson score interval.
    pub fn interval95(self) -> (f64, f64) {
        wilson95(self.hits, self.of).unwrap_or((0.0, 1.0))
    }
}

impl Correctness {
    /// Takes a finished request in. `grade` is what its reply is worth; `None` where nothing says what it should be.
    pub fn add(&mut self, record: &RequestRecord, grade: Option<&Grade>) {
        match record.outcome {
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Cancelled => self.cancelled += 1,
            Outcome::Ok => {
                self.answered += 1;
                self.defects.add(record);
                self.judged += u64::from(grade.is_some());
                self.mismatched += u64::from(matches!(grade, Some(Grade::Wrong { .. })));
            }
        }
    }

    /// All that were sent.
    pub fn sent(&self) -> u64 {
        self.completed() + self.cancelled
    }

    /// Requests that came to their own end.
    pub fn completed(&self) -> u64 {
        self.answered + self.failed
    }

    /// `failed / (answered + failed)`; `None` where that is nothing.
    pub fn error_rate(&self) -> Option<Rate> {
        Rate::new(self.failed, self.completed())
    }

    /// `mismatched / judged`; `None` where nothing was judged.
    pub fn mismatch_rate(&self) -> Option<Rate> {
        Rate::new(self.mismatched, self.judged)
    }

    /// Whether the mismatch rate is within `limit`; what could not be judged is not.
    pub fn is_within(&self, limit: f64) -> bool {
        self.mismatch_rate().is_some_and(|rate| rate.value() <= limit)
    }

    /// Whether the error rate is within `limit`; where no request came to its own end, it is not.
    pub fn has_errors_within(&self, limit: f64) -> bool {
        self.error_rate().is_some_and(|rate| rate.value() <= limit)
    }
}

impl Defects {
    fn add(&mut self, record: &RequestRecord) {
        let text = record.output.as_ref().map_or("", |output| output.text.as_str());
        self.empty += u64::from(text.trim().is_empty());
        self.cut_short += u64::from(is_cut_short(record));
        self.garbled += u64::from(is_garbled(text));
    }
}

fn is_cut_short(record: &RequestRecord) -> bool {
    /// What providers call the limit of tokens.
    const LIMIT: [&str; 6] = [
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_length",
        "model_length",
        "model_context_window_exceeded",
    ];
    match &record.finish {
        Some(word) => LIMIT.iter().any(|limit| word.eq_ignore_ascii_case(limit)),
        None => !record.terminated,
    }
}

fn is_garbled(text: &str) -> bool {
    /// Words in a row that are the same; no language says one so often.
    const REPEATED_WORDS: usize = 10;
    /// Letters in a row that are the same. Signs are let be: `-----` is a rule.
    const REPEATED_LETTERS: usize = 20;
    let broken = |c: char| c == '\u{fffd}' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    text.contains(broken)
        || longest_run(text.split_whitespace(), |word| word.contains(char::is_alphanumeric)) >= REPEATED_WORDS
        || longest_run(text.chars(), |c| c.is_alphabetic()) >= REPEATED_LETTERS
}

/// The longest run of equal items among those that count.
fn longest_run<T: PartialEq>(items: impl Iterator<Item = T>, counts: impl Fn(&T) -> bool) -> usize {
    let (mut last, mut run, mut longest) = (None, 0, 0);
    for item in items {
        run = if !counts(&item) {
            0
        } else if last.as_ref() == Some(&item) {
            run + 1
        } else {
            1
        };
        longest = longest.max(run);
        last = Some(item);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::record::{Failure, FailureKind, Output};

    fn reply(text: &str) -> RequestRecord {
        let output = Output { text: text.to_owned(), ..Output::default() };
        RequestRecord { output: Some(output), finish: Some("stop".to_owned()), ..record(0, &[52]) }
    }

    fn wrong() -> Grade {
        Grade::Wrong { expected: "1".to_owned() }
    }

    #[test]
    fn errors_and_mismatches_are_apart_in_every_rate() {
        let mut correctness = Correctness::default();
        for grade in [Grade::Right, Grade::Right, Grade::Right, wrong()] {
            correctness.add(&reply("1"), Some(&grade));
        }
        let failed = Outcome::Failed(Failure::new(FailureKind::Stall, "no"));
        for outcome in [failed, Outcome::Cancelled] {
            correctness.add(&RequestRecord { outcome, ..reply("") }, Some(&wrong()));
        }
        correctness.add(&reply("1"), None);
        assert_eq!((correctness.sent(), correctness.completed()), (7, 6));
        assert_eq!(correctness.mismatch_rate(), Some(Rate { hits: 1, of: 4 }));
        assert_eq!(correctness.error_rate(), Some(Rate { hits: 1, of: 6 }));
        assert!(correctness.is_within(0.25) && !correctness.is_within(0.24));
        assert_eq!(correctness.defects, Defects::default());
    }

    #[test]
    fn nothing_has_no_rate_and_is_within_no_limit() {
        let nothing = Correctness::default();
        assert_eq!((nothing.mismatch_rate(), nothing.error_rate()), (None, None));
        assert!(!nothing.is_within(1.0));
    }

    #[test]
    fn a_reply_shows_what_is_wrong_with_it() {
        let check = |record: RequestRecord, expected: [u64; 3]| {
            let mut defects = Defects::default();
            defects.add(&record);
            assert_eq!([defects.empty, defects.cut_short, defects.garbled], expected, "{record:?}");
        };
        check(reply("It is 5."), [0, 0, 0]);
        check(reply(" \n"), [1, 0, 0]);
        check(RequestRecord { output: None, ..reply("") }, [1, 0, 0]);
        check(RequestRecord { finish: Some("MAX_TOKENS".to_owned()), ..reply("It") }, [0, 1, 0]);
        check(RequestRecord { finish: None, terminated: true, ..reply("It") }, [0, 0, 0]);
        check(RequestRecord { finish: None, terminated: false, ..reply("It") }, [0, 1, 0]);
        check(reply("It \u{fffd}\u{fffd}"), [0, 0, 1]);
        check(reply("It \u{1}"), [0, 0, 1]);
        check(reply(&"the ".repeat(10)), [0, 0, 1]);
        check(reply(&"!".repeat(100)), [0, 0, 0]);
        check(reply(&"a".repeat(20)), [0, 0, 1]);
        check(reply(&format!("| {} |\n\ttab", "-".repeat(40))), [0, 0, 0]);
    }
}
