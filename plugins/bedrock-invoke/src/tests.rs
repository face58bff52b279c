//! The plugin as a whole: a recorded answer, and what each family says.

use llmperf_sdk::{
    Event, Failure, Framing, Header, Input, Media, Message, Piece, Plugin, RequestSpec, Usage, decode,
    testing,
};
use serde_json::Value;

use super::BedrockInvoke;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<BedrockInvoke>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(model: &str, system: &str, user: &str, max_tokens: u32, sampling: &str) -> RequestSpec {
    RequestSpec {
        input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
        max_tokens: Some(max_tokens),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat(model, "")
    }
}

fn check_request(spec: RequestSpec, expected: &str) {
    let request =
        BedrockInvoke::build_request(&spec.clone().with_defaults(&BedrockInvoke::describe())).unwrap();
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
    assert_eq!(request.path, ["model", &spec.model, "invoke-with-response-stream"]);
    assert_eq!(request.headers, [Header::new("content-type", "application/json")]);
}

/// Bodies as LiteLLM puts them on the wire for the same call.
#[test]
fn the_request_is_what_other_clients_send() {
    check_request(
        call(
            "anthropic.claude-3-5-sonnet-20240620-v1:0",
            "",
            "Randomly stream lines: Shall I compare thee?",
            16,
            "{}",
        ),
        r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "Randomly stream lines: Shall I compare thee?"}]}], "max_tokens": 16, "anthropic_version": "bedrock-2023-05-31"}"#,
    );
    check_request(
        call(
            "meta.llama3-8b-instruct-v1:0",
            "You are terse.",
            "Name a river — any.",
            24,
            r#"{"temperature":0.5,"top_p":0.9,"stop":["END"],"stream_options":{"include_usage":true}}"#,
        ),
        r#"{"prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nYou are terse.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nName a river — any.<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "temperature": 0.5, "top_p": 0.9, "max_gen_len": 24}"#,
    );
}

#[test]
fn each_family_is_asked_in_its_own_words() {
    let sampling = r#"{"temperature":0.5,"top_p":0.9,"stop":"END"}"#;
    let check = |model: &str, expected: &str| check_request(call(model, "S", "Hi", 5, sampling), expected);
    check(
        "amazon.titan-text-express-v1",
        r#"{"inputText":"\n\nUser: <admin>S</admin>\n\nUser: Hi\n\nBot: ","textGenerationConfig":{"maxTokenCount":5,"temperature":0.5,"topP":0.9,"stopSequences":["END"]}}"#,
    );
    check(
        "us.amazon.nova-lite-v1:0",
        r#"{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"Hi"}]}],"system":[{"text":"S"}],"inferenceConfig":{"maxTokens":5,"temperature":0.5,"topP":0.9,"stopSequences":["END"]}}"#,
    );
    check(
        "mistral.mistral-7b-instruct-v0:2",
        r#"{"prompt":"<s>[INST] \nS [/INST]\n[INST] Hi [/INST]\n","max_tokens":5,"temperature":0.5,"top_p":0.9,"stop":["END"]}"#,
    );
    check(
        "cohere.command-r-plus-v1:0",
        r#"{"message":"Hi","preamble":"S","max_tokens":5,"temperature":0.5,"p":0.9,"stop_sequences":["END"]}"#,
    );
    check(
        "cohere.command-text-v14",
        r#"{"prompt":"S\nHi","max_tokens":5,"temperature":0.5,"p":0.9,"stop_sequences":["END"],"stream":true}"#,
    );
    check(
        "ai21.j2-ultra-v1",
        r#"{"prompt":"S\nHi","maxTokens":5,"temperature":0.5,"topP":0.9,"stopSequences":["END"]}"#,
    );
    check(
        "us.deepseek.r1-v1:0",
        r#"{"prompt":"<｜begin▁of▁sentence｜>S<｜User｜>Hi<｜Assistant｜><think>\n","max_tokens":5,"temperature":0.5,"top_p":0.9,"stop":["END"]}"#,
    );
    check(
        "ai21.jamba-1-5-mini-v1:0",
        r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"Hi"}],"max_tokens":5,"temperature":0.5,"top_p":0.9,"stop":["END"]}"#,
    );
    check(
        "meta.llama2-13b-chat-v1",
        r#"{"prompt":"<s>[INST] <<SYS>>\nS\n<</SYS>>\n [/INST]\n[INST] Hi [/INST]\n","max_gen_len":5,"temperature":0.5,"top_p":0.9}"#,
    );
}

