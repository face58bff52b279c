//! The outcome of a gate's rules: a line each for people, and a document for programs.

use serde_json::{Value, json};

use super::ComparedRun;
use super::document::fill;
use super::json::{about, difference_json};
use super::number::{number, percent};
use super::words::{Language, Words};
use crate::metrics::{Limit, Ruling, RulingVerdict, Unit};
use crate::report::{SCHEMA_VERSION, inert};

/// One line a rule, and one for all of them.
pub fn gate_text(rulings: &[Ruling], strict: bool, language: Language) -> String {
    let words = language.words();
    let mut out: String = rulings.iter().map(|ruling| line(ruling, words) + "\n").collect();
    let failed = rulings.iter().filter(|ruling| ruling.fails(strict)).count();
    let undecided = rulings.iter().filter(|ruling| !ruling.is_decided()).count();
    let gaps = [
        ("failed", &*failed.to_string()),
        ("undecided", &*undecided.to_string()),
        ("rules", &*rulings.len().to_string()),
    ];
    let sentence = match (failed, undecided) {
        (0, 0) => words.passed,
        (0, _) => words.not_decided,
        _ => words.failed,
    };
    out += &fill(sentence, &gaps);
    out.push('\n');
    out
}

/// The whole gate.
pub fn gate_json(
    baseline: &ComparedRun,
    candidate: &ComparedRun,
    rulings: &[Ruling],
    strict: bool,
    seed: u64,
) -> Value {
    let rule = |ruling: &Ruling| {
        json!({
            "rule": ruling.rule.to_string(),
            "quantity": ruling.rule.quantity.name(),
            "unit": ruling.rule.quantity.definition().unit.name(),
            "limit": ruling.rule.limit.amount(),
            "limit_is": match ruling.rule.limit {
                Limit::Relative(_) => "relative",
                Limit::Absolute(_) => "absolute",
            },
            "verdict": ruling.verdict.name(),
            "may_be_beyond_limit": matches!(ruling.verdict, RulingVerdict::Worse | RulingVerdict::Undecided),
            "requests_needed": ruling.requests_needed,
            "failed": ruling.fails(strict),
            "values_needed": ruling.least,
            "difference": ruling.difference.map(difference_json),
        })
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "kind": "gate",
        "seed": seed,
        "strict": strict,
        "passed": !rulings.iter().any(|ruling| ruling.fails(strict)),
        "baseline": about(baseline),
        "candidate": about(candidate),
        "rules": rulings.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn line(ruling: &Ruling, words: &Words) -> String {
    let verdict = match ruling.verdict {
        RulingVerdict::Worse => words.worse,
        RulingVerdict::Undecided => words.undecided,
        RulingVerdict::WithinLimit => words.within_limit,
        RulingVerdict::NoDifference => words.no_difference,
        RulingVerdict::Better => words.better,
        RulingVerdict::TooFew => words.too_few,
    };
    // A share is shown in per cent, and its change in points of them, as rules have it.
    let (unit, unit_of_change, scale) = match ruling.rule.quantity.definition().unit {
        Unit::Share => ("%", "pp", 100.0),
        unit => (unit.name(), unit.name(), 1.0),
    };
    let change = |value: f64| match ruling.rule.limit {
        Limit::Relative(_) => percent(value),
        Limit::Absolute(_) if value > 0.0 => format!("+{} {unit_of_change}", number(value * scale)),
        Limit::Absolute(_) => format!("{} {unit_of_change}", number(value * scale)),
    };
    let unknown = || words.unknown.to_owned();
    let (from, to) = match ruling.difference {
        Some(difference) => (number(difference.from * scale), number(difference.to * scale)),
        None => (unknown(), unknown()),
    };
    let (changed, interval) = match ruling.change() {
        Some((value, Some((low, high)))) => {
            (change(value), fill(words.interval, &[("low", &change(low)), ("high", &change(high))]))
        }
        found => {
            let least = fill(words.needs, &[("least", &ruling.least.to_string())]);
            (
                found.map_or_else(unknown, |(value, _)| change(value)),
                format!("{}: {least}", words.no_interval),
            )
        }
    };
    let remark = match (ruling.verdict, ruling.requests_needed) {
        (RulingVerdict::Undecided, Some(needed)) => {
            format!("; {}", fill(words.would_decide, &[("n", &number(needed as f64))]))
        }
        (RulingVerdict::Undecided, None) => format!("; {}", words.too_many),
        _ => String::new(),
    };
    fill(
        words.gate,
        &[
            ("verdict", verdict),
            // It may come from a file of someone else's rules.
            ("rule", &inert(&ruling.rule.to_string(), 200)),
            ("from", &from),
            ("to", &to),
            ("unit", unit),
            ("change", &changed),
            ("interval", &(interval + &remark)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Aggregate, Estimates, Quantity, judge_rule};
    use crate::report::compare::report::tests::run;

    fn rulings(rules: &[&str], from: &ComparedRun, to: &ComparedRun) -> Vec<Ruling> {
        let judge = |rule: &&str| judge_rule(&rule.parse().expect("a rule"), &from.estimates, &to.estimates);
        rules.iter().map(judge).collect()
    }

    #[test]
    fn a_rule_is_a_line_that_says_what_was_found_and_how_sure() {
        let (base, slow) = (run("a:1b", 40), run("a:1b", 80));
        let rulings = rulings(&["ttft.mean > +10%", "itl.p50 > +50ms", "ttft.p95 > +1%"], &base, &slow);
        let text = gate_text(&rulings, false, Language::English);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[0].starts_with("WORSE: ttft.mean > +10%, 58.52 → 98.53 ms, +68% (95% interval +"),
            "{text}"
        );
        assert!(lines[1].starts_with("within the limit: itl.p50 > +50ms, 20 → 40 ms, +20 ms ("), "{text}");
        assert!(
            lines[2].starts_with("TOO FEW: ttft.p95") && lines[2].contains("it takes 72 in each run"),
            "{text}"
        );
        assert_eq!(lines[3], "gate FAILED: 1 of 3 rules");
        assert!(gate_text(&rulings, true, Language::Chinese).contains("3 条规则中 2 条失败"));
    }

    #[test]
    fn what_is_undecided_is_never_called_within_its_limit() {
        let (base, slow) = (run("a:1b", 40), run("a:1b", 44));
        let rulings = rulings(&["ttft.mean > +5%", "itl.p50 > +50ms"], &base, &slow);
        let text = gate_text(&rulings, false, Language::English);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("UNDECIDED: ttft.mean > +5%, 58.52 → 62.52 ms, +6.8% ("), "{text}");
        assert!(lines[0].ends_with(" requests in each run would decide it)"), "{text}");
        assert_eq!(lines[2], "gate UNDECIDED: 1 of 2 rules, none failed (--strict fails what is undecided)");
        let json = gate_json(&base, &slow, &rulings, false, 0);
        assert_eq!((&json["rules"][0]["verdict"], &json["passed"]), (&"undecided".into(), &true.into()));
        assert!(json["rules"][0]["requests_needed"].is_u64(), "{json}");
        assert!(gate_text(&rulings, false, Language::Chinese).starts_with("无法判定"));
    }

    #[test]
    fn a_share_is_shown_in_per_cent_and_its_change_in_points() {
        let mut runs = [run("a:1b", 40), run("a:1b", 80)];
        for (run, errors) in runs.iter_mut().zip([0.0, 0.025]) {
            run.estimates = Estimates::of_values([(Quantity::Rate(Aggregate::ErrorRate), errors)]);
        }
        let text = gate_text(&rulings(&["error_rate > +1pp"], &runs[0], &runs[1]), false, Language::English);
        assert!(text.starts_with("TOO FEW: error_rate > +1pp, 0 → 2.50 %, +2.50 pp ("), "{text}");
    }

    #[test]
    fn the_document_says_which_rule_failed() {
        let (base, slow) = (run("a:1b", 40), run("a:1b", 80));
        let rulings = rulings(&["ttft.mean > +10%", "output_throughput > +10%"], &base, &slow);
        let json = gate_json(&base, &slow, &rulings, false, 3);
        assert_eq!(json["passed"], false);
        assert_eq!(
            (&json["rules"][0]["verdict"], &json["rules"][0]["failed"]),
            (&"worse".into(), &true.into())
        );
        assert_eq!(json["rules"][1]["verdict"], "better");
        assert_eq!((&json["baseline"]["model"], &json["seed"]), (&"a:1b".into(), &3.into()));
    }
}
