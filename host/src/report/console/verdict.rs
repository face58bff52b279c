//! The verdict: one word that cannot be missed, its reasons with their remedies, and remarks in small print.

use super::{INDENT, Page, RunLabel, wrap};
use crate::metrics::{Reason, Validity};

pub(super) fn lines(page: Page, label: &RunLabel<'_>) -> Vec<String> {
    let Some(verdict) = label.verdict else { return Vec::new() };
    let word = verdict.validity.word().to_uppercase();
    let word = match verdict.validity {
        Validity::Valid => page.styled("32", &word),
        Validity::Doubtful => page.styled("33", &word),
        Validity::Invalid => page.red(&word),
    };
    let mut lines = vec![page.labelled("Verdict", &word)];
    let mut add = |text: &str, dim: bool| {
        for line in wrap(text, page.width - INDENT) {
            lines.push(page.labelled("", &if dim { page.dim(&line) } else { line }));
        }
    };
    if let Some(bar) = label.error_bar {
        let bar = format!(
            "the client adds {:.2} ms to TTFT (p99 {:.2}) and is off by up to {:.2} ms in ITL (p99)",
            bar.ttft_p50_ms, bar.ttft_p99_ms, bar.gap_p99_ms
        );
        add(&bar, true);
    }
    // Where nothing succeeded the failures stand above, and it is said once.
    let nothing = verdict.reasons.iter().any(|(_, reason)| *reason == Reason::NothingMeasured);
    let said = |reason: &Reason| nothing && matches!(reason, Reason::Errors { .. });
    for (validity, reason) in verdict.reasons.iter().filter(|(_, reason)| !said(reason)) {
        let remark = *validity == Validity::Valid;
        let prefix = if remark { String::new() } else { format!("{}: ", validity.word()) };
        add(&format!("{prefix}{reason}; {}", reason.remedy()), remark);
    }
    lines
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Context, Reason, Verdict, summarize};
    use crate::report::{RunLabel, render};

    #[test]
    fn the_word_stands_near_the_top_and_every_reason_has_its_remedy() {
        let reasons = vec![
            (super::Validity::Invalid, Reason::IoStarved { share: 0.31 }),
            (super::Validity::Valid, Reason::NotCalibrated),
        ];
        let verdict = Verdict { validity: super::Validity::Invalid, reasons };
        let label = RunLabel {
            model: "m",
            target: "t",
            api: "a",
            plugin: "p",
            load: "l",
            open_loop: false,
            verdict: Some(&verdict),
            error_bar: None,
        };
        let text = render(&summarize(&[], Context::default()), &label, 100, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[3], "Verdict      INVALID");
        let cause = "invalid: the client's I/O thread waited for a core 31.0 % of the time;";
        assert!(lines[4].trim_start().starts_with(cause), "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("not calibrated; run llmperf calibrate"), "{text}");
    }
}
