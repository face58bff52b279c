//! The request: contents, the system instruction, and the sampling parameters where this API wants them.

use llmperf_sdk::{Framing, HttpRequest, Input, JsonBody, Media, Part, RequestSpec, Sampling, list_of_texts};
use serde::Serialize;
use serde_json::value::RawValue;

/// Option: how the answer is streamed.
pub(crate) const STREAM_FORM: &str = "stream-form";

/// What `generationConfig` holds, in both spellings that the API takes. The first one is LiteLLM's, and used for what
/// OpenAI calls otherwise.
const CONFIG: [(&str, &str); 20] = [
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("max_output_tokens", "maxOutputTokens"),
    ("stop_sequences", "stopSequences"),
    ("candidate_count", "candidateCount"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("response_mime_type", "responseMimeType"),
    ("response_schema", "responseSchema"),
    ("response_json_schema", "responseJsonSchema"),
    ("response_modalities", "responseModalities"),
    ("response_logprobs", "responseLogprobs"),
    ("logprobs", "logprobs"),
    ("thinkingConfig", "thinking_config"),
    ("speech_config", "speechConfig"),
    ("media_resolution", "mediaResolution"),
    ("audio_timestamp", "audioTimestamp"),
    ("image_config", "imageConfig"),
];

/// The request that asks `spec`.
///
/// # Errors
/// The task or input is not a chat, an option has no such value, or the sampling parameters are not a JSON object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: gemini speaks chat only", spec.task));
    }
    let mut sampling = Sampling::parse(&spec.sampling)?;
    // Neither is a field of this API: the path says both.
    let stream = sampling.take("stream").map_or(spec.stream, |given| given.get() == "true");
    let model = sampling.take("model").and_then(|given| serde_json::from_str::<String>(given.get()).ok());
    let model = model.as_deref().unwrap_or(&spec.model);

    let body = body(spec, sampling)?.build()?;
    let (method, framing) = match (stream, spec.option(STREAM_FORM)) {
        (false, _) => ("generateContent", Framing::Body),
        (true, None | Some("sse")) => ("streamGenerateContent", Framing::Sse),
        (true, Some("array")) => ("streamGenerateContent", Framing::JsonArray),
        (true, Some(other)) => {
            return Err(format!("option {STREAM_FORM} is {other:?}; it must be sse or array"));
        }
    };
    // `tunedModels/x` names its own collection.
    let (collection, name) = model.rsplit_once('/').unwrap_or(("models", model));
    let name = format!("{name}:{method}");
    let path = collection.split('/').chain([name.as_str()]);
    let mut request = HttpRequest::post_json(path, body, framing).with_header("accept", "*/*");
    if framing == Framing::Sse {
        request.query.push(("alt".to_owned(), "sse".to_owned()));
    }
    Ok(request)
}

fn body(spec: &RequestSpec, mut sampling: Sampling) -> Result<JsonBody, String> {
    let mut body = JsonBody::new();
    let (system, contents) = conversation(&spec.input)?;
    body.set("contents", contents);
    // Kept also where it is empty, as LiteLLM sends LLMPerf's.
    body.set("system_instruction", system);
    if sampling.get("systemInstruction").is_some() {
        body.set("system_instruction", None::<()>);
    }
    let mut config = JsonBody::new();
    config.set("max_output_tokens", spec.max_tokens);
    from_openai(&mut sampling, &mut config)?;
    settle(&mut sampling, &mut config);
    let mut is_left_out = false;
    for name in ["generation_config", "generationConfig"] {
        let given = sampling.take(name);
        is_left_out |= given.as_ref().is_some_and(|given| given.get() == "null");
        if let Some(given) = given.filter(|_| !is_left_out) {
            let mut given = Sampling::parse(given.get()).map_err(|e| format!("{name}: {e}"))?;
            settle(&mut given, &mut config);
            config.extend(given);
        }
    }
    if !config.is_empty() && !is_left_out {
        body.set("generationConfig", &config);
    }
    body.extend(sampling);
    Ok(body)
}

