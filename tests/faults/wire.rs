//! What breaks between client and server.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::table::Case;
use crate::support::{Asked, Done, Results, Server, load_small, mock, say, sse};

pub(crate) const CASES: &[Case] = &[
    Case {
        exit: Some(5),
        failure: "reset",
        ..Case::new("the connection is reset in mid-stream", || {
            load_small(&mock(&["--fault", "reset,after=4"]).base, TWO)
        })
    },
    Case {
        exit: Some(5),
        failure: "truncated",
        ..Case::new("the connection is closed within a chunk", || {
            served(|_, socket| begin(socket, "50\r\ndata: "))
        })
    },
    Case {
        exit: Some(5),
        failure: "protocol",
        says: &["chunk size"],
        ..Case::new("the size of a chunk is no number", || {
            served(|_, socket| begin(socket, "5\r\ndata:\r\nxyz\r\n"))
        })
    },
    Case {
        exit: Some(5),
        failure: "bad_response",
        says: &["compressed (content-encoding: gzip), which was not asked for"],
        ..Case::new("a stream comes compressed", || served(|_, socket| compressed(socket, "200 OK")))
    },
    Case {
        exit: Some(5),
        failure: "http_status",
        says: &["503 Service Unavailable; the body is compressed", "gzip), which was not asked for"],
        ..Case::new("an error comes compressed", || served(|_, socket| compressed(socket, "503 Busy")))
    },
    Case::new("a stream is said to be compressed, and is not", || {
        served(|_, socket| {
            let answer = sse(&["a", " b"]);
            say(socket, &answer.replacen("\r\n", "\r\ncontent-encoding: gzip\r\n", 1));
        })
    }),
    Case {
        exit: Some(5),
        failure: "stall",
        says: &["the response head was not complete after 0.5 s"],
        ..Case::new("a head comes byte by byte and does not end", || {
            let server = Server::start(|_, socket| {
                say(socket, "HTTP/1.1 200 OK\r\nx-slow: ");
                // Until the client has gone.
                while socket.write_all(b"a").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            load_small(&server.base, &["--requests", "1", "--read-timeout", "0.5"])
        })
    },
    // From the request to the first byte of the body it is longer than the deadline; neither half is.
    Case::new("a late head is an arrival", || {
        let server = Server::start(|_, socket| {
            let answer = sse(&["a"]);
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            std::thread::sleep(Duration::from_millis(1600));
            say(socket, &format!("{head}\r\n\r\n"));
            std::thread::sleep(Duration::from_millis(1600));
            say(socket, body);
        });
        load_small(&server.base, &["--requests", "1", "--read-timeout", "3"])
    }),
];

const TWO: &[&str] = &["--requests", "2", "--concurrency", "1"];

fn served(answer: fn(&Asked, &mut TcpStream)) -> (Done, Results) {
    load_small(&Server::start(answer).base, TWO)
}

/// A stream in chunks that begins so.
fn begin(socket: &mut TcpStream, chunks: &str) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    say(socket, &format!("{head}{chunks}"));
}

/// A small stream, by gzip.
const COMPRESSED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x49\x2c\x49\xb4\x52\xa8\x56\x4a\xce\xc8\xcf\x4c\x4e\x2d\x56\xb2\x8a\xae\x56\xca\xcc\x4b\x49\xad\x50\xb2\x32\xd0\x51\x4a\x49\xcd\x29\x49\x54\xb2\x02\x4a\xe7\xe7\x95\xa4\xe6\x95\x28\x59\x29\x65\xa4\xe6\xe4\xe4\x2b\xd5\xd6\xc6\xd6\x72\x71\xa5\x80\x35\x47\xbb\xf8\xfb\xb9\xc6\x72\x71\x01\x00\x0a\x9a\xe9\x0e\x4b\x00\x00\x00";

fn compressed(socket: &mut TcpStream, status: &str) {
    let kind = "content-type: text/event-stream\r\ncontent-encoding: gzip";
    say(socket, &format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {}\r\n\r\n", COMPRESSED.len()));
    // The client may have gone.
    let _ = socket.write_all(COMPRESSED);
}
