//! A server for what the mock may not do: it shows the bytes of a request, and answers with any bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nobody leaves a request half sent for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request, as it came.
pub(crate) struct Asked {
    /// Its number in the order of arrival, from 0.
    pub(crate) n: u64,
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A server on a free port.
pub(crate) struct Server {
    /// Its base URL.
    pub(crate) base: String,
    asked: Arc<AtomicU64>,
}

impl Server {
    /// Serves one request a connection: `answer` writes the response, and the connection is closed when it returns.
    pub(crate) fn start(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let (asked, answer) = (Arc::new(AtomicU64::new(0)), Arc::new(answer));
        let server = Server { base, asked: Arc::clone(&asked) };
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut socket = socket;
                    if let Some((head, body)) = read_request(&mut socket) {
                        let n = asked.fetch_add(1, Ordering::SeqCst);
                        answer(&Asked { n, head, body }, &mut socket);
                        // What the client had still to say does not turn the end into a reset.
                        let _ = socket.shutdown(Shutdown::Write);
                        let _ = std::io::copy(&mut socket, &mut std::io::sink());
                    }
                });
            }
        });
        server
    }

    /// How many requests have come.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Counts from 0 again.
    pub(crate) fn forget(&self) {
        self.asked.store(0, Ordering::SeqCst);
    }
}

/// A response of chat chunks with these texts.
pub(crate) fn sse(texts: &[&str]) -> String {
    let mut body: String = texts
        .iter()
        .map(|text| {
            format!("data: {}\n\n", serde_json::json!({"choices":[{"index":0,"delta":{"content":text}}]}))
        })
        .collect();
    body += "data: [DONE]\n\n";
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
}

/// `None` where the connection ends first.
fn read_request(socket: &mut TcpStream) -> Option<(String, String)> {
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        let read = socket.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}

/// Writes, and does not mind a client that has gone.
pub(crate) fn say(socket: &mut TcpStream, text: &str) {
    let _ = socket.write_all(text.as_bytes());
}
