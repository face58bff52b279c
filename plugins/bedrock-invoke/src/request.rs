//! The request: which family a model belongs to, and how that family is asked.

use llmperf_sdk::{Framing, HttpRequest, Input, JsonBody, Part, RequestSpec, Sampling, list_of_texts};
use serde_json::Value;

use llmperf_sdk::anthropic::DEFAULT_MAX_TOKENS;

use crate::prompts;

/// Option: whose words the model takes.
pub(crate) const FAMILY: &str = "family";

/// The version of Anthropic's API that Bedrock serves; it never had another.
const ANTHROPIC_VERSION: &str = "bedrock-2023-05-31";

/// Models that take the same body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Anthropic,
    Llama2,
    Llama3,
    Titan,
    Nova,
    Mistral,
    Cohere,
    CommandR,
    Jurassic,
    DeepSeekR1,
    /// Whoever took over OpenAI's messages: Jamba, gpt-oss, Qwen, DeepSeek V3, Mistral's later models.
    OpenAi,
}

/// Each family's word for the option, and parts of ids that tell it; the first that fits counts.
const FAMILIES: [(Family, &str, &[&str]); 11] = [
    (Family::Anthropic, "anthropic", &["anthropic.", "claude"]),
    (Family::Llama2, "llama2", &["llama2"]),
    (Family::Llama3, "llama3", &["llama"]),
    (Family::Titan, "titan", &["amazon.titan"]),
    (Family::Nova, "nova", &["amazon.nova"]),
    (
        Family::Mistral,
        "mistral",
        &[
            "mistral.mistral-7b",
            "mistral.mixtral",
            "mistral.mistral-large-2402",
            "mistral.mistral-small-2402",
        ],
    ),
    (Family::CommandR, "command-r", &["cohere.command-r"]),
    (Family::Cohere, "cohere", &["cohere.command"]),
    (Family::Jurassic, "j2", &["ai21.j2"]),
    (Family::DeepSeekR1, "deepseek-r1", &["deepseek.r1"]),
    (Family::OpenAi, "openai", &[""]),
];

/// The request that asks `spec`.
///
/// # Errors
/// The task or input is not a chat that the family can be asked, the option has no such value, or the sampling parameters
/// are not a JSON object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: bedrock-invoke speaks chat only", spec.task));
    }
    let mut sampling = Sampling::parse(&spec.sampling)?;
    let stream = sampling.take("stream").map_or(spec.stream, |stream| stream.get() == "true");
    let model = sampling.take("model").and_then(|model| serde_json::from_str::<String>(model.get()).ok());
    let model = model.as_deref().unwrap_or(&spec.model);
    sampling.take("stream_options");
    let body = body(family(spec, model)?, spec, sampling)?.build()?;
    let (operation, framing) = match stream {
        true => ("invoke-with-response-stream", Framing::AwsEventStream),
        false => ("invoke", Framing::Body),
    };
    let mut request = HttpRequest::post_json(["model", model, operation], body, framing);
    // What is accepted is said by the path; a header would be one more to sign.
    request.headers.retain(|header| header.name != "accept");
    Ok(request)
}

fn family(spec: &RequestSpec, model: &str) -> Result<Family, String> {
    let named = spec.option(FAMILY).unwrap_or("auto");
    let found = match named {
        "auto" => FAMILIES.iter().find(|(_, _, ids)| ids.iter().any(|id| model.contains(id))),
        word => FAMILIES.iter().find(|(_, known, _)| *known == word),
    };
    found.map(|(family, ..)| *family).ok_or_else(|| {
        let words: Vec<&str> = FAMILIES.iter().map(|(_, word, _)| *word).collect();
        format!("option {FAMILY} is {named:?}; it must be auto or one of {}", words.join(", "))
    })
}