#[test]
fn sampling_in_the_familys_words_wins_and_the_family_can_be_said() {
    let arn = "arn:aws:bedrock:us-east-1:000000000000:provisioned-model/abc";
    check_request(
        call(arn, "", "Hi", 5, r#"{"maxTokenCount":7,"max_tokens":6,"textGenerationConfig":{"topP":1}}"#)
            .with_option("family", "titan"),
        r#"{"inputText":"\n\nUser: <admin></admin>\n\nUser: Hi\n\nBot: ","textGenerationConfig":{"maxTokenCount":7,"topP":1}}"#,
    );
    check_request(
        call(arn, "", "Hi", 5, r#"{"max_tokens":6}"#),
        r#"{"messages":[{"role":"user","content":"Hi"}],"max_tokens":6}"#,
    );
    let whole = RequestSpec { stream: false, ..call("anthropic.claude-v2", "", "Hi", 5, r#"{"model":"n"}"#) };
    let request = BedrockInvoke::build_request(&whole).unwrap();
    assert_eq!((request.path.join("/").as_str(), request.framing), ("model/n/invoke", vec![Framing::Body]));
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = BedrockInvoke::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    let titan = |input| RequestSpec { input, ..RequestSpec::chat("amazon.titan-text-lite-v1", "") };
    let image = llmperf_sdk::Part::Image(Media { mime: "image/png".into(), data: vec![1] });
    check(titan(Input::Messages(vec![Message { role: "user".into(), parts: vec![image] }])), "one text");
    check(titan(Input::TokenIds(vec![1])), "messages or a prompt");
    check(RequestSpec { task: "embedding".into(), ..RequestSpec::chat("m", "Hi") }, "embedding");
    check(RequestSpec { sampling: "[]".into(), ..RequestSpec::chat("m", "Hi") }, "not a JSON object");
    check(RequestSpec::chat("m", "Hi").with_option("family", "bert"), "auto or one of anthropic");
}

/// Decodes chunks, wrapped as AWS does it.
fn check(chunks: &[&str], expected: &[Piece]) {
    let wrap = |chunk: &&str| {
        let bytes = Media { mime: String::new(), data: chunk.as_bytes().to_vec() }.base64();
        Event::new("chunk", format!(r#"{{"bytes":"{bytes}","p":"abcd"}}"#))
    };
    check_events(&chunks.iter().map(wrap).collect::<Vec<_>>(), expected);
}

fn check_events(events: &[Event], expected: &[Piece]) {
    let deltas = decode(&mut Answer::default(), events);
    let pieces: Vec<Piece> = deltas.into_iter().map(|delta| delta.piece).collect();
    assert_eq!(pieces, expected);
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

fn usage(input: Option<u64>, output: Option<u64>) -> Piece {
    Piece::Usage(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
}

fn time(name: &str, value: f64) -> Piece {
    Piece::ServerTiming((name.into(), value))
}

fn fails(code: &str, message: &str) -> Piece {
    Piece::Failure(Failure::new(code, message))
}

const METRICS: &str = r#""amazon-bedrock-invocationMetrics":{"inputTokenCount":4,"outputTokenCount":2,"invocationLatency":30,"firstByteLatency":10}"#;

#[test]
fn llama_says_generation() {
    let last = format!(
        r#"{{"generation":"","prompt_token_count":null,"generation_token_count":2,"stop_reason":"stop",{METRICS}}}"#
    );
    check(
        &[
            r#"{"generation":" a","prompt_token_count":4,"generation_token_count":1,"stop_reason":null}"#,
            r#"{"generation":" b\n","prompt_token_count":null,"generation_token_count":2,"stop_reason":null}"#,
            &last,
        ],
        &[
            text(" a"),
            usage(Some(4), Some(1)),
            text(" b\n"),
            usage(None, Some(2)),
            finish("stop"),
            Piece::End,
            time("invocation_latency_ms", 30.0),
            time("first_byte_latency_ms", 10.0),
        ],
    );
}

#[test]
fn titan_says_output_text() {
    let last = format!(
        r#"{{"outputText":" b","index":0,"totalOutputTextTokenCount":2,"completionReason":"FINISH","inputTextTokenCount":4,{METRICS}}}"#
    );
    check(
        &[
            r#"{"outputText":"a","index":0,"totalOutputTextTokenCount":null,"completionReason":null,"inputTextTokenCount":4}"#,
            &last,
        ],
        &[
            text("a"),
            usage(Some(4), None),
            text(" b"),
            finish("FINISH"),
            usage(Some(4), Some(2)),
            Piece::End,
            time("invocation_latency_ms", 30.0),
            time("first_byte_latency_ms", 10.0),
        ],
    );
    check_events(
        &[Event::new(
            "",
            r#"{"inputTextTokenCount":4,"results":[{"tokenCount":2,"outputText":"a b","completionReason":"LENGTH"}]}"#,
        )],
        &[text("a b"), finish("LENGTH"), usage(Some(4), Some(2)), Piece::End],
    );
}

#[test]
fn mistral_cohere_and_ai21_say_it_their_way() {
    check(
        &[
            r#"{"outputs":[{"text":"a","stop_reason":null}]}"#,
            r#"{"outputs":[{"text":"","stop_reason":"length"}]}"#,
        ],
        &[text("a"), finish("length"), Piece::End],
    );
    check(
        &[
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"stop_reason":null}]}"#,
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"b"},"stop_reason":"stop"}]}"#,
        ],
        &[text("a"), text("b"), finish("stop"), Piece::End],
    );
    check(
        &[
            r#"{"is_finished":false,"event_type":"text-generation","text":"a"}"#,
            r#"{"is_finished":true,"event_type":"stream-end","response":{"text":"a"},"text":"a","finish_reason":"COMPLETE"}"#,
        ],
        &[text("a"), finish("COMPLETE"), Piece::End],
    );
    check(
        &[
            r#"{"index":0,"is_finished":false,"text":"a"}"#,
            r#"{"finish_reason":"MAX_TOKENS","index":0,"is_finished":true}"#,
        ],
        &[text("a"), finish("MAX_TOKENS"), Piece::End],
    );
    check_events(
        &[Event::new(
            "",
            r#"{"id":"x","generations":[{"finish_reason":"COMPLETE","id":"y","text":"a"}],"prompt":"p"}"#,
        )],
        &[text("a"), finish("COMPLETE"), Piece::End],
    );
    check_events(
        &[Event::new(
            "",
            r#"{"id":1,"prompt":{"text":"p"},"completions":[{"data":{"text":"a","tokens":[]},"finishReason":{"reason":"endoftext"}}]}"#,
        )],
        &[text("a"), finish("endoftext"), Piece::End],
    );
    check(&[r#"{"choices":[{"text":"a","stop_reason":"stop"}]}"#], &[text("a"), finish("stop"), Piece::End]);
}

#[test]
fn nova_and_openais_kin_are_read_by_their_own_readers() {
    let metadata = format!(r#"{{"metadata":{{"usage":{{"inputTokens":4,"outputTokens":2}}}},{METRICS}}}"#);
    check(
        &[
            r#"{"messageStart":{"role":"assistant"}}"#,
            r#"{"contentBlockStart":{"start":{"toolUse":{"toolUseId":"t","name":"f"}},"contentBlockIndex":1}}"#,
            r#"{"contentBlockDelta":{"delta":{"toolUse":{"input":"{}"}},"contentBlockIndex":1}}"#,
            r#"{"contentBlockDelta":{"delta":{"text":"a"},"contentBlockIndex":0}}"#,
            r#"{"messageStop":{"stopReason":"end_turn"}}"#,
            &metadata,
        ],
        &[
            Piece::ToolCall((1, "f".into())),
            Piece::ToolCall((1, "{}".into())),
            text("a"),
            finish("end_turn"),
            Piece::End,
            usage(Some(4), Some(2)),
            time("invocation_latency_ms", 30.0),
            time("first_byte_latency_ms", 10.0),
        ],
    );
    let last = format!(r#"{{"choices":[],{METRICS}}}"#);
    check(
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            &last,
        ],
        &[
            text("a"),
            finish("stop"),
            usage(Some(4), Some(2)),
            time("invocation_latency_ms", 30.0),
            time("first_byte_latency_ms", 10.0),
            Piece::End,
        ],
    );
    check_events(
        &[Event::new("", r#"{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}"#)],
        &[text("a"), Piece::End, finish("stop")],
    );
}

#[test]
fn anthropics_events_and_messages_are_read() {
    check(
        &[
            r#"{"type":"message_start","message":{"content":[],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1,"cache_read_input_tokens":0}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"r"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        &[
            Piece::Usage(Usage {
                input_tokens: Some(3),
                output_tokens: Some(1),
                cached_input_tokens: Some(0),
                ..Usage::default()
            }),
            Piece::Reasoning("r".into()),
            text("a"),
            Piece::ToolCall((2, "f".into())),
            Piece::ToolCall((2, "{}".into())),
            finish("tool_use"),
            usage(None, Some(9)),
            Piece::End,
        ],
    );
    check_events(
        &[Event::new(
            "",
            r#"{"type":"message","content":[{"type":"text","text":"a"},{"type":"tool_use","name":"f","input":{"x":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}}"#,
        )],
        &[
            text("a"),
            Piece::ToolCall((1, "f".into())),
            Piece::ToolCall((1, "{\"x\":1}".into())),
            finish("tool_use"),
            usage(Some(3), Some(4)),
            Piece::End,
        ],
    );
    check(
        &[
            r#"{"type":"completion","completion":" a","stop_reason":null,"stop":null}"#,
            r#"{"completion":"","stop_reason":"stop_sequence"}"#,
        ],
        &[text(" a"), finish("stop_sequence"), Piece::End],
    );
}

#[test]
fn tool_calls_come_whole_from_command_r_and_mistral_and_keep_the_order_of_their_keys() {
    let expected = [
        Piece::ToolCall((0, "f".into())),
        Piece::ToolCall((0, r#"{"b":1,"a":2}"#.into())),
        finish("COMPLETE"),
        Piece::End,
    ];
    check(
        &[
            r#"{"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"b": 1,"a":2}}]}"#,
            r#"{"event_type":"stream-end","finish_reason":"COMPLETE","response":{"tool_calls":[{"name":"f","parameters":{"b":1,"a":2}}]}}"#,
        ],
        &expected,
    );
    check(
        &[
            r#"{"choices":[{"message":{"content":"","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{\"b\":1,\"a\":2}"}}]},"stop_reason":"COMPLETE"}]}"#,
        ],
        &expected,
    );
    check_events(
        &[Event::new(
            "",
            r#"{"type":"message","content":[{"type":"tool_use","name":"f","input":{"b":1,"a":2}}],"stop_reason":"COMPLETE"}"#,
        )],
        &expected,
    );
}

#[test]
fn failures_come_as_exceptions_or_in_a_chunk() {
    check_events(
        &[Event::new("modelTimeoutException", r#"{"message":"m"}"#), Event::new("sparkle", "{}")],
        &[fails("modelTimeoutException", "m")],
    );
    check(&[r#"{"message":"m"}"#], &[fails("", "m")]);
    check(
        &[r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#],
        &[fails("overloaded_error", "m")],
    );
    for bad in [r#"{"bytes":"!"}"#, "{not json", r#"{"bytes":"e25vdA=="}"#, r#"{"bytes":"Nw=="}"#] {
        let good = Event::new("chunk", r#"{"bytes":"eyJnZW5lcmF0aW9uIjoiYSJ9"}"#);
        let deltas = decode(&mut Answer::default(), &[good.clone(), Event::new("chunk", bad), good]);
        assert_eq!(deltas.len(), 2, "{bad}");
        assert!(matches!(&deltas[1].piece, Piece::Failure(_)), "{bad}");
    }
}
