//! Talk on stderr. Where it cannot be written (closed, a full disk), the words are lost and nothing else.

use std::fmt::Display;
use std::io::Write;

/// Says a line on stderr.
pub fn say(line: impl Display) {
    prompt(format_args!("{line}\n"));
}

/// Says a text on stderr as it is, without ending the line.
pub fn prompt(text: impl Display) {
    // In one write, so that lines of several threads do not mix.
    let _ = std::io::stderr().lock().write_all(text.to_string().as_bytes());
}
