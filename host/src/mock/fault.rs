//! What goes wrong on purpose, in which requests, and how both are written.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::delay::{parse_span, show_span};
use crate::units::Span;

/// One thing to do wrong, or otherwise than the rest of the answers.
///
/// `after` is the number of tokens sent before it happens; `None` means half of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status, an error object, and `Retry-After` where given. A 3xx points to `/redirected`.
    Status { code: u16, retry_after: Option<Span> },
    /// A page of HTML with status 200, as a captive portal sends.
    Html,
    /// Status 200 and one JSON object that is no completion.
    Json,
    /// Status 200 and the right content type, but not one byte of body.
    Empty,
    /// Closes the connection before the first byte of the response.
    Close,
    /// Sends nothing more and keeps the connection open until the client leaves.
    Stall { after: Option<u64> },
    /// Resets the connection (TCP RST).
    Reset { after: Option<u64> },
    /// Closes the connection in the middle of an event (TCP FIN).
    Truncate { after: Option<u64> },
    /// Sends an event that is not JSON, then goes on.
    Malformed { after: Option<u64> },
    /// Sends an error object inside the stream and ends it.
    ErrorEvent { after: Option<u64> },
    /// Ends without the end marker.
    NoDone,
    /// Sends one more token after the end marker.
    AfterDone,
    /// Never stops sending tokens.
    Endless,
    /// As [`RoleChunk::Late`](super::RoleChunk::Late).
    LateRole,
    /// As [`RoleChunk::None`](super::RoleChunk::None).
    NoRole,
    /// Reports usage, asked or not.
    Usage,
    /// Reports no usage, though asked.
    NoUsage,
    /// Puts an SSE comment before every token-bearing event.
    Comments,
    /// Cuts every write into pieces of at most this many bytes.
    Split(usize),
    /// Puts this many events into one write.
    Batch(u32),
}

/// Which requests a fault strikes. Requests are counted from 1 in the order of their arrival.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// All of them.
    Always,
    /// This share of the requests (0 to 1), drawn from the seed.
    Share(f64),
    /// Every this-many-th request.
    Every(u64),
    /// These requests, in ascending order.
    Numbers(Vec<u64>),
}

/// A fault and the requests it strikes. Written `429:10%`, `reset,after=5:#2,7`, `503,retry-after=2s:every=3`, `no-done`.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    /// What is done.
    pub fault: Fault,
    /// To which requests.
    pub when: When,
}

impl FromStr for FaultRule {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (fault, when) = match text.split_once(':') {
            Some((fault, when)) => (fault, when.parse().with_context(|| format!("fault {text:?}"))?),
            None => (text, When::Always),
        };
        Ok(FaultRule { fault: fault.parse()?, when })
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.fault, self.when)
    }
}

const WORDS: &str = "a status from 300 to 599, html, json, empty, close, stall, reset, truncate, malformed, error-event, \
                     no-done, after-done, endless, late-role, no-role, usage, no-usage, comments, split=BYTES, batch=EVENTS";

/// What a 429 or 503 without a word of its own tells the client to wait: the shortest that header can say.
const RETRY_AFTER: Span = Span::from_secs(1);

impl FromStr for Fault {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (word, option) = match text.split_once(',') {
            Some((word, option)) => (word, Some(option)),
            None => (text, None),
        };
        let after = match option.and_then(|option| option.strip_prefix("after=")) {
            Some(n) => Some(
                n.parse().with_context(|| format!("fault {text:?}: after={n:?} is no number of tokens"))?,
            ),
            None => None,
        };
        let fault = match word {
            "stall" => Fault::Stall { after },
            "reset" => Fault::Reset { after },
            "truncate" => Fault::Truncate { after },
            "malformed" => Fault::Malformed { after },
            "error-event" => Fault::ErrorEvent { after },
            _ => return parse_without_after(text, word, option),
        };
        ensure!(
            option.is_none() || after.is_some(),
            "fault {text:?}: {word} takes after=TOKENS and nothing else"
        );
        Ok(fault)
    }
}

