//! Messages as OpenAI's chat takes them, and as most others do since.

use serde::Serialize;

use crate::{Input, Message, Part};

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'a str,
    content: Content<'a>,
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
    match input {
        Input::Prompt(prompt) => Ok(vec![ChatMessage { role: "user", content: Content::Text(prompt) }]),
        Input::Messages(messages) => Ok(messages
            .iter()
            .map(|message| ChatMessage { role: &message.role, content: content(message) })
            .filter(|message| keep_empty_system || !is_empty_system(message))
            .collect()),
        Input::TokenIds(_) | Input::Texts(_) => Err("the input must be messages or a prompt".to_owned()),
    }
}

fn is_empty_system(message: &ChatMessage<'_>) -> bool {
    message.role == "system" && matches!(message.content, Content::Text(""))
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
