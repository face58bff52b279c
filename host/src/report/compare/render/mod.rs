//! The formats of a report. Texts of others, such as a model's name, are made inert for a terminal first, in every format,
//! because what is written to a file is looked at in one; each format then does what its own reader asks for.

mod csv;
mod html;
mod markdown;
mod text;

use super::document::{Block, Document};
use super::report::report;
use super::{ComparedRun, Language};
use crate::report::inert;

/// No cell or sentence needs more, and no name is shown longer.
const WIDTH: usize = 600;

/// What a report can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal of this width in columns.
    Text {
        width: usize,
    },
    Markdown,
    /// A page of its own that loads nothing.
    Html,
    /// The numbers, one a line.
    Csv,
}

/// The report of these runs.
pub fn render_comparison(runs: &[ComparedRun], language: Language, format: Format, seed: u64) -> String {
    let document = || inert_document(report(runs, language, seed));
    match format {
        Format::Text { width } => text::render(&document(), width),
        Format::Markdown => markdown::render(&document()),
        Format::Html => html::render(&document(), language),
        Format::Csv => csv::render(runs, language),
    }
}

fn inert_document(document: Document) -> Document {
    let inert = |text: String| inert(&text, WIDTH);
    let block = |block| match block {
        Block::Heading(level, text) => Block::Heading(level, inert(text)),
        Block::Paragraph(text) => Block::Paragraph(inert(text)),
        Block::Label(text) => Block::Label(inert(text)),
        Block::List(items) => Block::List(items.into_iter().map(inert).collect()),
        Block::Table(rows) => {
            Block::Table(rows.into_iter().map(|row| row.into_iter().map(inert).collect()).collect())
        }
    };
    Document(document.0.into_iter().map(block).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::report::tests::run;

    const HOSTILE: &str =
        "=cmd|'/c calc'!A1\u{1b}]0;x\u{7}<script>alert(1)</script>|[x](javascript:1)`a`\n# h\u{202e}";

    fn rendered(format: Format) -> String {
        render_comparison(&[run(HOSTILE, 20), run("b:2b", 60)], Language::English, format, 0)
    }

    #[test]
    fn no_format_lets_a_terminal_act_or_a_line_break_through() {
        for format in [Format::Text { width: 80 }, Format::Markdown, Format::Html, Format::Csv] {
            let text = rendered(format);
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{format:?}");
            assert!(!text.contains('\u{202e}'), "{format:?}");
            assert!(!text.lines().any(|line| line.starts_with("# h")), "{format:?}");
        }
    }

    #[test]
    fn markup_in_a_name_stays_text() {
        let html = rendered(Format::Html);
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
        let markdown = rendered(Format::Markdown);
        assert!(!markdown.contains("<script") && !markdown.replace("\\]", "").contains("]("), "{markdown}");
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        let table: Vec<usize> =
            markdown.lines().filter(|line| line.starts_with('|')).map(columns).take(8).collect();
        assert!(table.iter().all(|&columns| columns == 4), "{markdown}");
    }

    #[test]
    fn a_spreadsheet_takes_no_name_for_a_formula() {
        let csv = rendered(Format::Csv);
        assert!(csv.contains("\"'=cmd|'/c calc'!A1"), "{csv}");
        for line in csv.lines().skip(1) {
            assert!(line.starts_with('"') && !line.starts_with("\"="), "{line}");
        }
    }
}
