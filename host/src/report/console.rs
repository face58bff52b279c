//! The summary that a person reads in one look. Every foreign text in it is inert.

mod dialect;
mod failures;
mod goals;
mod table;
mod verdict;

use std::cmp::Reverse;

use super::inert;
use crate::metrics::{ErrorBar, Summary, TokenBasis, TokenCount, Verdict};
use crate::units::Span;
pub(super) use failures::{address_hint, message};
pub use table::grouped;

pub use dialect::render_dialects;

/// What the headline says of the run.
#[derive(Debug, Clone, Copy)]
pub struct RunLabel<'a> {
    pub model: &'a str,
    /// The server under test: its base URL.
    pub target: &'a str,
    pub api: &'a str,
    /// The plugin and its version.
    pub plugin: &'a str,
    /// How the load was made: `10 concurrent`, `5 requests/s, poisson`.
    pub load: &'a str,
    /// Requests were due at times of their own, so what is seen from there gets a row too.
    pub open_loop: bool,
    /// What the numbers are worth.
    pub verdict: Option<&'a Verdict>,
    /// What the client itself adds to them, where that is known.
    pub error_bar: Option<ErrorBar>,
}

/// No line is longer, however wide the terminal: a wider table is harder to read.
const MAX_WIDTH: usize = 100;

/// Narrower, the table does not fit; such a terminal has to wrap it.
const MIN_WIDTH: usize = 80;

/// Where the values of labelled lines begin.
const INDENT: usize = 13;

/// The summary in lines of at most `width` columns (within 80 and 100), each ended. With `color`, in ANSI styles.
pub fn render(summary: &Summary, label: &RunLabel<'_>, width: usize, color: bool) -> String {
    let page = Page { width: width.clamp(MIN_WIDTH, MAX_WIDTH), color };
    let mut blocks = vec![
        headline(page, summary, label),
        verdict::lines(page, label),
        totals(page, summary),
        table::table(page, summary, label.open_loop),
        goals::goals(page, summary),
        notes(page, summary),
    ];
    // Where nothing succeeded there is nothing else to read.
    let place = if summary.counts.ok == 0 { 1 } else { blocks.len() - 1 };
    blocks.insert(place, failures::failures(page, summary, label));
    blocks
        .iter()
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.join("\n") + "\n")
        .collect::<Vec<_>>()
        .join("\n")
}

/// How to write: the room there is, and whether styles are understood.
#[derive(Debug, Clone, Copy)]
struct Page {
    width: usize,
    color: bool,
}

