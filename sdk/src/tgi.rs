//! Generation as text-generation-inference (TGI) answers it, and as the servers that took it over do: DJL-LMI on
//! SageMaker, Predibase, gateways. One event a token, or the whole answer at once.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Decode, Event, Failure, Out, ResponseHead, Usage, read_failure};

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
            return Err(failure(event.text()?));
        }
        if data.starts_with(b"[") {
            return self.answers(event, out);
        }
        let line: Generation<'_> = event.json().inspect_err(|_| self.broken = true)?;
        self.generation(&line, out);
        match line.is_error() {
            true => Err(failure(event.text()?)),
            false => Ok(()),
        }
    }
}

/// An event of a stream, or a whole answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Generation<'a> {
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    generated_text: Option<&'a RawValue>,
    details: Option<&'a RawValue>,
    /// Older DJL: the texts that came, one for each prompt of a batch.
    outputs: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    error_type: Option<&'a RawValue>,
    // The words of a flat error.
    message: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
}

/// `details`, and the token itself where a server spells it flat.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    generated_tokens: Option<&'a RawValue>,
    /// TGI since 3.
    input_length: Option<&'a RawValue>,
    /// DJL.
    prompt_tokens: Option<&'a RawValue>,
    tokens: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Token<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    text: Option<&'a RawValue>,
    special: Option<&'a RawValue>,
    /// DJL.
    special_token: Option<&'a RawValue>,
    /// DJL, on the last token of a generation that failed.
    error_msg: Option<&'a RawValue>,
}

impl Generation<'_> {
    fn is_error(&self) -> bool {
        let says =
            |raw: Option<&RawValue>| raw.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "{}" | "false"));
        let answers = self.token.or(self.generated_text).or(self.outputs).is_some();
        says(self.error) || says(self.error_type) || (!answers && (says(self.message) || says(self.detail)))
    }
}

impl GenerationDecoder {
    /// A whole answer in a list: one for each prompt, of which there was one.
    fn answers(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let answers: Vec<&RawValue> = event.json().inspect_err(|_| self.broken = true)?;
        let Some(first) = answers.first() else { return Ok(()) };
        let answer = object::<Generation<'_>>(first).filter(|answer| !answer.is_error());
        match answer {
            Some(answer) => {
                self.generation(&answer, out);
                Ok(())
            }
            // Servers for other tasks answer with bare texts.
            None if first.get().starts_with('"') => {
                out.text(text(Some(first)));
                out.end();
                Ok(())
            }
            None => Err(failure(event.text()?)),
        }
    }

    fn generation(&mut self, line: &Generation<'_>, out: &mut Out) {
        if let Some(token) = line.token.and_then(object::<Token<'_>>) {
            self.streamed = true;
            push_token(&token, out);
        }
        if let Some(outputs) = line.outputs {
            self.streamed = true;
            out.text(first_text(outputs));
        }
        let whole = text(line.generated_text);
        if !self.streamed {
            out.text(whole);
        }
        let details = line.details.and_then(object::<Details<'_>>);
        if let Some(details) = &details {
            self.details(details, out);
        }
        // The last event repeats all of the text; so does the only one of an answer that is not streamed.
        if line.generated_text.is_some() && !line.is_error() {
            out.end();
        }
    }

    fn details(&mut self, details: &Details<'_>, out: &mut Out) {
        if !self.streamed
            && let Some(tokens) =
                details.tokens.and_then(|raw| serde_json::from_str::<Vec<Token<'_>>>(raw.get()).ok())
        {
            out.token_ids(tokens.iter().flat_map(|token| ids(token.id)).collect());
        }
        let reason = text(details.finish_reason);
        if !self.finished && !reason.is_empty() {
            self.finished = true;
            out.finish(reason);
        }
        let usage = Usage {
            input_tokens: count(details.input_length).or_else(|| count(details.prompt_tokens)),
            output_tokens: count(details.generated_tokens),
            ..Usage::default()
        };
        if usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
    }
}

/// A special token (the end of the text, above all) has a text that is not shown.
fn push_token(token: &Token<'_>, out: &mut Out) {
    let is_true = |raw: Option<&RawValue>| raw.is_some_and(|raw| raw.get() == "true");
    if !is_true(token.special) && !is_true(token.special_token) {
        out.text(text(token.text));
    }
    out.token_ids(ids(token.id));
    let error = text(token.error_msg);
    if !error.is_empty() {
        out.failure(Failure::new("", error));
    }
}

/// Serde would take an array for a struct, field by field.
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    if raw.get().starts_with('{') { serde_json::from_str(raw.get()).ok() } else { None }
}

fn text(raw: Option<&RawValue>) -> Cow<'_, str> {
    raw.map(RawValue::get).and_then(string).unwrap_or_default()
}

/// A string; borrowed where nothing in it is escaped.
fn string(json: &str) -> Option<Cow<'_, str>> {
    if !json.starts_with('"') {
        return None;
    }
    match serde_json::from_str::<&str>(json) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
    }
}

/// The text for the first prompt: a list of texts, of `{generated_text}`, or a text alone.
fn first_text(outputs: &RawValue) -> String {
    let json = outputs.get();
    if let Some(text) = string(json) {
        return text.into_owned();
    }
    let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let Some(first) = list.first() else { return String::new() };
    match object::<Generation<'_>>(first) {
        Some(answer) => text(answer.generated_text).into_owned(),
        None => text(Some(first)).into_owned(),
    }
}

fn count(raw: Option<&RawValue>) -> Option<u64> {
    serde_json::from_str(raw?.get()).ok()
}

/// DJL lists the ids of a token, of which there is one.
fn ids(raw: Option<&RawValue>) -> Vec<u32> {
    let json = raw.map(RawValue::get).unwrap_or_default();
    match json.starts_with('[') {
        true => serde_json::from_str(json).unwrap_or_default(),
        false => serde_json::from_str(json).into_iter().collect(),
    }
}

/// An error in any shape; one without a message is quoted as it is.
fn failure(json: &str) -> Failure {
    read_failure(json.as_bytes()).unwrap_or_else(|| Failure::new("", json.trim()))
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
