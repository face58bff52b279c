//! Messages as OpenAI's chat takes them, and as most others do since.

use std::str::FromStr;

use serde::Serialize;

use crate::{Input, Message, Part};

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content<'a>>,
}

/// What becomes of a system message without text, as LLMPerf sends one with every request.
///
/// ```
/// # use llmperf_sdk::openai::EmptySystem;
/// assert_eq!("bare".parse(), Ok(EmptySystem::Bare));
/// assert!("maybe".parse::<EmptySystem>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptySystem {
    /// `true`: it is sent as any other.
    Keep,
    /// `false`: it is left out, for servers that refuse one.
    Drop,
    /// `bare`: it is sent without the field `content`, as LiteLLM does to Databricks.
    Bare,
}

impl FromStr for EmptySystem {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<EmptySystem, &'static str> {
        match text {
            "true" => Ok(EmptySystem::Keep),
            "false" => Ok(EmptySystem::Drop),
            "bare" => Ok(EmptySystem::Bare),
            _ => Err("it must be true, false or bare"),
        }
    }
}

/// One text goes as a plain string: some servers know nothing else.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<ContentPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Url },
    InputAudio { input_audio: Audio },
    VideoUrl { video_url: Url },
}

#[derive(Serialize)]
struct Url {
    url: String,
}

#[derive(Serialize)]
struct Audio {
    data: String,
    format: String,
}

/// The messages of a chat as the field `messages` has them; a prompt is one message of the user. `keep_empty_system` keeps
/// a system message without text, which some servers refuse.
///
/// ```
/// # use llmperf_sdk::*;
/// let input = Input::Messages(vec![Message::text("system", ""), Message::text("user", "Say hi")]);
/// let mut body = JsonBody::new();
/// body.set("messages", openai::messages(&input, false).unwrap());
/// assert_eq!(body.get("messages"), Some(r#"[{"role":"user","content":"Say hi"}]"#));
/// ```
///
/// # Errors
/// The input is neither messages nor a prompt.
pub fn messages(input: &Input, keep_empty_system: bool) -> Result<Vec<impl Serialize + '_>, String> {
    messages_with(input, if keep_empty_system { EmptySystem::Keep } else { EmptySystem::Drop })
}

/// As [`messages`], with all there is to choose of an empty system message.
///
/// ```
/// # use llmperf_sdk::{openai::EmptySystem, *};
/// let input = Input::Messages(vec![Message::text("system", ""), Message::text("user", "Say hi")]);
/// let mut body = JsonBody::new();
/// body.set("messages", openai::messages_with(&input, EmptySystem::Bare).unwrap());
/// assert_eq!(body.get("messages"), Some(r#"[{"role":"system"},{"role":"user","content":"Say hi"}]"#));
/// ```
///
/// # Errors
/// The input is neither messages nor a prompt.
pub fn messages_with(input: &Input, empty: EmptySystem) -> Result<Vec<impl Serialize + '_>, String> {
    match input {
        Input::Prompt(prompt) => Ok(vec![ChatMessage { role: "user", content: Some(Content::Text(prompt)) }]),
        Input::Messages(messages) => {
            let messages = messages.iter().filter_map(|message| {
                let content = content(message);
                let is_empty = message.role == "system" && matches!(content, Content::Text(""));
                let content = match empty {
                    EmptySystem::Drop if is_empty => return None,
                    EmptySystem::Bare if is_empty => None,
                    _ => Some(content),
                };
                Some(ChatMessage { role: &message.role, content })
            });
            Ok(messages.collect())
        }
        Input::TokenIds(_) | Input::Texts(_) => Err("the input must be messages or a prompt".to_owned()),
    }
}

fn content(message: &Message) -> Content<'_> {
    match message.parts.as_slice() {
        [] => Content::Text(""),
        [Part::Text(text)] => Content::Text(text),
        parts => Content::Parts(parts.iter().map(content_part).collect()),
    }
}

fn content_part(part: &Part) -> ContentPart<'_> {
    match part {
        Part::Text(text) => ContentPart::Text { text },
        Part::Image(media) => ContentPart::ImageUrl { image_url: Url { url: media.data_url() } },
        Part::Video(media) => ContentPart::VideoUrl { video_url: Url { url: media.data_url() } },
        Part::Url(url) => ContentPart::ImageUrl { image_url: Url { url: url.clone() } },
        Part::Audio(media) => {
            // The API wants the format's short name: "wav", "mp3".
            let format = match media.mime.rsplit('/').next().unwrap_or_default() {
                "mpeg" => "mp3",
                "x-wav" | "wave" => "wav",
                format => format,
            };
            ContentPart::InputAudio { input_audio: Audio { data: media.base64(), format: format.to_owned() } }
        }
    }
}
