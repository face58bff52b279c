//! The deeds, by name. Those in `build` are done for a request, the others for its response.

use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::time::Duration;

use llmperf_sdk::{Delta, Framing, Header, HttpRequest, Piece, RequestSpec, ResponseHead};

use crate::{chat, look};

pub(crate) const SEGMENT: &str = "segment";
pub(crate) const HEADER_NAME: &str = "header-name";
pub(crate) const HEADER_VALUE: &str = "header-value";

/// What is to be done in the response of this number: `trap-decode-every-3` does `trap-decode` in every third, and nothing else.
pub(crate) fn due(named: &str, number: Option<u32>) -> String {
    let every =
        named.split_once("-every-").and_then(|(deed, every)| Some((deed, every.parse::<u32>().ok()?)));
    match every {
        Some((deed, every)) if number.is_some_and(|number| number.is_multiple_of(every)) => deed.to_owned(),
        Some(_) => String::new(),
        None => named.to_owned(),
    }
}

/// What is to be done for this request: `loop-build-some` does `loop-build` for some three in ten, the same in every run.
fn due_for(spec: &RequestSpec) -> Result<&str, String> {
    let Some(deed) = spec.model.strip_suffix("-some") else { return Ok(&spec.model) };
    let sum: u32 = spec.prompt_text()?.bytes().map(u32::from).sum();
    Ok(if sum.is_multiple_of(3) { deed } else { "" })
}

pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    let deed = due_for(spec)?;
    match deed {
        "loop-build" => run_forever(),
        "trap-build" => panic!("a bomb in build-request"),
        "error-build" => return Err("no words for that \u{1b}[31m".to_owned()),
        "markup-build" => return Err("=1+1,\"<script>alert(1)</script>\"\n\u{202e}@x".to_owned()),
        "alloc-build" => allocate_forever(),
        "recursion-build" => _ = recurse(0),
        "exit-build" => std::process::exit(0),
        "memory-scan-build" => return Err(format!("the key is {}", look::for_the_key())),
        "state-build" => return Err(format!("call {}", look::count())),
        _ => {}
    }
    let mut request = chat::build(spec)?;
    match deed {
        "path" => request.path = vec![spec.option(SEGMENT).unwrap_or_default().to_owned(), "x".to_owned()],
        "query" => {
            request.query = vec![("q".to_owned(), spec.option(SEGMENT).unwrap_or_default().to_owned())]
        }
        "method" => request.method = "CONNECT".to_owned(),
        "header" => request.headers.push(Header {
            name: spec.option(HEADER_NAME).unwrap_or_default().to_owned(),
            value: spec.option(HEADER_VALUE).unwrap_or("x").to_owned(),
        }),
        "nul-header" => request.headers.push(Header::new("x-fine", "a\0b")),
        "many-headers" => request.headers = vec![Header::new("x-many", "x"); 100_000],
        "many-framings" => request.framing = vec![Framing::AwsEventStream; 1_000_000],
        "long-path" => request.path = vec!["x".repeat(1 << 20)],
        // As much as fits into the guest's memory; and more than that.
        "huge-body" => request.body = vec![b'x'; 200 << 20],
        "gigantic-body" => request.body = vec![b'x'; 1 << 30],
        "aliased-list" => request.headers = aliased_headers(),
        "bad-utf8" => request.method = not_utf8(),
        _ => {}
    }
    Ok(request)
}

