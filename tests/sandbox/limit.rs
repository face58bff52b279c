//! The limits as settings, and what the summary says of what was used.

use serde_json::Value;

use crate::bound::{alone, check_bounds};
use crate::harness::{Mock, Outcome, load};

fn summary(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.file("summary.json")).expect("JSON")
}

#[test]
fn a_limit_that_is_none_is_refused_before_anything_is_done() {
    for (limit, words) in [
        ("memory", ["is no NAME=VALUE", "hint:"]),
        ("ram=1GiB", ["no limit of plugins", "hint: there are fuel, cpu, memory"]),
        ("memory=lots", ["from 64KiB to 4GiB", "hint: the default is memory=256MiB"]),
        ("cpu=5", ["a time (ms, s)", "hint: the default is cpu=5s"]),
    ] {
        let outcome = load("http://127.0.0.1:9/v1", "m", &["--plugin-limit", limit]);
        assert_eq!(outcome.code, 2, "{limit}: {}", outcome.stderr);
        assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{limit}: {}", outcome.stderr);
        assert!(outcome.files().is_empty(), "{limit}: a run began");
    }
}

#[test]
fn limits_are_what_the_plan_says_and_the_manifest_repeats_them() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let run = |model: &str, limits: &[&str], more: &[&str]| {
        let mut args = vec!["-c", "1"];
        limits.iter().for_each(|limit| args.extend(["--plugin-limit", limit]));
        args.extend(more);
        let outcome = load(&mock.base_url, model, &args);
        check_bounds(model, &outcome);
        outcome
    };
    // Half of what a body of 200 MiB takes; and then a call may hand over more than a body of that.
    let outcome = run("huge-body", &["memory=128MiB"], &["-n", "1"]);
    assert!(outcome.message().contains("growing memory"), "{}", outcome.message());
    let outcome = run("loop-build", &["fuel=50M"], &["-n", "1"]);
    assert!(outcome.message().contains("the fuel ran out") && outcome.seconds < 10.0, "{}", outcome.seconds);
    let outcome = run("alloc-build", &["growth=1MiB"], &["-n", "1"]);
    assert!(outcome.message().contains("may grow by 1 MiB together"), "{}", outcome.message());
    let outcome = run("million-deltas", &["answer=64KiB"], &["-n", "1"]);
    assert_eq!(outcome.kinds(), ["plugin_limit"], "{}", outcome.stderr);
    let outcome = run("log-spam", &["log-lines=3"], &["-n", "3", "--plugin-log"]);
    let shown = outcome.stderr.lines().filter(|line| line.starts_with("plugin: ")).count();
    assert_eq!(shown, 4, "three, and that there is more: {}", outcome.stderr);
    let outcome = run("trap-decode", &["faults=2", "log=0"], &["-n", "100"]);
    assert!((2..20).contains(&outcome.records.len()), "{} records", outcome.records.len());
    let manifest: Value = serde_json::from_str(&outcome.file("manifest.json")).expect("JSON");
    let limits = &manifest["plugin"]["limits"];
    assert_eq!(
        (&limits["faults"], &limits["log"], &limits["memory"]),
        (&"2".into(), &"0".into(), &"256MiB".into())
    );
}

#[test]
fn a_response_may_amount_to_as_much_as_the_plan_says() {
    let _alone = alone();
    let mock = Mock::start(&["--output-tokens", "600"]);
    let args = ["-n", "2", "--osl", "600", "--plugin-limit", "output=1KiB"];
    let outcome = load(&mock.base_url, "plain", &args);
    check_bounds("output", &outcome);
    assert_eq!((outcome.code, outcome.kinds()), (5, vec!["too_large"; 2]), "{}", outcome.stderr);
    assert!(outcome.message().contains("larger than 1024 bytes"), "{}", outcome.message());
    let outcome = load(&mock.base_url, "plain", &["-n", "1", "--osl", "600"]);
    assert_eq!(outcome.kinds(), ["ok"]);
}

#[test]
fn long_streams_that_hoard_take_no_more_than_their_share_together() {
    let _alone = alone();
    // 32 MiB in each of 40 streams that are read while they run: 1.3 GiB, if they were let.
    let mock = Mock::start(&["--itl", "2ms", "--output-tokens", "800"]);
    let args = ["-n", "40", "-c", "40", "--osl", "800", "--plugin-limit", "growth=200MiB"];
    let outcome = load(&mock.base_url, "hoard", &[&args[..], &["--plugin-limit", "faults=100"]].concat());
    check_bounds("hoard", &outcome);
    assert_eq!(outcome.records.len(), 40, "{}", outcome.stderr);
    let ended = outcome.kinds().iter().filter(|&&kind| kind == "plugin_limit").count();
    assert!((1..40).contains(&ended), "{:?}", outcome.kinds());
    assert!(outcome.message().contains("may grow by 200 MiB together"), "{:?}", outcome.message());
}

#[test]
fn the_summary_says_what_the_plugin_used() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "trap-decode-every-3", &["-n", "30", "-c", "3"]);
    let plugin = &summary(&outcome)["plugin"];
    let number = |pointer: &str| plugin.pointer(pointer).and_then(Value::as_f64).expect(pointer);
    assert_eq!((number("/building/calls"), number("/faults")), (30.0, 10.0), "{plugin}");
    // A stranger's plugin gets an instance to build and one to decode, each time.
    assert_eq!(number("/instances"), 60.0);
    // Role, 20 tokens, finish, usage and the end mark; of those that trap, as many as came in the first call.
    assert!((480.0..=720.0).contains(&number("/decoding/events")), "{plugin}");
    assert!(number("/building/cpu_ms") > 0.0 && number("/decoding/cpu_us_per_event") > 0.0);
    assert!(number("/most_fuel_of_a_call") < 2e9 && number("/building/fuel") > 1e4);
    assert!((65_536.0..16e6).contains(&number("/peak_memory_bytes")), "{plugin}");
    assert!(outcome.stdout.contains("\nPlugin       building "), "{}", outcome.stdout);
    // The worst that a guest can do with memory shows as what it was.
    let outcome = load(&mock.base_url, "alloc-decode", &["-n", "1"]);
    let peak = summary(&outcome)["plugin"]["peak_memory_bytes"].as_f64().expect("a peak") / 1e6;
    assert!((128.0..=268.5).contains(&peak), "{peak} MB");
}