fn body(family: Family, spec: &RequestSpec, mut sampling: Sampling) -> Result<JsonBody, String> {
    let mut body = JsonBody::new();
    match family {
        Family::Anthropic => {
            let (system, messages) = prompts::blocks(&spec.input, prompts::anthropic_block)?;
            body.set("messages", messages).set("system", system);
            body.set("anthropic_version", Value::from(ANTHROPIC_VERSION));
            limits(&mut body, spec, sampling, &ANTHROPIC);
            // The API must be told a limit.
            if body.get("max_tokens").is_none() {
                body.set("max_tokens", Value::from(DEFAULT_MAX_TOKENS));
            }
        }
        Family::Nova => {
            let (system, messages) = prompts::blocks(&spec.input, prompts::nova_block)?;
            body.set("messages", messages).set("system", system);
            body.set("schemaVersion", Value::from("messages-v1"));
            configured(&mut body, "inferenceConfig", spec, sampling, &CAMEL_CASE);
        }
        Family::Llama2 | Family::Llama3 => {
            // These models know no stop words.
            sampling.take("stop");
            body.set("prompt", Value::from(prompts::llama(spec, family == Family::Llama3)?));
            limits(&mut body, spec, sampling, &LLAMA);
        }
        Family::Titan => {
            body.set("inputText", Value::from(prompts::titan(&spec.input)?));
            configured(&mut body, "textGenerationConfig", spec, sampling, &TITAN);
        }
        Family::Mistral => {
            body.set("prompt", Value::from(prompts::mistral(&spec.input)?));
            limits(&mut body, spec, sampling, &AS_OPENAI);
        }
        Family::DeepSeekR1 => {
            body.set("prompt", Value::from(prompts::deepseek(&spec.input)?));
            limits(&mut body, spec, sampling, &AS_OPENAI);
        }
        Family::Jurassic => {
            body.set("prompt", Value::from(spec.prompt_text()?));
            limits(&mut body, spec, sampling, &CAMEL_CASE);
        }
        Family::Cohere => {
            body.set("prompt", Value::from(spec.prompt_text()?));
            limits(&mut body, spec, sampling, &COHERE);
            body.set("stream", if spec.stream { Value::Bool(true) } else { Value::Null });
        }
        Family::CommandR => {
            let conversation = prompts::command_r(&spec.input)?;
            body.set("message", conversation.message).set("preamble", conversation.preamble);
            body.set("chat_history", conversation.history);
            limits(&mut body, spec, sampling, &COHERE);
        }
        Family::OpenAi => {
            body.set("messages", prompts::openai(&spec.input)?);
            limits(&mut body, spec, sampling, &AS_OPENAI);
        }
    }
    Ok(body)
}

/// A family's names of what all of them know.
struct Names {
    limit: &'static str,
    top_p: &'static str,
    stop: &'static str,
}

const AS_OPENAI: Names = Names { limit: "max_tokens", top_p: "top_p", stop: "stop" };
const COHERE: Names = Names { limit: "max_tokens", top_p: "p", stop: "stop_sequences" };
const ANTHROPIC: Names = Names { limit: "max_tokens", top_p: "top_p", stop: "stop_sequences" };
const LLAMA: Names = Names { limit: "max_gen_len", top_p: "top_p", stop: "stop" };
const CAMEL_CASE: Names = Names { limit: "maxTokens", top_p: "topP", stop: "stopSequences" };
const TITAN: Names = Names { limit: "maxTokenCount", top_p: "topP", stop: "stopSequences" };

/// What a body holds beside the object of parameters.
const BESIDE: &[&str] = &["inputText", "messages", "system", "schemaVersion", "toolConfig"];

/// The same within an object. One of its name among the sampling parameters wins over what is given beside it.
fn configured(body: &mut JsonBody, name: &str, spec: &RequestSpec, mut sampling: Sampling, names: &Names) {
    body.extend(sampling.take_all(BESIDE));
    let given = sampling.take(name);
    let mut config = JsonBody::new();
    limits(&mut config, spec, sampling, names);
    body.nest(name, config, given);
}

/// Writes the limit and the sampling parameters under the family's names. What is given under them already wins.
fn limits(body: &mut JsonBody, spec: &RequestSpec, mut sampling: Sampling, names: &Names) {
    for (from, to) in [
        ("max_completion_tokens", names.limit),
        ("max_tokens", names.limit),
        ("top_p", names.top_p),
        ("stop", names.stop),
    ] {
        if from != to {
            sampling.rename(from, to);
        }
    }
    if let Some(stop) = sampling.take(names.stop) {
        sampling.put(names.stop, list_of_texts(&stop));
    }
    body.set(names.limit, spec.max_tokens.map_or(Value::Null, Value::from)).extend(sampling);
}

/// The turns of a chat as role and text; a prompt is one turn of the user.
///
/// # Errors
/// The input is not text.
pub(crate) fn turns(input: &Input) -> Result<Vec<(&str, &str)>, String> {
    match input {
        Input::Prompt(prompt) => Ok(vec![("user", prompt)]),
        Input::Messages(messages) => messages
            .iter()
            .map(|message| match message.parts.as_slice() {
                [] => Ok((message.role.as_str(), "")),
                [Part::Text(text)] => Ok((message.role.as_str(), text.as_str())),
                _ => Err("each message must be one text for this model".to_owned()),
            })
            .collect(),
        Input::TokenIds(_) | Input::Texts(_) => Err("the input must be messages or a prompt".to_owned()),
    }
}
