//! What failed, how often, and what the server said of it.

use std::cmp::Reverse;

use super::table::grouped;
use super::{Page, RunLabel, wrap};
use crate::metrics::{Failures, Summary};
use crate::record::FailureKind;
use crate::report::inert;
use crate::report::summary_json::kind_name;

/// Kinds of failure that are shown; the files have all.
const MAX_FAILURES: usize = 6;

/// What is shown of one message: a server's advice stands at its end.
const MESSAGE: usize = 500;

/// The most frequent failures with an example message each.
pub(super) fn failures(page: Page, summary: &Summary, label: &RunLabel<'_>) -> Vec<String> {
    let mut groups: Vec<(u64, String, &str)> = Vec::new();
    for (kind, codes) in &summary.failures {
        for (code, group) in codes {
            let name = format!("{} {}", kind_name(*kind), inert(code, 24)).trim_end().to_owned();
            groups.push((group.count, name, &group.example));
        }
    }
    if groups.is_empty() {
        return Vec::new();
    }
    groups.sort_by_key(|(count, ..)| Reverse(*count));
    let hidden = groups.len().saturating_sub(MAX_FAILURES);
    groups.truncate(MAX_FAILURES);
    let counts: Vec<String> = groups.iter().map(|(count, ..)| grouped(*count as f64, 0)).collect();
    let count_width = counts.iter().map(String::len).max().unwrap_or(0);
    let name_width = groups.iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or(0);

    let finished = grouped(summary.counts.finished() as f64, 0);
    let share = summary.error_rate.unwrap_or(0.0) * 100.0;
    let mut lines = vec![page.labelled("Failures", &format!("{share:.2} % of {finished} finished requests"))];
    for (count, (_, name, example)) in counts.iter().zip(&groups) {
        let head = format!("  {count:>count_width$} × {name:<name_width$}  ");
        lines.extend(message(&head, example, page.width, &|line| page.dim(line)));
    }
    if hidden > 0 {
        lines.push(page.dim(&format!("  and {hidden} more kinds")));
    }
    if summary.counts.ok == 0
        && let Some(hint) = address_hint(&summary.failures, label.target, label.plugin)
    {
        lines.extend(wrap(&hint, page.width - 2).iter().map(|line| format!("  {line}")));
    }
    lines
}

/// What to try where a server answers that the address is not there. Nearly all servers of OpenAI's APIs serve them below `/v1`,
/// and their base URL has to say so.
pub(in crate::report) fn address_hint(failures: &Failures, target: &str, plugin: &str) -> Option<String> {
    let not_found = failures.get(&FailureKind::HttpStatus)?.contains_key("404");
    let (_, place) = target.split_once("://")?;
    let is_version = |part: &str| {
        part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let has_version = place.split(['/', '?']).skip(1).any(is_version);
    let advice = format!(
        "hint: {} has no /v1 in it; try --base-url {}/v1",
        inert(target, MESSAGE),
        inert(target.trim_end_matches('/'), MESSAGE)
    );
    (not_found && plugin.starts_with("openai-") && !has_version && !target.contains('?')).then_some(advice)
}

/// A server's message behind what names it, in lines of at most `width` characters.
pub(in crate::report) fn message(
    head: &str,
    text: &str,
    width: usize,
    style: &dyn Fn(&str) -> String,
) -> Vec<String> {
    let indent = head.chars().count();
    let lines = broken(&inert(text, MESSAGE), width.saturating_sub(indent));
    let before = |at: usize| if at == 0 { head.to_owned() } else { " ".repeat(indent) };
    lines
        .iter()
        .enumerate()
        .map(|(at, line)| format!("{}{}", before(at), style(line)).trim_end().to_owned())
        .collect()
}

/// Lines of at most `width` characters; what holds no blank, as JSON may, is broken anywhere.
fn broken(text: &str, width: usize) -> Vec<String> {
    let room = width.max(20);
    let mut lines = Vec::new();
    for line in wrap(text, room) {
        let letters: Vec<char> = line.chars().collect();
        lines.extend(letters.chunks(room).map(|part| part.iter().collect::<String>()));
    }
    if lines.is_empty() { vec![String::new()] } else { lines }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::metrics::FailureGroup;

    #[test]
    fn a_base_url_without_a_version_is_named_where_nothing_is_found_there() {
        let group = || FailureGroup { count: 1, example: String::new() };
        let of = |code: &str| {
            Failures::from([(FailureKind::HttpStatus, BTreeMap::from([(code.to_owned(), group())]))])
        };
        let hint = |code: &str, target: &str, plugin: &str| address_hint(&of(code), target, plugin);
        let advice = "hint: http://gpu7:8000/ has no /v1 in it; try --base-url http://gpu7:8000/v1";
        assert_eq!(hint("404", "http://gpu7:8000/", "openai-chat 0.1.0").as_deref(), Some(advice));
        assert_eq!(hint("404", "http://v1.example/api", "openai-chat 0.1.0").map(|_| ()), Some(()));
        assert_eq!(hint("404", "http://gpu7:8000/v1", "openai-chat 0.1.0"), None);
        assert_eq!(hint("404", "https://api.z.ai/api/paas/v4", "openai-chat 0.1.0"), None);
        assert_eq!(hint("503", "http://gpu7:8000", "openai-chat 0.1.0"), None);
        assert_eq!(hint("404", "http://gpu7:8000", "ollama 0.1.0"), None);
        assert_eq!(hint("404", "the built-in target", "openai-chat 0.1.0"), None);
    }

    #[test]
    fn a_message_without_blanks_is_broken_too() {
        assert_eq!(broken(&"x".repeat(45), 20), ["x".repeat(20), "x".repeat(20), "x".repeat(5)]);
        assert_eq!(broken("", 20), [""]);
    }
}
