//! Anthropic messages, as the mock speaks them.

use super::voice::{Around, Facts, Voice, quoted};

pub(super) fn voice(facts: &Facts<'_>) -> Voice {
    let thinks = facts.reasoning > 0;
    // The block the answer ends in: text has the second one where thinking had the first.
    let last = u8::from(thinks && facts.tokens > facts.reasoning);
    let text_start = |index: u8| {
        let block = format!(
            "{{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}"
        );
        event("content_block_start", &block)
    };
    let first_block = if thinks {
        event(
            "content_block_start",
            "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}",
        )
    } else {
        text_start(0)
    };
    let opening = message_start(facts) + &first_block + &event("ping", "{\"type\":\"ping\"}");
    let usage = if facts.usage {
        format!(",\"usage\":{{\"output_tokens\":{}}}", facts.tokens)
    } else {
        String::new()
    };
    let closing = block_stop(last)
        + &event(
            "message_delta",
            &format!(
                "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{}\",\"stop_sequence\":null}}{usage}}}",
                stop_reason(facts)
            ),
        );
    Voice {
        opening: opening.into_bytes(),
        opening_comes_first: true,
        reasoning: around(0, "thinking_delta", "thinking"),
        between: (block_stop(0) + &text_start(1)).into_bytes(),
        text: around(u8::from(thinks), "text_delta", "text"),
        closing: closing.into_bytes(),
        done: b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    }
}

pub(super) fn whole(facts: &Facts<'_>, reasoning: &str, text: &str) -> String {
    let mut blocks = Vec::new();
    if !reasoning.is_empty() {
        blocks
            .push(format!("{{\"type\":\"thinking\",\"thinking\":{},\"signature\":\"\"}}", quoted(reasoning)));
    }
    blocks.push(format!("{{\"type\":\"text\",\"text\":{}}}", quoted(text)));
    let usage =
        if facts.usage { format!(",\"usage\":{}", usage_object(facts, facts.tokens)) } else { String::new() };
    format!(
        "{{\"id\":\"{}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{},\"content\":[{}],\
         \"stop_reason\":\"{}\",\"stop_sequence\":null{usage}}}",
        facts.id,
        quoted(facts.model),
        blocks.join(","),
        stop_reason(facts),
    )
}

pub(super) fn error(status: u16, message: &str) -> String {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":{}}}}}", quoted(message))
}

fn message_start(facts: &Facts<'_>) -> String {
    // The real one counts a token at the start, and the total at the end.
    let usage = if facts.usage { format!(",\"usage\":{}", usage_object(facts, 1)) } else { String::new() };
    let data = format!(
        "{{\"type\":\"message_start\",\"message\":{{\"id\":\"{}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{},\
         \"content\":[],\"stop_reason\":null,\"stop_sequence\":null{usage}}}}}",
        facts.id,
        quoted(facts.model)
    );
    event("message_start", &data)
}

fn around(index: u8, kind: &str, field: &str) -> Around {
    Around {
        before: format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\
             \"delta\":{{\"type\":\"{kind}\",\"{field}\":\""
        )
        .into_bytes(),
        after: b"\"}}\n\n".to_vec(),
    }
}

fn block_stop(index: u8) -> String {
    event("content_block_stop", &format!("{{\"type\":\"content_block_stop\",\"index\":{index}}}"))
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn stop_reason(facts: &Facts<'_>) -> &'static str {
    if facts.cut_by_limit { "max_tokens" } else { "end_turn" }
}

fn usage_object(facts: &Facts<'_>, output: u64) -> String {
    format!(
        "{{\"input_tokens\":{},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":{output}}}",
        facts.prompt_tokens
    )
}
