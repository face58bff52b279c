//! Summary of a correctness test: for people, and as `correctness.json`.

use serde_json::{Value, json};

use super::console::{address_hint, grouped, message};
use super::inert;
use super::summary_json::kind_name;
use crate::metrics::{Correctness, Failures, Rate};
use crate::units::RequestId;
use crate::workload::Check;

/// The shape of `correctness.json`; it grows by keys, and this number by changes of meaning.
const SCHEMA_VERSION: u32 = 1;
/// Mismatches that a person is shown; the files have more.
const SHOWN: usize = 20;
/// Mismatches in `correctness.json`, the first by request; the individual responses have every reply.
pub const LISTED_MISMATCHES: usize = 100;
/// Characters of each reply there.
const LISTED_CHARS: usize = 1000;
/// Columns of what was expected, where the reply needs the rest of the line.
const EXPECTED_WIDTH: usize = 44;

/// A finished correctness test.
#[derive(Debug, Clone, Copy)]
pub struct CheckedRun<'a> {
    pub label: CheckLabel<'a>,
    pub check: Check,
    pub seed: u64,
    pub concurrency: usize,
    pub correctness: &'a Correctness,
    /// Of the same questions asked one at a time, where that is what replies are compared with.
    pub alone: Option<&'a Correctness>,
    /// By request; the first of them will do.
    pub mismatches: &'a [Mismatch],
    pub failures: &'a Failures,
    /// The mismatch rate that is still let pass.
    pub fail_above: Option<f64>,
    /// The error rate that is still let pass, in either round.
    pub fail_above_errors: Option<f64>,
}

/// Who was asked; any of it may be foreign text.
#[derive(Debug, Clone, Copy)]
pub struct CheckLabel<'a> {
    pub model: &'a str,
    pub target: &'a str,
    pub api: &'a str,
    pub plugin: &'a str,
}

/// A reply that is not the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub id: RequestId,
    pub expected: String,
    pub reply: String,
}

