//! Response heads: whatever a server writes there, reading goes on.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use llmperf::plugin::{Engine, Limits, Plugin, bundled};
use llmperf::record::{EventBatch, Framing, Head};
use llmperf::transport::framing::{Framer, framing_of};
use llmperf::units::Stamp;
use std::sync::OnceLock;

fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let chat = bundled().find(|plugin| plugin.name == "openai-chat").expect("it is bundled");
        Engine::new(Limits::default(), None).expect("an engine").load_bundled(&chat).expect("a plugin")
    })
}

/// A head as it comes on the wire, and a body behind it.
pub fn response_heads(data: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let Ok(httparse::Status::Complete(end)) = response.parse(data) else { return };
    let Ok(status) = StatusCode::from_u16(response.code.unwrap_or(0)) else { return };
    let mut headers = HeaderMap::new();
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(field.value)) {
            headers.append(name, value);
        }
    }
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).and_then(framing_of);
    let head = Head { status, headers };
    let body = &data[end..];
    let mut session = plugin().session().expect("an instance");
    // No fault: a bundled plugin takes any answer.
    session.explain(&head, body).expect("an explanation");
    let mut decoder = session.decode("chat", &head).expect("a decoder");
    let (mut framer, mut batch) = (Framer::of_answer(&[Framing::Sse], kind, None), EventBatch::default());
    let _ = framer.read(Stamp(0), body, &mut batch).and_then(|()| framer.finish(true, &mut batch));
    decoder.push(&batch).expect("deltas");
    decoder.finish(true).expect("deltas");
}
