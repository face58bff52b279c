//! LLMPerf's "Advanced Usage": launch requests, take results as they become ready.
//!
//! `OPENAI_API_BASE=http://127.0.0.1:8000/v1 cargo run --release --example advanced -- MODEL`

use llmperf::metrics::{Level, Metric};
use llmperf::units::Span;
use llmperf::{Client, LoadInput, Request};

fn main() -> anyhow::Result<()> {
    let model = std::env::args().nth(1).unwrap_or_else(|| "meta-llama/Llama-2-7b-chat-hf".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(ask(LoadInput { model: Some(model), ..LoadInput::default() })).map(|_| ())
}

/// Asks three questions and tells how many were answered.
pub async fn ask(input: LoadInput) -> anyhow::Result<u64> {
    // Address and key as `llmperf load` finds them: --base-url or OPENAI_API_BASE, and OPENAI_API_KEY.
    let mut client = Client::new(LoadInput { num_concurrent_requests: Some(2), ..input })?;
    for prompt in ["hello_world", "Why is the sky blue?", "Name three rivers."] {
        client.launch(Request::new(prompt).max_tokens(50).sampling("temperature", 0))?;
    }
    while let Some(answer) = client.next_ready().await {
        match answer.failure() {
            None => {
                let metrics = answer.metrics();
                let ms = |span: Option<Span>| span.map_or(f64::NAN, Span::as_ms);
                let (ttft, e2el) = (ms(metrics.ttft), ms(metrics.e2el));
                println!("TTFT {ttft:.1} ms, E2EL {e2el:.1} ms, {} tokens: {}", metrics.osl, answer.text());
            }
            Some(failure) => println!("failed: {} {}", failure.code, failure.message),
        }
    }
    let summary = client.summary();
    if let Some(ttft) = summary.distributions.get(&Metric::Ttft).and_then(|ttft| ttft.at(Level::P50)) {
        println!("{} answers, TTFT p50 {:.1} ms", summary.counts.ok, ttft.value);
    }
    Ok(summary.counts.ok)
}
