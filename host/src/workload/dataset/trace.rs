//! Traces: when requests came and how long they were, without their text. Mooncake's JSONL, and the CSV files of BurstGPT
//! and of Azure's LLM inference traces.

use super::row::{
    Asked, OutputLength, Row, RowError, in_bounds, list, millis, object, output_tokens, span, text, tokens,
};
use super::wall_time::wall_time;
use crate::units::{Span, Tokens};

/// Tokens that one of Mooncake's hash ids stands for.
pub(in crate::workload) const BLOCK_TOKENS: Tokens = Tokens(512);

/// `{"timestamp", "input_length", "output_length", "hash_ids"}`; AIPerf also has `text_input` for a length.
pub(super) fn mooncake(bytes: &[u8]) -> Result<Row, RowError> {
    let row = object(bytes)?;
    let due = millis(&row, "timestamp", "timestamp")?;
    let output = output_tokens(&row, &["output_length"], "")?;
    let asked = if row.contains_key("text_input") {
        Asked::text(text(&row, "text_input", "text_input")?)
    } else {
        let Some(tokens) = tokens(&row, "input_length", "input_length")? else {
            return Err(RowError::new("input_length", "is missing"));
        };
        let ids = match row.get("hash_ids").and_then(|ids| ids.as_array()) {
            Some(none) if none.is_empty() => &[],
            None if !row.contains_key("hash_ids") => &[],
            _ => list(&row, "hash_ids", "hash_ids")?,
        };
        let ids = ids.iter().enumerate().map(|(n, id)| {
            id.as_u64()
                .ok_or_else(|| RowError::new(format!("hash_ids[{n}]"), format!("is {id}, no whole number")))
        });
        Asked::Length { tokens, blocks: ids.collect::<Result<_, _>>()? }
    };
    Ok(Row { due, ..Row::of(asked, output) })
}

/// Which columns of a CSV hold what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    time: Column,
    input: Column,
    output: Column,
    clock: ClockWord,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column {
    at: usize,
    name: &'static str,
}

/// How a CSV tells the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClockWord {
    Seconds,
    Date,
}

impl Columns {
    /// BurstGPT: `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`; a timestamp is seconds.
    pub(super) fn burstgpt(header: &str) -> Result<Columns, RowError> {
        Columns::find(header, ["Timestamp", "Request tokens", "Response tokens"], ClockWord::Seconds)
    }

    /// Azure: `TIMESTAMP,ContextTokens,GeneratedTokens`; a timestamp is a date.
    pub(super) fn azure(header: &str) -> Result<Columns, RowError> {
        Columns::find(header, ["TIMESTAMP", "ContextTokens", "GeneratedTokens"], ClockWord::Date)
    }

    fn find(header: &str, names: [&'static str; 3], clock: ClockWord) -> Result<Columns, RowError> {
        let found: Vec<&str> = header.split(',').map(cell).collect();
        let column = |name: &'static str| {
            let at = found.iter().position(|found| *found == name);
            at.map(|at| Column { at, name }).ok_or_else(|| RowError::new(name, "is no column of the header"))
        };
        let [time, input, output] = names.map(column);
        Ok(Columns { time: time?, input: input?, output: output?, clock })
    }

    /// `None` for a request that failed where the trace was taken: it has no tokens on one side.
    pub(super) fn row(self, bytes: &[u8]) -> Result<Option<Row>, RowError> {
        let line = std::str::from_utf8(bytes).map_err(|_| RowError::new("", "is not UTF-8"))?;
        let cells: Vec<&str> = line.split(',').map(cell).collect();
        let get = |column: Column| {
            cells.get(column.at).copied().ok_or_else(|| RowError::new(column.name, "is missing"))
        };
        let due = self.due(get(self.time)?)?;
        let [input, output] = [count(get(self.input)?, self.input)?, count(get(self.output)?, self.output)?];
        if input == 0 || output == 0 {
            return Ok(None);
        }
        let asked = Asked::Length { tokens: in_bounds(input, self.input.name)?, blocks: vec![] };
        let output = OutputLength::Tokens(in_bounds(output, self.output.name)?);
        Ok(Some(Row { due: Some(due), ..Row::of(asked, output) }))
    }

    fn due(self, text: &str) -> Result<Span, RowError> {
        let (due, expected) = match self.clock {
            ClockWord::Seconds => {
                (text.parse::<f64>().ok().and_then(|s| span(s * 1e9)), "no time in seconds")
            }
            ClockWord::Date => (wall_time(text), "no time like 2023-11-16 18:17:03.9799600"),
        };
        due.ok_or_else(|| RowError::new(self.time.name, format!("is {text:?}, {expected}")))
    }
}

/// A number of tokens; one written by way of a float column says `472.0`.
fn count(text: &str, column: Column) -> Result<u64, RowError> {
    let whole = text.parse::<u64>().ok();
    let float = || text.parse::<f64>().ok().filter(|n| n.fract() == 0.0 && (0.0..1e15).contains(n));
    whole
        .or_else(|| float().map(|n| n as u64))
        .ok_or_else(|| RowError::new(column.name, format!("is {text:?}, no number of tokens")))
}

fn cell(text: &str) -> &str {
    text.trim().trim_matches('"')
}
