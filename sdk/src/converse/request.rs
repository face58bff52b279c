//! The body of a request to converse. The API has a few names of its own; whatever else a model takes goes into one object.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Input, JsonBody, Media, Part, RequestSpec, Sampling, list_of_texts};

/// OpenAI's name of a sampling parameter, or Anthropic's, and the name it has in `inferenceConfig`.
const INFERENCE: [(&str, &str); 6] = [
    ("max_tokens", "maxTokens"),
    ("max_completion_tokens", "maxTokens"),
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("stop", "stopSequences"),
    ("stop_sequences", "stopSequences"),
];

/// What the body itself may hold, beside `inferenceConfig`.
const TOP_LEVEL: [&str; 10] = [
    "messages",
    "system",
    "toolConfig",
    "guardrailConfig",
    "additionalModelResponseFieldPaths",
    "promptVariables",
    "performanceConfig",
    "requestMetadata",
    "serviceTier",
    "outputConfig",
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Block<'a> {
    Text(&'a str),
    Image(File<'a>),
    Video(File<'a>),
}

#[derive(Serialize)]
struct File<'a> {
    format: &'a str,
    source: Source,
}

#[derive(Serialize)]
struct Source {
    bytes: String,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: Vec<Block<'a>>,
}

/// `messages`, `system`, `inferenceConfig` and what the model takes besides. A system message without text is left out,
/// since the API refuses one. `model`, `stream` and `stream_options` among the sampling parameters are not the body's.
///
/// ```
/// # use llmperf_sdk::*;
/// let spec = RequestSpec {
///     max_tokens: Some(16),
///     sampling: r#"{"stop":"END","top_k":5}"#.into(),
///     ..RequestSpec::chat("m", "Say hi")
/// };
/// assert_eq!(
///     String::from_utf8(converse::body(&spec).unwrap().build().unwrap()).unwrap(),
///     concat!(
///         r#"{"messages":[{"role":"user","content":[{"text":"Say hi"}]}],"#,
///         r#""inferenceConfig":{"maxTokens":16,"stopSequences":["END"]},"#,
///         r#""additionalModelRequestFields":{"top_k":5}}"#
///     )
/// );
/// ```
///
/// # Errors
/// The input is no chat that the API can be asked, or the sampling parameters are not a JSON object.
pub fn body(spec: &RequestSpec) -> Result<JsonBody, String> {
    let mut sampling = Sampling::parse(&spec.sampling)?;
    for of_the_request in ["model", "stream", "stream_options"] {
        sampling.take(of_the_request);
    }
    let (system, messages) = conversation(&spec.input)?;
    let mut body = JsonBody::new();
    body.set("messages", messages);
    let given = sampling.take("inferenceConfig");
    set_object(&mut body, "inferenceConfig", inference(spec, &mut sampling), given);
    if !system.is_empty() {
        body.set("system", system);
    }
    body.extend(sampling.take_all(&TOP_LEVEL));
    let mut additional = JsonBody::new();
    let given = sampling.take("additionalModelRequestFields");
    additional.extend(sampling);
    set_object(&mut body, "additionalModelRequestFields", additional, given);
    Ok(body)
}

fn inference(spec: &RequestSpec, sampling: &mut Sampling) -> JsonBody {
    for (from, to) in INFERENCE {
        sampling.rename(from, to);
        if let Some(stop) = sampling.take("stopSequences") {
            sampling.put("stopSequences", list_of_texts(&stop));
        }
    }
    let named = sampling.take_all(&INFERENCE.map(|(_, name)| name));
    let mut inference = JsonBody::new();
    inference.set("maxTokens", spec.max_tokens).extend(named);
    inference
}

/// An object without fields is left out.
fn set_object(body: &mut JsonBody, name: &str, object: JsonBody, given: Option<Box<RawValue>>) {
    body.nest(name, object, given);
    if body.get(name) == Some("{}") {
        body.set(name, ());
    }
}

/// The system prompt, and the turns, those of one role that follow each other joined.
fn conversation(input: &Input) -> Result<(Vec<Block<'_>>, Vec<Message<'_>>), String> {
    let messages = match input {
        Input::Prompt(prompt) => {
            return Ok((Vec::new(), vec![Message { role: "user", content: vec![Block::Text(prompt)] }]));
        }
        Input::Messages(messages) => messages,
        Input::TokenIds(_) | Input::Texts(_) => {
            return Err("the input must be messages or a prompt".to_owned());
        }
    };
    let (mut system, mut turns) = (Vec::new(), Vec::<Message<'_>>::new());
    for message in messages {
        let mut content = message.parts.iter().map(block).collect::<Result<Vec<_>, _>>()?;
        match message.role.as_str() {
            "system" | "developer" => {
                system.extend(content.into_iter().filter(|block| !matches!(block, Block::Text(""))));
            }
            role => match turns.last_mut() {
                Some(last) if last.role == role => last.content.append(&mut content),
                _ => turns.push(Message { role, content }),
            },
        }
    }
    Ok((system, turns))
}

fn block(part: &Part) -> Result<Block<'_>, String> {
    match part {
        Part::Text(text) => Ok(Block::Text(text)),
        Part::Image(media) => Ok(Block::Image(file(media))),
        Part::Video(media) => Ok(Block::Video(file(media))),
        Part::Audio(_) | Part::Url(_) => {
            Err("this API takes texts, and images and videos that are sent along".to_owned())
        }
    }
}

fn file(media: &Media) -> File<'_> {
    let format = media.mime.rsplit('/').next().unwrap_or_default();
    File { format, source: Source { bytes: media.base64() } }
}

#[cfg(test)]
mod tests {
    use crate::Message;

    use super::*;

    fn check(spec: RequestSpec, expected: &str) {
        let got = body(&spec).and_then(JsonBody::build).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), expected);
    }

    fn sampled(sampling: &str) -> RequestSpec {
        RequestSpec { max_tokens: Some(5), sampling: sampling.to_owned(), ..RequestSpec::chat("m", "Hi") }
    }

    #[test]
    fn sampling_goes_where_the_api_has_it() {
        let messages = r#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"#;
        check(sampled("{}"), &format!(r#"{messages}"inferenceConfig":{{"maxTokens":5}}}}"#));
        check(
            sampled(
                r#"{"max_completion_tokens":7,"top_p":0.5,"topP":0.9,"stop_sequences":["A"],"stream":false,"model":"n"}"#,
            ),
            &format!(r#"{messages}"inferenceConfig":{{"maxTokens":7,"topP":0.9,"stopSequences":["A"]}}}}"#),
        );
        check(
            sampled(
                r#"{"max_tokens":null,"top_k":3,"additionalModelRequestFields":{"top_k":4},"performanceConfig":{"latency":"optimized"}}"#,
            ),
            &format!(
                r#"{messages}"performanceConfig":{{"latency":"optimized"}},"additionalModelRequestFields":{{"top_k":4}}}}"#
            ),
        );
        check(
            sampled(r#"{"temperature":0.0,"inferenceConfig":{"temperature":1,"maxTokens":9}}"#),
            &format!(r#"{messages}"inferenceConfig":{{"maxTokens":9,"temperature":1}}}}"#),
        );
    }

    #[test]
    fn turns_of_one_role_are_one_message_and_an_empty_system_prompt_is_none() {
        let image = Part::Image(Media { mime: "image/png".into(), data: b"any".to_vec() });
        let messages = vec![
            Message::text("system", ""),
            Message::text("system", "S"),
            Message::text("user", "a"),
            crate::Message { role: "user".into(), parts: vec![image] },
            Message::text("assistant", "b"),
        ];
        check(
            RequestSpec { input: Input::Messages(messages), ..RequestSpec::chat("m", "") },
            concat!(
                r#"{"messages":[{"role":"user","content":[{"text":"a"},{"image":{"format":"png","source":{"bytes":"YW55"}}}]},"#,
                r#"{"role":"assistant","content":[{"text":"b"}]}],"system":[{"text":"S"}]}"#
            ),
        );
        let url = crate::Message {
            role: "user".into(),
            parts: vec![Part::Url("https://example.org/a.png".into())],
        };
        assert!(
            body(&RequestSpec { input: Input::Messages(vec![url]), ..RequestSpec::chat("m", "") }).is_err()
        );
    }
}
