//! What the families' chunks say. No two families mean different things by one field, so each field is looked for wherever it
//! may be.

use llmperf_sdk::{Out, Usage, raw};
use serde_json::Value;

/// Text that a family says in one place: Llama, Titan (streamed and whole), Mistral, Cohere, AI21, and those who took over
/// OpenAI's choices without its deltas.
const TEXTS: [&str; 9] = [
    "generation",
    "outputText",
    "results/0/outputText",
    "outputs/0/text",
    "generations/0/text",
    "completions/0/data/text",
    "choices/0/text",
    "choices/0/message/content",
    "completion",
];

const REASONS: [&str; 14] = [
    "stop_reason",
    "completionReason",
    "results/0/completionReason",
    "outputs/0/stop_reason",
    "finish_reason",
    "generations/0/finish_reason",
    "completions/0/finishReason/reason",
    "choices/0/stop_reason",
    "choices/0/finish_reason",
    // Anthropic, of `message_delta`.
    "delta/stop_reason",
    // Nova, streamed and whole.
    "messageStop/stopReason",
    "stopReason",
    "message/stop_reason",
    "amazon-bedrock-trace/stopReason",
];

const INPUT_TOKENS: [&str; 8] = [
    "prompt_token_count",
    "inputTextTokenCount",
    "usage/input_tokens",
    "message/usage/input_tokens",
    "usage/inputTokens",
    "metadata/usage/inputTokens",
    "usage/prompt_tokens",
    "prompt_tokens",
];

const OUTPUT_TOKENS: [&str; 8] = [
    "generation_token_count",
    "totalOutputTextTokenCount",
    "results/0/tokenCount",
    "usage/output_tokens",
    "message/usage/output_tokens",
    "usage/outputTokens",
    "metadata/usage/outputTokens",
    "usage/completion_tokens",
];

const CACHED_TOKENS: [&str; 6] = [
    "usage/cache_read_input_tokens",
    "message/usage/cache_read_input_tokens",
    "usage/cacheReadInputTokens",
    "usage/cacheReadInputTokenCount",
    "metadata/usage/cacheReadInputTokens",
    "metadata/usage/cacheReadInputTokenCount",
];

const WRITTEN_TOKENS: [&str; 6] = [
    "usage/cache_creation_input_tokens",
    "message/usage/cache_creation_input_tokens",
    "usage/cacheWriteInputTokens",
    "usage/cacheWriteInputTokenCount",
    "metadata/usage/cacheWriteInputTokens",
    "metadata/usage/cacheWriteInputTokenCount",
];

/// What a chunk says beside its output.
pub(crate) struct Heard<'a> {
    pub(crate) finish: &'a str,
    pub(crate) usage: Usage,
    pub(crate) ended: bool,
}

/// Writes the output that a chunk brings; `json` is its text.
pub(crate) fn hear<'a>(said: &'a Value, json: &str, out: &mut Out) -> Heard<'a> {
    out.reasoning(text(&said["choices"][0]["message"]["reasoning_content"]));
    for place in TEXTS {
        out.text(text(at(said, place)));
    }
    // Command R repeats the output of its stream in other events.
    if matches!(text(&said["event_type"]), "" | "text-generation" | "tool-calls-generation") {
        out.text(text(&said["text"]));
        calls(&said["tool_calls"], json, out);
    }
    calls(&said["choices"][0]["message"]["tool_calls"], json, out);
    anthropic(said, json, out);
    nova(said, json, out);
    let finish = REASONS.iter().find_map(|place| Some(text(at(said, place))).filter(|word| !word.is_empty()));
    let kind = text(&said["type"]);
    Heard {
        finish: finish.unwrap_or_default(),
        usage: Usage {
            input_tokens: first_count(said, &INPUT_TOKENS),
            output_tokens: first_count(said, &OUTPUT_TOKENS),
            cached_input_tokens: first_count(said, &CACHED_TOKENS),
            cache_write_tokens: first_count(said, &WRITTEN_TOKENS),
            reasoning_tokens: None,
        },
        // Anthropic's messages go on for one event after their reason.
        ended: match kind {
            "" | "completion" | "message" => finish.is_some() || !said["messageStop"].is_null(),
            kind => kind == "message_stop",
        },
    }
}

/// Anthropic's events, and its message as a whole.
fn anthropic(said: &Value, json: &str, out: &mut Out) {
    let index = index(&said["index"]);
    match text(&said["type"]) {
        "content_block_start" => block(index, &said["content_block"], json, out),
        "content_block_delta" => {
            let delta = &said["delta"];
            out.text(text(&delta["text"]));
            out.reasoning(text(&delta["thinking"]));
            out.tool_call(index, text(&delta["partial_json"]));
        }
        "message" => list(&said["content"])
            .iter()
            .zip(0..)
            .for_each(|(content, index)| block(index, content, json, out)),
        _ => {}
    }
}

fn block(index: u32, content: &Value, json: &str, out: &mut Out) {
    let kind = text(&content["type"]);
    match kind {
        "text" => out.text(text(&content["text"])),
        "thinking" => out.reasoning(text(&content["thinking"])),
        _ if kind.ends_with("tool_use") => tool(index, content, json, out),
        _ => {}
    }
}

/// Nova's events, which have their name around them, and its message as a whole.
fn nova(said: &Value, json: &str, out: &mut Out) {
    for (name, field) in [("contentBlockStart", "start"), ("contentBlockDelta", "delta")] {
        let event = &said[name];
        nova_block(index(&event["contentBlockIndex"]), &event[field], json, out);
    }
    let content = list(&said["output"]["message"]["content"]);
    content.iter().zip(0..).for_each(|(content, index)| nova_block(index, content, json, out));
}

fn nova_block(index: u32, content: &Value, json: &str, out: &mut Out) {
    let reasoning = &content["reasoningContent"];
    out.reasoning(text(&reasoning["text"]));
    out.reasoning(text(&reasoning["reasoningText"]["text"]));
    out.text(text(&content["text"]));
    tool(index, &content["toolUse"], json, out);
}

/// Whole tool calls: Command R's, and Mistral's in OpenAI's form.
fn calls(calls: &Value, json: &str, out: &mut Out) {
    for (call, index) in list(calls).iter().zip(0..) {
        for call in [call, &call["function"]] {
            tool(index, call, json, out);
        }
    }
}

/// A tool call: a fragment of it, its start (with arguments yet to come), or all of it.
fn tool(index: u32, call: &Value, json: &str, out: &mut Out) {
    out.tool_call(index, text(&call["name"]));
    for name in ["input", "parameters", "arguments"] {
        let arguments = &call[name];
        match arguments {
            Value::String(fragment) => out.tool_call(index, fragment.as_str()),
            Value::Object(fields) if !fields.is_empty() => {
                out.tool_call(index, raw::text_of_object(json, name, arguments));
            }
            _ => {}
        }
    }
}

/// The value at a place: names of fields and numbers of elements.
fn at<'a>(said: &'a Value, place: &str) -> &'a Value {
    place.split('/').fold(said, |value, step| match step {
        "0" => &value[0],
        name => &value[name],
    })
}

fn first_count(said: &Value, places: &[&str]) -> Option<u64> {
    places.iter().find_map(|place| count(at(said, place)))
}

fn index(value: &Value) -> u32 {
    value.as_u64().and_then(|index| u32::try_from(index).ok()).unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) fn count(value: &Value) -> Option<u64> {
    value.as_u64()
}
