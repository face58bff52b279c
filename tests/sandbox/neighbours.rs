//! What a plugin does with one request moves no stamp of those that run beside it.

use crate::bound::{alone, check_bounds};
use crate::harness::{Mock, load};
use crate::timing::{Errors, at};

/// A disturbance of the machine's own spoils one attempt, and hardly three in a row. One of the plugin's spoils all.
const ATTEMPTS: usize = 3;
/// Each of the deeds takes up to a second of CPU, while others are read: where it held up a stamp, half of them would be late by
/// hundreds of ms, and gaps of 10 ms would be nothing and everything.
const LATEST_TTFT_MS: f64 = 40.0;
const LARGEST_GAP_ERROR_MS: f64 = 5.0;

/// Twelve requests, four at a time, of which every third (or some) is spoilt; the others are whole, and at least once on time.
fn check_neighbours(model: &str, kind: &str) {
    let mut seen = vec![];
    for _ in 0..ATTEMPTS {
        let mock = Mock::start(&["--ttft", "50ms", "--itl", "10ms"]);
        let outcome = load(
            &mock.base_url,
            model,
            &["-n", "12", "-c", "4", "--isl", "200", "--plugin-limit", "faults=100"],
        );
        check_bounds(model, &outcome);
        assert_eq!(outcome.code, 0, "{model}: {}", outcome.stderr);
        let (good, spoilt): (Vec<_>, Vec<_>) = outcome.kinds().into_iter().partition(|&kind| kind == "ok");
        assert!(!spoilt.is_empty() && spoilt.iter().all(|&found| found == kind), "{model}: {spoilt:?}");
        assert!(good.len() >= 4, "{model}: {} of 12 are good", good.len());
        for record in outcome.records.iter().filter(|record| record["failure"].is_null()) {
            assert_eq!(record["token_event_ns"].as_array().map(Vec::len), Some(20), "{model}");
        }
        let errors = Errors::of(&outcome, &mock.truth());
        let (ttft, gap) = (at(&errors.ttft, 0.5), at(&errors.gaps, 0.5));
        if ttft < LATEST_TTFT_MS && gap < LARGEST_GAP_ERROR_MS {
            return;
        }
        seen.push((ttft, gap));
    }
    panic!("{model}: the others' stamps were late: TTFT and gap errors of {seen:?} ms");
}

#[test]
fn what_happens_while_one_response_is_read_holds_up_no_stamp_of_another() {
    let _alone = alone();
    for (deed, kind) in [
        ("loop-decode", "plugin_limit"),
        ("loop-finish", "plugin_limit"),
        ("trap-decode", "plugin_trap"),
        ("recursion-decode", "plugin_trap"),
        ("log-spam-trap", "plugin_trap"),
        ("alloc-decode", "plugin_limit"),
        ("million-deltas", "plugin_limit"),
        ("million-calls", "too_large"),
        ("huge-finish", "too_large"),
        ("error-decode", "plugin_error"),
    ] {
        check_neighbours(&format!("{deed}-every-3"), kind);
    }
}

#[test]
fn what_happens_while_one_request_is_built_holds_up_no_stamp_of_another() {
    let _alone = alone();
    for (deed, kind) in [
        ("loop-build", "plugin_limit"),
        ("trap-build", "plugin_trap"),
        ("alloc-build", "plugin_limit"),
        ("huge-body", "plugin_limit"),
        ("aliased-list", "plugin_limit"),
    ] {
        check_neighbours(&format!("{deed}-some"), kind);
    }
}
