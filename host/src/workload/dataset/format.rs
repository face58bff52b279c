//! Which formats there are, how one is known by its content, and how its rows are read.

use serde_json::{Map, Value};

use super::row::{Row, RowError};
use super::scan::{Container, after_mark};
use super::trace::Columns;
use super::{aiperf, openai, prompts, sharegpt, trace};

/// The formats of datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetFormat {
    /// One prompt a line.
    Plain,
    OpenaiBatch,
    /// The first question of each conversation.
    Sharegpt,
    /// All questions of each conversation, one after the other.
    SharegptSessions,
    Vllm,
    Mooncake,
    Burstgpt,
    Azure,
    AiperfSingleTurn,
    AiperfMultiTurn,
}

impl DatasetFormat {
    /// Every format, with its word.
    pub const WORDS: &[(&str, DatasetFormat)] = &[
        ("plain", DatasetFormat::Plain),
        ("openai-batch", DatasetFormat::OpenaiBatch),
        ("sharegpt", DatasetFormat::Sharegpt),
        ("sharegpt-sessions", DatasetFormat::SharegptSessions),
        ("vllm", DatasetFormat::Vllm),
        ("mooncake", DatasetFormat::Mooncake),
        ("burstgpt", DatasetFormat::Burstgpt),
        ("azure", DatasetFormat::Azure),
        ("aiperf-single-turn", DatasetFormat::AiperfSingleTurn),
        ("aiperf-multi-turn", DatasetFormat::AiperfMultiTurn),
    ];

    /// The format of this word.
    pub fn of_word(word: &str) -> Option<DatasetFormat> {
        DatasetFormat::WORDS.iter().find(|(known, _)| *known == word).map(|(_, format)| *format)
    }

    /// The word of this format.
    pub fn word(self) -> &'static str {
        let known = DatasetFormat::WORDS.iter().find(|(_, format)| *format == self);
        known.expect("every format has a word: a test checks it").0
    }

    /// The format of a file, by its first row. `None` for a JSON object with keys that no format has.
    pub(super) fn of_content(first: &[u8]) -> Option<DatasetFormat> {
        if let Ok(Value::Object(row)) = serde_json::from_slice(first) {
            return DatasetFormat::of_keys(&row);
        }
        if first.starts_with(b"{") {
            // Broken, or cut off; what is wrong is told by the format that lines of objects most likely are in.
            return None;
        }
        let line = String::from_utf8_lossy(first);
        if Columns::burstgpt(&line).is_ok() {
            return Some(DatasetFormat::Burstgpt);
        }
        Some(if Columns::azure(&line).is_ok() { DatasetFormat::Azure } else { DatasetFormat::Plain })
    }

    fn of_keys(row: &Map<String, Value>) -> Option<DatasetFormat> {
        let has = |key: &str| row.contains_key(key);
        [
            (has("conversations"), DatasetFormat::Sharegpt),
            (has("turns"), DatasetFormat::AiperfMultiTurn),
            (has("body"), DatasetFormat::OpenaiBatch),
            (has("input_length") || has("text_input"), DatasetFormat::Mooncake),
            (has("prompt"), DatasetFormat::Vllm),
            (has("text") || has("texts"), DatasetFormat::AiperfSingleTurn),
        ]
        .into_iter()
        .find_map(|(fits, format)| fits.then_some(format))
    }

    fn has_header(self) -> bool {
        matches!(self, DatasetFormat::Burstgpt | DatasetFormat::Azure)
    }
}

/// How a file lies, by its first bytes.
pub(super) fn container(head: &[u8], format: Option<DatasetFormat>) -> Container {
    let text = head[after_mark(head)..].trim_ascii_start();
    // A line of plain text may begin with a bracket; an array of objects says so with its second character.
    let is_array = text.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    match format {
        Some(DatasetFormat::Plain) => Container::Lines,
        _ if is_array => Container::Array,
        _ => Container::Lines,
    }
}

/// How the rows of one file are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowReader {
    pub(super) format: DatasetFormat,
    columns: Option<Columns>,
}

/// What was read of a row.
pub(super) struct Parsed {
    /// `None` for a row that is no request.
    pub(super) row: Option<Row>,
    /// Fields that have no effect.
    pub(super) ignored: Vec<String>,
}

impl RowReader {
    /// Reads files of this format that begin with this row.
    pub(super) fn new(format: DatasetFormat, first: &[u8]) -> Result<RowReader, RowError> {
        let header = String::from_utf8_lossy(first);
        let columns = match format {
            DatasetFormat::Burstgpt => Some(Columns::burstgpt(&header)?),
            DatasetFormat::Azure => Some(Columns::azure(&header)?),
            _ => None,
        };
        Ok(RowReader { format, columns })
    }

    /// Whether the first row only names the columns.
    pub(super) fn has_header(&self) -> bool {
        self.format.has_header()
    }

    pub(super) fn read(&self, bytes: &[u8]) -> Result<Parsed, RowError> {
        let (row, ignored) = match self.format {
            DatasetFormat::Plain => (Some(prompts::plain(bytes)?), vec![]),
            DatasetFormat::Vllm => (Some(prompts::vllm(bytes)?), vec![]),
            DatasetFormat::OpenaiBatch => some(openai::batch(bytes)?),
            DatasetFormat::Sharegpt => (sharegpt::first_question(bytes)?, vec![]),
            DatasetFormat::SharegptSessions => (sharegpt::session(bytes)?, vec![]),
            DatasetFormat::Mooncake => (Some(trace::mooncake(bytes)?), vec![]),
            DatasetFormat::AiperfSingleTurn => some(aiperf::single_turn(bytes)?),
            DatasetFormat::AiperfMultiTurn => (Some(aiperf::multi_turn(bytes)?), vec![]),
            DatasetFormat::Burstgpt | DatasetFormat::Azure => match self.columns {
                Some(columns) => (columns.row(bytes)?, vec![]),
                None => (None, vec![]),
            },
        };
        Ok(Parsed { row, ignored })
    }
}

fn some((row, ignored): (Row, Vec<String>)) -> (Option<Row>, Vec<String>) {
    (Some(row), ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_first_row() {
        let check = |first: &str, expected: Option<DatasetFormat>| {
            assert_eq!(DatasetFormat::of_content(first.as_bytes()), expected, "{first}");
        };
        check("Tell me a story.", Some(DatasetFormat::Plain));
        check("[intro] Tell me a story, please", Some(DatasetFormat::Plain));
        check(r#"{"custom_id": "1", "body": {"messages": []}}"#, Some(DatasetFormat::OpenaiBatch));
        check(r#"{"id": "x", "conversations": []}"#, Some(DatasetFormat::Sharegpt));
        check(r#"{"prompt": "hi"}"#, Some(DatasetFormat::Vllm));
        check(r#"{"timestamp": 0, "input_length": 3}"#, Some(DatasetFormat::Mooncake));
        check(
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
            Some(DatasetFormat::Burstgpt),
        );
        check("TIMESTAMP,ContextTokens,GeneratedTokens", Some(DatasetFormat::Azure));
        check(r#"{"text": "hi"}"#, Some(DatasetFormat::AiperfSingleTurn));
        check(r#"{"session_id": "a", "turns": []}"#, Some(DatasetFormat::AiperfMultiTurn));
        check(r#"{"question": "hi"}"#, None);
    }

    #[test]
    fn every_format_has_a_word_of_its_own() {
        for (word, format) in DatasetFormat::WORDS {
            assert_eq!((DatasetFormat::of_word(word), format.word()), (Some(*format), *word));
        }
    }
}
