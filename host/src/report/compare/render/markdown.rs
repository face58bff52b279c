//! Markdown with tables, as GitHub reads it.

use super::{Block, Document};

pub(super) fn render(document: &Document) -> String {
    let mut out = String::new();
    for block in &document.0 {
        match block {
            Block::Heading(level, text) => {
                out += &format!("{} {}\n", "#".repeat(usize::from(*level)), escaped(text));
            }
            Block::Paragraph(text) => out += &format!("{}\n", escaped(text)),
            Block::Label(text) => out += &format!("**{}**\n", escaped(text)),
            Block::List(items) => items.iter().for_each(|item| out += &format!("- {}\n", escaped(item))),
            Block::Table(rows) => {
                for (at, row) in rows.iter().enumerate() {
                    let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
                    out += &format!("| {} |\n", cells.join(" | "));
                    if at == 0 {
                        out += &format!("|{}\n", "---|".repeat(row.len()));
                    }
                }
            }
        }
        out.push('\n');
    }
    out
}

/// What would be markup as the sign it is. GitHub makes links of bare addresses too, so these are broken up.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => out.extend(['\\', c]),
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '@' => out += "&#64;",
            _ => out.push(c),
        }
    }
    out.replace("://", "&#58;//").replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_markup_is_a_sign() {
        let check = |text: &str, expected: &str| assert_eq!(escaped(text), expected);
        check("q5_K_M", "q5\\_K\\_M");
        check("a|b", "a\\|b");
        check("<b>&", "&lt;b&gt;&amp;");
        check("![x](https://x www.x)", "\\!\\[x\\](https&#58;//x www&#46;x)");
    }
}
