//! Tool calls: fragments that are told apart by an index, which some servers leave out.

use serde_json::value::RawValue;

use crate::{Out, compact_json, raw};

/// The calls seen so far: index and name, in the order of their first fragment.
///
/// ```
/// # use llmperf_sdk::{Out, Piece, openai::ToolCalls};
/// let (mut calls, mut out) = (ToolCalls::default(), Out::new());
/// calls.push(serde_json::from_str(r#"[{"function":{"name":"f","arguments":{"x": 1}}}]"#).unwrap(), &mut out);
/// let pieces: Vec<Piece> = out.into_deltas().into_iter().map(|delta| delta.piece).collect();
/// assert_eq!(pieces, [Piece::ToolCall((0, "f".into())), Piece::ToolCall((0, r#"{"x":1}"#.into()))]);
/// ```
#[derive(Debug, Default)]
pub struct ToolCalls(Vec<(u32, String)>);

impl ToolCalls {
    /// `tool_calls`: an array, or the one object that older TGI sends. What is neither is skipped.
    pub fn push(&mut self, raw: &RawValue, out: &mut Out) {
        let calls = if raw.get().starts_with('{') { vec![raw] } else { raw::list(raw) };
        for call in calls {
            let Ok([index, function, name, arguments]) =
                raw::fields(call.get(), ["index", "function", "name", "arguments"])
            else {
                continue;
            };
            let index = raw::count(index).and_then(|index| u32::try_from(index).ok());
            match function {
                Some(function) => self.function(index, function, out),
                // Cloudflare has no object around them.
                None if name.or(arguments).is_some() => {
                    self.fragment(index, &raw::text(name), arguments, out)
                }
                None => {}
            }
        }
    }

    /// `function_call`, which has one call at most.
    pub(crate) fn push_function(&mut self, raw: &RawValue, out: &mut Out) {
        self.function(Some(0), raw, out);
    }

    fn function(&mut self, index: Option<u32>, function: &RawValue, out: &mut Out) {
        if let Ok([name, arguments]) = raw::fields(function.get(), ["name", "arguments"]) {
            self.fragment(index, &raw::text(name), arguments, out);
        }
    }

    fn fragment(&mut self, index: Option<u32>, name: &str, arguments: Option<&RawValue>, out: &mut Out) {
        let index = index.unwrap_or_else(|| self.guess(!name.is_empty()));
        match self.0.iter_mut().find(|(known, _)| *known == index) {
            // Some servers repeat the name with every fragment.
            Some((_, known)) if *known == name => {}
            Some((_, known)) => {
                known.push_str(name);
                out.tool_call(index, name);
            }
            None => {
                self.0.push((index, name.to_owned()));
                out.tool_call(index, name);
            }
        }
        if let Some(arguments) = arguments {
            out.tool_call(index, text(arguments.get()));
        }
    }

    /// Without an index a name begins the next call, and arguments alone go on with the last one.
    fn guess(&self, named: bool) -> u32 {
        let last = self.0.iter().map(|(index, _)| *index).max();
        match (last, named) {
            (None, _) => 0,
            (Some(last), false) => last,
            (Some(last), true) => last + 1,
        }
    }
}

/// Arguments are JSON in a string; a server that sends the object itself means its compact text.
fn text(json: &str) -> String {
    match json {
        "null" => String::new(),
        _ if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
        _ => compact_json(json),
    }
}

#[cfg(test)]
mod tests {
    use crate::Piece;

    use super::*;

    fn check(chunks: &[&str], expected: &[(u32, &str)]) {
        let (mut calls, mut out) = (ToolCalls::default(), Out::new());
        for chunk in chunks {
            calls.push(serde_json::from_str(chunk).unwrap(), &mut out);
        }
        let fragments: Vec<_> = out.into_deltas().into_iter().map(|delta| delta.piece).collect();
        let expected: Vec<_> =
            expected.iter().map(|(i, text)| Piece::ToolCall((*i, (*text).to_owned()))).collect();
        assert_eq!(fragments, expected, "{chunks:?}");
    }

    #[test]
    fn fragments_go_by_their_index() {
        check(
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]"#,
                r#"[{"index":0,"function":{"arguments":"{\"x\":"}}]"#,
                r#"[{"index":1,"id":"b","function":{"name":"g","arguments":""}},{"index":0,"function":{"arguments":"1}"}}]"#,
                r#"[{"index":1,"function":{"name":null,"arguments":"{}"}}]"#,
            ],
            &[(0, "f"), (0, "{\"x\":"), (1, "g"), (0, "1}"), (1, "{}")],
        );
    }

    #[test]
    fn without_an_index_each_name_begins_a_call() {
        check(
            &[
                r#"[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"{"}}]"#,
                r#"[{"function":{"arguments":"}"}}]"#,
            ],
            &[(0, "f"), (0, "{}"), (1, "f"), (1, "{"), (1, "}")],
        );
    }

    #[test]
    fn a_repeated_name_counts_once_and_a_split_one_is_joined() {
        check(
            &[
                r#"[{"index":0,"function":{"name":"f","arguments":"1"}}]"#,
                r#"[{"index":0,"function":{"name":"f","arguments":"2"}}]"#,
            ],
            &[(0, "f"), (0, "1"), (0, "2")],
        );
        check(
            &[r#"[{"index":0,"function":{"name":"get_"}}]"#, r#"[{"index":0,"function":{"name":"time"}}]"#],
            &[(0, "get_"), (0, "time")],
        );
    }

    #[test]
    fn odd_shapes_are_read_and_nonsense_is_skipped() {
        check(
            &[r#"{"index":0,"id":"","function":{"name":"f","arguments":{"a" : [1, "b \" c"]}}}"#],
            &[(0, "f"), (0, r#"{"a":[1,"b \" c"]}"#)],
        );
        check(&[r#"[{"name":"f","arguments":{"a": 1}}]"#], &[(0, "f"), (0, r#"{"a":1}"#)]);
        check(&["[]", "7", r#""x""#, r#"[{"index":0}]"#, r#"[{"index":0,"function":null}]"#], &[]);
    }
}
