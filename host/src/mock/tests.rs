//! The mock seen from outside: a plain client on a loopback socket.

mod client;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use client::{CHAT, MESSAGES, body, exchange, parse_response, post, read_response, words};

use super::{Delay, End, MockConfig, MockReport, RoleChunk, TruthRow, UsageMode, spawn};
use crate::units::{Span, Tokens};

/// Immediate answers of six tokens.
fn quick() -> MockConfig {
    let now = Delay::Fixed(Span(0));
    MockConfig { ttft: now, itl: now, output_tokens: Some(6), ..MockConfig::default() }
}

fn with_faults(rules: &[&str]) -> MockConfig {
    MockConfig { faults: rules.iter().map(|rule| rule.parse().unwrap()).collect(), ..quick() }
}

fn rows(path: &Path) -> Vec<TruthRow> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_chat_stream_has_role_tokens_finish_usage_and_done() {
    let mock = spawn(MockConfig { output_tokens: None, ..quick() }).unwrap();
    let mut body = body(true);
    body["max_tokens"] = json!(7);
    body["stream_options"] = json!({ "include_usage": true });
    let seen = post(&mock, CHAT, &body);
    assert_eq!((seen.status, seen.end), (200, "whole"));
    assert_eq!(seen.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events = seen.events();
    assert_eq!(events.len(), 1 + 7 + 1 + 1 + 1);
    assert_eq!(events[10], "[DONE]");
    let events: Vec<Value> = events[..10].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert!(events.iter().all(|event| event["id"] == "chatcmpl-mock-1" && event["model"] == "m"));
    assert_eq!(seen.header("x-request-id"), Some("chatcmpl-mock-1"));
    assert_eq!(events[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    assert_eq!(events[7]["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(events[8]["choices"][0]["finish_reason"], "length");
    assert!(events[..9].iter().all(|event| event["usage"] == Value::Null));
    assert_eq!(events[9]["choices"], json!([]));
    assert_eq!(events[9]["usage"]["prompt_tokens"], 1);
    assert_eq!(events[9]["usage"]["completion_tokens"], 7);
    assert_eq!((words(&seen.content()), seen.content().starts_with(' ')), (7, false));
}

#[test]
fn a_messages_stream_has_named_events_in_their_order() {
    let mock = spawn(MockConfig { reasoning_tokens: 2, output_tokens: Some(4), ..quick() }).unwrap();
    let seen = post(&mock, MESSAGES, &body(true));
    let names: Vec<&str> = seen.body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let opening =
        ["message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta"];
    let second = ["content_block_stop", "content_block_start", "content_block_delta", "content_block_delta"];
    assert_eq!(names[..5], opening);
    assert_eq!(names[5..9], second);
    assert_eq!(names[9..], ["content_block_stop", "message_delta", "message_stop"]);
    let events: Vec<Value> = seen.events().iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert!(names.iter().zip(&events).all(|(name, event)| event["type"] == *name));
    assert_eq!(events[0]["message"]["id"], "msg_mock_1");
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 1);
    assert_eq!((&events[3]["index"], &events[8]["index"]), (&json!(0), &json!(1)));
    assert_eq!(events[10]["delta"]["stop_reason"], "end_turn");
    assert_eq!(events[10]["usage"]["output_tokens"], 4);
    assert_eq!((words(&seen.content()), words(&seen.text("", "thinking"))), (2, 2));
}

#[test]
fn an_answer_that_is_not_streamed_is_one_object() {
    let mock = spawn(MockConfig { reasoning_tokens: 2, ..quick() }).unwrap();
    let chat = post(&mock, CHAT, &body(false)).json();
    let message = &chat["choices"][0]["message"];
    assert_eq!(words(message["content"].as_str().unwrap()), 4);
    assert_eq!(words(message["reasoning_content"].as_str().unwrap()), 2);
    assert_eq!(chat["usage"]["total_tokens"], 7);
    let message = post(&mock, MESSAGES, &body(false)).json();
    assert_eq!(words(message["content"][0]["thinking"].as_str().unwrap()), 2);
    assert_eq!(words(message["content"][1]["text"].as_str().unwrap()), 4);
    assert_eq!(message["usage"]["output_tokens"], 6);
}

#[test]
fn the_shape_of_a_stream_follows_the_configuration() {
    fn check(config: MockConfig, path: &str, events: usize, content: usize) {
        let label = format!("{config:?} {path}");
        let mock = spawn(config).unwrap();
        let seen = post(&mock, path, &body(true));
        assert_eq!(
            (seen.end, seen.events().len(), words(&seen.content())),
            ("whole", events, content),
            "{label}"
        );
    }
    check(quick(), CHAT, 1 + 6 + 1 + 1, 6);
    check(quick(), MESSAGES, 3 + 6 + 3, 6);
    check(MockConfig { tokens_per_event: 4, ..quick() }, CHAT, 1 + 2 + 1 + 1, 6);
    check(MockConfig { events_per_write: 4, ..quick() }, CHAT, 1 + 6 + 1 + 1, 6);
    check(MockConfig { split: Some(1), ..quick() }, CHAT, 1 + 6 + 1 + 1, 6);
    check(MockConfig { usage: UsageMode::Always, ..quick() }, CHAT, 1 + 6 + 1 + 1 + 1, 6);
    check(MockConfig { role: RoleChunk::None, ..quick() }, CHAT, 6 + 1 + 1, 6);
    check(MockConfig { role: RoleChunk::Late, ..quick() }, CHAT, 1 + 6 + 1 + 1, 6);
    check(MockConfig { role: RoleChunk::Late, ..quick() }, MESSAGES, 3 + 6 + 3, 6);
    check(MockConfig { done: false, ..quick() }, CHAT, 1 + 6 + 1, 6);
    check(MockConfig { comments: true, ..quick() }, CHAT, 1 + 6 + 1 + 1, 6);
    check(MockConfig { reasoning_tokens: 6, ..quick() }, CHAT, 1 + 6 + 1 + 1, 0);
    check(MockConfig { reasoning_tokens: 6, ..quick() }, MESSAGES, 3 + 6 + 3, 0);
    check(MockConfig { reasoning_tokens: 2, tokens_per_event: 4, ..quick() }, CHAT, 1 + 2 + 1 + 1, 4);
    check(MockConfig { output_tokens: Some(0), ..quick() }, CHAT, 1 + 1 + 1, 0);
    check(MockConfig { threads: 2, ..quick() }, CHAT, 1 + 6 + 1 + 1, 6);
    let late = post(&spawn(MockConfig { role: RoleChunk::Late, ..quick() }).unwrap(), CHAT, &body(true));
    assert!(late.events()[1].contains("\"role\""), "{}", late.body);
}

#[test]
fn a_fault_does_what_it_says() {
    /// Status, end, words of content, a piece of the body.
    fn check(rule: &str, path: &str, status: u16, end: &str, content: usize, piece: &str) {
        let mock = spawn(with_faults(&[rule])).unwrap();
        let seen = post(&mock, path, &body(true));
        let outcome = (seen.status, seen.end, words(&seen.content()));
        assert_eq!(outcome, (status, end, content), "{rule} {path}: {}", seen.body);
        assert!(seen.body.contains(piece), "{rule} {path}: {}", seen.body);
    }
    check("429", CHAT, 429, "whole", 0, "rate_limit_exceeded");
    check("429", MESSAGES, 429, "whole", 0, "rate_limit_error");
    check("500", CHAT, 500, "whole", 0, "server_error");
    check("529", MESSAGES, 529, "whole", 0, "overloaded_error");
    check("html", CHAT, 200, "whole", 0, "<html>");
    check("json", CHAT, 200, "whole", 0, "queue");
    check("empty", CHAT, 200, "whole", 0, "");
    check("close", CHAT, 0, "cut", 0, "");
    check("reset", CHAT, 200, "reset", 3, "");
    check("reset,after=0", CHAT, 200, "reset", 0, "\"role\"");
    check("reset,after=6", CHAT, 200, "reset", 6, "");
    check("truncate", CHAT, 200, "cut", 3, "");
    check("truncate,after=5", MESSAGES, 200, "cut", 5, "");
    check("malformed", CHAT, 200, "whole", 6, "not json");
    check("error-event", CHAT, 200, "whole", 3, "data: {\"error\":{");
    check("error-event", MESSAGES, 200, "whole", 3, "event: error\ndata: {\"type\":\"error\"");
    check("after-done", CHAT, 200, "whole", 7, "[DONE]\n\ndata: {");
    check("usage", CHAT, 200, "whole", 6, "completion_tokens");
    check("comments", CHAT, 200, "whole", 6, ": keep-alive\n\n");
    let no_done = post(&spawn(with_faults(&["no-done"])).unwrap(), MESSAGES, &body(true));
    assert!(no_done.end == "whole" && !no_done.body.contains("message_stop"));
    let no_usage = post(&spawn(with_faults(&["no-usage"])).unwrap(), MESSAGES, &body(true));
    assert!(!no_usage.body.contains("usage"));
}

#[test]
fn a_fault_strikes_an_answer_that_is_not_streamed_too() {
    fn check(rule: &str, status: u16, end: &str, piece: &str) {
        let seen = post(&spawn(with_faults(&[rule])).unwrap(), CHAT, &body(false));
        assert_eq!((seen.status, seen.end), (status, end), "{rule}: {}", seen.body);
        assert!(seen.body.contains(piece), "{rule}: {}", seen.body);
    }
    check("503", 503, "whole", "server_error");
    check("reset", 200, "reset", "{\"id\"");
    check("truncate", 200, "cut", "{\"id\"");
    check("malformed", 200, "whole", "{\"id\"");
    check("error-event", 200, "whole", "{\"error\"");
    check("endless", 200, "whole", "1000000");
}

#[test]
fn error_answers_carry_the_headers_of_their_status() {
    fn check(rule: &str, header: &str, expected: Option<&str>) {
        let seen = post(&spawn(with_faults(&[rule])).unwrap(), CHAT, &body(true));
        assert_eq!(seen.header(header), expected, "{rule}");
        assert_eq!(seen.header("x-request-id"), Some("chatcmpl-mock-1"));
    }
    check("429", "retry-after", Some("1"));
    check("429,retry-after=1500ms", "retry-after", Some("2"));
    check("429,retry-after=1500ms", "retry-after-ms", Some("1500"));
    check("503,retry-after=none", "retry-after", None);
    check("500", "retry-after", None);
    check("302", "location", Some("/redirected"));
}

#[test]
fn what_is_no_request_of_the_apis_is_refused() {
    fn check(request: &str, status: u16, piece: &str) {
        let config = MockConfig { api_key: Some("right".to_owned()), ..quick() };
        let seen = exchange(&spawn(config).unwrap(), request);
        assert_eq!(seen.status, status, "{request}: {}", seen.body);
        assert!(seen.body.contains(piece), "{request}: {}", seen.body);
    }
    let close = "HTTP/1.1\r\nconnection: close\r\n";
    check(&format!("GET /health {close}\r\n"), 200, "ok");
    check(&format!("GET /v1/models?limit=1 {close}\r\n"), 200, "\"id\":\"mock\"");
    check(&format!("GET /v1/nothing {close}\r\n"), 404, "unknown path /v1/nothing");
    check(&format!("GET {CHAT} {close}\r\n"), 405, "takes POST");
    check(&format!("POST {CHAT} {close}\r\n"), 401, "invalid_api_key");
    check(&format!("POST {CHAT} {close}authorization: Bearer wrong\r\n\r\n"), 401, "invalid_api_key");
    check(&format!("POST {CHAT} {close}authorization: Bearer right\r\n\r\n"), 400, "cannot read the request");
    check(&format!("POST {MESSAGES} {close}x-api-key: right\r\n\r\n"), 400, "\"type\":\"error\"");
    check(&format!("POST {CHAT} {close}content-length: 99999999999\r\n\r\n"), 413, "64 MiB");
    check(&format!("POST {CHAT} {close}content-length: x\r\n\r\n"), 400, "content-length");
    check(&format!("POST {CHAT} {close}transfer-encoding: chunked\r\n\r\nzz\r\n"), 400, "chunk");
    check("\0\0\0\0\r\n\r\n", 400, "no HTTP/1 request");
}

#[test]
fn a_request_is_read_however_it_is_sent() {
    fn check(request: &str, body: &str) {
        let mock = spawn(quick()).unwrap();
        let request = request.replace("BODY", body);
        let mut socket = TcpStream::connect(mock.addr()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.set_nodelay(true).unwrap();
        for piece in request.as_bytes().chunks(7) {
            socket.write_all(piece).unwrap();
        }
        let seen = read_response(&mut socket);
        assert_eq!((seen.status, words(&seen.content())), (200, 6), "{request}: {}", seen.body);
    }
    let body = body(true).to_string();
    let (head, size) = (format!("POST {CHAT} HTTP/1.1\r\nConnection: Close\r\n"), body.len());
    check(&format!("{head}Content-Length: {size}\r\n\r\nBODY"), &body);
    check(&format!("{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\nBODY\r\n0\r\nx: y\r\n\r\n"), &body);
    check(
        &format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n{:x}\r\nBODY\r\n0\r\n\r\n", size - 1),
        &body[1..],
    );
    check(&format!("POST {CHAT}?a=b HTTP/1.0\r\nContent-Length: {size}\r\n\r\nBODY"), &body);
}

#[test]
fn a_connection_serves_requests_one_after_another() {
    let dir = tempfile::tempdir().unwrap();
    let truth = dir.path().join("truth.jsonl");
    let mock = spawn(MockConfig { truth: Some(truth.clone()), ..quick() }).unwrap();
    let body = body(false).to_string();
    let request = format!("POST {CHAT} HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    let two = format!("{request}\r\n{body}{request}connection: close\r\n\r\n{body}");
    let mut socket = TcpStream::connect(mock.addr()).unwrap();
    socket.write_all(two.as_bytes()).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert!(text.contains("chatcmpl-mock-1") && text.contains("chatcmpl-mock-2"));
    let report = mock.stop().unwrap();
    assert_eq!((report.connections, report.requests, report.tokens), (1, 2, Tokens(12)));
    assert_eq!(rows(&truth).iter().map(|row| (row.n, row.conn)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
}

#[test]
fn a_client_that_waits_for_leave_to_send_its_body_gets_it() {
    let mock = spawn(quick()).unwrap();
    let body = body(true).to_string();
    let mut socket = TcpStream::connect(mock.addr()).unwrap();
    let head = format!("POST {CHAT} HTTP/1.1\r\nconnection: close\r\nexpect: 100-continue\r\n");
    socket.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    let mut leave = [0; 25];
    socket.read_exact(&mut leave).unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(body.as_bytes()).unwrap();
    assert_eq!(words(&read_response(&mut socket).content()), 6);
}

#[test]
fn the_truth_log_tells_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let truth = dir.path().join("truth.jsonl");
    let (ttft, itl) = (Delay::Fixed(Span::from_millis(20)), Delay::Fixed(Span::from_millis(5)));
    let config = MockConfig { ttft, itl, truth: Some(truth.clone()), ..with_faults(&["reset:#2", "500:#3"]) };
    let mock = spawn(config).unwrap();
    let ids: Vec<Option<String>> = [CHAT, CHAT, MESSAGES, "/v1/nothing?key=test-key"]
        .iter()
        .map(|path| post(&mock, path, &body(true)).header("x-request-id").map(str::to_owned))
        .collect();
    let report = mock.stop().unwrap();
    assert!(!std::fs::read_to_string(&truth).unwrap().contains("test-key"));
    let rows = rows(&truth);
    assert_eq!(rows.iter().map(|row| Some(row.id.clone())).collect::<Vec<_>>(), ids);
    let outcomes: Vec<_> = rows.iter().map(|r| (r.status, r.tokens, r.end, r.fault.as_deref())).collect();
    assert_eq!(outcomes[0], (Some(200), 6, End::Complete, None));
    assert_eq!(outcomes[1], (Some(200), 3, End::Reset, Some("reset")));
    assert_eq!(outcomes[2], (Some(500), 0, End::Complete, Some("500")));
    assert_eq!(outcomes[3], (Some(404), 0, End::Complete, None));
    let row = &rows[0];
    assert_eq!((row.auth, row.prompt_bytes, row.max_tokens, row.path.as_str()), (true, 4, None, CHAT));
    assert_eq!((row.token_ns.len(), row.events), (6, 6));
    for (i, token) in row.token_ns.iter().enumerate() {
        assert!(*token >= row.request_ns + 20_000_000 + 5_000_000 * i as u64, "token {i} came early");
    }
    assert!(row.request_ns <= row.head_ns.unwrap() && row.head_ns < row.first_token_ns);
    assert_eq!((row.first_token_ns, row.last_token_ns), (Some(row.token_ns[0]), Some(row.token_ns[5])));
    assert!(row.last_token_ns <= row.end_ns);
    let late_max = Span(rows.iter().map(|row| row.late_ns).max().unwrap());
    let expected =
        MockReport { connections: 4, requests: 4, client_gone: 0, tokens: Tokens(9), events: 9, late_max };
    assert_eq!(report, expected);
}

#[test]
fn a_stopped_mock_cuts_its_answers_and_logs_them() {
    let dir = tempfile::tempdir().unwrap();
    let truth = dir.path().join("truth.jsonl");
    let mock = spawn(MockConfig { truth: Some(truth.clone()), ..with_faults(&["stall,after=2"]) }).unwrap();
    let body = body(true).to_string();
    let mut socket = TcpStream::connect(mock.addr()).unwrap();
    write!(socket, "POST {CHAT} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    // The role chunk and the two tokens have come when three events have.
    let mut got = String::new();
    while got.matches("\n\n").count() < 3 {
        let mut some = [0; 512];
        let read = socket.read(&mut some).unwrap();
        got += std::str::from_utf8(&some[..read]).unwrap();
    }
    let report = mock.stop().unwrap();
    assert_eq!((report.requests, report.client_gone), (1, 0));
    assert_eq!(rows(&truth)[0].end, End::Stopped);
    assert_ne!(read_response(&mut socket).end, "whole");
}

#[test]
fn the_seed_decides_words_and_delays() {
    let draw = |seed| {
        let mock = spawn(MockConfig { seed, ..quick() }).unwrap();
        let first = post(&mock, CHAT, &body(true)).content();
        (first, post(&mock, CHAT, &body(true)).content())
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let (first, second) = draw(1);
    assert_ne!(first, second);
}

#[test]
fn a_configuration_or_truth_log_that_cannot_be_is_an_error() {
    fn check(config: MockConfig, expected: &str) {
        let error = format!("{:#}", spawn(config).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    check(MockConfig { threads: 0, ..quick() }, "threads is 0");
    check(MockConfig { split: Some(0), ..quick() }, "split is 0");
    check(MockConfig { tokens_per_event: 0, ..quick() }, "tokens per event is 0");
    let dir = tempfile::tempdir().unwrap();
    check(MockConfig { truth: Some(dir.path().to_owned()), ..quick() }, "cannot create the truth log");
}

#[tokio::test]
async fn a_thousand_streams_run_at_once() {
    const STREAMS: usize = 1000;
    // The first token is due only when all the streams had time to open: 1,000 are open together.
    let ttft = Delay::Fixed(Span::from_secs(2));
    let mock = spawn(MockConfig { ttft, itl: Delay::Fixed(Span::from_millis(20)), ..quick() }).unwrap();
    let body = body(true).to_string();
    let head = format!("POST {CHAT} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}", body.len());
    let (request, addr) = (format!("{head}\r\n\r\n{body}"), mock.addr());
    let mut sockets = Vec::new();
    for _ in 0..STREAMS {
        let socket = tokio::net::TcpStream::connect(addr).await.unwrap();
        assert_eq!(socket.try_write(request.as_bytes()).unwrap(), request.len());
        sockets.push(socket);
    }
    for socket in sockets {
        let mut bytes = vec![0; 8192];
        let mut filled = 0;
        loop {
            match super::socket::read(&socket, &mut bytes[filled..]).await.unwrap() {
                0 => break,
                read => filled += read,
            }
        }
        let seen = parse_response(std::str::from_utf8(&bytes[..filled]).unwrap(), false);
        assert_eq!((seen.end, words(&seen.content())), ("whole", 6));
    }
    // Nothing is left to end, so stopping does not keep this thread.
    let report = mock.stop().unwrap();
    assert_eq!((report.requests, report.tokens), (1000, Tokens(6000)));
}
