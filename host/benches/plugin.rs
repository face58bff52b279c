//! What a plugin costs: loading it, starting an instance, building a request, decoding events.
//!
//! `cargo bench --bench plugin [FILE.wasm]` prints medians; without a file it takes the bundled `openai-chat`. Events are
//! OpenAI's chunks, or what `parrot` reads (`sdk/README.md` has its figures in each language).
//! Plain medians of many short rounds, because the figures wanted are per event and per call, at several batch sizes. All of them are
//! CPU time, so that what else the machine does changes them little; loading is that of all threads that compile.

use std::hint::black_box;

use llmperf::clock::{process_cpu, thread_cpu};
use llmperf::plugin::{Context, Engine, Limits, Plugin, bundled};
use llmperf::record::{EventBatch, Head, Message, RequestSpec};
use llmperf::units::{RequestId, Stamp, Tokens};
use wasmparser::{ComponentTypeRef, Parser, Payload};

/// Rounds a median is taken of.
const ROUNDS: usize = 201;
/// Events of one response.
const EVENTS: usize = 256;

fn main() -> anyhow::Result<()> {
    let file = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wasm = match &file {
        Some(path) => std::fs::read(path)?,
        None => bundled().find(|plugin| plugin.name == "openai-chat").expect("it is bundled").wasm.to_vec(),
    };
    println!("component           {:>10.1} KB", wasm.len() as f64 / 1e3);
    println!("imports             {:>10}", imports(&wasm)?);

    let cache = tempfile::tempdir()?;
    for (name, cache) in
        [("load, not cached", None), ("load, fills cache", Some(&cache)), ("load, cached", Some(&cache))]
    {
        let start = process_cpu().as_secs();
        let engine = Engine::new(Limits::default(), cache.map(|dir| dir.path()))?;
        black_box(engine.load("bench", &wasm)?);
        println!("{name:<19} {:>10.1} ms", (process_cpu().as_secs() - start) * 1e3);
    }

    // As a stranger's: a fresh instance for every request.
    let plugin = Engine::new(Limits::default(), Some(cache.path()))?.load("bench", &wasm)?;
    let chunk = if plugin.description().name == "parrot" { squawk } else { chunk };
    println!("start an instance   {:>10.1} µs", median(|| drop(black_box(plugin.session()))) * 1e6);
    let build = median(|| drop(black_box(build(&plugin))));
    println!("  + build a request {:>10.1} µs", build * 1e6);
    println!("  + decoder, finish {:>10.1} µs", median(|| decode(&plugin, &[])) * 1e6);
    for size in [1, 16, 64, 256] {
        let batches = batches(size, chunk);
        let empty = median(|| decode(&plugin, &[]));
        let full = median(|| decode(&plugin, &batches));
        println!("push, {size:>3} a call    {:>10.0} ns/event", (full - empty) / EVENTS as f64 * 1e9);
    }
    Ok(())
}

/// Median CPU time of a call, in seconds.
fn median(mut call: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = thread_cpu().as_secs();
            call();
            thread_cpu().as_secs() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// A prompt of LLMPerf's mean length.
fn build(plugin: &Plugin) -> llmperf::record::BuiltRequest {
    let text = "Shall I compare thee to a summer's day? ".repeat(55);
    let spec = RequestSpec {
        id: RequestId(0),
        session: None,
        messages: vec![Message { role: "user".to_owned(), text }],
        isl_target: Tokens(550),
        isl: Tokens(550),
        max_tokens: Some(Tokens(150)),
    };
    let context = Context { task: "chat", model: "bench", stream: true, sampling: "{}", options: &[] };
    plugin.session().and_then(|mut session| session.build_request(&spec, &context)).expect("a request")
}

fn decode(plugin: &Plugin, batches: &[EventBatch]) {
    let head = Head { status: http::StatusCode::OK, headers: http::HeaderMap::new() };
    let mut decoder = plugin.session().and_then(|session| session.decode("chat", &head)).expect("a decoder");
    for batch in batches {
        black_box(decoder.push(batch).expect("deltas"));
    }
    black_box(decoder.finish(true).expect("deltas"));
}

/// What the component asks of the host.
fn imports(wasm: &[u8]) -> anyhow::Result<usize> {
    let mut depth = 0;
    let mut imports = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    // Types have names too, and ask for nothing.
                    imports += usize::from(matches!(
                        import?.ty,
                        ComponentTypeRef::Instance(_) | ComponentTypeRef::Func(_)
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(imports)
}

/// A response in batches.
fn batches(size: usize, chunk: fn(usize) -> String) -> Vec<EventBatch> {
    let events: Vec<usize> = (0..EVENTS).collect();
    let batch = |numbers: &[usize]| {
        let mut batch = EventBatch::default();
        for number in numbers {
            batch.push(Stamp(0), "", chunk(*number).as_bytes());
        }
        batch
    };
    events.chunks(size).map(batch).collect()
}

fn squawk(number: usize) -> String {
    format!(r#"{{"squawk":" word{number:03}"}}"#)
}

/// About 300 bytes, as hosted servers send them.
fn chunk(number: usize) -> String {
    let chunk = format!(
        r#"{{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_1234567890","choices":[{{"index":0,"delta":{{"content":" word{number:03}"}},"logprobs":null,"finish_reason":null}}],"usage":null}}"#
    );
    debug_assert!((280..320).contains(&chunk.len()), "{}", chunk.len());
    chunk
}
