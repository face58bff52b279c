//! The key goes to the server, and nowhere else: not even back, from a server that repeats it wherever it can.

use std::net::TcpStream;

use crate::support::{Asked, Results, SMALL, Server, llmperf, mock, say, sse};

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
fn a_key_in_a_base_url_is_refused_with_the_remedy_and_not_repeated() {
    let refused = |run: crate::support::Cli, words: &[&str]| {
        let results = Results::new();
        let done = run.args(SMALL).args(results.flag()).done().exits(2);
        for word in words {
            assert!(done.stderr.contains(word), "{word:?} is not in {}", done.stderr);
        }
        assert!(!done.stderr.contains(&KEY[..14]) && !done.stdout.contains(&KEY[..14]), "{done:?}");
        assert!(results.all_files().is_empty());
    };
    for name in ["api_key", "key", "apiKey", "access_token", "subscription-key", "sig", "X-Amz-Credential"] {
        let base = format!("http://127.0.0.1:9/v1?a=b&{name}={KEY}");
        let words = [&format!("({name}=…)"), "hint:", "--key-env", "scheme = \"query\""];
        refused(llmperf("load").args(["--base-url", &base]), &words);
        refused(llmperf("load").env("OPENAI_API_BASE", &base).env("OPENAI_API_KEY", "x"), &words);
    }
    // Nor is it repeated where something else is wrong.
    for base in [format!("localhost:9/v1?key={KEY}"), format!("http://me:{KEY}@host:port/?key={KEY}")] {
        refused(llmperf("load").args(["--base-url", &base]), &["--base-url", "hint:"]);
    }
    let header = format!("Authorization Bearer {KEY}");
    refused(llmperf("load").args(["--base-url", "http://127.0.0.1:9", "--header", &header]), &["--header"]);
}

#[test]
fn a_query_without_a_key_goes_with_every_request() {
    let server = Server::start(|asked, socket| {
        assert!(
            asked.head.starts_with("POST /v1/chat/completions?api-version=2024-10-21 HTTP"),
            "{}",
            asked.head
        );
        say(socket, &sse(&["a"]));
    });
    let base = format!("{}?api-version=2024-10-21", server.base);
    llmperf("load").args(["--base-url", &base, "--requests", "1"]).args(SMALL).done().exits(0);
}

#[test]
fn a_key_in_the_query_of_a_providers_own_is_sent_and_shown_nowhere() {
    let server = Server::start(|asked, socket| {
        assert!(asked.head.contains(&format!("?key={KEY} HTTP")), "{}", asked.head);
        let body = format!("{{\"error\":{{\"message\":\"no {KEY} here\"}}}}");
        let length = body.len();
        say(socket, &format!("HTTP/1.1 401 No\r\ncontent-length: {length}\r\n\r\n{body}"));
    });
    let results = Results::new();
    for pair in [
        r#"credential = [{ scheme = "query", name = "key", env = ["MY_KEY"] }]"#,
        r#"query = { key = "{MY_KEY}" }"#,
    ] {
        let file = results.path().join("providers.toml");
        let table = format!(
            "[[provider]]\nname = \"ours\"\napi = \"openai-chat\"\nbase_url = \"{}\"\n{pair}\n",
            server.base
        );
        std::fs::write(&file, table).expect("a file");
        let run = llmperf("load")
            .env("MY_KEY", KEY)
            .args(["--llm-api", "ours", "--requests", "1", "--providers"])
            .args([&file]);
        let done = run.args(SMALL).args(results.flag()).done().exits(5);
        assert!(
            done.stdout.contains("401") && !done.stdout.contains(KEY) && !done.stderr.contains(KEY),
            "{done:?}"
        );
        for (path, bytes) in results.all_files() {
            assert!(!String::from_utf8_lossy(&bytes).contains(KEY), "{} holds the key", path.display());
        }
    }
}

#[test]
fn a_header_of_a_provider_that_frames_the_message_is_refused() {
    let dir = Results::new();
    let file = dir.path().join("providers.toml");
    for (line, name) in [
        (r#"headers = { Transfer-Encoding = "chunked" }"#, "transfer-encoding"),
        (r#"credential = [{ scheme = "header", name = "Host", env = ["MY_KEY"] }]"#, "host"),
    ] {
        let table = format!(
            "[[provider]]\nname = \"ours\"\napi = \"openai-chat\"\nbase_url = \"http://127.0.0.1:9\"\n{line}\n"
        );
        std::fs::write(&file, table).expect("a file");
        let run = llmperf("load").env("MY_KEY", KEY).args(["--llm-api", "ours", "--providers"]).args([&file]);
        let done = run.args(SMALL).done().exits(2);
        let frames = format!("{name} frames the message");
        assert!(done.stderr.contains(&frames) && done.stderr.contains("hint:"), "{}", done.stderr);
    }
}

#[test]
fn a_process_that_holds_keys_leaves_no_core_dump() {
    let (asked, is_asked) = std::sync::mpsc::channel();
    let (seen, is_seen) = std::sync::mpsc::channel::<()>();
    let is_seen = std::sync::Mutex::new(is_seen);
    let server = Server::start(move |_, socket| {
        // Whoever waits has gone only where the test has failed.
        let _ = asked.send(());
        let _ = is_seen.lock().map(|seen| seen.recv());
        say(socket, &sse(&["a"]));
    });
    let script = "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\"";
    let run = crate::support::Cli::of("sh").args(["-c", script, env!("CARGO_BIN_EXE_llmperf"), "load"]);
    let run = run.args(["--base-url", &server.base, "--requests", "1"]).args(SMALL).start();
    is_asked.recv_timeout(std::time::Duration::from_secs(60)).expect("a request");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", run.pid())).expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    seen.send(()).expect("the server waits");
    run.wait().exits(0);
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
