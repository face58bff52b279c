//! What a guest can find out, keep and say: nothing, nothing, and only so much.

use crate::bound::{alone, check_bounds};
use crate::harness::{Mock, llmperf, load};

#[test]
fn a_guest_finds_no_clock_environment_file_input_or_randomness() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "look-around", &["-n", "3", "-c", "1"]);
    check_bounds("look-around", &outcome);
    let seen: Vec<&str> =
        outcome.texts().iter().map(|text| &text[text.find("wall=").expect(text)..]).collect();
    let random = seen[0].split(' ').find_map(|word| word.strip_prefix("random=")).expect(seen[0]);
    let expected = format!(
        "wall=Ok(0) passed=0 random={random} args=0 env=0 stdin=Ok(0) dir=false file=false write=false"
    );
    assert_eq!(seen, [&expected; 3]);
    // Fixed not only within a run.
    let again = load(&mock.base_url, "look-around", &["-n", "1"]);
    assert!(again.texts()[0].ends_with(&expected), "{:?}", again.texts());
}

#[test]
fn a_guest_keeps_nothing_from_one_request_to_the_next() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "state", &["-n", "20", "-c", "4"]);
    assert_eq!(outcome.kinds(), ["ok"; 20], "{}", outcome.stderr);
    assert!(outcome.texts().iter().all(|text| text.ends_with("call 1")), "{:?}", outcome.texts());
    let outcome = load(&mock.base_url, "state-build", &["-n", "5", "-c", "1"]);
    assert!(
        outcome.records.iter().all(|record| record["failure"]["message"] == "call 1"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_a_guest_writes_is_bounded_and_inert() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    for model in ["log-spam", "escapes"] {
        let outcome = load(&mock.base_url, model, &["-n", "3", "-c", "1"]);
        check_bounds(model, &outcome);
        assert_eq!(
            (outcome.code, outcome.kinds().as_slice()),
            (0, &["ok"; 3][..]),
            "{model}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn what_a_guest_says_is_no_markup_in_a_page_of_the_run() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    for model in ["markup-build", "escapes"] {
        let outcome = load(&mock.base_url, model, &["-n", "3", "-c", "1"]);
        check_bounds(model, &outcome);
        assert!(!outcome.stderr.contains('\u{202e}') && !outcome.stdout.contains('\u{202e}'), "{model}");
        let run = outcome.dir_of("summary.json");
        let page = run.join("page.html");
        let report = llmperf().arg("report").arg("--html").args([&page, &run]).output().expect("it runs");
        assert!(report.status.success(), "{report:?}");
        let page = std::fs::read_to_string(page).expect("a page");
        assert!(!page.contains("<script") && !page.contains(['\u{1b}', '\u{202e}']), "{model}");
        assert!(model == "escapes" || page.contains("&lt;script"), "{model}: it is not shown at all");
    }
}

#[test]
fn what_a_guest_writes_is_shown_on_request_and_not_without_end() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let shown = |flags: &[&str]| {
        let outcome = load(&mock.base_url, "log-spam", &[&["-n", "3", "-c", "1"], flags].concat());
        outcome.stderr.lines().filter(|line| line.starts_with("plugin: ")).count()
    };
    assert_eq!(shown(&[]), 0);
    let lines = shown(&["--plugin-log"]);
    assert!((1..=101).contains(&lines), "{lines} lines");
}
