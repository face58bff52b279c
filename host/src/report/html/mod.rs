//! A run as one page: no script, nothing fetched, and a Content-Security-Policy that would stop both. Its numbers are those of
//! `summary.json`; the charts are made of the records.

mod chart;
mod facts;
mod figures;
mod latencies;
mod outcome;
mod text;

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::RunDir;
use super::files::each_record;
use crate::metrics::{Extent, Portrait, TokenBasis};
pub(super) use text::escaped;
use text::{foreign, foreign_at};

const STYLE: &str = include_str!("style.css");

/// The page of a run.
///
/// # Errors
/// Names the file where its records cannot be read.
pub fn html_page(run: &RunDir) -> Result<String> {
    let portrait = portrait(run)?;
    let (summary, manifest) = (&run.summary, &run.manifest);
    let model = foreign_at(manifest, "/plan/model");
    let parts = [
        page_head("en", &model, STYLE),
        outcome::headline(summary, manifest),
        outcome::verdict(summary),
        outcome::tiles(summary),
        latencies::latencies(summary),
        figures::figures(&portrait)?,
        outcome::objectives(summary),
        outcome::failures(summary),
        notes(run, &portrait),
        facts::facts(summary, manifest),
        latencies::definitions(summary),
        foot(run),
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
fn notes(run: &RunDir, portrait: &Portrait) -> String {
    let noted = run.summary.get("notes").and_then(|notes| notes.as_array());
    let noted = noted.into_iter().flatten().filter_map(|note| note.as_str());
    let mut notes: Vec<String> = run.damage();
    notes.extend(noted.map(foreign));
    let in_summary = run.summary.pointer("/metrics/ttft/n").and_then(serde_json::Value::as_u64);
    let in_records = portrait.spreads[0].as_ref().map_or(0, crate::metrics::Spread::n);
    if let Some(n) = in_summary.filter(|n| *n != in_records) {
        notes.push(format!(
            "summary.json is of {n} requests with a first token, and records.jsonl holds {in_records}: the charts are of the latter"
        ));
    }
    if notes.is_empty() {
        return String::new();
    }
    let items: String = notes.iter().map(|note| format!("<li>{note}</li>")).collect();
    format!("<section><h2>Notes</h2><ul>{items}</ul></section>\n")
}

fn foot(run: &RunDir) -> String {
    let version = foreign_at(&run.manifest, "/llmperf_version");
    let made = env!("CARGO_PKG_VERSION");
    format!(
        "</main>\n<footer>Measured by llmperf {version}, page by llmperf {made}.</footer>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests;