/// OpenAI's parameters in this API's names.
fn from_openai(sampling: &mut Sampling, config: &mut JsonBody) -> Result<(), String> {
    // One name, two meanings: whether, and how many.
    if matches!(sampling.get("logprobs"), Some("true" | "false")) {
        sampling.rename("logprobs", "response_logprobs");
    }
    let names = [
        ("max_tokens", "max_output_tokens"),
        ("max_completion_tokens", "max_output_tokens"),
        ("stop", "stop_sequences"),
        ("n", "candidate_count"),
        ("top_logprobs", "logprobs"),
    ];
    names.iter().for_each(|(from, to)| sampling.rename(from, to));
    // Token counts come without being asked for.
    sampling.take("stream_options");
    if let Some(effort) = sampling.take("reasoning_effort") {
        config.set("thinkingConfig", thinking(&effort)?);
    }
    Ok(())
}

/// Moves what belongs into `generationConfig` there, under the name it was given: the other spelling of it goes.
fn settle(sampling: &mut Sampling, config: &mut JsonBody) {
    for (name, other) in CONFIG {
        for (name, twin) in [(name, other), (other, name)] {
            if let Some(value) = sampling.take(name) {
                let is_stop = name == "stop_sequences" || name == "stopSequences";
                config.set(twin, None::<()>);
                config.set(name, if is_stop { list_of_texts(&value) } else { value });
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Thinking {
    thinking_budget: u32,
    include_thoughts: bool,
}

/// OpenAI's word for how long to think, as LiteLLM translates it.
fn thinking(effort: &RawValue) -> Result<Option<Thinking>, String> {
    let thinking_budget = match effort.get() {
        "null" => return Ok(None),
        "\"none\"" | "\"disable\"" => 0,
        "\"minimal\"" => 128,
        "\"low\"" => 1024,
        "\"medium\"" => 2048,
        "\"high\"" => 4096,
        other => {
            return Err(format!(
                "reasoning_effort {other}: this API takes it as generationConfig.thinkingConfig"
            ));
        }
    };
    Ok(Some(Thinking { thinking_budget, include_thoughts: thinking_budget > 0 }))
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<ContentPart<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ContentPart<'a> {
    Text(&'a str),
    InlineData {
        mime_type: &'a str,
        data: String,
    },
    FileData {
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<&'static str>,
        file_uri: &'a str,
    },
}

/// The system instruction, where there is one, and the turns, those of one role that follow each other joined.
fn conversation(input: &Input) -> Result<(Option<Content<'_>>, Vec<Content<'_>>), String> {
    let user = Some("user");
    let messages = match input {
        Input::Prompt(prompt) => {
            return Ok((None, vec![Content { role: user, parts: vec![ContentPart::Text(prompt)] }]));
        }
        Input::Messages(messages) => messages,
        Input::TokenIds(_) | Input::Texts(_) => {
            return Err("the input must be messages or a prompt".to_owned());
        }
    };
    let (mut system, mut turns) = (None::<Content<'_>>, Vec::<Content<'_>>::new());
    for message in messages {
        let parts = message.parts.iter().map(part);
        let role = match message.role.as_str() {
            "system" | "developer" => None,
            "assistant" | "model" => Some("model"),
            _ => user,
        };
        let known = if role.is_none() { system.as_mut() } else { turns.last_mut() };
        match known.filter(|content| content.role == role) {
            Some(content) => content.parts.extend(parts),
            None => {
                let content = Content { role, parts: parts.collect() };
                if role.is_none() { system = Some(content) } else { turns.push(content) }
            }
        }
    }
    Ok((system, turns))
}

fn part(part: &Part) -> ContentPart<'_> {
    match part {
        Part::Text(text) => ContentPart::Text(text),
        Part::Image(media) | Part::Audio(media) | Part::Video(media) => inline(media),
        Part::Url(url) => ContentPart::FileData { mime_type: mime_of(url), file_uri: url },
    }
}

fn inline(media: &Media) -> ContentPart<'_> {
    ContentPart::InlineData { mime_type: &media.mime, data: media.base64() }
}

/// Vertex AI wants to be told what is behind an address.
fn mime_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let known = [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".webp", "image/webp"),
        (".gif", "image/gif"),
    ];
    known.iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, mime)| *mime)
}
