//! What no server should send, and some will: a plugin must neither trap nor fail over it, whatever it makes of it.
//! Seeded, so that every check of a component sees the same bytes.

use http::{HeaderMap, HeaderValue, StatusCode};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cost::Meter;
use super::decode::Stream;
use super::{Subject, fresh};
use crate::plugin::Plugin;
use crate::record::{EventBatch, Head};
use crate::units::Stamp;

/// Made-up answers; each takes an instance of its own.
const ANSWERS: usize = 100;
const EVENTS_EACH: usize = 8;
const SEED: u64 = 1;

/// Pieces that mean something to one format or another.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "\u{feff}",
    "é",
    "\u{202e}",
    "[DONE]",
    "\"choices\"",
    "\"delta\"",
    "\"content\"",
    "\"text\"",
    "\"error\"",
    "\"usage\"",
    "\"type\"",
    "\"message\"",
    "{}",
    "[]",
    "[[]]",
    "{\"choices\":[]}",
    "{\"error\":null}",
    "{\"usage\":{}}",
    " ",
    "\n",
];

const NAMES: &[&str] = &["", "message", "error", "done", "chunk", "ping", "exception", "\u{1b}[31m", "a\nb"];

/// The evidence or what failed; and the made-up answers that were decoded, for other checks.
pub(super) fn check(
    subject: &Subject<'_>,
    recorded: &[Stream],
    meter: &mut Meter,
) -> (Result<String, Vec<String>>, Vec<Stream>) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let task = subject.plugin.description().task();
    let mut kept = vec![];
    let deep = ["[", "{\"a\":"].map(|open| open.repeat(20_000).into_bytes());
    let large = [b"\"".as_slice(), &vec![b'x'; 1 << 20], b"\""].concat();
    for (n, special) in
        deep.into_iter().chain([large]).map(Some).chain((0..ANSWERS).map(|_| None)).enumerate()
    {
        let stream = match special {
            Some(data) => one_event(task, &data),
            None => made_up(&mut random, task, recorded),
        };
        let size = 1 + n % EVENTS_EACH;
        match stream.decode_afresh(subject.plugin, size, meter) {
            // The large ones cost more than they tell.
            Ok(_) if n >= 3 && kept.len() < 8 => kept.push(stream),
            Ok(_) => {}
            Err(fault) => {
                return (Err(vec![format!("{fault}\nthe events: {}", shown(&stream))]), kept);
            }
        }
    }
    let evidence =
        format!("{} made-up answers of up to {EVENTS_EACH} events: no trap, no fault", ANSWERS + 3);
    (Ok(evidence), kept)
}

/// The events, each as far as it tells what it is.
fn shown(stream: &Stream) -> String {
    const MOST_CHARS: usize = 60;
    let events = stream.events.iter().map(|event| {
        let text = String::from_utf8_lossy(event.data);
        let start: String = text.chars().take(MOST_CHARS).collect();
        let rest = if start.len() < text.len() { "…" } else { "" };
        format!("{} bytes {start:?}{rest}", event.data.len())
    });
    events.collect::<Vec<_>>().join(", ")
}

fn one_event(task: &str, data: &[u8]) -> Stream {
    let mut events = EventBatch::default();
    events.push(Stamp(1), "", data);
    Stream { name: "made up".to_owned(), task: task.to_owned(), head: head(StatusCode::OK), events }
}

fn head(status: StatusCode) -> Head {
    Head { status, headers: HeaderMap::new() }
}

fn made_up(random: &mut ChaCha8Rng, task: &str, recorded: &[Stream]) -> Stream {
    let known: Vec<(&str, &[u8])> = recorded
        .iter()
        .flat_map(|stream| stream.events.iter())
        .map(|event| (event.name, event.data))
        .collect();
    let mut events = EventBatch::default();
    for _ in 0..random.random_range(1..=EVENTS_EACH) {
        let real = (!known.is_empty() && random.random_bool(0.5))
            .then(|| known[random.random_range(0..known.len())]);
        let (name, data) = match real {
            Some((name, data)) => (name, damaged(random, data)),
            None if random.random_bool(0.5) => {
                let words = 0..random.random_range(0..24);
                ("", words.flat_map(|_| WORDS[random.random_range(0..WORDS.len())].bytes()).collect())
            }
            None => {
                let mut data = vec![0; random.random_range(0..64)];
                random.fill_bytes(&mut data);
                (NAMES[random.random_range(0..NAMES.len())], data)
            }
        };
        events.push(Stamp(1), name, &data);
    }
    Stream { name: "made up".to_owned(), task: task.to_owned(), head: head(StatusCode::OK), events }
}

/// What was recorded, cut short, doubled, or with bytes turned.
fn damaged(random: &mut ChaCha8Rng, data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    if data.is_empty() {
        return data;
    }
    let at = random.random_range(0..data.len());
    match random.random_range(0..4) {
        0 => data.truncate(at),
        1 => data.extend_from_within(at..),
        2 => _ = data.splice(at..at, WORDS[random.random_range(0..WORDS.len())].bytes()),
        _ => (0..4).for_each(|_| {
            let at = random.random_range(0..data.len());
            data[at] = random.random();
        }),
    }
    data
}

/// Has the plugin explain answers that are no success.
pub(super) fn check_explain(plugin: &Plugin, meter: &mut Meter) -> Result<String, Vec<String>> {
    let html = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>";
    let nested = "{\"error\":".repeat(200);
    let bodies: [&[u8]; 7] = [
        br#"{"error":{"message":"slow down","code":"rate_limited"}}"#,
        br#"{"message":null,"error":[1,{"detail":"x"}]}"#,
        html.as_bytes(),
        nested.as_bytes(),
        b"",
        &[0xff, 0xfe, 0, 0x1b],
        &[b' '; 64 << 10],
    ];
    let mut said = String::new();
    for status in [400, 401, 404, 429, 500, 503, 529] {
        let mut head = head(StatusCode::from_u16(status).unwrap_or_default());
        head.headers.insert("retry-after", HeaderValue::from_static("2"));
        for body in bodies {
            let explained = fresh(plugin).and_then(|mut session| {
                let failure = session.explain(&head, body);
                meter.take("explain", &session);
                meter.keep_log(&session.take_log());
                failure
            });
            match explained {
                Ok(failure) if said.is_empty() => said = failure.message,
                Ok(_) => {}
                Err(fault) => {
                    let shown: String = String::from_utf8_lossy(body).chars().take(80).collect();
                    return Err(vec![format!("HTTP {status} with {shown:?}: {fault}")]);
                }
            }
        }
    }
    Ok(format!(
        "49 answers explained without a fault; of {{\"error\":{{\"message\":\"slow down\"}}}} it says {said:?}"
    ))
}