fn parse_without_after(text: &str, word: &str, option: Option<&str>) -> Result<Fault> {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return parse_status(text, word, option);
    }
    ensure!(option.is_none(), "fault {text:?}: {word} takes no option");
    Ok(match word.split_once('=') {
        Some(("split", n)) => Fault::Split(positive(text, n)? as usize),
        Some(("batch", n)) => Fault::Batch(positive(text, n)?),
        Some(_) => bail!("unknown fault {word:?}: expected {WORDS}"),
        None => match word {
            "html" => Fault::Html,
            "json" => Fault::Json,
            "empty" => Fault::Empty,
            "close" => Fault::Close,
            "no-done" => Fault::NoDone,
            "after-done" => Fault::AfterDone,
            "endless" => Fault::Endless,
            "late-role" => Fault::LateRole,
            "no-role" => Fault::NoRole,
            "usage" => Fault::Usage,
            "no-usage" => Fault::NoUsage,
            "comments" => Fault::Comments,
            _ => bail!("unknown fault {word:?}: expected {WORDS}"),
        },
    })
}

fn parse_status(text: &str, word: &str, option: Option<&str>) -> Result<Fault> {
    let code = word.parse().ok().filter(|code| (300..=599).contains(code));
    let code: u16 = code.with_context(|| format!("unknown fault {word:?}: expected {WORDS}"))?;
    let retry_after = match option {
        None => matches!(code, 429 | 503).then_some(RETRY_AFTER),
        Some(option) => match option.strip_prefix("retry-after=") {
            Some("none") => None,
            Some(span) => Some(parse_span(span).with_context(|| format!("fault {text:?}"))?),
            None => {
                bail!("fault {text:?}: a status takes retry-after=TIME or retry-after=none and nothing else")
            }
        },
    };
    Ok(Fault::Status { code, retry_after })
}

fn positive(text: &str, number: &str) -> Result<u32> {
    let number = number.parse().ok().filter(|n| *n > 0);
    number.with_context(|| format!("fault {text:?}: expected a whole number of 1 or above"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word())?;
        match *self {
            Fault::Status { code, retry_after } => match retry_after {
                Some(span) => write!(f, ",retry-after={}", show_span(span)),
                None if matches!(code, 429 | 503) => f.write_str(",retry-after=none"),
                None => Ok(()),
            },
            Fault::Stall { after: Some(after) }
            | Fault::Reset { after: Some(after) }
            | Fault::Truncate { after: Some(after) }
            | Fault::Malformed { after: Some(after) }
            | Fault::ErrorEvent { after: Some(after) } => write!(f, ",after={after}"),
            _ => Ok(()),
        }
    }
}

impl Fault {
    /// The fault without its options, as the truth log names it.
    pub fn word(&self) -> String {
        match *self {
            Fault::Status { code, .. } => return code.to_string(),
            Fault::Split(bytes) => return format!("split={bytes}"),
            Fault::Batch(events) => return format!("batch={events}"),
            Fault::Html => "html",
            Fault::Json => "json",
            Fault::Empty => "empty",
            Fault::Close => "close",
            Fault::Stall { .. } => "stall",
            Fault::Reset { .. } => "reset",
            Fault::Truncate { .. } => "truncate",
            Fault::Malformed { .. } => "malformed",
            Fault::ErrorEvent { .. } => "error-event",
            Fault::NoDone => "no-done",
            Fault::AfterDone => "after-done",
            Fault::Endless => "endless",
            Fault::LateRole => "late-role",
            Fault::NoRole => "no-role",
            Fault::Usage => "usage",
            Fault::NoUsage => "no-usage",
            Fault::Comments => "comments",
        }
        .to_owned()
    }
}

impl When {
    /// Whether the fault strikes request `n`, for which `draw` (0 to 1) was drawn.
    pub(super) fn strikes(&self, n: u64, draw: f64) -> bool {
        match self {
            When::Always => true,
            When::Share(share) => draw < *share,
            When::Every(step) => n.is_multiple_of(*step),
            When::Numbers(numbers) => numbers.binary_search(&n).is_ok(),
        }
    }
}