impl CheckedRun<'_> {
    /// Lines of at most `width` columns.
    pub fn render(&self, width: usize) -> String {
        let CheckLabel { model, target, api, plugin } = self.label;
        let title = format!("{model}  {} check, {api} at {target}", self.check.word());
        let how = format!("{} concurrent, seed {}, plugin {plugin}", self.concurrency, self.seed);
        let asked = format!("asked: {}", self.asked());
        let mut lines = vec![inert(&title, width), inert(&how, width), inert(&asked, width), String::new()];
        let nothing = self.correctness.answered == 0 && !self.failures.is_empty();
        if nothing {
            // There is nothing else to read.
            lines.extend(self.failed(width).split_off(1));
            lines.push(String::new());
        }
        match self.alone {
            None => lines.extend(self.totals()),
            Some(alone) => lines.extend(self.beside(alone)),
        }
        let limits = [
            (
                self.fail_above,
                self.has_mismatches_within(),
                if self.alone.is_some() { "different" } else { "mismatched" },
            ),
            (self.fail_above_errors, self.has_errors_within(), "failed"),
        ];
        for (limit, within, what) in limits {
            let Some(limit) = limit else { continue };
            let verdict = if within { "passed" } else { "FAILED" };
            lines.push(labelled("Limit", &format!("{verdict}: at most {} {what}", percent(limit))));
        }
        lines.extend(self.mismatched(width));
        lines.extend(if nothing { vec![] } else { self.failed(width) });
        lines.join("\n") + "\n"
    }

    /// What the check is, for one who never heard of it.
    fn asked(&self) -> String {
        match self.check {
            Check::Number => "a number in words, to be written in digits".to_owned(),
            Check::Needle { tokens } => {
                format!(
                    "a number that is hidden in a prompt of {} tokens, to be found",
                    grouped(tokens.0 as f64, 0)
                )
            }
            Check::Json => "an order, to be written as a JSON object of given keys and types".to_owned(),
            Check::Repeat => {
                "the same questions one at a time and then together, to be answered the same".to_owned()
            }
        }
    }

    fn totals(&self) -> Vec<String> {
        let Correctness { answered, failed, cancelled, judged, mismatched, defects } = *self.correctness;
        let sent = self.correctness.sent();
        vec![
            labelled(
                "Requests",
                &format!("{sent} sent = {answered} answered + {failed} failed + {cancelled} cancelled"),
            ),
            labelled("Right", &format!("{} of {judged}", judged - mismatched)),
            labelled("Mismatched", &rate(self.correctness.mismatch_rate())),
            labelled("Errors", &rate(self.correctness.error_rate())),
            labelled(
                "Replies",
                &format!(
                    "{} empty, {} cut short, {} garbled",
                    defects.empty, defects.cut_short, defects.garbled
                ),
            ),
        ]
    }

    /// The same questions one at a time and all at once.
    fn beside(&self, alone: &Correctness) -> Vec<String> {
        let together = self.correctness;
        let row = |name: &str, count: fn(&Correctness) -> u64| {
            let [one, many] = [alone, together].map(|correctness| grouped(count(correctness) as f64, 0));
            format!("{name:<13}{one:>14}{many:>14}")
        };
        let many = format!("{} at a time", self.concurrency);
        vec![
            format!("{:<13}{:>14}{many:>14}", "", "1 at a time"),
            row("Sent", Correctness::sent),
            row("Answered", |c| c.answered),
            row("Failed", |c| c.failed),
            row("Cancelled", |c| c.cancelled),
            row("Empty", |c| c.defects.empty),
            row("Cut short", |c| c.defects.cut_short),
            row("Garbled", |c| c.defects.garbled),
            String::new(),
            labelled("Different", &rate(together.mismatch_rate())),
            labelled("Errors", &rate(together.error_rate())),
        ]
    }

    fn mismatched(&self, width: usize) -> Vec<String> {
        if self.mismatches.is_empty() {
            return vec![];
        }
        let what = if self.alone.is_some() { "Different replies" } else { "Mismatched replies" };
        let mut lines = vec![String::new(), what.to_owned()];
        for Mismatch { id, expected, reply } in self.mismatches.iter().take(SHOWN) {
            // Of two long replies, what they have in common would hide where they part.
            let (expected, reply, words) = match self.alone {
                Some(_) => {
                    let (expected, reply) = parting(expected, reply);
                    let expected = format!("\"{}\"", inert(&expected, EXPECTED_WIDTH - 2));
                    (expected, reply, ["alone", "together"])
                }
                None => (inert(expected, EXPECTED_WIDTH), reply.clone(), ["expected", "got"]),
            };
            let head = format!("  #{}  {} {expected}, {} ", id.0, words[0], words[1]);
            let room = width.saturating_sub(head.chars().count() + 2);
            lines.push(format!("{head}\"{}\"", inert(&reply, room)));
        }
        let hidden = self.correctness.mismatched.saturating_sub(SHOWN as u64);
        if hidden > 0 {
            lines.push(format!("  and {hidden} more"));
        }
        lines
    }

    fn failed(&self, width: usize) -> Vec<String> {
        if self.failures.is_empty() {
            return vec![];
        }
        let mut lines = vec![String::new(), "Failures".to_owned()];
        for (kind, codes) in self.failures {
            for (code, group) in codes {
                let head = format!("  {} × {} {}  ", group.count, kind_name(*kind), inert(code, 24));
                lines.extend(message(&head, &group.example, width, &str::to_owned));
            }
        }
        if self.correctness.answered == 0 {
            let hint = address_hint(self.failures, self.label.target, self.label.plugin);
            lines.extend(hint.map(|hint| format!("  {hint}")));
        }
        lines
    }

    /// Whether it passes; where there is no limit, it does.
    pub fn is_within(&self) -> bool {
        self.has_mismatches_within() && self.has_errors_within()
    }

    fn has_mismatches_within(&self) -> bool {
        self.fail_above.is_none_or(|limit| self.correctness.is_within(limit))
    }

    fn has_errors_within(&self) -> bool {
        let mut rounds = [Some(self.correctness), self.alone].into_iter().flatten();
        self.fail_above_errors.is_none_or(|limit| rounds.all(|round| round.has_errors_within(limit)))
    }

    fn has_limit(&self) -> bool {
        self.fail_above.is_some() || self.fail_above_errors.is_some()
    }

    /// The whole of it, for the caller to add what it knows of the run.
    pub fn json(&self) -> Value {
        let needle_tokens = match self.check {
            Check::Needle { tokens } => Some(tokens),
            _ => None,
        };
        let mismatch = |mismatch: &Mismatch| {
            json!({
                "id": mismatch.id,
                "expected": bounded(&mismatch.expected),
                "reply": bounded(&mismatch.reply),
            })
        };
        let mut json = json!({
            "schema_version": SCHEMA_VERSION,
            "check": self.check.word(),
            "needle_tokens": needle_tokens,
            "model": self.label.model,
            "seed": self.seed,
            "num_concurrent_requests": self.concurrency,
        });
        let map = json.as_object_mut().expect("it was made as an object");
        if let Value::Object(counts) = counts(self.correctness) {
            map.extend(counts);
        }
        map.extend([
            ("alone".to_owned(), json!(self.alone.map(counts))),
            ("fail_above".to_owned(), json!(self.fail_above)),
            ("fail_above_errors".to_owned(), json!(self.fail_above_errors)),
            ("passed".to_owned(), json!(self.has_limit().then(|| self.is_within()))),
            (
                "mismatches".to_owned(),
                self.mismatches.iter().take(LISTED_MISMATCHES).map(mismatch).collect::<Vec<_>>().into(),
            ),
            (
                "mismatches_not_listed".to_owned(),
                json!(self.correctness.mismatched.saturating_sub(LISTED_MISMATCHES as u64)),
            ),
        ]);
        json
    }
}

