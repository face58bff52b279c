//! JSON as short as it goes.

/// JSON without the blanks between its tokens, in its own order of keys, and with nothing escaped that need not be: two
/// servers that mean the same text are read as the same text.
///
/// ```
/// # use llmperf_sdk::compact_json;
/// assert_eq!(compact_json(r#"{"b" : [1, "x \u003d y"], "a": 1.0}"#), r#"{"b":[1,"x = y"],"a":1.0}"#);
/// ```
pub fn compact_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        push_tokens(&rest[..start], &mut text);
        let string = &rest[start..start + string_len(&rest[start..])];
        // Only what JSON itself wrote can be read back; anything else stays as it is.
        match serde_json::from_str::<String>(string).and_then(|value| serde_json::to_string(&value)) {
            Ok(plain) if string.contains('\\') => text.push_str(&plain),
            _ => text.push_str(string),
        }
        rest = &rest[start + string.len()..];
    }
    push_tokens(rest, &mut text);
    text
}

fn push_tokens(tokens: &str, text: &mut String) {
    text.extend(tokens.chars().filter(|c| !c.is_ascii_whitespace()));
}

/// The length of the string that `json` begins with, quotes included.
fn string_len(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        if byte == b'"' && !escaped {
            return at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_only_between_tokens() {
        let check = |json: &str, expected: &str| assert_eq!(compact_json(json), expected, "{json}");
        check("{ }", "{}");
        check("{\"a b\" : [1 ,\t2.50,\n-1e3 ] , \"c\":null}", r#"{"a b":[1,2.50,-1e3],"c":null}"#);
        check(r#"{"q": "say \"hi\" \\", "é": "\u00e9\n"}"#, r#"{"q":"say \"hi\" \\","é":"é\n"}"#);
        check(r#"["\ud83d", "cut"#, r#"["\ud83d","cut"#);
        check("", "");
    }
}