impl FromStr for When {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        const FORMS: &str =
            "expected a share such as 10%, every=3, or request numbers such as #2,5,7 (the first is 1)";
        if text == "all" {
            return Ok(When::Always);
        }
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.parse().ok().filter(|p: &f64| (0.0..=100.0).contains(p));
            let percent = percent.with_context(|| format!("share {text:?}: expected 0% to 100%"))?;
            return Ok(When::Share(percent / 100.0));
        }
        if let Some(step) = text.strip_prefix("every=") {
            let step = step.parse().ok().filter(|n| *n > 0);
            return Ok(When::Every(
                step.with_context(|| format!("{text:?}: expected a whole number of 1 or above"))?,
            ));
        }
        let list = text.strip_prefix('#').with_context(|| format!("{text:?} names no requests: {FORMS}"))?;
        let numbers = list.split(',').map(|n| n.trim_start_matches('#').parse().ok().filter(|n| *n > 0));
        let mut numbers: Vec<u64> = numbers
            .collect::<Option<_>>()
            .with_context(|| format!("{text:?} is no list of requests: {FORMS}"))?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(When::Numbers(numbers))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Always => f.write_str("all"),
            // Rounded, or 7 % would be written 7.000000000000001%.
            When::Share(share) => write!(f, "{}%", (share * 1e8).round() / 1e6),
            When::Every(step) => write!(f, "every={step}"),
            When::Numbers(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
                write!(f, "#{}", numbers.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_and_written_back() {
        fn check(text: &str, fault: Fault, when: When, written: &str) {
            let rule: FaultRule = text.parse().unwrap();
            assert_eq!(rule, FaultRule { fault, when }, "{text}");
            assert_eq!(rule.to_string(), written);
            assert_eq!(written.parse::<FaultRule>().unwrap(), rule);
        }
        let second = Some(Span::from_secs(1));
        check(
            "429:10%",
            Fault::Status { code: 429, retry_after: second },
            When::Share(0.1),
            "429,retry-after=1s:10%",
        );
        check(
            "429,retry-after=none:all",
            Fault::Status { code: 429, retry_after: None },
            When::Always,
            "429,retry-after=none:all",
        );
        check("500", Fault::Status { code: 500, retry_after: None }, When::Always, "500:all");
        check(
            "503,retry-after=1.5s:every=3",
            Fault::Status { code: 503, retry_after: Some(Span::from_millis(1500)) },
            When::Every(3),
            "503,retry-after=1500ms:every=3",
        );
        check("reset:#7,2,5,2", Fault::Reset { after: None }, When::Numbers(vec![2, 5, 7]), "reset:#2,5,7");
        check(
            "stall,after=0:#1",
            Fault::Stall { after: Some(0) },
            When::Numbers(vec![1]),
            "stall,after=0:#1",
        );
        check("split=1:all", Fault::Split(1), When::Always, "split=1:all");
        check("batch=4:7%", Fault::Batch(4), When::Share(0.07), "batch=4:7%");
        for word in WORDS.split(", ").skip(1).filter(|word| !word.contains('=')) {
            let rule: FaultRule = word.parse().unwrap();
            assert_eq!(rule.to_string(), format!("{word}:all"));
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_says_why() {
        fn check(text: &str, expected: &str) {
            let error = format!("{:#}", text.parse::<FaultRule>().unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
        check("explode:10%", "unknown fault \"explode\": expected a status from 300 to 599, html,");
        check("200:10%", "unknown fault \"200\"");
        check("429x", "unknown fault \"429x\"");
        check("", "unknown fault \"\"");
        check("split=0", "1 or above");
        check("split", "unknown fault \"split\"");
        check("html,after=3", "html takes no option");
        check("reset,retry-after=1s", "reset takes after=TOKENS");
        check("reset,after=x", "is no number of tokens");
        check("429,after=1", "a status takes retry-after=TIME");
        check("429,retry-after=2", "no unit");
        check("429:10", "\"10\" names no requests: expected a share such as 10%");
        check("429:101%", "0% to 100%");
        check("429:NaN%", "0% to 100%");
        check("429:every=0", "1 or above");
        check("429:#0", "no list of requests");
        check("429:#1,x", "no list of requests");
    }

    #[test]
    fn a_rule_strikes_the_requests_it_names() {
        fn check(when: &str, expected: &[u64]) {
            let when: When = when.parse().unwrap();
            // The draw of request n is n/10, so that a share of 30 % strikes 1 and 2 (strictly below).
            let struck: Vec<u64> = (1..=9).filter(|&n| when.strikes(n, n as f64 / 10.0)).collect();
            assert_eq!(struck, expected, "{when}");
        }
        check("all", &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check("0%", &[]);
        check("30%", &[1, 2]);
        check("every=4", &[4, 8]);
        check("#3,9,100", &[3, 9]);
    }
}
