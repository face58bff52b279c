//! Generation as text-generation-inference (TGI) answers it, and as the servers that took it over do: DJL-LMI on
//! SageMaker, Predibase, gateways. One event a token, or the whole answer at once.

use serde_json::Value;

use crate::{Decode, Event, Failure, Out, ResponseHead, Usage, event_failure};

/// Reads one generation, streamed or whole.
///
/// ```
/// # use llmperf_sdk::*;
/// let events = [
///     Event::new("", r#"{"token":{"id":7,"text":"Hi","special":false},"generated_text":null,"details":null}"#),
///     Event::new("", r#"{"token":{"id":2,"text":"</s>","special":true},"generated_text":"Hi","details":{"finish_reason":"eos_token","generated_tokens":2}}"#),
/// ];
/// let pieces: Vec<Piece> =
///     decode(&mut tgi::GenerationDecoder::default(), &events).into_iter().map(|delta| delta.piece).collect();
/// let usage = Usage { output_tokens: Some(2), ..Usage::default() };
/// assert_eq!(
///     pieces,
///     [
///         Piece::Text("Hi".into()),
///         Piece::TokenIds(vec![7]),
///         Piece::TokenIds(vec![2]),
///         Piece::Finish("eos_token".into()),
///         Piece::Usage(usage),
///         Piece::End,
///     ]
/// );
/// ```
#[derive(Debug, Default)]
pub struct GenerationDecoder {
    /// An event could not be understood: the rest may be out of step with it, so nothing is taken from there on.
    broken: bool,
    /// Text came piece by piece; a `generated_text` beside it repeats it.
    streamed: bool,
    /// It comes in the form of older DJL, which has no end marker: such a stream ends with its body.
    endless: bool,
    finished: bool,
    usage: Usage,
}

impl Decode for GenerationDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> GenerationDecoder {
        GenerationDecoder::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        if self.broken || data.is_empty() {
            return Ok(());
        }
        // Its OpenAI routes end so, and gateways add it to the others.
        if data == b"[DONE]" {
            out.end();
            return Ok(());
        }
        if event.name == "error" {
            return Err(event_failure(event.text()?));
        }
        let said: Value = event.json().inspect_err(|_| self.broken = true)?;
        self.say(&said, event, out)
    }

    fn finish(&mut self, complete: bool, out: &mut Out) {
        if self.endless && complete {
            out.end();
        }
    }
}

impl GenerationDecoder {
    /// Writes what an event means that was parsed already, for plugins that read other answers, too.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let event = Event::new("", r#"{"generated_text":"Hi"}"#);
    /// let mut out = Out::new();
    /// tgi::GenerationDecoder::default().say(&event.json().unwrap(), &event, &mut out).unwrap();
    /// assert_eq!(out.into_deltas()[0].piece, Piece::Text("Hi".into()));
    /// ```
    ///
    /// # Errors
    /// The event reports an error, or is no generation.
    pub fn say(&mut self, said: &Value, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let answer = match said {
            // A whole answer in a list: one for each prompt, of which there was one.
            Value::Array(answers) => match answers.first() {
                Some(answer) => answer,
                None => return Ok(()),
            },
            answer => answer,
        };
        match answer {
            Value::Object(_) => self.generation(answer, out),
            // Servers for other tasks answer with bare texts.
            Value::String(text) if said.is_array() => {
                out.text(text.as_str());
                out.end();
            }
            _ => {
                self.broken = true;
                return Err(Failure::bad_response("an event is no generation"));
            }
        }
        if is_error(answer) { Err(event_failure(event.text()?)) } else { Ok(()) }
    }

