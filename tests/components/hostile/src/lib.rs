//! A plugin that does what no plugin may. What it does is said by the model's name, which the target repeats in its
//! answer; under any other name it is a plain adapter for OpenAI chat completions. It implements the generated traits
//! itself, because the SDK would keep it from half of its tricks.
#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code)]

mod chat;
mod deeds;
mod look;

use std::cell::{Cell, RefCell};

use llmperf_sdk::bindings::exports::llmperf::plugin::api;
use llmperf_sdk::{Delta, Description, Event, Failure, HttpRequest, OptionSpec, RequestSpec, ResponseHead};

struct Hostile;

llmperf_sdk::bindings::__export!(Hostile with_types_in llmperf_sdk::bindings);

/// The suite overwrites the last four letters in the compiled component: what to do before any model is named.
static EARLY: [u8; 24] = *b"hostile-early-deed: none";

fn early() -> [u8; 4] {
    // Read where it lies, so that the compiler takes nothing for granted.
    let text = unsafe { std::ptr::read_volatile(&raw const EARLY) };
    [text[20], text[21], text[22], text[23]]
}

extern "C" fn on_start() {
    if early() == *b"init" {
        deeds::run_forever();
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static ON_START: extern "C" fn() = on_start;

impl api::Guest for Hostile {
    type Decoder = Decoder;

    fn describe() -> Description {
        match &early() {
            b"loop" => deeds::run_forever(),
            b"trap" => panic!("a bomb in describe"),
            b"hoax" => return Description::new("Not a Name\n", "0.1.0", "a name that is none"),
            _ => {}
        }
        let texts = [deeds::SEGMENT, deeds::HEADER_NAME, deeds::HEADER_VALUE];
        Description {
            options: texts.map(|name| OptionSpec::string(name, "", "for the request to build")).into(),
            ..Description::new("hostile", "0.1.0", "does what no plugin may")
        }
    }

    fn build_request(spec: RequestSpec) -> Result<HttpRequest, String> {
        deeds::build(&spec)
    }

    fn explain(head: ResponseHead, body: Vec<u8>) -> Failure {
        deeds::explain(head.status);
        match head.status {
            508 => Failure { message: "x".repeat(40 << 20), ..llmperf_sdk::explain(&head, &body) },
            _ => llmperf_sdk::explain(&head, &body),
        }
    }
}

struct Decoder {
    count: u32,
    head: ResponseHead,
    // Which deed is due in this response, once it has been named, and how many events came before.
    deed: RefCell<Option<String>>,
    seen: Cell<usize>,
}

impl api::GuestDecoder for Decoder {
    fn new(_task: String, head: ResponseHead) -> Decoder {
        Decoder { count: look::count(), head, deed: RefCell::default(), seen: Cell::new(0) }
    }

    fn push(&self, events: Vec<Event>) -> Result<Vec<Delta>, String> {
        let mut deed = self.deed.borrow_mut();
        if deed.is_none() {
            *deed =
                events.iter().find_map(chat::model).map(|model| deeds::due(&model, chat::number(&events)));
        }
        let (deltas, seen) = (chat::decode(&events), self.seen.get());
        self.seen.set(seen + events.len());
        deeds::push(deed.as_deref().unwrap_or_default(), events.len(), seen, deltas)
    }

    fn finish(&self, _complete: bool) -> Result<Vec<Delta>, String> {
        deeds::finish(self.deed.borrow().as_deref().unwrap_or_default(), self.count, &self.head)
    }
}
