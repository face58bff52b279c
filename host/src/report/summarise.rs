//! A saved run, summarised again from its records. It is the same summary, bit for bit, as far as the records hold what went
//! into it: how the run ended, its verdict, the client's health and what was due and never sent are not in them.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::files::each_record;
use super::{Manifest, add_dialects, summary_json};
use crate::metrics::{Block, Context, Dialect, Slo, Summary, Tallied, Tally};
use crate::record::RequestRecord;

/// In what terms a run is summarised.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryTerms {
    pub context: Context,
    pub slos: Vec<Slo>,
    pub dialects: Vec<Dialect>,
    /// Requests that were due and never sent; `None` where that is not known.
    pub dropped: Option<u64>,
}

impl SummaryTerms {
    /// Those of the run itself.
    ///
    /// # Errors
    /// Its objectives cannot be read.
    pub fn of(manifest: &Manifest) -> Result<SummaryTerms> {
        Ok(SummaryTerms {
            context: manifest.context(),
            slos: manifest.slos()?,
            dialects: manifest.dialects(),
            // In a closed loop nothing is due that is not sent.
            dropped: (!manifest.is_open_loop()).then_some(0),
        })
    }
}

/// A run, summarised from its records.
#[derive(Debug)]
pub struct Summarised {
    pub summary: Summary,
    pub dialects: Vec<Block>,
    /// Those that were whole.
    pub records: u64,
    /// The file ended inside a line, which was left out.
    pub torn: bool,
    /// As `summary.json` has it; what is not known is `null`.
    pub json: Value,
}

/// Summarises the records of a run. Each goes to `take` too.
///
/// # Errors
/// Names the file, and the line that is no record.
pub fn summarise(
    records: &Path,
    terms: &SummaryTerms,
    mut take: impl FnMut(&RequestRecord),
) -> Result<Summarised> {
    let mut tally = Tally::new(terms.context, &terms.slos, &terms.dialects);
    let mut count = 0;
    let torn = each_record(records, |record| {
        tally.add(&record);
        take(&record);
        count += 1;
    })?;
    let Tallied { summary, dialects, .. } = tally.finish(terms.dropped.unwrap_or(0));
    let mut json = summary_json(&summary);
    if terms.dropped.is_none() {
        json["counts"]["dropped"] = Value::Null;
        json["counts"]["scheduled"] = Value::Null;
    }
    json["ended"] = Value::Null;
    json["from_records"] = json!({ "records": count, "torn": torn });
    add_dialects(&mut json, &dialects);
    Ok(Summarised { summary, dialects, records: count, torn, json })
}
