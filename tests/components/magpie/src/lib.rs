//! A plugin that takes what lies around: its description is what the suite wrote into the compiled component. Its API is its own:
//! `POST /chatter {"say", "options"}` is answered in lines, `{"word": "…"}` and at last `{"over": true, "words": n}`.
#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code)]

use llmperf_sdk::*;
use serde::Deserialize;

struct Magpie;

/// The suite overwrites the blanks with JSON.
static CARD: [u8; 4096] = blank_card();

const fn blank_card() -> [u8; 4096] {
    let marker = b"magpie-card:";
    let mut card = [b' '; 4096];
    let mut i = 0;
    while i < marker.len() {
        card[i] = marker[i];
        i += 1;
    }
    card
}

#[derive(Deserialize)]
struct Card {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    options: Vec<Knob>,
    providers: Option<String>,
}

#[derive(Deserialize)]
struct Knob {
    name: String,
    #[serde(default)]
    env: Vec<String>,
}

fn card() -> Card {
    // Read where it lies, so that the compiler takes nothing for granted.
    let text = unsafe { std::ptr::read_volatile(&raw const CARD) };
    // Without a word, so that nothing in the host's output looks like a panic of its own.
    serde_json::from_slice(&text[12..]).unwrap_or_else(|_| core::arch::wasm32::unreachable())
}

impl Plugin for Magpie {
    type Decoder = Lines;

    fn describe() -> Description {
        let card = card();
        let knob = |knob: Knob| OptionSpec { env: knob.env, ..OptionSpec::string(&knob.name, "", "a knob") };
        Description {
            options: card.options.into_iter().map(knob).collect(),
            providers: card.providers,
            ..Description::new(&card.name, &card.version, &card.summary)
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        let mut body = JsonBody::new();
        body.set("say", spec.prompt_text()?);
        body.set("options", &spec.options);
        body.merge(&spec.sampling);
        Ok(HttpRequest::post_json(["chatter"], body.build()?, Framing::Ndjson))
    }
}

struct Lines;

#[derive(Deserialize)]
struct Line {
    word: Option<String>,
    #[serde(default)]
    over: bool,
    words: Option<u64>,
}

impl Decode for Lines {
    fn new(_task: &str, _head: &ResponseHead) -> Lines {
        Lines
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let line: Line = event.json()?;
        out.text(line.word.unwrap_or_default());
        out.usage(Usage { output_tokens: line.words, ..Usage::default() });
        if line.over {
            out.end();
        }
        Ok(())
    }
}

export!(Magpie);