impl Page {
    fn bold(self, text: &str) -> String {
        self.styled("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.styled("2", text)
    }

    fn red(self, text: &str) -> String {
        self.styled("31", text)
    }

    fn styled(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A line of the form `Label  value`; without a label it continues the one above.
    fn labelled(self, label: &str, value: &str) -> String {
        let padding = " ".repeat(INDENT - label.len());
        format!("{}{padding}{value}", self.bold(label))
    }
}

fn headline(page: Page, summary: &Summary, label: &RunLabel<'_>) -> Vec<String> {
    let model = inert(label.model, page.width);
    let context = format!("{} at {}", label.api, label.target);
    let context = inert(&context, page.width.saturating_sub(model.chars().count() + 2));
    let measured = summary
        .window
        .map_or("nothing sent".to_owned(), |window| format!("measured for {}", duration(window)));
    let details = format!("{}, {measured}, plugin {}", label.load, label.plugin);
    vec![
        format!("{}  {context}", page.bold(&model)).trim_end().to_owned(),
        page.dim(&inert(&details, page.width)),
    ]
}

fn duration(span: Span) -> String {
    let seconds = span.as_secs();
    if seconds < 1.0 {
        return format!("{} ms", grouped(span.as_ms(), 0));
    }
    if seconds < 120.0 {
        return format!("{} s", grouped(seconds, if seconds < 10.0 { 2 } else { 1 }));
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", grouped((whole / 60) as f64, 0), whole % 60)
}

/// The counts with their identities, then what came out of the run as a whole.
fn totals(page: Page, summary: &Summary) -> Vec<String> {
    let counts = summary.counts;
    let count = |n: u64| grouped(n as f64, 0);
    let lefts = [counts.scheduled(), counts.sent()].map(count);
    let width = lefts.iter().chain([&count(counts.warmup)]).map(String::len).max().unwrap_or(0);
    let failed = format!("{} failed", count(counts.failed));
    let failed = if counts.failed > 0 { page.red(&failed) } else { failed };
    let mut lines = vec![
        page.labelled(
            "Requests",
            &format!(
                "{:>width$} scheduled = {} sent + {} dropped",
                lefts[0],
                lefts[1],
                count(counts.dropped)
            ),
        ),
        page.labelled(
            "",
            &format!(
                "{:>width$} sent      = {} ok + {failed} + {} cancelled",
                lefts[1],
                count(counts.ok),
                count(counts.cancelled)
            ),
        ),
    ];
    if counts.warmup > 0 {
        let warmup = count(counts.warmup);
        lines.push(page.labelled("", &format!("{warmup:>width$} warm-up, before these and in no latency")));
    }
    if let Some(requests) = summary.request_throughput.filter(|_| counts.ok > 0) {
        let tokens = summary
            .output_throughput
            .map_or("output tokens unknown".to_owned(), |tokens| format!("{} output tokens/s", rate(tokens)));
        lines.push(page.labelled("Throughput", &format!("{tokens}, {} requests/s", rate(requests))));
    }
    lines.extend(tokens(page, summary));
    lines.extend(finish_reasons(page, summary));
    lines
}

/// Enough digits to compare two runs.
pub(super) fn rate(per_second: f64) -> String {
    grouped(per_second, if per_second < 100.0 { 2 } else { 1 })
}

fn tokens(page: Page, summary: &Summary) -> Vec<String> {
    let tokens = &summary.tokens;
    let (pick, basis): (fn(&TokenCount) -> _, _) = match summary.token_basis {
        TokenBasis::Local => (|count| Some(count.local), "local count"),
        TokenBasis::Server => (|count| count.server, "the server's count"),
    };
    let text = |count| pick(count).map_or("unknown".to_owned(), |tokens| grouped(tokens.0 as f64, 0));
    let reasoning = match pick(&tokens.reasoning) {
        Some(count) if count.0 > 0 => format!(", {} of them reasoning", grouped(count.0 as f64, 0)),
        _ => String::new(),
    };
    let line = format!("{} in, {} out{reasoning} ({basis})", text(&tokens.input), text(&tokens.output));
    let mut lines = vec![page.labelled("Tokens", &line)];
    if let Some(share) = tokens.cached_share.filter(|share| *share > 0.0) {
        let share = share * 100.0;
        lines.push(page.labelled("", &format!("{share:.1} % of the input out of the server's cache")));
    }
    if summary.counts.ok > 0 { lines } else { Vec::new() }
}

fn finish_reasons(page: Page, summary: &Summary) -> Option<String> {
    let mut reasons: Vec<(&String, &u64)> = summary.finish_reasons.iter().collect();
    reasons.sort_by_key(|&(word, &count)| (Reverse(count), word));
    let texts: Vec<String> = reasons
        .iter()
        .map(|(word, count)| format!("{} {}", inert(word, 24), grouped(**count as f64, 0)))
        .collect();
    (!texts.is_empty()).then(|| page.labelled("Finished by", &inert(&texts.join(", "), page.width - INDENT)))
}

fn notes(page: Page, summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for note in &summary.notes {
        for (index, line) in wrap(&note.to_string(), page.width - INDENT).iter().enumerate() {
            lines.push(page.labelled(if index == 0 { "Note" } else { "" }, line));
        }
    }
    lines
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
