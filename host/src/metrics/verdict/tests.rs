use super::*;
use crate::metrics::request::tests::{ms, record};
use crate::metrics::{Context, Pauses, ReactorLag, Room, ThreadTime, Throttling, summarize};
use crate::record::{Failure, FailureKind, Outcome, RequestRecord, Usage};
use crate::units::Tokens;

fn records(ok: u64, failed: u64) -> Vec<RequestRecord> {
    let fail = |id| RequestRecord {
        outcome: Outcome::Failed(Failure::new(FailureKind::Reset, "gone")),
        ..record(id, &[])
    };
    (0..ok).map(|id| record(id, &[52, 72])).chain((ok..ok + failed).map(fail)).collect()
}

fn quiet() -> Health {
    Health { elapsed_s: 10.0, cores: 2, ..Health::default() }
}

fn bar(beyond: bool) -> Option<ErrorBar> {
    Some(ErrorBar { ttft_p50_ms: 0.1, ttft_p99_ms: 0.2, gap_p99_ms: 0.1, calibrated_unix_s: 0, beyond })
}

fn facts() -> LoadFacts {
    LoadFacts { error_bar: bar(false), ..LoadFacts::default() }
}

/// The first reason, as its kind and level; `valid` where there is none.
fn first(verdict: &Verdict) -> (&'static str, &'static str) {
    verdict.reasons.first().map_or(("", "valid"), |(validity, reason)| (reason.kind(), validity.word()))
}

#[test]
fn nothing_is_said_of_a_run_with_nothing_to_say() {
    let verdict = judge(&summarize(&records(400, 0), Context::default()), &quiet(), &facts());
    assert_eq!(verdict, Verdict { validity: Validity::Valid, reasons: vec![] });
}

#[test]
fn what_became_of_requests_is_judged() {
    for (ok, failed, expected) in [
        (400, 4, ("", "valid")),
        (400, 5, ("errors", "doubtful")),
        (400, 50, ("errors", "invalid")),
        (0, 3, ("nothing_measured", "invalid")),
        (5, 0, ("few_samples", "doubtful")),
        (6, 0, ("few_samples", "valid")),
        (368, 0, ("", "valid")),
    ] {
        let verdict = judge(&summarize(&records(ok, failed), Context::default()), &quiet(), &facts());
        assert_eq!(first(&verdict), expected, "{ok} ok, {failed} failed");
        assert_eq!(verdict.validity.word(), expected.1);
    }
}

#[test]
fn input_out_of_a_cache_is_doubtful_unless_requests_were_meant_to_begin_alike() {
    for (cached, shares_prompts, expected) in [
        (0, false, ("", "valid")),
        (30, false, ("", "valid")),
        (31, false, ("cached_input", "doubtful")),
        (100, false, ("cached_input", "doubtful")),
        (100, true, ("cached_input", "valid")),
    ] {
        let usage = Usage {
            input_tokens: Some(Tokens(100)),
            cached_input_tokens: Some(Tokens(cached)),
            ..Usage::default()
        };
        let records: Vec<RequestRecord> = records(400, 0)
            .into_iter()
            .map(|record| RequestRecord { usage, isl: Tokens(100), ..record })
            .collect();
        let summary = summarize(&records, Context::default());
        let verdict = judge(&summary, &quiet(), &LoadFacts { shares_prompts, ..facts() });
        assert_eq!(first(&verdict), expected, "{cached}");
        if let Some((_, reason)) = verdict.reasons.first() {
            assert!(reason.to_string().contains(&format!("{cached}.0 % of the input tokens")), "{reason}");
            assert_eq!(reason.remedy().contains("--seed random"), !shares_prompts);
        }
    }
}

