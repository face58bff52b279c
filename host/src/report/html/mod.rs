//! A run as one page: no script, nothing fetched, and a Content-Security-Policy that would stop both. Its numbers are those of
//! `summary.json`; the charts are made of the records.

mod chart;
mod facts;
mod figures;
mod latencies;
mod outcome;
mod text;
mod words;

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::compare::fill;
use super::files::each_record;
use super::{Language, RunDir};
use crate::metrics::{Extent, Portrait, TokenBasis};
pub(super) use text::escaped;
use text::{foreign, foreign_at};
use words::Words;

const STYLE: &str = include_str!("style.css");

/// The page of a run, in words of a language.
///
/// # Errors
/// Names the file where its records cannot be read.
pub fn html_page(run: &RunDir, language: Language) -> Result<String> {
    let words = Words::of(language);
    let portrait = portrait(run)?;
    let (summary, manifest) = (&run.summary, &run.manifest);
    let model = foreign_at(manifest, "/plan/model");
    let parts = [
        page_head(words.lang, &model, STYLE),
        outcome::headline(summary, manifest, words),
        outcome::verdict(summary, words),
        outcome::tiles(summary, words),
        latencies::latencies(summary, words),
        figures::figures(&portrait, words)?,
        outcome::objectives(summary, words),
        outcome::failures(summary, words),
        notes(run, &portrait, words),
        facts::facts(summary, manifest, words),
        latencies::definitions(summary, words),
        foot(run, words),
    ];
    Ok(parts.concat())
}

/// The shape of the run.
fn portrait(run: &RunDir) -> Result<Portrait> {
    let of_server = run.summary.pointer("/tokens/basis").is_some_and(|basis| basis == "server");
    let basis = if of_server { TokenBasis::Server } else { TokenBasis::Local };
    let mut extent = Extent::new(basis);
    each_record(&run.records, |record| extent.add(&record))?;
    let mut portrait = Portrait::new(&extent);
    each_record(&run.records, |record| portrait.add(&record))?;
    Ok(portrait)
}

/// The beginning of a page that fetches nothing and runs nothing, up to its body; `title` is HTML already.
pub(super) fn page_head(lang: &str, title: &str, style: &str) -> String {
    // The digest lets this style sheet be, and no other.
    let digest = BASE64_STANDARD.encode(Sha256::digest(style));
    format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title} · llmperf</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )
}

/// What the summary notes, and what the files do not agree in.
fn notes(run: &RunDir, portrait: &Portrait, words: &Words) -> String {
    let noted = run.summary.get("notes").and_then(|notes| notes.as_array());
    let noted = noted.into_iter().flatten().filter_map(|note| note.as_str());
    let mut notes: Vec<String> = noted.map(foreign).collect();
    if let Some(records) = run.made_of {
        notes.push(fill(words.from_records, &[("n", &records.to_string())]));
    }
    if run.torn {
        notes.push(words.torn.to_owned());
    }
    let in_summary = run.summary.pointer("/metrics/ttft/n").and_then(serde_json::Value::as_u64);
    let in_records = portrait.spreads[0].as_ref().map_or(0, crate::metrics::Spread::n);
    if let Some(n) = in_summary.filter(|n| *n != in_records) {
        notes.push(fill(words.disagree, &[("a", &n.to_string()), ("b", &in_records.to_string())]));
    }
    if notes.is_empty() {
        return String::new();
    }
    let items: String = notes.iter().map(|note| format!("<li>{note}</li>")).collect();
    format!("<section><h2>{}</h2><ul>{items}</ul></section>\n", words.notes)
}

fn foot(run: &RunDir, words: &Words) -> String {
    let version = foreign_at(&run.manifest, "/llmperf_version");
    let made = env!("CARGO_PKG_VERSION");
    let text = fill(words.foot, &[("by", &version), ("made", made)]);
    format!("</main>\n<footer>{text}</footer>\n</body>\n</html>\n")
}

#[cfg(test)]
mod tests;
