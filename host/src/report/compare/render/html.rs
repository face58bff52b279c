//! One page that loads nothing and may load nothing, in light and dark.

use super::{Block, Document, Language};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
    table{border-collapse:collapse;margin:.5rem 0;display:block;overflow-x:auto}\
    th,td{border:1px solid #8886;padding:.25rem .6rem;text-align:right;font-variant-numeric:tabular-nums}\
    th:first-child,td:first-child{text-align:left}";

pub(super) fn render(document: &Document, language: Language) -> String {
    let title = document.0.iter().find_map(|block| match block {
        Block::Heading(1, text) => Some(escaped(text)),
        _ => None,
    });
    let lang = match language {
        Language::English => "en",
        Language::Chinese => "zh-CN",
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        title.unwrap_or_default()
    );
    for block in &document.0 {
        match block {
            Block::Heading(level, text) => out += &format!("<h{level}>{}</h{level}>\n", escaped(text)),
            Block::Paragraph(text) => out += &format!("<p>{}</p>\n", escaped(text)),
            Block::List(items) => {
                out += "<ul>\n";
                items.iter().for_each(|item| out += &format!("<li>{}</li>\n", escaped(item)));
                out += "</ul>\n";
            }
            Block::Table(rows) => {
                out += "<table>\n";
                for (at, row) in rows.iter().enumerate() {
                    let cell = if at == 0 { "th" } else { "td" };
                    out += "<tr>";
                    row.iter().for_each(|text| out += &format!("<{cell}>{}</{cell}>", escaped(text)));
                    out += "</tr>\n";
                }
                out += "</table>\n";
            }
        }
    }
    out + "</body>\n</html>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("<a b=\"c\" d='e'>&"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
    }
}