/// The next events of a response: how many, and after how many.
pub(crate) fn push(deed: &str, events: usize, seen: usize, deltas: Vec<Delta>) -> Result<Vec<Delta>, String> {
    let delta = |event, piece| Ok(vec![Delta { event, piece }]);
    match deed {
        "loop-decode" => run_forever(),
        "trap-decode" => panic!("a bomb in push"),
        "loop-late" if seen + events > 500 => run_forever(),
        "hoard" if seen == 0 => std::mem::forget(black_box(vec![1u8; 32 << 20])),
        "lie" => return Ok(lie(deltas)),
        "huge-usage" => return Ok(with_huge_usage(deltas)),
        "error-decode" => return Err("what a mess".to_owned()),
        "alloc-decode" => allocate_forever(),
        "recursion-decode" => _ = recurse(0),
        "exit-decode" => std::process::exit(0),
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "million-deltas" => return Ok(vec![Delta { event: 0, piece: Piece::Text("x".into()) }; 1_000_000]),
        "million-calls" => return many(|n| Piece::ToolCall((n, String::new()))),
        "million-timings" => return many(|n| Piece::ServerTiming((format!("t{n}_ms"), 1.0))),
        "long-word" => return delta(0, Piece::Finish("stop ".repeat(2 << 20))),
        "wrong-event-index" => return delta(1_000_000, Piece::Text("x".into())),
        "bad-utf8-decode" => return delta(0, Piece::Text(not_utf8())),
        "log-spam" => {
            for _ in 0..10_000 {
                eprintln!("\u{1b}]0;spam\u{7}\u{1b}[31m{}", "spam ".repeat(20));
            }
        }
        "log-spam-trap" => {
            println!("\u{1b}[31m{}", "spam ".repeat(100_000));
            panic!("a bomb after the spam");
        }
        "escapes" => return delta(0, Piece::Finish("\u{1b}[31m<script>alert(1)</script>\r\n".into())),
        _ => {}
    }
    Ok(deltas)
}

/// As many different ones as fit into an answer.
fn many(piece: impl Fn(u32) -> Piece) -> Result<Vec<Delta>, String> {
    Ok((0..200_000).map(|n| Delta { event: 0, piece: piece(n) }).collect())
}

/// A first token that is no text, a thousand tokens that there were not, and never an end.
fn lie(mut deltas: Vec<Delta>) -> Vec<Delta> {
    deltas.retain(|delta| !matches!(delta.piece, Piece::Finish(_) | Piece::End));
    for delta in &mut deltas {
        if let Piece::Usage(usage) = &mut delta.piece {
            usage.output_tokens = Some(1_000);
        }
    }
    deltas.insert(0, Delta { event: 0, piece: Piece::Text(String::new()) });
    deltas
}

/// As many tokens as a number can say, and a time that is none.
fn with_huge_usage(mut deltas: Vec<Delta>) -> Vec<Delta> {
    for delta in &mut deltas {
        if let Piece::Usage(usage) = &mut delta.piece {
            (usage.input_tokens, usage.output_tokens) = (Some(u64::MAX), Some(u64::MAX));
            (usage.reasoning_tokens, usage.cached_input_tokens) = (Some(u64::MAX), Some(u64::MAX));
        }
    }
    deltas.push(Delta { event: 0, piece: Piece::ServerTiming(("queue_ms".to_owned(), f64::NAN)) });
    deltas
}

pub(crate) fn finish(deed: &str, count: u32, head: &ResponseHead) -> Result<Vec<Delta>, String> {
    let text = match deed {
        "trap-finish" => panic!("a bomb in finish"),
        "loop-finish" => run_forever(),
        "huge-finish" => "x".repeat(30 << 20),
        "look-around" => look::around(),
        "state" => format!("call {count}"),
        "memory-scan" => format!("the key is {}", look::for_the_key()),
        "memory-scan-control" => look::for_a_planted_key(),
        "show-head" => format!("{:?}", head.headers),
        _ => return Ok(vec![]),
    };
    Ok(vec![Delta { event: 0, piece: Piece::Text(text) }])
}

/// What an answer that is no success is answered with, by its status.
pub(crate) fn explain(status: u16) {
    match status {
        500 => panic!("a bomb in explain"),
        506 => run_forever(),
        507 => allocate_forever(),
        _ => {}
    }
}

pub(crate) fn run_forever() -> ! {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn allocate_forever() {
    let mut held = vec![];
    loop {
        held.push(black_box(vec![1u8; 1 << 20]));
    }
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[7]
}

/// A hundred thousand headers that all point at the same mebibyte: 100 GiB for whoever copies them.
fn aliased_headers() -> Vec<Header> {
    let mut text = ManuallyDrop::new("x".repeat(1 << 20));
    let (start, length) = (text.as_mut_ptr(), text.len());
    let alias = || unsafe { String::from_raw_parts(start, length, length) };
    (0..100_000).map(|_| Header { name: alias(), value: alias() }).collect()
}

fn not_utf8() -> String {
    unsafe { String::from_utf8_unchecked(vec![b'P', 0xff, 0xfe]) }
}
