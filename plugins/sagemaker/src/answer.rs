//! What a container answers, recognised by what it says: an endpoint does not tell which container it runs.

use llmperf_sdk::lenient::{Object, Text};
use llmperf_sdk::openai::ChatDecoder;
use llmperf_sdk::tgi::GenerationDecoder;
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, aws};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    dialect: Dialect,
    chat: ChatDecoder,
    generation: GenerationDecoder,
}

/// Whose events these are. An answer keeps to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Dialect {
    #[default]
    Unknown,
    OpenAi,
    /// TGI and DJL.
    Generation,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if is_exception(&event.name) {
            return aws::exception(event).map_or(Ok(()), Err);
        }
        if self.dialect == Dialect::Unknown {
            if let Some(conversation) = Conversation::read(&event.data) {
                conversation.say(out);
                return Ok(());
            }
            self.dialect = dialect(&event.data);
        }
        match self.dialect {
            Dialect::OpenAi => self.chat.push(event, out),
            Dialect::Generation | Dialect::Unknown => self.generation.push(event, out),
        }
    }
}

/// SageMaker's own messages among the parts of the answer. `error` is what a container calls an event of its stream.
fn is_exception(name: &str) -> bool {
    ["Exception", "Error", "Failure", "Fault"].iter().any(|kind| name.ends_with(kind))
}

fn dialect(data: &[u8]) -> Dialect {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Probe<'a> {
        #[serde(borrow)]
        choices: Option<&'a RawValue>,
        token: Option<&'a RawValue>,
        generated_text: Option<&'a RawValue>,
        outputs: Option<&'a RawValue>,
    }
    let Probe { choices, token, generated_text, outputs } = json(data).unwrap_or_default();
    match (choices, token.or(generated_text).or(outputs)) {
        (Some(_), _) => Dialect::OpenAi,
        (None, Some(_)) => Dialect::Generation,
        (None, None) => Dialect::Unknown,
    }
}

/// What JumpStart's Llama answers to LLMPerf: a list of conversations with a message for each, or that message alone. To a
/// prompt it gives a text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Conversation<'a> {
    #[serde(borrow)]
    generation: Option<&'a RawValue>,
    stop_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Text<'a>,
}

impl<'a> Conversation<'a> {
    fn read(data: &'a [u8]) -> Option<Conversation<'a>> {
        let data = data.trim_ascii();
        let conversation = match data.first()? {
            b'[' => {
                serde_json::from_str::<Vec<Object<Conversation<'_>>>>(std::str::from_utf8(data).ok()?)
                    .ok()?
                    .into_iter()
                    .next()?
                    .0?
            }
            _ => json::<Conversation<'_>>(data)?,
        };
        conversation.generation.is_some().then_some(conversation)
    }

    fn say(self, out: &mut Out) {
        let generation = self.generation.map_or("", RawValue::get);
        let message: Object<Message<'_>> = serde_json::from_str(generation).unwrap_or_default();
        match message.0 {
            Some(message) => out.text(message.content),
            None => out.text(serde_json::from_str::<Text<'_>>(generation).unwrap_or_default()),
        }
        out.finish(self.stop_reason);
        out.end();
    }
}

fn json<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Option<T> {
    serde_json::from_str::<Object<T>>(std::str::from_utf8(data).ok()?).ok()?.0
}