#[test]
fn the_health_of_the_client_is_judged_rule_by_rule() {
    let lag = |p99_ms| Some(ReactorLag { n: 1000, p50_ms: 0.05, p99_ms, max_ms: p99_ms });
    let io =
        |cpu_s, runqueue_wait_s| ThreadTime { cpu_s: Some(cpu_s), runqueue_wait_s: Some(runqueue_wait_s) };
    let throttled = |time_s| Some(Throttling { periods: 1, time_s });
    let room = |most| Some(Room { most, limit: 100 });
    // ITL is 20 ms.
    let paused = |total_s| Some(Pauses { count: 1, total_s, longest_s: total_s });
    let cases: [(&str, Health, &str); 19] = [
        ("", Health { reactor_lag: lag(3.9), ..quiet() }, "valid"),
        ("reactor_lag", Health { reactor_lag: lag(5.0), ..quiet() }, "doubtful"),
        ("reactor_lag", Health { reactor_lag: lag(10.1), ..quiet() }, "invalid"),
        ("", Health { elapsed_s: 0.4, reactor_lag: lag(10.1), ..quiet() }, "valid"),
        ("", Health { io_thread: io(8.0, 0.4), ..quiet() }, "valid"),
        ("io_starved", Health { io_thread: io(1.0, 0.6), ..quiet() }, "doubtful"),
        ("io_starved", Health { io_thread: io(1.0, 2.1), ..quiet() }, "invalid"),
        ("io_busy", Health { io_thread: io(9.0, 0.0), ..quiet() }, "doubtful"),
        ("", Health { throttled: throttled(0.04), ..quiet() }, "valid"),
        ("throttled", Health { throttled: throttled(0.1), ..quiet() }, "doubtful"),
        ("throttled", Health { throttled: throttled(0.6), ..quiet() }, "invalid"),
        ("steal", Health { steal_share: Some(0.1), ..quiet() }, "doubtful"),
        ("open_files", Health { open_files: room(91), ..quiet() }, "doubtful"),
        ("local_ports", Health { local_ports: room(91), ..quiet() }, "doubtful"),
        ("", Health { local_ports: room(90), decode_queue: room(100), ..quiet() }, "valid"),
        ("paused", Health { pauses: paused(0.3), ..quiet() }, "doubtful"),
        ("paused", Health { pauses: paused(1.0), ..quiet() }, "invalid"),
        ("decode_backlog", Health { reading_waits: 1, ..quiet() }, "doubtful"),
        ("records_stalled", Health { record_waits: 1, ..quiet() }, "valid"),
    ];
    let summary = summarize(&records(400, 0), Context::default());
    for (kind, health, word) in cases {
        assert_eq!(first(&judge(&summary, &health, &facts())), (kind, word), "{health:?}");
    }
}

#[test]
fn an_open_loop_is_held_to_its_schedule() {
    let span = Span::from_millis;
    let check = |dropped: u64, sent_ms: u64, lag_ms: u64, expected| {
        let mut records = records(400, 0);
        records.iter_mut().for_each(|record| {
            record.due = ms(1000);
            record.sent = ms(1000 + lag_ms);
            record.token_events = vec![ms(1050 + lag_ms), ms(1070 + lag_ms)];
        });
        let summary = summarize(&records, Context { dropped, ..Context::default() });
        let schedule = Some((span(10_000), span(sent_ms)));
        let facts = LoadFacts { offered_rate: Some(40.0), schedule, ..facts() };
        assert_eq!(first(&judge(&summary, &quiet(), &facts)), expected, "{dropped} {sent_ms} {lag_ms}");
    };
    check(4, 10_400, 4, ("", "valid"));
    check(5, 10_000, 0, ("dropped", "doubtful"));
    check(50, 10_000, 0, ("dropped", "invalid"));
    check(0, 10_600, 0, ("rate_not_met", "doubtful"));
    check(0, 12_100, 0, ("rate_not_met", "invalid"));
    // Two time slices of another program.
    check(0, 10_000, 10, ("", "valid"));
    check(0, 10_000, 11, ("schedule_lag", "doubtful"));
    check(0, 10_000, 60, ("schedule_lag", "invalid"));
}

