//! What one response costs on its way from bytes to a record, but for the plugin (`plugin.rs` measures that): framing and
//! token counting; and what starting a request costs beside sending it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use llmperf::clock::Clock;
use llmperf::load::{
    Admitted, Course, Division, Lane, Launch, NO_LIMIT, Overflow, PhaseControl, PhaseWatch, Slots, Source,
    lanes, run_arrivals, run_slots,
};
use llmperf::provider::{AwsKeySource, AwsKeys, Sigv4, payload_sha256};
use llmperf::record::{EventBatch, Framing};
use llmperf::tokens::Tokenizer;
use llmperf::transport::framing::Framer;
use llmperf::units::{Span, Stamp};

const EVENTS: usize = 256;
/// As many as a long test puts out in one response after the other.
const OUTPUT_TOKENS: u64 = 1_000_000;
/// Requests of one round of dispatch.
const REQUESTS: u64 = 20_000;
const SLOTS: usize = 64;

/// A chat chunk as hosted models send them, some 290 bytes.
fn chunk(word: &str) -> String {
    format!(
        "{{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\
         \"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[\
         {{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}"
    )
}

fn framed(framing: Framing, stream: &str) -> EventBatch {
    let mut batch = EventBatch::default();
    Framer::new(&[framing]).read(Stamp(1), stream.as_bytes(), &mut batch).expect("a whole stream");
    batch
}

fn framing(c: &mut Criterion) {
    let chunk = chunk(" token");
    let sse = format!("data: {chunk}\n\n").repeat(EVENTS);
    let ndjson = format!("{chunk}\n").repeat(EVENTS);
    let array = format!("[{}]", vec![chunk; EVENTS].join(",\n"));
    let mut group = c.benchmark_group("framing");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, framing, stream) in [
        ("sse", Framing::Sse, &sse),
        ("ndjson", Framing::Ndjson, &ndjson),
        ("json_array", Framing::JsonArray, &array),
    ] {
        group.bench_function(name, |b| b.iter(|| framed(framing, black_box(stream))));
    }
    group.finish();
}

fn counting(c: &mut Criterion) {
    let tokenizer = Tokenizer::embedded().expect("the embedded tokenizer");
    let text = "Shall I compare thee to a summer's day? Thou art more lovely and more temperate:\n".repeat(8);
    let mut group = c.benchmark_group("tokens");
    group.throughput(Throughput::Elements(tokenizer.count(&text).0));
    group.bench_function("count", |b| b.iter(|| tokenizer.count(black_box(&text))));
    // A million in all, in responses of 16 lines: the target is 2 s.
    let responses = responses();
    let tokens: Vec<u64> = responses.iter().map(|response| tokenizer.count(response).0).collect();
    let enough = responses.iter().zip(tokens).cycle().scan(0, |sum, (response, tokens)| {
        *sum += tokens;
        (*sum < OUTPUT_TOKENS + tokens).then_some(response)
    });
    let enough: Vec<&String> = enough.collect();
    group.sample_size(10).throughput(Throughput::Elements(OUTPUT_TOKENS));
    group.bench_function("count_1M", |b| {
        b.iter(|| enough.iter().map(|response| tokenizer.count(black_box(response)).0).sum::<u64>());
    });
    group.finish();
}

/// All sonnets, so that the words are as many as in English and not a handful that a cache holds.
fn responses() -> Vec<String> {
    let text = zstd::decode_all(include_bytes!("../data/sonnets.txt.zst").as_slice()).expect("it unpacks");
    let text = String::from_utf8(text).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks(16).map(|lines| lines.join("\n")).collect()
}

/// Lanes that were filled before, and their source.
fn filled() -> Arc<Source<u64>> {
    let (mut lanes, source) = lanes(1, usize::try_from(REQUESTS).expect("few"));
    let lane: Lane<u64> = lanes.pop().expect("one lane");
    assert!((0..REQUESTS).all(|item| lane.put(item)));
    Arc::new(source)
}

/// The time a round takes from its first request to its last, over `rounds`.
fn dispatched<F: Future<Output = ()>>(rounds: u64, round: impl Fn(Arc<Source<u64>>) -> F) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut took = Duration::ZERO;
    for _ in 0..rounds {
        let source = filled();
        let start = Instant::now();
        runtime.block_on(round(source));
        took += start.elapsed();
    }
    took
}

fn launch(source: Arc<Source<u64>>, phase: PhaseWatch, clock: Clock) -> Launch<u64> {
    let division =
        Division { warmup_requests: 0, warmup: Span(0), measured_requests: NO_LIMIT, measured: None };
    Launch { source, course: Course::start(division, clock.now()), phase, clock }
}

fn dispatch(c: &mut Criterion) {
    let mut group = c.benchmark_group("dispatch");
    group.sample_size(10).throughput(Throughput::Elements(REQUESTS));
    let clock = Clock::start();
    let send = move |item, _due: Stamp, _: Admitted| {
        black_box::<u64>(item);
        // A request that never waited would keep its slot's task running alone.
        async move {
            tokio::task::yield_now().await;
            clock.now()
        }
    };
    group.bench_function(BenchmarkId::new("closed", SLOTS), |b| {
        b.iter_custom(|rounds| {
            dispatched(rounds, |source| async move {
                let (_control, phase) = PhaseControl::new();
                let slots = Slots { count: SLOTS, ramp_up: Span(0) };
                run_slots(slots, launch(source, phase, clock), send).await;
            })
        });
    });
    // All due at once: how fast the dispatcher is behind its schedule is how fast it can be.
    group.bench_function(BenchmarkId::new("open", SLOTS), |b| {
        b.iter_custom(|rounds| {
            dispatched(rounds, |source| async move {
                let (_control, phase) = PhaseControl::new();
                let due = std::iter::repeat_n(Span(0), usize::try_from(REQUESTS).expect("few"));
                let dropped =
                    run_arrivals(due, SLOTS, Overflow::Drop, launch(source, phase, clock), send).await;
                black_box(dropped.expect("it runs"));
            })
        });
    });
    group.finish();
}

/// What an AWS signature costs between a slot's turn and `sent`; the digest of the body is not in it.
fn signing(c: &mut Criterion) {
    let keys = AwsKeys::new("AKIDEXAMPLE", "secret", None).expect("keys");
    let (service, region) = ("bedrock".to_owned(), "us-east-1".to_owned());
    let aws = Sigv4 { service, region, keys: AwsKeySource::Fixed(keys.clone()) };
    let base =
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0";
    let url = format!("{base}/converse-stream").parse().expect("a URL");
    let payload = payload_sha256(b"{}");
    c.bench_function("signing/sigv4", |b| {
        b.iter(|| {
            let signed = [("content-type", "application/json")].into_iter();
            aws.headers(&keys, &http::Method::POST, &url, signed, &payload, black_box(1_735_787_045))
        });
    });
}

criterion_group!(benches, framing, counting, dispatch, signing);
criterion_main!(benches);
