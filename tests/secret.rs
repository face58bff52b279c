//! The key goes to the server, and nowhere else: not even back, from a server that repeats it wherever it can.

mod support;

use std::net::TcpStream;

use support::{Asked, Results, SMALL, Server, llmperf, mock, say, sse};

const KEY: &str = "sk-test-0123456789abcdef";

/// Every place of a response that reaches a record, a message, a log or a plugin.
const ANSWERS: u64 = 14;

fn repeat_the_key(asked: &Asked, socket: &mut TcpStream) {
    let sent = asked.header("authorization").unwrap_or_default();
    let key = sent.trim_start_matches("Bearer ").to_owned();
    assert_eq!(key, KEY, "the server must get the key");
    let (first, second) = key.split_at(9);
    let escaped: String = key.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let answer = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let json = "content-type: application/json\r\n";
    let stream = "content-type: text/event-stream\r\n";
    let error = |text: &str| format!("{{\"error\":{{\"message\":\"no {text} here\",\"code\":\"{text}\"}}}}");
    let response = match asked.n {
        0 => sse(&["the key is ", &key]).replacen("\r\n", &format!("\r\nx-request-id: {key}\r\n"), 1),
        // In two events, and in an escaped form.
        1 => sse(&[first, second]).replacen("\r\n", &format!("\r\nx-echo: {sent}\r\n"), 1),
        2 => sse(&["a"]).replacen("\"a\"", &format!("\"{escaped}\""), 1),
        3 => answer("401 Unauthorized", json, &error(&key)),
        4 => answer("400 Bad Request", json, &error(&escaped)),
        5 => answer("500 Oops", "content-type: text/plain\r\n", &format!("bad {key}")),
        6 => answer(&format!("403 {key}"), json, ""),
        7 => answer("307 Elsewhere", &format!("location: http://elsewhere/?key={key}\r\n"), ""),
        8 => answer("200 OK", stream, &format!("data: {}\n\n", error(&key))),
        9 => answer("200 OK", &format!("content-type: {key}\r\n"), "what"),
        10 => answer("200 OK", stream, &format!("data: {{\"{key}\": not json {key}\n\n")),
        11 => {
            let chunk =
                format!(r#"{{"choices":[{{"delta":{{"content":"a"}},"finish_reason":"{escaped}"}}]}}"#);
            answer("200 OK", stream, &format!("data: {chunk}\n\ndata: [DONE]\n\n"))
        }
        12 => format!("HTTP/1.1 200 OK\r\n{key}\r\n\r\n"),
        // The id is cut to a length that ends within the key.
        _ => {
            let id = "i".repeat(980) + &key;
            sse(&["a"]).replacen("\r\n", &format!("\r\nx-request-id: {id}\r\n"), 1)
        }
    };
    say(socket, &response);
}

#[test]
fn a_key_that_the_server_repeats_is_found_nowhere() {
    let server = Server::start(repeat_the_key);
    for output in ["text", "json"] {
        let results = Results::new();
        let n = ANSWERS.to_string();
        let flags = ["--requests", &n, "--concurrency", "1", "--save-text", "--output", output];
        let run = llmperf("load").env("OPENAI_API_KEY", KEY).env("OPENAI_API_BASE", &server.base);
        let done = run.args(SMALL).args(flags).args(results.flag()).done();
        let mut places: Vec<(String, Vec<u8>)> = results
            .all_files()
            .into_iter()
            .map(|(path, bytes)| (path.display().to_string(), bytes))
            .collect();
        places.push(("stdout".to_owned(), done.stdout.clone().into_bytes()));
        places.push(("stderr".to_owned(), done.stderr.clone().into_bytes()));
        assert!(places.len() >= 7, "{places:?}");
        // Half of it is too much already.
        for (place, bytes) in &places {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().find(|line| line.contains(&KEY[..14]));
            assert_eq!(line, None, "{place} holds the key");
        }
        done.exits(0);
        assert_eq!(results.records().len() as u64, ANSWERS);
        let text = &results.records()[0].output.clone().expect("the text").text;
        assert!(text.starts_with("the key is ") && text.len() > "the key is ".len(), "{text}");
        // The second run is asked from the start again.
        if output == "text" {
            assert_eq!(server.asked(), ANSWERS);
            server.forget();
        }
    }
}

#[test]
fn the_key_reaches_the_server_that_wants_it() {
    let results = Results::new();
    let mock = mock(&[]);
    let run = llmperf("load").env("MY_KEY", KEY).args(["--key-env", "MY_KEY", "--base-url", &mock.base]);
    run.args(SMALL).args(["--requests", "2"]).args(results.flag()).done().exits(0);
    assert!(mock.truth().iter().all(|row| row.auth));
    let plan = results.of_run("manifest.json")["plan"].clone();
    assert_eq!((&plan["credential"], &plan["provider"]), (&true.into(), &"openai".into()));
}

#[test]
fn a_header_of_the_users_own_is_named_and_not_shown() {
    let server = Server::start(|asked, socket| {
        let echo = asked.header("x-api-key").unwrap_or_default().to_owned();
        let body = format!("{{\"error\":{{\"message\":\"{echo} is not known\"}}}}");
        let length = body.len();
        say(
            socket,
            &format!("HTTP/1.1 401 No\r\nx-request-id: {echo}\r\ncontent-length: {length}\r\n\r\n{body}"),
        );
    });
    let results = Results::new();
    let header = format!("x-api-key: {KEY}");
    let flags = ["--base-url", &server.base, "--header", &header, "--requests", "1"];
    let done = llmperf("load").args(SMALL).args(flags).args(results.flag()).done().exits(5);
    assert_eq!(results.of_run("manifest.json")["plan"]["headers"], serde_json::json!(["x-api-key"]));
    for (path, bytes) in results.all_files() {
        assert!(
            !String::from_utf8_lossy(&bytes).contains(KEY),
            "{} holds the header's value",
            path.display()
        );
    }
    assert!(!done.stdout.contains(KEY) && !done.stderr.contains(KEY), "{done:?}");
}
