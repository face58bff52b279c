//! OpenAI chat completions, as the mock speaks them.

use super::voice::{Around, Facts, Voice, quoted};

pub(super) fn voice(facts: &Facts<'_>) -> Voice {
    // OpenAI puts a null usage on every chunk when usage was asked for.
    let usage = if facts.usage { ",\"usage\":null" } else { "" };
    let Facts { id, created, .. } = facts;
    let model = quoted(facts.model);
    let open = format!(
        "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":{model},\"choices\":["
    );
    let chunk = |delta: &str, finish: &str| {
        format!(
            "{open}{{\"index\":0,\"delta\":{{{delta}}},\"logprobs\":null,\"finish_reason\":{finish}}}]{usage}}}\n\n"
        )
    };
    let around = |field: &str| Around {
        before: format!("{open}{{\"index\":0,\"delta\":{{\"{field}\":\"").into_bytes(),
        after: format!("\"}},\"logprobs\":null,\"finish_reason\":null}}]{usage}}}\n\n").into_bytes(),
    };
    let mut closing = chunk("", &quoted(finish(facts)));
    if facts.usage {
        closing += &format!("{open}],\"usage\":{}}}\n\n", usage_object(facts));
    }
    Voice {
        opening: chunk("\"role\":\"assistant\",\"content\":\"\"", "null").into_bytes(),
        opening_comes_first: false,
        reasoning: around("reasoning_content"),
        between: Vec::new(),
        text: around("content"),
        closing: closing.into_bytes(),
        done: b"data: [DONE]\n\n",
    }
}

pub(super) fn whole(facts: &Facts<'_>, reasoning: &str, text: &str) -> String {
    let reasoning = match reasoning {
        "" => String::new(),
        words => format!(",\"reasoning_content\":{}", quoted(words)),
    };
    let usage = if facts.usage { format!(",\"usage\":{}", usage_object(facts)) } else { String::new() };
    format!(
        "{{\"id\":\"{}\",\"object\":\"chat.completion\",\"created\":{},\"model\":{},\"choices\":[{{\"index\":0,\
         \"message\":{{\"role\":\"assistant\",\"content\":{}{reasoning}}},\"logprobs\":null,\"finish_reason\":\"{}\"}}]{usage}}}",
        facts.id,
        facts.created,
        quoted(facts.model),
        quoted(text),
        finish(facts),
    )
}

pub(super) fn error(status: u16, message: &str) -> String {
    let (kind, code) = match status {
        401 => ("invalid_request_error", "\"invalid_api_key\""),
        429 => ("requests", "\"rate_limit_exceeded\""),
        500.. => ("server_error", "null"),
        _ => ("invalid_request_error", "null"),
    };
    format!(
        "{{\"error\":{{\"message\":{},\"type\":\"{kind}\",\"param\":null,\"code\":{code}}}}}",
        quoted(message)
    )
}

fn finish(facts: &Facts<'_>) -> &'static str {
    if facts.cut_by_limit { "length" } else { "stop" }
}

fn usage_object(facts: &Facts<'_>) -> String {
    let Facts { prompt_tokens, tokens, reasoning, .. } = facts;
    let total = prompt_tokens.saturating_add(*tokens);
    format!(
        "{{\"prompt_tokens\":{prompt_tokens},\"completion_tokens\":{tokens},\"total_tokens\":{total},\
         \"completion_tokens_details\":{{\"reasoning_tokens\":{reasoning}}}}}"
    )
}