#[test]
fn slots_that_stand_idle_make_less_load_than_stated() {
    let ms = Span::from_millis;
    // One request in ten waited for seconds: the median is 1 ms, the mean is what counts.
    let check = |late: [u64; 2], unused, expected| {
        let mut timeline = crate::metrics::Timeline::default();
        let mut records = records(400, 0);
        for record in &mut records {
            record.sent = record.due + ms(late[usize::from(record.id.0.is_multiple_of(10))]);
            record.end = record.sent + ms(72);
            timeline.see(record);
        }
        let health = Health { idle_slots: timeline.idle_slots(ms(unused)), ..quiet() };
        let verdict = judge(&summarize(&records, Context::default()), &health, &facts());
        assert_eq!(first(&verdict), expected, "{late:?} {unused}: {:?}", health.idle_slots);
    };
    check([1, 1], 0, ("", "valid"));
    check([1, 10], 0, ("", "valid"));
    check([1, 300], 0, ("slots_idle", "doubtful"));
    check([1, 3000], 0, ("slots_idle", "invalid"));
    check([0, 0], 40_000, ("slots_idle", "invalid"));
}

#[test]
fn what_was_cancelled_or_came_at_once_is_judged() {
    let judged = |cancelled: usize, at_once: usize, facts: &LoadFacts| {
        let mut records = records(400, 0);
        records.iter_mut().take(cancelled).for_each(|record| record.outcome = Outcome::Cancelled);
        records.iter_mut().rev().take(at_once).for_each(|record| record.token_events[1] = ms(52));
        let verdict = judge(&summarize(&records, Context::default()), &quiet(), facts);
        (first(&verdict).0, first(&verdict).1, verdict.reasons.len())
    };
    let cut = LoadFacts { cut_short: true, ..facts() };
    assert_eq!(judged(4, 39, &facts()), ("", "valid", 0));
    assert_eq!(judged(5, 0, &facts()), ("cancelled", "doubtful", 1));
    assert_eq!(judged(41, 0, &facts()), ("cancelled", "invalid", 2));
    assert_eq!(judged(0, 0, &cut), ("cut_short", "doubtful", 1));
    assert_eq!(judged(41, 0, &cut), ("cut_short", "invalid", 2));
    assert_eq!(judged(0, 41, &facts()), ("not_streaming", "doubtful", 1));
}

#[test]
fn the_ends_the_trend_and_the_calibration_are_judged() {
    let rising = Trend { rho: 0.9, n: 400, first_ms: 100.0, last_ms: 900.0 };
    let summary = summarize(&records(400, 0), Context::default());
    for (facts, expected) in [
        (LoadFacts { cut_short: true, ..facts() }, ("cut_short", "doubtful")),
        (LoadFacts { plugin_gave_up: true, ..facts() }, ("plugin_gave_up", "invalid")),
        (LoadFacts { trend: Some(rising), ..facts() }, ("not_steady", "doubtful")),
        (LoadFacts { error_bar: bar(true), ..facts() }, ("beyond_calibration", "doubtful")),
        (LoadFacts { error_bar: None, ..facts() }, ("not_calibrated", "valid")),
    ] {
        assert_eq!(first(&judge(&summary, &quiet(), &facts)), expected);
    }
}

#[test]
fn token_counts_may_be_a_tenth_apart() {
    for (server, expected) in [(2, ("", "valid")), (3, ("tokens_disagree", "doubtful"))] {
        let mut records = records(400, 0);
        for record in &mut records {
            record.usage = Usage { output_tokens: Some(Tokens(server)), ..Usage::default() };
        }
        let summary = summarize(&records, Context::default());
        assert_eq!(first(&judge(&summary, &quiet(), &facts())), expected);
    }
}

#[test]
fn the_worst_reason_comes_first_and_decides() {
    let facts = LoadFacts { cut_short: true, error_bar: None, ..LoadFacts::default() };
    let verdict = judge(&summarize(&records(20, 10), Context::default()), &quiet(), &facts);
    let kinds: Vec<_> =
        verdict.reasons.iter().map(|(validity, reason)| (reason.kind(), validity.word())).collect();
    assert_eq!(
        kinds,
        [
            ("errors", "invalid"),
            ("cut_short", "doubtful"),
            ("few_samples", "valid"),
            ("not_calibrated", "valid")
        ]
    );
    assert_eq!(verdict.validity, Validity::Invalid);
}
