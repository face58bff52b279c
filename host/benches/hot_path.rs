//! What one response costs on its way from bytes to a record, but for the plugin (`plugin.rs` measures that): framing and
//! token counting.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llmperf::record::{EventBatch, Framing};
use llmperf::tokens::Tokenizer;
use llmperf::transport::framing::Framer;
use llmperf::units::Stamp;

const EVENTS: usize = 256;

/// A chat chunk as hosted models send them, some 290 bytes.
fn chunk(word: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\
         \"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[\
         {{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
    )
}

fn framed(stream: &str) -> EventBatch {
    let mut batch = EventBatch::default();
    Framer::new(&[Framing::Sse]).read(Stamp(1), stream.as_bytes(), &mut batch).expect("a whole stream");
    batch
}

fn framing(c: &mut Criterion) {
    let stream = chunk(" token").repeat(EVENTS);
    let mut group = c.benchmark_group("framing");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("sse", |b| b.iter(|| framed(black_box(&stream))));
    group.finish();
}

fn counting(c: &mut Criterion) {
    let tokenizer = Tokenizer::embedded().expect("the embedded tokenizer");
    let text = "Shall I compare thee to a summer's day? Thou art more lovely and more temperate:\n".repeat(8);
    let mut group = c.benchmark_group("tokens");
    group.throughput(Throughput::Elements(tokenizer.count(&text).0));
    group.bench_function("count", |b| b.iter(|| tokenizer.count(black_box(&text))));
    group.finish();
}

criterion_group!(benches, framing, counting);
criterion_main!(benches);
