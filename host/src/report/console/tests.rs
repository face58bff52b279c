use std::path::Path;

use super::*;
use crate::metrics::request::tests::{ms, record};
use crate::metrics::{Context, Metric, summarize};
use crate::record::{Failure, FailureKind, Outcome, RequestRecord, Usage};
use crate::units::Tokens;

const LABEL: RunLabel<'_> = RunLabel {
    model: "meta-llama/Llama-3.1-8B",
    target: "https://api.example.com/v1",
    api: "openai-chat",
    plugin: "openai-chat 0.1.0",
    load: "10 concurrent",
    open_loop: false,
    verdict: None,
    error_bar: None,
};

fn failed(id: u64, kind: FailureKind, code: &str, message: &str) -> RequestRecord {
    let failure = Failure { code: code.to_owned(), ..Failure::new(kind, message) };
    RequestRecord { outcome: Outcome::Failed(failure), ..record(id, &[]) }
}

/// Tokens every 10 ms, the first after 50 ms and a little, `count` requests of 30 tokens.
fn steady(count: u64) -> Vec<RequestRecord> {
    let tokens = |id: u64| (0..30).map(|i| 52 + id * 37 % 23 + 10 * i + i * id % 3).collect::<Vec<u64>>();
    (0..count).map(|id| RequestRecord { isl: Tokens(500 + id % 100), ..record(id, &tokens(id)) }).collect()
}

/// Compares with a file in testdata; `UPDATE_SNAPSHOTS=1` writes it instead.
fn check(records: &[RequestRecord], context: Context, width: usize, snapshot: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/testdata").join(snapshot);
    let actual = render(&summarize(records, context), &LABEL, width, false);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    assert_eq!(actual, std::fs::read_to_string(&path).unwrap(), "{snapshot} is now\n{actual}");
    let longest = actual.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(longest <= width && actual.lines().count() <= 35, "{longest} columns");
}

#[test]
fn a_clean_run_in_one_look() {
    check(&steady(1200), Context::default(), 100, "console_clean.txt");
}

#[test]
fn a_short_run_with_failures_marks_what_it_cannot_support() {
    let mut records = steady(40);
    for record in &mut records {
        record.usage = Usage { output_tokens: Some(Tokens(31)), ..Usage::default() };
        record.first_output = Some(ms(90));
        record.reasoning = Tokens(4);
    }
    let busy = "{\"error\": {\"message\": \"Rate limit reached for requests\", \"type\": \"requests\", \"param\": null}}";
    records.extend((40..43).map(|id| failed(id, FailureKind::HttpStatus, "429", busy)));
    records.push(failed(43, FailureKind::Stall, "", "no byte for 60 s"));
    records.push(RequestRecord { finish: Some("length".to_owned()), ..record(44, &[]) });
    records.push(RequestRecord { outcome: Outcome::Cancelled, ..record(45, &[2000]) });
    check(&records, Context { dropped: 1234, ..Context::default() }, 80, "console_failures.txt");
}

#[test]
fn warm_up_and_percentiles_of_a_histogram_are_said_to_be() {
    let mut records = steady(100);
    records.iter_mut().take(20).for_each(|record| record.warmup = true);
    let mut summary = summarize(&records, Context::default());
    let plain = render(&summary, &LABEL, 100, false);
    assert!(plain.contains("\n             20 warm-up, before these and in no latency\n"), "{plain}");
    assert!(!plain.contains("percentiles within"), "{plain}");
    for metric in [Metric::Itl, Metric::E2el] {
        summary.distributions.get_mut(&metric).unwrap().relative_error = 1.0 / 2048.0;
    }
    let rough = render(&summary, &LABEL, 100, false);
    assert!(rough.contains("\npercentiles of E2EL, ITL within 0.05 %: "), "{rough}");
}

#[test]
fn a_run_without_success_has_no_table() {
    let refused = failed(0, FailureKind::Connect, "", "connection refused");
    check(&[refused], Context::default(), 100, "console_refused.txt");
    check(&[], Context::default(), 100, "console_nothing.txt");
}

#[test]
fn foreign_texts_are_inert() {
    let evil = "\x1b]0;owned\x07\u{202e}\n\n";
    let records = [
        RequestRecord { finish: Some(evil.to_owned()), ..record(0, &[52, 62]) },
        failed(1, FailureKind::ServerError, evil, evil),
    ];
    let label =
        RunLabel { model: evil, target: evil, api: evil, plugin: evil, load: evil, open_loop: true, ..LABEL };
    let text = render(&summarize(&records, Context::default()), &label, 80, false);
    let visible = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}');
    assert!(text.chars().all(visible), "{text:?}");
    assert!(text.contains(r"server_error \u{1b}]0;owned"), "{text}");
}

#[test]
fn many_kinds_of_failure_are_cut_and_said_to_be() {
    let records: Vec<RequestRecord> =
        (0..50).map(|id| failed(id, FailureKind::ServerError, &format!("code-{id}"), "no")).collect();
    let text = render(&summarize(&records, Context::default()), &LABEL, 100, false);
    assert_eq!(text.lines().count(), 14, "{text}");
    assert!(text.contains("\n  and 44 more kinds\n"), "{text}");
    let place = |word: &str| text.find(word).expect(word);
    assert!(place("Failures") < place("Requests"), "nothing succeeded: {text}");
}

#[test]
fn styles_change_nothing_but_the_looks() {
    let mut records = steady(40);
    records.push(failed(40, FailureKind::Stall, "", "no byte for 60 s"));
    let summary = summarize(&records, Context::default());
    let plain = render(&summary, &LABEL, 100, false);
    let mut colored = render(&summary, &LABEL, 100, true);
    assert!(colored.contains("\x1b[1mTTFT"));
    for style in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"] {
        colored = colored.replace(style, "");
    }
    let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&colored), trimmed(&plain));
}
