use proptest::prelude::*;

use super::*;
use crate::metrics::{Context, TokenBasis, llmperf, summarize};
use crate::report::{RunLabel, ascii_json, render, summary_json};

fn usage() -> impl Strategy<Value = Usage> {
    let count = || prop::option::of(any::<u64>().prop_map(Tokens));
    prop::array::uniform7(count()).prop_map(|[input, output, cached, write, reasoning, prompt, timed]| {
        Usage {
            input_tokens: input,
            output_tokens: output,
            cached_input_tokens: cached,
            cache_write_tokens: write,
            reasoning_tokens: reasoning,
            prompt_tokens: prompt,
            prompt_cached_tokens: timed,
        }
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let kind =
        prop::sample::select(vec![FailureKind::HttpStatus, FailureKind::Stall, FailureKind::PluginTrap]);
    let failed = (kind, any::<String>(), any::<String>(), prop::option::of(0u64..1 << 40)).prop_map(
        |(kind, code, message, wait)| Failure {
            kind,
            code,
            message,
            retry_after: wait.map(Span::from_millis),
        },
    );
    prop_oneof![3 => Just(Outcome::Ok), 1 => failed.prop_map(Outcome::Failed), 1 => Just(Outcome::Cancelled)]
}

fn output() -> impl Strategy<Value = Output> {
    let tool_call = (any::<u32>(), any::<[String; 2]>()).prop_map(|(index, [name, arguments])| {
        let mut call = ToolCall::default();
        (call.index, call.name, call.arguments) = (index, name, arguments);
        call
    });
    let timing = prop::collection::btree_map(any::<String>(), -1e300..1e300, 0..4);
    let pieces = prop::collection::vec(".{1,9}", 0..5);
    (pieces, any::<[String; 2]>(), prop::collection::vec(tool_call, 0..3), timing, any::<u64>()).prop_map(
        |(pieces, [reasoning, refusal], tool_calls, timing, content_events)| Output {
            text: pieces.concat(),
            reasoning,
            refusal,
            tool_calls,
            server_timing: timing.into_iter().collect(),
            content_events,
            piece_ends: (1..=pieces.len()).map(|n| pieces[..n].concat().len()).collect(),
        },
    )
}

prop_compose! {
    fn record()(
        id in any::<u64>(),
        stamps in any::<[u64; 3]>(),
        optional in any::<[Option<u64>; 4]>(),
        token_events in prop::collection::vec(any::<u64>(), 0..20),
        numbers in any::<[u64; 6]>(),
        status in any::<Option<u16>>(),
        texts in any::<[Option<String>; 2]>(),
        usage in usage(),
        terminated in any::<bool>(),
        outcome in outcome(),
        output in prop::option::of(output()),
    ) -> RequestRecord {
        let [response_id, finish] = texts;
        RequestRecord {
            id: RequestId(id),
            session: (id % 3 == 0).then_some(SessionId(id / 3)),
            warmup: id % 2 == 1,
            response_id,
            status,
            due: Stamp(stamps[0]),
            sent: Stamp(stamps[1]),
            connected: optional[0].map(Stamp),
            headers: optional[1].map(Stamp),
            token_events: token_events.into_iter().map(Stamp).collect(),
            first_output: optional[2].map(Stamp),
            end: Stamp(stamps[2]),
            events: numbers[0],
            body_bytes: numbers[1],
            isl_target: Tokens(numbers[2]),
            isl: Tokens(numbers[3]),
            osl: Tokens(numbers[4]),
            reasoning: Tokens(numbers[5]),
            max_tokens: optional[3].map(Tokens),
            usage,
            finish,
            terminated,
            outcome,
            output,
        }
    }
}

proptest! {
    // Whole reports are slow to make unoptimised.
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_record_makes_a_report_panic(records in prop::collection::vec(record(), 0..12)) {
        let summary = summarize(&records, Context::default());
        let label = RunLabel { model: "m", target: "t", api: "a", plugin: "p", load: "l", open_loop: false, verdict: None, error_bar: None };
        prop_assert!(render(&summary, &label, 100, false).lines().count() <= 40);
        prop_assert!(!ascii_json(&summary_json(&summary)).contains("NaN"));
        let (_, results) = records.iter().collect::<llmperf::Rows>().finish();
        prop_assert_eq!(results.num_requests_started, records.iter().filter(|r| !r.warmup).count() as u64);
    }
}

proptest! {
    #[test]
    fn a_record_survives_its_line_and_so_does_the_summary(records in prop::collection::vec(record(), 0..12)) {
        let mut read_back = Vec::new();
        for record in &records {
            let mut line = Vec::new();
            write_record(record, &mut line);
            prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
            read_back.push(parse_record(&line).unwrap());
        }
        prop_assert_eq!(&read_back, &records);
        for token_basis in [TokenBasis::Local, TokenBasis::Server] {
            let context = Context { dropped: 1, token_basis, ..Context::default() };
            prop_assert_eq!(summarize(&read_back, context), summarize(&records, context));
        }
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in any::<Vec<u8>>()) {
        prop_assert!(parse_record(&line).is_err());
    }
}

pub(in crate::report) fn example() -> RequestRecord {
    RequestRecord {
        id: RequestId(7),
        session: None,
        warmup: false,
        response_id: Some("chatcmpl-7".to_owned()),
        status: Some(200),
        due: Stamp(1),
        sent: Stamp(2),
        connected: None,
        headers: Some(Stamp(3)),
        token_events: vec![Stamp(4), Stamp(6)],
        first_output: Some(Stamp(4)),
        end: Stamp(8),
        events: 4,
        body_bytes: 900,
        isl_target: Tokens(20),
        isl: Tokens(19),
        osl: Tokens(2),
        reasoning: Tokens(0),
        max_tokens: Some(Tokens(2)),
        usage: Usage { input_tokens: Some(Tokens(25)), ..Usage::default() },
        finish: Some("length".to_owned()),
        terminated: true,
        outcome: Outcome::Ok,
        output: None,
    }
}

const EXAMPLE: &str = concat!(
    r#"{"id":7,"warmup":false,"response_id":"chatcmpl-7","status":200,"due_ns":1,"sent_ns":2,"connected_ns":null,"headers_ns":3,"#,
    r#""first_token_ns":4,"first_output_ns":4,"last_token_ns":6,"end_ns":8,"token_event_ns":[4,6],"events":4,"#,
    r#""body_bytes":900,"isl_target_tokens":20,"isl_tokens":19,"osl_tokens":2,"reasoning_tokens":0,"max_tokens":2,"#,
    r#""usage":{"input_tokens":25,"output_tokens":null,"cached_input_tokens":null,"cache_write_tokens":null,"#,
    r#""reasoning_tokens":null},"finish_reason":"length","terminated":true,"outcome":"ok","failure":null}"#,
);

#[test]
fn the_keys_and_their_order_are_documented_here() {
    let check = |record: &RequestRecord, expected: &str| {
        let mut line = Vec::new();
        write_record(record, &mut line);
        assert_eq!(String::from_utf8(line).unwrap(), expected.to_owned() + "\n");
    };
    check(&example(), EXAMPLE);
    let turn = RequestRecord { session: Some(SessionId(2)), ..example() };
    check(&turn, &EXAMPLE.replacen("\"id\":7,", "\"id\":7,\"session\":2,", 1));
    let mut call = ToolCall::new(0);
    call.push("f");
    call.push("{}");
    let output = Output {
        text: "hi!".to_owned(),
        tool_calls: vec![call],
        server_timing: [("a_ms", 1.5), ("a_ms", 2.0), ("b_s", f64::NAN)]
            .map(|(k, v)| (k.to_owned(), v))
            .to_vec(),
        content_events: 2,
        piece_ends: vec![2, 3],
        ..Output::default()
    };
    let saved = concat!(
        r#","text":"hi!","reasoning":"","refusal":"","tool_calls":[{"index":0,"name":"f","arguments":"{}"}],"#,
        r#""content_events":2,"pieces":["hi","!"],"server_timing":{"a_ms":2.0}}"#
    );
    check(
        &RequestRecord { output: Some(output), ..example() },
        &(EXAMPLE.strip_suffix('}').unwrap().to_owned() + saved),
    );
}

#[test]
fn a_line_that_is_no_record_says_why() {
    let check = |from: &str, to: &str, expected: &str| {
        let error = parse_record(EXAMPLE.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("\"id\":7,", "", "missing field `id`");
    check("\"id\":7,", "\"id\":7,\"mood\":1,", "unknown field `mood`");
    check("\"outcome\":\"ok\"", "\"outcome\":\"failed\"", "failure is missing");
    check("\"outcome\":\"ok\"", "\"outcome\":\"fine\"", "unknown variant `fine`");
    check("\"events\":4", "\"events\":-4", "invalid value");
}
