//! Texts and numbers as HTML. Every text that comes from a file passes through here: it can end no tag, attribute or element,
//! and holds no character that hides or turns what stands beside it.

use std::fmt::Write;

use serde_json::Value;

use crate::report::{console::grouped, inert};

/// The longest foreign text that is shown: a server's error message may be a web page.
const MOST_CHARS: usize = 300;
/// What stands where a number is undefined.
const UNDEFINED: &str = "–";

/// The box around a table that a narrow screen scrolls; the keyboard reaches it too.
pub(super) const WIDE_TABLE: &str = "<div class=\"wide\" tabindex=\"0\" role=\"group\">";

/// A text for element content or a quoted attribute.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

/// A text that someone else wrote, as HTML.
pub(super) fn foreign(text: &str) -> String {
    escaped(&inert(text, MOST_CHARS))
}

/// The same for the text at a place in a document; empty where there is none.
pub(super) fn foreign_at(document: &Value, pointer: &str) -> String {
    foreign(document.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}

/// A number as it is in its file, and as it is shown.
pub(super) fn number(value: &Value, decimals: usize) -> String {
    match value.as_f64() {
        Some(shown) => data(value, &grouped(shown, decimals)),
        None => UNDEFINED.to_owned(),
    }
}

/// The number at a place of a document.
pub(super) fn number_at(document: &Value, pointer: &str, decimals: usize) -> String {
    document.pointer(pointer).map_or_else(|| UNDEFINED.to_owned(), |value| number(value, decimals))
}

/// A share as a percentage.
pub(super) fn percent(value: &Value) -> String {
    match value.as_f64() {
        Some(share) => data(value, &format!("{} %", grouped(share * 100.0, 2))),
        None => UNDEFINED.to_owned(),
    }
}

/// `low–high`; nothing where it is no interval.
pub(super) fn interval(value: &Value, decimals: usize) -> String {
    match value.as_array().map(Vec::as_slice) {
        Some([low, high]) => format!("{}–{}", number(low, decimals), number(high, decimals)),
        _ => String::new(),
    }
}

fn data(value: &Value, shown: &str) -> String {
    format!("<data value=\"{}\">{shown}</data>", escaped(&value.to_string()))
}

/// Digits behind the point that tell two values of this size apart.
pub(super) fn decimals(value: f64) -> usize {
    match value.abs() {
        size if size < 100.0 => 2,
        size if size < 10_000.0 => 1,
        _ => 0,
    }
}

/// A word with its definition, shown on hover, on focus and to screen readers.
pub(super) fn defined(word: &str, definition: &str) -> String {
    let mut html = String::new();
    let (word, definition) = (escaped(word), foreign(definition));
    let _ = write!(
        html,
        "<span class=\"def\" tabindex=\"0\"><dfn>{word}</dfn><span role=\"tooltip\">{definition}</span></span>"
    );
    html
}

/// Seconds since 1970 as a date and time in UTC (Howard Hinnant's `civil_from_days`).
pub(super) fn utc(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / 86_400 + 719_468, unix_seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_shown_rounded_and_kept_whole() {
        assert_eq!(number(&json!(1234.5678), 1), "<data value=\"1234.5678\">1,234.6</data>");
        assert_eq!(number(&Value::Null, 1), "–");
        assert_eq!(percent(&json!(0.07)), "<data value=\"0.07\">7.00 %</data>");
        assert_eq!(interval(&Value::Null, 1), "");
    }

    #[test]
    fn a_foreign_text_is_inert() {
        assert_eq!(
            foreign("<img src=x onerror='a&b'>\u{202e}"),
            "&lt;img src=x onerror=&#39;a&amp;b&#39;&gt;\\u{202e}"
        );
        assert!(foreign(&"x".repeat(1000)).chars().count() <= MOST_CHARS);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_767_225_599), "2025-12-31 23:59:59 UTC");
    }

    proptest! {
        #[test]
        fn no_text_leaves_what_html_acts_on(text in any::<String>()) {
            prop_assert!(!foreign(&text).contains(['<', '>', '"', '\'']));
        }

        #[test]
        fn any_number_of_seconds_is_a_time(seconds in 0u64..u64::MAX - 86_400 * 719_468) {
            prop_assert!(utc(seconds).ends_with(" UTC"));
        }
    }
}
