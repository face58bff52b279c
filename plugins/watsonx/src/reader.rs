//! What events mean. A chat's are OpenAI's; those of a generation are told from them by their `results`.

use llmperf_sdk::openai::ChatDecoder;
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, Usage, raw};
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug)]
pub struct WatsonxDecoder {
    chat: ChatDecoder,
    /// A chunk of a chat was seen, or what is no JSON; no event after it is read as a generation's.
    is_chat: bool,
    /// As last reported.
    usage: Usage,
    finished: bool,
}

impl Decode for WatsonxDecoder {
    fn new(task: &str, head: &ResponseHead) -> WatsonxDecoder {
        WatsonxDecoder {
            chat: ChatDecoder::new(task, head),
            is_chat: false,
            usage: Usage::default(),
            finished: false,
        }
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        // Errors and the end marker are the chat's to read: they have the same forms.
        if self.is_chat || event.name == "error" || matches!(event.data.trim_ascii(), b"" | b"[DONE]") {
            return self.chat.push(event, out);
        }
        let Ok([results, choices]) = raw::fields(event.text()?, ["results", "choices"]) else {
            // The chat's reader says why, and takes nothing more.
            self.is_chat = true;
            return self.chat.push(event, out);
        };
        self.is_chat = choices.is_some();
        let Some(results) = results else { return self.chat.push(event, out) };
        if let Some(result) = raw::list(results).first() {
            self.generated(result, out);
        }
        Ok(())
    }
}

impl WatsonxDecoder {
    fn generated(&mut self, result: &RawValue, out: &mut Out) {
        let names = ["generated_text", "input_token_count", "generated_token_count", "stop_reason"];
        let Ok([text, input, output, reason]) = raw::fields(result.get(), names) else { return };
        out.text(raw::text(text));
        // The input is counted in the first event; those after it say zero.
        let input = raw::count(input).filter(|count| *count > 0);
        let usage = Usage {
            input_tokens: input.or(self.usage.input_tokens),
            output_tokens: raw::count(output).or(self.usage.output_tokens),
            ..Usage::default()
        };
        if usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
        let reason = raw::text(reason);
        if self.finished || reason.is_empty() || reason.eq_ignore_ascii_case("not_finished") {
            return;
        }
        self.finished = true;
        if reason.eq_ignore_ascii_case("error") {
            out.failure(Failure::new(reason.as_ref(), "the server ended the answer with an error"));
        }
        out.finish(reason);
        out.end();
    }
}
