//! The key reaches the server and nobody else: no guest, no file, no terminal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bound::{alone, check_bounds, check_fault};
use crate::harness::{KEY, Mock, load};

/// A server that says back the key it was sent, wherever it can: in the head, in the response's id, in its text, and with
/// another status than 200 in its error.
struct Parrot {
    base_url: String,
    keys_seen: Arc<AtomicUsize>,
}

impl Parrot {
    fn start(status: &'static str, model: &'static str) -> Parrot {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let keys_seen = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&keys_seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A connection that sends nothing ends with an error, and with its thread.
                thread::spawn(move || answer(stream, status, model, &seen));
            }
        });
        Parrot { base_url, keys_seen }
    }
}

fn answer(stream: TcpStream, status: &str, model: &str, keys_seen: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                key = value.trim_start_matches("Bearer ").to_owned();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap_or(0)
            }
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut vec![])?;
    keys_seen.fetch_add(usize::from(key == KEY), Ordering::SeqCst);
    let chunk = |content: &str, finish: &str| {
        format!(
            r#"data: {{"id":"{key}-1","model":"{model}","choices":[{{"delta":{{"content":"{content}"}},"finish_reason":{finish}}}]}}"#
        )
    };
    let body = match status {
        "200 OK" => format!(
            "{}\n\n{}\n\ndata: [DONE]\n\n",
            chunk(&format!("not {key} "), "null"),
            chunk("", r#""stop""#)
        ),
        _ => format!(r#"{{"error":{{"message":"no such key: {key}","code":"{key}"}}}}"#),
    };
    let kind = if status == "200 OK" { "text/event-stream" } else { "application/json" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nx-request-id: {key}\r\nx-echo: Bearer {key}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    (&stream).write_all(format!("{head}{body}").as_bytes())
}

#[test]
fn a_server_that_says_the_key_back_tells_it_to_no_guest_and_no_file() {
    let _alone = alone();
    for (status, model, expected, kind) in [
        ("200 OK", "memory-scan", "the key is not found", "ok"),
        ("200 OK", "memory-scan-control", "the key is found", "ok"),
        ("200 OK", "show-head", "Bearer ****", "ok"),
        ("200 OK", "plain", "not ****", "ok"),
        ("401 Unauthorized", "plain", "no such key: ****", "http_status"),
    ] {
        let parrot = Parrot::start(status, model);
        let outcome = load(&parrot.base_url, model, &["-n", "2", "-c", "1"]);
        check_bounds(model, &outcome);
        assert_eq!(parrot.keys_seen.load(Ordering::SeqCst), 2, "{model}: the server was sent the key");
        assert_eq!(outcome.kinds(), [kind; 2], "{model}: {}", outcome.stderr);
        let said = if kind == "ok" { outcome.texts()[1] } else { outcome.message() };
        assert!(said.contains(expected), "{model}: {said:?}");
        assert!(!outcome.stdout.contains(KEY) && !outcome.stderr.contains(KEY), "{model}");
    }
}

#[test]
fn no_key_is_in_the_memory_of_a_guest_that_builds() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    check_fault(&mock, "memory-scan-build", "plugin_request", "the key is not found");
}
