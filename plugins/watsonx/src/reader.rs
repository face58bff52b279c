//! What events mean. A chat's are OpenAI's; those of a generation are told from them by their `results`.

use llmperf_sdk::openai::ChatDecoder;
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, raw};
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug)]
pub struct WatsonxDecoder {
    chat: ChatDecoder,
    /// A chunk of a chat was seen, or what is no JSON; no event after it is read as a generation's.
    is_chat: bool,
}

impl Decode for WatsonxDecoder {
    fn new(task: &str, head: &ResponseHead) -> WatsonxDecoder {
        WatsonxDecoder { chat: ChatDecoder::new(task, head), is_chat: false }
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
            self.generated(result, out)?;
        }
        Ok(())
    }
}

impl WatsonxDecoder {
    /// Reads a result as the chunk of a completion that says the same. A reader of its own would bring the component over
    /// 300 KiB.
    fn generated(&mut self, result: &RawValue, out: &mut Out) -> Result<(), Failure> {
        let names = ["generated_text", "input_token_count", "generated_token_count", "stop_reason"];
        let Ok(fields) = raw::fields(result.get(), names) else { return Ok(()) };
        let [text, input, output, reason] = fields.map(|field| field.map_or("null", RawValue::get));
        // The input is counted in the first event; those after it say zero.
        let input = if input == "0" { "null" } else { input };
        let goes_on = reason == "null" || reason.eq_ignore_ascii_case("\"not_finished\"");
        let finish = if goes_on { "null" } else { reason };
        let chunk = [
            r#"{"choices":[{"text":"#,
            text,
            r#","finish_reason":"#,
            finish,
            r#"}],"usage":{"prompt_tokens":"#,
            input,
            r#","completion_tokens":"#,
            output,
            "}}",
        ];
        self.chat.push(&Event::new("", chunk.concat()), out)?;
        if !goes_on {
            out.end();
        }
        Ok(())
    }
}
