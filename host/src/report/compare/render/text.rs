//! For a terminal: tables aligned by the columns that letters take, which is two for Chinese ones.

use unicode_width::UnicodeWidthStr;

use super::{Block, Document};

const GAP: usize = 2;

pub(super) fn render(document: &Document) -> String {
    let mut out = String::new();
    for block in &document.0 {
        match block {
            Block::Heading(level, text) => {
                let rule = if *level <= 2 { if *level == 1 { "=" } else { "-" } } else { "" };
                out += if out.is_empty() { "" } else { "\n" };
                out += &format!("{text}\n");
                if !rule.is_empty() {
                    out += &format!("{}\n", rule.repeat(text.width()));
                }
            }
            Block::Paragraph(text) => out += &format!("{text}\n"),
            Block::List(items) => items.iter().for_each(|item| out += &format!("  - {item}\n")),
            Block::Table(rows) => table(rows, &mut out),
        }
    }
    out
}

fn table(rows: &[Vec<String>], out: &mut String) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line += cell;
            line += &" ".repeat(width - cell.width() + GAP);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_the_script() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let mut out = String::new();
        table(&[row(["指标", "A"]), row(["mean x", "1"])], &mut out);
        assert_eq!(out, "指标    A\nmean x  1\n");
    }
}
