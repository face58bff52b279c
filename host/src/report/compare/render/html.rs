//! One page that loads nothing and may load nothing, in light and dark, at a desk, on a phone and on paper.

use super::{Block, Document, Language};
use crate::report::html::{escaped, page_head};

const STYLE: &str = include_str!("style.css");
/// A text that is longer, such as a model's name, goes on below itself.
const LONG: usize = 20;
/// Columns beside the names of the rows: as many numbers with their intervals as a page of 1,280 pixels has room for.
const MOST_COLUMNS: usize = 6;

pub(super) fn render(document: &Document, language: Language) -> String {
    let title = document.0.iter().find_map(|block| match block {
        Block::Heading(1, text) => Some(escaped(text)),
        _ => None,
    });
    let lang = match language {
        Language::English => "en",
        Language::Chinese => "zh-CN",
    };
    let mut out = page_head(lang, &title.unwrap_or_default(), STYLE) + "<main>\n";
    for block in &document.0 {
        match block {
            Block::Heading(level, text) => out += &format!("<h{level}>{}</h{level}>\n", escaped(text)),
            Block::Paragraph(text) => out += &format!("<p>{}</p>\n", escaped(text)),
            Block::Label(text) => out += &format!("<p class=\"label\">{}</p>\n", escaped(text)),
            Block::List(items) => {
                out += "<ul>\n";
                items.iter().for_each(|item| out += &format!("<li>{}</li>\n", escaped(item)));
                out += "</ul>\n";
            }
            Block::Table(rows) => parts(rows).iter().for_each(|part| out += &table(part)),
        }
    }
    out + "</main>\n</body>\n</html>\n"
}

/// A table with too many columns in parts of about the same width, each with the names of its rows.
fn parts(rows: &[Vec<String>]) -> Vec<Vec<Vec<String>>> {
    let columns = rows.iter().map(|row| row.len().saturating_sub(1)).max().unwrap_or(0);
    let each = columns.div_ceil(columns.div_ceil(MOST_COLUMNS).max(1)).max(1);
    let part = |from: usize| {
        let of_row =
            |row: &Vec<String>| row.iter().take(1).chain(row.iter().skip(from).take(each)).cloned().collect();
        rows.iter().map(of_row).collect()
    };
    (1..=columns).step_by(each).map(part).collect()
}

/// A table in a box that a narrow screen scrolls, which the keyboard reaches too.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    // A column of numbers, or of nothing, stands to the right.
    let is_number = |cell: &String| !cell.starts_with(|c: char| c.is_alphabetic());
    let numbers: Vec<bool> =
        (0..columns).map(|at| rows.iter().skip(1).filter_map(|row| row.get(at)).all(is_number)).collect();
    let mut out = "<div class=\"wide\" tabindex=\"0\" role=\"group\"><table>\n".to_owned();
    for (number, row) in rows.iter().enumerate() {
        let cells: String =
            row.iter().enumerate().map(|(at, text)| cell((number, at), text, numbers[at])).collect();
        let (open, close) = match number {
            0 => ("<thead>", "</thead>\n<tbody>"),
            _ => ("", ""),
        };
        out += &format!("{open}<tr>{cells}</tr>{close}\n");
    }
    out + "</tbody></table></div>\n"
}

fn cell((row, column): (usize, usize), text: &str, is_number: bool) -> String {
    let (tag, scope) = match (row, column) {
        (0, _) => ("th", " scope=\"col\""),
        (_, 0) => ("th", " scope=\"row\""),
        _ => ("td", ""),
    };
    let classes = [(!is_number, "text"), (!is_number && text.chars().count() > LONG, "long")];
    let classes: Vec<&str> = classes.into_iter().filter_map(|(is, class)| is.then_some(class)).collect();
    let class = if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", classes.join(" ")) };
    // An interval or a remark is quieter than what it belongs to.
    let content = match text.split_once(" (").filter(|(_, remark)| tag == "td" && remark.ends_with(')')) {
        Some((value, remark)) => format!("{} <span>({}</span>", escaped(value), escaped(remark)),
        None => escaped(text),
    };
    format!("<{tag}{scope}{class}>{content}</{tag}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let hostile = "<a b=\"c\" d='e'>& (<i>)";
        let rows = vec![vec![hostile.to_owned(); 2]; 2];
        let mut document = Document(vec![Block::Table(rows)]);
        document.heading(1, hostile);
        document.paragraph(hostile);
        document.label(hostile);
        document.list(vec![hostile.to_owned()]);
        let page = render(&document, Language::English);
        assert!(!page.contains("<a") && !page.contains("<i"), "{page}");
        assert_eq!(page.matches("&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;").count(), 9, "{page}");
    }

    #[test]
    fn a_table_with_too_many_columns_is_set_in_parts() {
        let rows = |columns: usize| vec![(0..=columns).map(|at| at.to_string()).collect::<Vec<_>>(); 2];
        let widths =
            |columns: usize| parts(&rows(columns)).iter().map(|part| part[0].len()).collect::<Vec<_>>();
        assert_eq!(widths(6), [7]);
        assert_eq!(widths(8), [5, 5]);
        assert_eq!(widths(13), [6, 6, 4]);
        assert_eq!(parts(&rows(8))[1][1], ["0", "5", "6", "7", "8"]);
    }

    #[test]
    fn numbers_stand_to_the_right_and_intervals_are_quieter() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let table = table(&[row(["Place", "Run", "TTFT"]), row(["1 (shared)", "A", "0.1 (0.05–0.2)"])]);
        assert!(table.contains("<td class=\"text\">A</td><td>0.1 <span>(0.05–0.2)</span></td>"), "{table}");
        assert!(table.contains("<th scope=\"col\" class=\"text\">Run</th>"), "{table}");
    }
}