fn counts(correctness: &Correctness) -> Value {
    let Correctness { answered, failed, cancelled, judged, mismatched, defects } = *correctness;
    json!({
        "counts": {
            "sent": correctness.sent(),
            "answered": answered,
            "failed": failed,
            "cancelled": cancelled,
            "judged": judged,
            "right": judged - mismatched,
            "mismatched": mismatched,
        },
        "mismatch_rate": rate_json("mismatched / judged", correctness.mismatch_rate()),
        "error_rate": rate_json("failed / (answered + failed)", correctness.error_rate()),
        "replies": {
            "empty": defects.empty,
            "cut_short": defects.cut_short,
            "garbled": defects.garbled,
        },
    })
}

fn rate_json(formula: &str, rate: Option<Rate>) -> Value {
    json!({
        "formula": formula,
        "value": rate.map(Rate::value),
        "ci95": rate.map(|rate| <[f64; 2]>::from(rate.interval95())),
    })
}

fn rate(rate: Option<Rate>) -> String {
    let Some(rate) = rate else { return "not defined: there are none to judge".to_owned() };
    let (lower, upper) = rate.interval95();
    let Rate { hits, of } = rate;
    let bounds = format!("95 % interval {} to {}", percent(lower), percent(upper));
    format!("{hits} of {of} ({}, {bounds})", percent(rate.value()))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn labelled(label: &str, value: &str) -> String {
    format!("{label:<13}{value}")
}

/// Two texts from shortly before where they part.
fn parting(a: &str, b: &str) -> (String, String) {
    /// Characters before it that are shown.
    const LEAD: usize = 12;
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    match common.saturating_sub(LEAD) {
        0 => (a.to_owned(), b.to_owned()),
        start => {
            let from = |text: &str| "…".chars().chain(text.chars().skip(start)).collect();
            (from(a), from(b))
        }
    }
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(LISTED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<'a>(
        correctness: &'a Correctness,
        mismatches: &'a [Mismatch],
        none: &'a Failures,
    ) -> CheckedRun<'a> {
        CheckedRun {
            label: CheckLabel { model: "m\x1b[2J", target: "t", api: "a", plugin: "p 1" },
            check: Check::Number,
            seed: 1,
            concurrency: 4,
            correctness,
            alone: None,
            mismatches,
            failures: none,
            fail_above: Some(0.5),
            fail_above_errors: Some(0.5),
        }
    }

    #[test]
    fn foreign_texts_are_inert_and_bounded() {
        let reply = format!("\x1b[31mno\n\u{202e}{}", "x".repeat(5000));
        let mismatch = |id| Mismatch { id: RequestId(id), expected: "5".to_owned(), reply: reply.clone() };
        let mismatches: Vec<Mismatch> = (0..130).map(mismatch).collect();
        let correctness =
            Correctness { answered: 130, judged: 130, mismatched: 130, ..Correctness::default() };
        let none = Failures::default();
        let run = run(&correctness, &mismatches, &none);
        let text = run.render(100);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(text.contains("  and 110 more\n") && text.contains("FAILED"), "{text}");
        let json = run.json();
        assert_eq!(json["mismatches"].as_array().unwrap().len(), 100);
        assert_eq!(json["mismatches"][0]["reply"].as_str().unwrap().chars().count(), 1001);
        assert_eq!((&json["mismatches_not_listed"], &json["passed"]), (&json!(30), &json!(false)));
    }

    #[test]
    fn two_replies_are_shown_from_where_they_part() {
        let check = |a: &str, b: &str, expected: (&str, &str)| {
            assert_eq!(parting(a, b), (expected.0.to_owned(), expected.1.to_owned()));
        };
        check("the same", "the other", ("the same", "the other"));
        check("0123456789abcdefX", "0123456789abcdefY", ("…456789abcdefX", "…456789abcdefY"));
        check("0123456789abcdef", "", ("0123456789abcdef", ""));
        check("äääääääääääääää!", "äääääääääääääää", ("…ääääääääääää!", "…ääääääääääää"));
    }

    #[test]
    fn nothing_at_all_is_said_so() {
        let (correctness, none) = (Correctness::default(), Failures::default());
        let run = run(&correctness, &[], &none);
        let text = run.render(100);
        assert!(text.contains("Mismatched   not defined") && !text.contains("NaN"), "{text}");
        assert_eq!(run.json()["error_rate"]["value"], Value::Null);
        assert!(!run.is_within());
    }
}
