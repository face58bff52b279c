//! Foreign text, made harmless for a terminal.

/// The text on one line, in at most `width` characters (`…` where it was cut), with everything a terminal might act
/// on or hide shown as an escape: control characters and with them ANSI sequences, line breaks, direction overrides,
/// zero-width and unassigned characters. Letters, digits and visible signs of any script stay.
pub fn inert(text: &str, width: usize) -> String {
    let mut shown = String::new();
    let mut room = width;
    let mut rest = text.trim().chars();
    while let Some(c) = rest.next() {
        let piece = visible(c);
        let length = piece.chars().count();
        let is_last = rest.as_str().is_empty();
        // All but the last piece leave room for the mark of a cut.
        if length + usize::from(!is_last) > room {
            if room > 0 {
                shown.push('…');
            }
            break;
        }
        shown.push_str(&piece);
        room -= length;
    }
    shown
}

fn visible(c: char) -> String {
    // `escape_debug` knows what can be printed; it escapes quotes too, and marks without which many scripts fall apart.
    if c.is_alphanumeric() || matches!(c, '"' | '\'' | '\\') {
        c.to_string()
    } else {
        c.escape_debug().to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_acts_on_becomes_visible() {
        let check = |text: &str, expected: &str| assert_eq!(inert(text, 80), expected);
        check("plain text, 100 %", "plain text, 100 %");
        check("  trimmed\n", "trimmed");
        check("two\nlines\r\tand", "two\\nlines\\r\\tand");
        check("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m");
        check("\u{9b}31m", "\\u{9b}31m");
        check("\x07\0\x7f", "\\u{7}\\0\\u{7f}");
        check("a\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}", "a\\u{202e}gnp.exe\\u{2066}\\u{200b}\\u{feff}");
        check("\u{e0041}\u{2028}x", "\\u{e0041}\\u{2028}x");
        check(r#"{"error": {"message": "it's C:\x"}}"#, r#"{"error": {"message": "it's C:\x"}}"#);
        check("日本語 naïve हिन्दी ✓ 🙂", "日本語 naïve हिन\\u{94d}दी ✓ 🙂");
    }

    #[test]
    fn long_text_is_cut_between_characters_with_a_mark() {
        let check = |text: &str, width, expected: &str| assert_eq!(inert(text, width), expected);
        check("abcdef", 6, "abcdef");
        check("abcdefg", 6, "abcde…");
        check("abc\ndef", 5, "abc…");
        check("abcd\x1b", 6, "abcd…");
        check("abc", 1, "…");
        check("a", 1, "a");
        check("abc", 0, "");
    }

    proptest! {
        #[test]
        fn no_text_leaves_a_control_character_or_passes_the_width(text in any::<String>(), width in 0usize..60) {
            let shown = inert(&text, width);
            prop_assert!(shown.chars().count() <= width);
            prop_assert!(shown.chars().all(|c| !c.is_control()));
        }
    }
}