    fn generation(&mut self, said: &Value, out: &mut Out) {
        if said["token"].is_object() {
            self.streamed = true;
            push_token(&said["token"], out);
        }
        // Older DJL: the texts that came, one for each prompt of a batch.
        if !said["outputs"].is_null() {
            (self.streamed, self.endless) = (true, true);
            let first = said["outputs"].get(0).unwrap_or(&said["outputs"]);
            out.text(text(first.get("generated_text").unwrap_or(first)));
        }
        // The last event repeats all of the text; so does the only one of an answer that is not streamed.
        if !self.streamed {
            out.text(text(&said["generated_text"]));
        }
        self.details(&said["details"], out);
        if !said["generated_text"].is_null() && !is_error(said) {
            out.end();
        }
    }

    fn details(&mut self, details: &Value, out: &mut Out) {
        if let (false, Some(tokens)) = (self.streamed, details["tokens"].as_array()) {
            out.token_ids(tokens.iter().flat_map(ids).collect());
        }
        let reason = text(&details["finish_reason"]);
        if !self.finished && !reason.is_empty() {
            self.finished = true;
            out.finish(reason);
        }
        let usage = Usage {
            // TGI since 3, and DJL.
            input_tokens: details["input_length"].as_u64().or_else(|| details["prompt_tokens"].as_u64()),
            output_tokens: details["generated_tokens"].as_u64(),
            ..Usage::default()
        };
        if usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
    }
}

/// A special token (the end of the text, above all) has a text that is not shown.
fn push_token(token: &Value, out: &mut Out) {
    // The latter is DJL's word.
    if token["special"] != true && token["special_token"] != true {
        out.text(text(&token["text"]));
    }
    out.token_ids(ids(token));
    // DJL, on the last token of a generation that failed.
    let error = text(&token["error_msg"]);
    if !error.is_empty() {
        out.failure(Failure::new("", error));
    }
}

