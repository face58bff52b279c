//! A report before it has a format: blocks of plain text. Whatever a text holds, it is the format that makes it inert.

/// A report, from top to bottom.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Document(pub(super) Vec<Block>);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// From 1, the title.
    Heading(u8, String),
    Paragraph(String),
    /// Names what follows, below any heading.
    Label(String),
    List(Vec<String>),
    /// The first column names the row.
    Table(Vec<Vec<String>>),
}

impl Document {
    pub(super) fn heading(&mut self, level: u8, text: impl Into<String>) {
        self.0.push(Block::Heading(level, text.into()));
    }

    pub(super) fn paragraph(&mut self, text: impl Into<String>) {
        self.0.push(Block::Paragraph(text.into()));
    }

    pub(super) fn label(&mut self, text: impl Into<String>) {
        self.0.push(Block::Label(text.into()));
    }

    /// Nothing where there are no items.
    pub(super) fn list(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.0.push(Block::List(items));
        }
    }

    pub(super) fn table(&mut self, rows: Vec<Vec<String>>) {
        self.0.push(Block::Table(rows));
    }
}

/// A sentence with its gaps `{name}` filled. What is filled in is not looked at again.
pub(in crate::report) fn fill(sentence: &str, gaps: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find('{') {
        let (before, gap) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = gap.find('}') else { break };
        let name = &gap[1..end];
        out.push_str(gaps.iter().find(|(gap, _)| *gap == name).map_or(&gap[..=end], |(_, text)| text));
        rest = &gap[end + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_once() {
        assert_eq!(fill("{a} and {b}", &[("a", "{b}"), ("b", "2")]), "{b} and 2");
        assert_eq!(fill("none, {odd}", &[]), "none, {odd}");
    }
}
