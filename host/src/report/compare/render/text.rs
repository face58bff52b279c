//! For a terminal: tables aligned by the columns that letters take, which is two for Chinese ones. A table that is too wide is
//! set in parts one below the other, each with the names of its rows, and no cell is broken by the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Block, Document};

const GAP: usize = 2;
/// A cell that needs more goes on below itself: enough for a number of seven digits with its interval.
const MOST_CELL: usize = 32;
/// Narrower, a terminal has to wrap.
const LEAST_WIDTH: usize = 40;

pub(super) fn render(document: &Document, width: usize) -> String {
    let width = width.max(LEAST_WIDTH);
    let mut out = String::new();
    for block in &document.0 {
        match block {
            Block::Heading(level, text) => {
                let rule = if *level <= 2 { if *level == 1 { "=" } else { "-" } } else { "" };
                out += if out.is_empty() { "" } else { "\n" };
                let lines = wrapped(text, width);
                let longest = lines.iter().map(|line| line.width()).max().unwrap_or(0);
                lines.iter().for_each(|line| out += &format!("{line}\n"));
                if !rule.is_empty() {
                    out += &format!("{}\n", rule.repeat(longest));
                }
            }
            Block::Paragraph(text) | Block::Label(text) => {
                wrapped(text, width).iter().for_each(|line| out += &format!("{line}\n"));
            }
            Block::List(items) => items.iter().for_each(|item| {
                for (at, line) in wrapped(item, width - 4).iter().enumerate() {
                    out += &format!("{}{line}\n", if at == 0 { "  - " } else { "    " });
                }
            }),
            Block::Table(rows) => table(rows, width, &mut out),
        }
    }
    out
}

fn table(rows: &[Vec<String>], width: usize, out: &mut String) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    // Two columns side by side at least, the names of rows and one more.
    let most = MOST_CELL.min((width - GAP) / 2);
    let cells: Vec<Vec<Vec<String>>> =
        rows.iter().map(|row| row.iter().map(|cell| wrapped(cell, most)).collect()).collect();
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let lines = cells.iter().filter_map(|row| row.get(at)).flatten();
            lines.map(|line| line.width()).max().unwrap_or(0)
        })
        .collect();
    for (number, part) in parts(&widths, width).iter().enumerate() {
        out.push_str(if number == 0 { "" } else { "\n" });
        for row in &cells {
            let height = part.iter().filter_map(|&at| row.get(at)).map(Vec::len).max().unwrap_or(0);
            for line in 0..height {
                let text = |at: usize| row.get(at).and_then(|cell| cell.get(line)).map_or("", String::as_str);
                let padded =
                    |&at: &usize| format!("{}{}", text(at), " ".repeat(widths[at] - text(at).width() + GAP));
                let line: String = part.iter().map(padded).collect();
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
    }
}

/// The columns of each part of a table: the first, and as many others as there is room for.
fn parts(widths: &[usize], width: usize) -> Vec<Vec<usize>> {
    let mut parts = vec![vec![0]];
    let first = widths.first().copied().unwrap_or(0);
    let mut taken = first;
    for (at, column) in widths.iter().enumerate().skip(1) {
        let part_is_full = taken + GAP + column > width && parts.last().is_some_and(|part| part.len() > 1);
        if part_is_full {
            parts.push(vec![0]);
            taken = first;
        }
        taken += GAP + column;
        if let Some(part) = parts.last_mut() {
            part.push(at);
        }
    }
    parts
}

/// A text in lines of at most `width` columns: broken at spaces, behind signs that join the parts of a name, between Chinese
/// letters, and elsewhere only where a part alone is too long.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        if line.width() + piece.trim_end().width() > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        for c in piece.chars() {
            if line.width() + c.width().unwrap_or(0) > width && c != ' ' {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
            line.push(c);
        }
    }
    if !line.trim_end().is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// What is not broken: each with the sign or space that ends it.
fn pieces(text: &str) -> Vec<&str> {
    // No line begins with these.
    let closes = |c: char| "，。；：、）】》！？%".contains(c);
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|&(_, next)| next);
        let is_wide = |c: char| c.width() == Some(2);
        let ends = match next {
            None => true,
            Some(next) if closes(next) || next == ' ' => false,
            Some(next) => {
                c == ' '
                    || "-/:".contains(c) && next.is_alphanumeric() && !is_number(text, at)
                    || (is_wide(c) && c != '（')
                    || is_wide(next)
            }
        };
        if ends {
            let to = at + c.len_utf8();
            pieces.push(&text[from..to]);
            from = to;
        }
    }
    pieces
}

/// Whether a sign stands before a digit and behind none of a name's letters, as in `-5%`.
fn is_number(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rows: &[&[&str]], width: usize) -> String {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        let mut out = String::new();
        table(&rows, width, &mut out);
        out
    }

    #[test]
    fn columns_are_aligned_whatever_the_script() {
        assert_eq!(shown(&[&["指标", "A"], &["mean x", "1"]], 80), "指标    A\nmean x  1\n");
    }

    #[test]
    fn a_table_that_is_too_wide_is_set_in_parts() {
        let rows: [&[&str]; 2] = [&["run", "first run", "second run", "third run"], &["mean", "1", "2", "3"]];
        let expected = "run   first run  second run\nmean  1          2\n\nrun   third run\nmean  3\n";
        assert_eq!(shown(&rows, 40 - 10), expected);
        for width in [40, 80, 120] {
            let text = shown(&[&["x"; 13], &["0.0918 (0.0709–0.102)"; 13]], width);
            assert!(text.lines().all(|line| line.width() <= width), "{text}");
            assert_eq!(text.matches("0.102)").count(), 12 + text.matches("\n\n").count() + 1);
        }
    }

    #[test]
    fn a_long_name_goes_on_below_itself() {
        let name = "hf.co/rombodawg/Rombos-LLM-V2.6-Qwen-14b-Q8_0-GGUF:latest";
        let text = shown(&[&["Model", name, "b"]], 80);
        let expected = "Model  hf.co/rombodawg/Rombos-LLM-V2.6-  b\n       Qwen-14b-Q8_0-GGUF:latest\n";
        assert_eq!(text, expected);
        assert_eq!(wrapped(&"x".repeat(25), 10), ["xxxxxxxxxx", "xxxxxxxxxx", "xxxxx"]);
    }

    #[test]
    fn lines_break_where_words_do() {
        let check = |text: &str, width, expected: &[&str]| assert_eq!(wrapped(text, width), expected);
        check("down 5% (-7% to -3%)", 12, &["down 5% (-7%", "to -3%)"]);
        check("规模效应，变化不只来自规模。", 10, &["规模效应，", "变化不只来", "自规模。"]);
        check("", 10, &[""]);
    }
}