fn is_error(said: &Value) -> bool {
    let says = |name: &str| match &said[name] {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    let answers = ["token", "generated_text", "outputs"].iter().any(|name| !said[*name].is_null());
    says("error") || says("error_type") || (!answers && (says("message") || says("detail")))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// DJL lists the ids of a token, of which there is one.
fn ids(token: &Value) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match &token["id"] {
        Value::Array(listed) => listed.iter().filter_map(id).collect(),
        single => id(single).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Piece, decode};

    fn check(events: &[&str], expected: &[Piece]) {
        let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
        let deltas = decode(&mut GenerationDecoder::default(), &events);
        let pieces: Vec<Piece> = deltas.into_iter().map(|delta| delta.piece).collect();
        assert_eq!(pieces, expected, "{events:?}");
    }

    fn words(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    fn finish(word: &str) -> Piece {
        Piece::Finish(word.into())
    }

    fn usage(input: Option<u64>, output: Option<u64>) -> Piece {
        Piece::Usage(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
    }

    fn fails(code: &str, message: &str) -> Piece {
        Piece::Failure(Failure::new(code, message))
    }

    #[test]
    fn each_token_is_text_and_the_last_event_repeats_nothing() {
        check(
            &[
                r#"{"index":1,"token":{"id":5,"text":" a\n","logprob":null,"special":false},"top_tokens":[],"generated_text":null,"details":null}"#,
                r#"{"index":2,"token":{"id":2,"text":"</s>","special":true},"generated_text":" a\n","details":{"finish_reason":"eos_token","generated_tokens":2,"seed":null,"input_length":9}}"#,
            ],
            &[
                words(" a\n"),
                Piece::TokenIds(vec![5]),
                Piece::TokenIds(vec![2]),
                finish("eos_token"),
                usage(Some(9), Some(2)),
                Piece::End,
            ],
        );
    }

    #[test]
    fn a_whole_answer_comes_alone_or_in_a_list() {
        let expected =
            [words("Hi"), Piece::TokenIds(vec![1]), finish("length"), usage(None, Some(1)), Piece::End];
        let whole = r#"{"generated_text":"Hi","details":{"finish_reason":"length","generated_tokens":1,"tokens":[{"id":1,"text":"Hi"}]}}"#;
        check(&[whole], &expected);
        check(&[&format!("[{whole},{whole}]")], &expected);
        check(&[r#"[{"generated_text":"Hi"}]"#], &[words("Hi"), Piece::End]);
        check(&[r#"["Hi"]"#], &[words("Hi"), Piece::End]);
        check(&["[]", "", " "], &[]);
    }

    #[test]
    fn djl_has_its_own_shapes() {
        check(
            &[
                r#"{"token": {"id": [763], "text": " In", "log_prob": -0.1}}"#,
                r#"{"token": {"id": 5, "text": "", "special_token": true, "log_prob": 0}, "generated_text": " In", "details": {"finish_reason": "eos_token", "generated_tokens": 2, "inputs": "x", "prompt_tokens": 4}}"#,
            ],
            &[
                words(" In"),
                Piece::TokenIds(vec![763]),
                Piece::TokenIds(vec![5]),
                finish("eos_token"),
                usage(Some(4), Some(2)),
                Piece::End,
            ],
        );
        check(
            &[
                r#"{"outputs": ["a"]}"#,
                r#"{"outputs": [" b", "other"]}"#,
                r#"{"outputs": []}"#,
                r#"{"outputs": "c"}"#,
            ],
            &[words("a"), words(" b"), words("c")],
        );
        check(&[r#"{"outputs":[{"generated_text":"a"}]}"#], &[words("a")]);
        for (answer, complete, ends) in [
            (r#"{"outputs":["a"]}"#, true, 1),
            (r#"{"outputs":["a"]}"#, false, 0),
            (r#"{"token":{"text":"a"}}"#, true, 0),
        ] {
            let (mut decoder, mut out) = (GenerationDecoder::default(), Out::new());
            decode(&mut decoder, &[Event::new("", answer)]);
            decoder.finish(complete, &mut out);
            assert_eq!(out.into_deltas().len(), ends, "{answer} {complete}");
        }
    }

    #[test]
    fn errors_are_seen_in_every_shape_and_text_before_them_stays() {
        check(&[r#"{"error":"m","error_type":"generation"}"#], &[fails("generation", "m")]);
        check(&[r#"{"error":"m","code":424}"#], &[fails("424", "m")]);
        check(&[r#"[{"error":{"message":"m","type":"t"}}]"#], &[fails("t", "m")]);
        check(&[r#"{"message":"m"}"#], &[fails("", "m")]);
        check(&[r#"{"token":{"id":-1,"text":"","error_msg":"m"}}"#], &[fails("", "m")]);
        check(
            &[
                r#"{"token":{"text":"a"},"error":"m"}"#,
                r#"{"token":{"text":"b"},"error":null,"message":"n"}"#,
            ],
            &[words("a"), fails("", "m"), words("b")],
        );
        let named = [Event::new("error", r#"{"error":"m","error_type":"overloaded"}"#)];
        let deltas = decode(&mut GenerationDecoder::default(), &named);
        assert_eq!(deltas[0].piece, fails("overloaded", "m"));
    }

    #[test]
    fn fields_of_an_unexpected_type_cost_only_themselves() {
        check(
            &[
                r#"{"token":7,"details":"soon","index":null}"#,
                r#"{"token":{"id":"x","text":null,"special":"no"}}"#,
                r#"{"token":{"id":-1,"text":"a","special":null},"details":{"finish_reason":7,"generated_tokens":"two"}}"#,
                r#"{"details":{"finish_reason":"length","generated_tokens":2,"tokens":{}},"generated_text":""}"#,
                "{}",
            ],
            &[words("a"), finish("length"), usage(None, Some(2)), Piece::End],
        );
    }

    #[test]
    fn nothing_is_taken_after_an_event_that_is_not_json() {
        for bad in ["{not json", "null", "[x", "7"] {
            let good = r#"{"token":{"text":"a"}}"#;
            let deltas = decode(
                &mut GenerationDecoder::default(),
                &[good, bad, good].map(|data| Event::new("", data)),
            );
            assert_eq!(deltas.len(), 2, "{bad}");
            assert!(matches!(&deltas[1].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
        }
    }
}
