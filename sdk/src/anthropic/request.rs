//! The body of a request for a message, without what differs between those who serve it: model, version, stream.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::lenient::{Number, Object};
use crate::{Input, JsonBody, Part, RequestSpec, Sampling, list_of_texts};

/// The API must be told a limit. Where nobody names one it is LiteLLM's, so that runs stay comparable; what the model may
/// think comes on top.
pub const DEFAULT_MAX_TOKENS: u64 = 4096;

/// How a message of one text, and a system prompt, are written. The API takes both for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentForm {
    /// `[{"type": "text", "text": …}]`
    #[default]
    Blocks,
    /// `"…"`
    Text,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text { text: &'a str },
    Image { source: Source<'a> },
    Document { source: Source<'a> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Source<'a> {
    Base64 { media_type: &'a str, data: String },
    Url { url: &'a str },
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: Content<'a>,
}

#[derive(Serialize)]
struct Thinking {
    #[serde(rename = "type")]
    kind: &'static str,
    budget_tokens: u64,
}

/// `messages`, `system`, `max_tokens` and the sampling parameters of a request, the latter in this API's names.
///
/// ```
/// # use llmperf_sdk::*;
/// let spec = RequestSpec { max_tokens: Some(16), ..RequestSpec::chat("m", "Say hi") };
/// let body = anthropic::body(&spec, anthropic::ContentForm::Text).unwrap();
/// assert_eq!(body.build().unwrap(), br#"{"messages":[{"role":"user","content":"Say hi"}],"max_tokens":16}"#);
/// ```
///
/// # Errors
/// The input is no chat that the API can be asked, or the sampling parameters are not a JSON object.
pub fn body(spec: &RequestSpec, form: ContentForm) -> Result<JsonBody, String> {
    let mut sampling = sampling(spec, "max_tokens")?;
    let effort = sampling.take("reasoning_effort").map(|effort| thinking(&effort)).transpose()?.flatten();
    let mut body = JsonBody::new();
    let (system, messages) = conversation(&spec.input)?;
    body.set(
        "messages",
        messages
            .into_iter()
            .map(|(role, blocks)| Message { role, content: content(blocks, form) })
            .collect::<Vec<_>>(),
    );
    if !system.is_empty() {
        body.set("system", content(system, form));
    }
    body.set("thinking", effort);
    body.set("max_tokens", spec.max_tokens);
    body.extend(sampling);
    if body.get("max_tokens").is_none() {
        body.set("max_tokens", DEFAULT_MAX_TOKENS + thinking_budget(&body));
    }
    Ok(body)
}

/// The sampling parameters in the names that Anthropic's APIs share, OpenAI's limits under the name `max_tokens_field`.
///
/// ```
/// # use llmperf_sdk::*;
/// let spec = RequestSpec { sampling: r#"{"stop":"END","max_tokens":5}"#.into(), ..RequestSpec::chat("m", "Say hi") };
/// let mut body = JsonBody::new();
/// body.extend(anthropic::sampling(&spec, "max_tokens_to_sample").unwrap());
/// assert_eq!(body.build().unwrap(), br#"{"max_tokens_to_sample":5,"stop_sequences":["END"]}"#);
/// ```
///
/// # Errors
/// The sampling parameters are not a JSON object.
pub fn sampling(spec: &RequestSpec, max_tokens_field: &str) -> Result<Sampling, String> {
    let mut sampling = Sampling::parse(&spec.sampling)?;
    if max_tokens_field != "max_tokens" {
        sampling.rename("max_tokens", max_tokens_field);
    }
    sampling.rename("max_completion_tokens", max_tokens_field);
    sampling.rename("stop", "stop_sequences");
    if let Some(stop) = sampling.take("stop_sequences") {
        sampling.put("stop_sequences", list_of_texts(&stop));
    }
    // Token counts come without being asked for.
    sampling.take("stream_options");
    Ok(sampling)
}

/// OpenAI's word for how long to think, as LiteLLM translates it. `None`: do not.
fn thinking(effort: &RawValue) -> Result<Option<Thinking>, String> {
    let budget_tokens = match effort.get() {
        "null" | "\"none\"" => return Ok(None),
        // The API's least budget is 1024.
        "\"minimal\"" | "\"low\"" => 1024,
        "\"medium\"" => 2048,
        "\"high\"" => 4096,
        other => {
            return Err(format!(
                "reasoning_effort {other}: this API takes a budget, as thinking.budget_tokens"
            ));
        }
    };
    Ok(Some(Thinking { kind: "enabled", budget_tokens }))
}

fn thinking_budget(body: &JsonBody) -> u64 {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Budget {
        budget_tokens: Number,
    }
    let thinking = body.get("thinking").unwrap_or_default();
    let budget = serde_json::from_str::<Object<Budget>>(thinking).unwrap_or_default();
    budget.0.and_then(|budget| budget.budget_tokens.count()).unwrap_or(0)
}

type Turn<'a> = (&'a str, Vec<Block<'a>>);

/// The system prompt, without empty ones, which the API refuses; and the turns, those of one role that follow each other
/// joined.
fn conversation(input: &Input) -> Result<(Vec<Block<'_>>, Vec<Turn<'_>>), String> {
    let messages = match input {
        Input::Prompt(prompt) => return Ok((Vec::new(), vec![("user", vec![Block::Text { text: prompt }])])),
        Input::Messages(messages) => messages,
        Input::TokenIds(_) | Input::Texts(_) => {
            return Err("the input must be messages or a prompt".to_owned());
        }
    };
    let (mut system, mut turns) = (Vec::new(), Vec::<Turn<'_>>::new());
    for message in messages {
        let mut blocks = message.parts.iter().map(block).collect::<Result<Vec<_>, _>>()?;
        match message.role.as_str() {
            "system" | "developer" => {
                system.extend(blocks.into_iter().filter(|block| !matches!(block, Block::Text { text: "" })));
            }
            role => match turns.last_mut() {
                Some((last, known)) if *last == role => known.append(&mut blocks),
                _ => turns.push((role, blocks)),
            },
        }
    }
    Ok((system, turns))
}

fn block(part: &Part) -> Result<Block<'_>, String> {
    match part {
        Part::Text(text) => Ok(Block::Text { text }),
        Part::Url(url) => Ok(Block::Image { source: Source::Url { url } }),
        Part::Image(media) => {
            let source = Source::Base64 { media_type: &media.mime, data: media.base64() };
            Ok(match media.mime.starts_with("image/") {
                true => Block::Image { source },
                false => Block::Document { source },
            })
        }
        Part::Audio(_) | Part::Video(_) => Err("this API takes texts and images".to_owned()),
    }
}

fn content(blocks: Vec<Block<'_>>, form: ContentForm) -> Content<'_> {
    match (blocks.as_slice(), form) {
        ([Block::Text { text }], ContentForm::Text) => Content::Text(text),
        _ => Content::Blocks(blocks),
    }
}
