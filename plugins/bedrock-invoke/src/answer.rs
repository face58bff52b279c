//! What a model answers, taken out of AWS' wrapping and recognised by what it says: an ARN does not tell whose model it is.

use llmperf_sdk::anthropic::MessagesDecoder;
use llmperf_sdk::converse::ConverseDecoder;
use llmperf_sdk::lenient::Object;
use llmperf_sdk::openai::ChatDecoder;
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, Usage, aws, event_failure};

use crate::chunk::{Chunk, Invocation, Said, Wrapped};

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    /// An event could not be understood: the rest may be out of step with it, so nothing is taken from there on.
    broken: bool,
    dialect: Dialect,
    anthropic: MessagesDecoder,
    openai: ChatDecoder,
    nova: ConverseDecoder,
    ended: bool,
    finished: bool,
    usage: Usage,
}

/// Whose chunks these are. An answer keeps to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Dialect {
    /// Not yet known, or one that needs no reader of its own.
    #[default]
    Plain,
    Anthropic,
    OpenAi,
    Nova,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if !matches!(&*event.name, "" | "chunk") {
            return aws::exception(event).map_or(Ok(()), Err);
        }
        if self.broken || event.data.trim_ascii().is_empty() {
            return Ok(());
        }
        let wrapped: Object<Wrapped<'_>> = event.json().inspect_err(|_| self.broken = true)?;
        match wrapped.0.and_then(|wrapped| wrapped.bytes) {
            Some(bytes) if bytes.is_empty() => Ok(()),
            Some(bytes) => match aws::decode_base64(&bytes) {
                Some(data) => self.chunk(&Event { name: String::new(), data }, false, out),
                None => {
                    self.broken = true;
                    Err(Failure::bad_response("the bytes of a chunk are not base64"))
                }
            },
            None => self.chunk(&Event { name: String::new(), data: event.data.clone() }, true, out),
        }
    }
}

impl Answer {
    fn chunk(&mut self, event: &Event, whole: bool, out: &mut Out) -> Result<(), Failure> {
        if self.dialect == Dialect::Anthropic {
            return self.anthropic.push(event, out);
        }
        if event.data == b"[DONE]" {
            self.end(out);
            return Ok(());
        }
        let chunk: Object<Chunk<'_>> = event.json().inspect_err(|_| self.broken = true)?;
        let Some(mut chunk) = chunk.0 else {
            self.broken = true;
            return Err(event_failure(event.text()?));
        };
        if self.dialect == Dialect::Plain {
            self.dialect = dialect(&chunk, whole);
        }
        let invocation = std::mem::take(&mut chunk.invocation);
        let said = match self.dialect {
            // Bedrock's own numbers are read there, too.
            Dialect::Anthropic => return self.anthropic.push(event, out),
            Dialect::OpenAi => self.openai.push(event, out),
            Dialect::Nova => self.nova.push(event, out),
            Dialect::Plain if chunk.is_error() => Err(event_failure(event.text()?)),
            Dialect::Plain => {
                self.say(chunk.said(), out);
                Ok(())
            }
        };
        if let Some(invocation) = invocation.0 {
            self.invocation(&invocation, out);
        }
        said
    }

    fn say(&mut self, said: Said<'_>, out: &mut Out) {
        out.reasoning(said.reasoning);
        for text in said.text {
            out.text(text);
        }
        let stopped = !said.finish.is_empty();
        if stopped && !self.finished {
            self.finished = true;
            out.finish(said.finish);
        }
        self.report(said.usage, out);
        if stopped {
            self.end(out);
        }
    }

    /// They come with the last chunk.
    fn invocation(&mut self, invocation: &Invocation, out: &mut Out) {
        self.report(invocation.usage(), out);
        for (name, value) in invocation.times() {
            out.server_timing(name, value);
        }
        // Nova has an end of its own, before this.
        if self.dialect != Dialect::Nova {
            self.end(out);
        }
    }

    fn report(&mut self, usage: Usage, out: &mut Out) {
        let known = self.usage;
        let merged = Usage {
            input_tokens: usage.input_tokens.or(known.input_tokens),
            output_tokens: usage.output_tokens.or(known.output_tokens),
            cached_input_tokens: usage.cached_input_tokens.or(known.cached_input_tokens),
            cache_write_tokens: usage.cache_write_tokens.or(known.cache_write_tokens),
            reasoning_tokens: None,
        };
        if merged != known {
            self.usage = merged;
            out.usage(usage);
        }
    }

    fn end(&mut self, out: &mut Out) {
        if !self.ended {
            self.ended = true;
            out.end();
        }
    }
}

fn dialect(chunk: &Chunk<'_>, whole: bool) -> Dialect {
    if chunk.is_anthropics() {
        Dialect::Anthropic
    } else if chunk.is_openais(whole) {
        Dialect::OpenAi
    } else if chunk.is_novas() {
        Dialect::Nova
    } else {
        Dialect::Plain
    }
}
