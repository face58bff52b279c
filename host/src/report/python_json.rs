//! JSON to the byte as Python's `json.dumps(value, indent=4)` writes it, for files that Python tools expect.

use std::fmt::Write;
use std::io;

use serde_json::{Map, Number, Value};

/// The document, without a newline at its end.
pub(super) fn dumps(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, 0);
    out
}

/// The array of these items, each made and written in its turn: a million rows at once would take far more memory than
/// their text, and that is large.
pub(super) fn write_array(out: &mut dyn io::Write, items: impl Iterator<Item = Value>) -> io::Result<()> {
    let mut text = "[".to_owned();
    let mut empty = true;
    for item in items {
        if !empty {
            text.push(',');
        }
        empty = false;
        new_line(&mut text, 1);
        write_value(&mut text, &item, 1);
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    if !empty {
        new_line(&mut text, 0);
    }
    text.push(']');
    out.write_all(text.as_bytes())
}

/// A float as Python's `repr` writes it: the shortest digits that read back the same, with an exponent below 1e-4
/// and from 1e16 on.
pub(super) fn repr(value: f64) -> String {
    // Rust finds the same shortest digits; only the layout differs.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("LowerExp of a float has an exponent");
    let exponent: i32 = exponent.parse().expect("LowerExp writes a decimal exponent");
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { plain + ".0" }
}

fn write_value(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            write_items(out, ('[', ']'), items.iter(), depth, |out, item| write_value(out, item, depth + 1));
        }
        Value::Object(map) => write_object(out, map, depth),
    }
}

fn write_object(out: &mut String, map: &Map<String, Value>, depth: usize) {
    write_items(out, ('{', '}'), map.iter(), depth, |out, (key, value)| {
        write_string(out, key);
        out.push_str(": ");
        write_value(out, value, depth + 1);
    });
}

fn write_items<T>(
    out: &mut String,
    (open, close): (char, char),
    items: impl ExactSizeIterator<Item = T>,
    depth: usize,
    write: impl Fn(&mut String, T),
) {
    out.push(open);
    let empty = items.len() == 0;
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, depth + 1);
        write(out, item);
    }
    if !empty {
        new_line(out, depth);
    }
    out.push(close);
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("    ", depth));
}

fn write_number(out: &mut String, number: &Number) {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) => out.push_str(&repr(float)),
        None => out.push_str(&number.to_string()),
    }
}

/// `ensure_ascii`: everything outside of printable ASCII as `\uXXXX`, in UTF-16 units.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn floats_look_as_pythons_repr() {
        let check = |value: f64, expected: &str| assert_eq!(repr(value), expected);
        check(0.0, "0.0");
        check(-0.0, "-0.0");
        check(51.0, "51.0");
        check(0.010431409586554597, "0.010431409586554597");
        check(928.4000000000001, "928.4000000000001");
        check(0.0001, "0.0001");
        check(1e-5, "1e-05");
        check(7.34520087239337e-05, "7.34520087239337e-05");
        check(-1.5e-7, "-1.5e-07");
        check(1e15, "1000000000000000.0");
        check(1e16, "1e+16");
        check(1.2345e22, "1.2345e+22");
        check(5e-324, "5e-324");
        check(f64::MAX, "1.7976931348623157e+308");
        check(9007199254740993.0, "9007199254740992.0");
    }

    #[test]
    fn an_array_is_the_same_written_item_by_item() {
        for array in [json!([]), json!([1]), json!([1, {"a": [], "b": null}, [2]])] {
            let mut written = Vec::new();
            write_array(&mut written, array.as_array().unwrap().iter().cloned()).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), dumps(&array));
        }
    }

    #[test]
    fn documents_look_as_json_dumps_with_indent_4() {
        let check = |value: Value, expected: &str| assert_eq!(dumps(&value), expected);
        check(json!({}), "{}");
        check(json!([]), "[]");
        check(
            json!({"a": [1, 2.0, null], "b": {"c": true}}),
            concat!(
                "{\n    \"a\": [\n        1,\n        2.0,\n        null\n    ],\n",
                "    \"b\": {\n        \"c\": true\n    }\n}"
            ),
        );
        check(
            json!("é\u{7f}\n\"\\ /\u{1f600}\u{1}\u{2028}"),
            r#""\u00e9\u007f\n\"\\ /\ud83d\ude00\u0001\u2028""#,
        );
    }
}
