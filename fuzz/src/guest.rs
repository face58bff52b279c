//! What a guest may answer: the bytes become its memory, and its answers point into them, valid or not. Nothing it says may
//! break the host, and no request that it builds leaves the provider.

use std::sync::OnceLock;

use llmperf::plugin::{Context, Engine, Limits, Plugin};
use llmperf::provider::{Credential, Provider};
use llmperf::record::{EventBatch, Head, Message, RequestSpec};
use llmperf::units::{RequestId, Span, Stamp, Tokens};

use crate::component::{GOOD, Parts, component};

/// Where the bytes lie in the guest's memory; seeds point there.
const IMAGE: &str = "(i32.const 131072)";

/// `explain` keeps the body it is given, and from then on `describe` and `build-request` answer with it; `push` answers with
/// its first event. The words of an event begin with its name's.
fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let keep = format!("(memory.copy {IMAGE} (local.get 3) (local.get 4)) (global.set $kept (i32.const 1)) (i32.const 4096)");
        let describe = format!("(if (result i32) (global.get $kept) (then {IMAGE}) (else (i32.const 1024)))");
        let push = format!(
            "(memory.copy {IMAGE} (i32.load offset=8 (local.get 1)) (i32.load offset=12 (local.get 1))) {IMAGE}"
        );
        let beside = "(global $kept (mut i32) (i32.const 0))";
        let parts = Parts { beside, describe: &describe, build: IMAGE, push: &push, explain: &keep, ..GOOD };
        let limits = Limits { answer_bytes: 1 << 20, ..Limits::default() };
        let limits = Limits { fuel_per_call: 1_000_000, cpu_per_call: Span::from_secs(1), ..limits };
        let engine = Engine::new(limits, None).expect("an engine");
        engine.load("mirror", &component(parts, "")).expect("a plugin")
    })
}

/// The first byte says which answer the rest is.
pub fn wit_conversion(data: &[u8]) {
    let Some((&which, image)) = data.split_first() else { return };
    if image.len() > 256 << 10 {
        return;
    }
    let mut session = plugin().session().expect("an instance");
    let head = Head { status: http::StatusCode::OK, headers: http::HeaderMap::new() };
    if which % 3 == 0 {
        let Ok(mut decoder) = session.decode("chat", &head) else { return };
        let mut batch = EventBatch::default();
        batch.push(Stamp(0), "", image);
        if let Ok(deltas) = decoder.push(&batch) {
            assert!(deltas.iter().all(|delta| delta.event == 0), "a delta of no event");
        }
        return;
    }
    session.explain(&head, image).expect("it keeps the body");
    if which % 3 == 1 {
        let _ = session.describe();
        return;
    }
    let spec = RequestSpec {
        id: RequestId(0),
        session: None,
        messages: vec![Message { role: "user".to_owned(), text: "x".to_owned() }],
        isl_target: Tokens(1),
        isl: Tokens(1),
        max_tokens: Some(Tokens(1)),
    };
    let context = Context { task: "chat", model: "m", stream: true, sampling: "{}", options: &[] };
    let Ok(built) = session.build_request(&spec, &context) else { return };
    let base: url::Url = "https://good.example:8443/base/v1".parse().expect("a URL");
    let provider = Provider {
        name: "good".to_owned(),
        base: base.clone(),
        path: vec![],
        query: vec![],
        credential: Credential::None,
        headers: vec![],
    };
    if let Ok(prepared) = provider.prepare(&spec, built) {
        assert_eq!(prepared.url.origin(), base.origin(), "{}", prepared.url);
        assert!(prepared.url.path().starts_with("/base/v1"), "{}", prepared.url);
        assert!(prepared.url.username().is_empty() && prepared.url.fragment().is_none(), "{}", prepared.url);
        let own = ["host", "content-length", "transfer-encoding", "connection", "authorization", "cookie"];
        let taken = own.iter().find(|name| prepared.headers.contains_key(**name));
        assert!(taken.is_none(), "{taken:?}");
        assert!(!prepared.framing.is_empty());
    }
}
