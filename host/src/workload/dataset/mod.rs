//! Datasets: files of prompts, conversations and traces. A file is read once from end to end before the run, every row
//! checked and its place kept; a request's row is read again when the request is built, so a dataset of any size takes
//! the memory of its index.

mod aiperf;
mod format;
mod index;
mod openai;
mod prompts;
mod row;
mod scan;
mod sharegpt;
mod trace;
mod wall_time;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};

use crate::units::Span;

pub use format::DatasetFormat;

use format::{RowReader, container};
use index::Index;
use row::RowError;
use scan::{Piece, scan};

pub(super) use row::{Asked, OutputLength, Row, Turn};
pub(super) use trace::BLOCK_TOKENS;

/// Enough to see how a file begins.
const HEAD_BYTES: u64 = 4096;
/// Read at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// Names of ignored fields that a note lists.
const MAX_IGNORED: usize = 12;

/// A dataset whose rows have all been read once and found good.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    file: File,
    reader: RowReader,
    index: Index,
    digest: String,
    prompt_bytes: u64,
    notes: Vec<String>,
}

impl Dataset {
    /// Reads the file once and checks every row. Without a `format` it is found out from the first row.
    ///
    /// # Errors
    /// The file cannot be read, is in no known format, or has a row that is wrong: the error names file, line and field.
    pub fn open(path: &Path, format: Option<DatasetFormat>) -> Result<Dataset> {
        let named = || format!("--dataset {}", path.display());
        let file = File::open(path).with_context(named)?;
        if !file.metadata().with_context(named)?.is_file() {
            bail!(
                "{} is no regular file\nhint: rows are read in any order, so write it to a file first",
                named()
            );
        }
        let mut head = Vec::new();
        (&file).take(HEAD_BYTES).read_to_end(&mut head).with_context(named)?;
        let container = container(&head, format);
        let mut digesting = Digesting { file: io::Cursor::new(head).chain(&file), digest: Sha256::new() };
        let mut checker = Checker::new(format);
        scan(&mut BufReader::with_capacity(BUFFER_BYTES, &mut digesting), container, |piece| {
            checker.take(piece)
        })
        .map_err(|error| anyhow!("{} {error:#}", named()))?;
        let digest = digesting.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let Some(reader) = checker.reader.filter(|_| checker.index.rows() > 0) else {
            bail!("{} has no rows\nhint: give a file with one request or more", named());
        };
        let notes = checker.notes(&named());
        let Checker { index, prompt_bytes, .. } = checker;
        Ok(Dataset { path: path.to_owned(), file, reader, index, digest, prompt_bytes, notes })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn format(&self) -> DatasetFormat {
        self.reader.format
    }

    /// SHA-256 of the file, lowercase hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Rows that are requests, or sessions of them.
    pub fn rows(&self) -> u64 {
        self.index.rows()
    }

    /// Requests of all rows: a session has one a turn.
    pub fn requests(&self) -> u64 {
        self.index.turns()
    }

    /// Whether some row is a session of several requests.
    pub fn has_sessions(&self) -> bool {
        self.index.has_sessions()
    }

    /// Whether rows say when they are due.
    pub fn is_timed(&self) -> bool {
        !self.index.due().is_empty()
    }

    /// Time from the first row's due time to the last's.
    pub fn length(&self) -> Span {
        self.index.due().last().copied().unwrap_or_default()
    }

    /// Bytes of a prompt, on average; for bounding memory.
    pub fn mean_prompt_bytes(&self) -> u64 {
        self.prompt_bytes / self.requests().max(1)
    }

    /// What of the file has no effect, for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// When the row with this number is due, after the first. Numbers go on where the file ends: it begins again one mean
    /// interval after its last row.
    pub fn due(&self, row: u64) -> Span {
        let due = self.index.due();
        let rows = due.len().max(1) as u64;
        let round = self.length().0 + self.length().0 / (rows - 1).max(1);
        let at = due.get((row % rows) as usize).copied().unwrap_or_default();
        Span(at.0.saturating_add(round.saturating_mul(row / rows)))
    }

    /// Reads a row again.
    ///
    /// # Errors
    /// The file is not what it was when it was checked.
    pub(super) fn read(&self, row: usize) -> Result<Row> {
        let entry = self.index.entry(row);
        let mut bytes = vec![0; entry.bytes as usize];
        let changed = || format!("--dataset {} changed during the run", self.path.display());
        self.file.read_exact_at(&mut bytes, entry.offset).with_context(changed)?;
        let parsed = self.reader.read(&bytes).ok().and_then(|parsed| parsed.row);
        let turns = self.index.end_of(row) - u64::from(entry.first_turn);
        parsed.filter(|row| row.turns.len() as u64 == turns).with_context(changed)
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }
}

/// Checks rows as they are scanned, and indexes them.
struct Checker {
    format: Option<DatasetFormat>,
    /// Known from the first row on.
    reader: Option<RowReader>,
    index: Index,
    prompt_bytes: u64,
    /// Rows that are no requests.
    skipped: u64,
    ignored: BTreeSet<String>,
    /// The line and the timing of the first row; all others must have or lack times as it does.
    timed: Option<(u64, bool)>,
}

impl Checker {
    fn new(format: Option<DatasetFormat>) -> Checker {
        Checker {
            format,
            reader: None,
            index: Index::default(),
            prompt_bytes: 0,
            skipped: 0,
            ignored: BTreeSet::new(),
            timed: None,
        }
    }

    fn take(&mut self, piece: Piece<'_>) -> Result<()> {
        let reader = match self.reader {
            Some(reader) => reader,
            None => {
                let reader = self.reader_of(piece)?;
                self.reader = Some(reader);
                if reader.has_header() {
                    return Ok(());
                }
                reader
            }
        };
        let parsed =
            reader.read(piece.bytes).map_err(|error| self.explain(error, reader.format, piece.line))?;
        self.ignored.extend(parsed.ignored);
        let Some(row) = parsed.row else {
            self.skipped += 1;
            return Ok(());
        };
        let timed = row.due.is_some();
        let (first_line, expected) = *self.timed.get_or_insert((piece.line, timed));
        if timed != expected {
            let (with, without) = if timed { (piece.line, first_line) } else { (first_line, piece.line) };
            bail!(
                "line {without}: timestamp is missing, and line {with} has one\n\
                 hint: give every row a timestamp, or none"
            );
        }
        self.prompt_bytes += row.turns.iter().map(prompt_bytes).sum::<u64>();
        self.index.push(piece.offset, piece.bytes.len(), row.turns.len(), row.due)
    }

    /// How to read a file that begins with this row.
    fn reader_of(&self, piece: Piece<'_>) -> Result<RowReader> {
        let format = match self.format.or_else(|| DatasetFormat::of_content(piece.bytes)) {
            Some(format) => format,
            None => {
                let keys = row::object(piece.bytes)
                    .map_err(|error| self.explain(error, DatasetFormat::Plain, piece.line))?;
                let keys: Vec<&str> = keys.keys().take(MAX_IGNORED).map(String::as_str).collect();
                let words: Vec<&str> = DatasetFormat::WORDS.iter().map(|(word, _)| *word).collect();
                bail!(
                    "line {}: an object with the keys {} is in no format known here\n\
                     hint: --dataset-format takes {}",
                    piece.line,
                    keys.join(", "),
                    words.join(", ")
                );
            }
        };
        RowReader::new(format, piece.bytes).map_err(|error| self.explain(error, format, piece.line))
    }

    fn explain(&self, error: RowError, format: DatasetFormat, line: u64) -> anyhow::Error {
        let RowError { field, wrong, lines } = error;
        let what = if field.is_empty() { wrong } else { format!("{field} {wrong}") };
        let hint = match self.format {
            Some(_) => format!("rows of --dataset-format {} are read here", format.word()),
            None if self.reader.is_none() => {
                "mend the first row, or name the format with --dataset-format".to_owned()
            }
            None => format!(
                "the file was taken for {} by its first row; mend the row, or name another format with --dataset-format",
                format.word()
            ),
        };
        anyhow!("line {}: {what}\nhint: {hint}", line + lines)
    }

    /// Closes the index; what of the file has no effect.
    fn notes(&mut self, named: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if self.index.finish() {
            notes.push(format!("{named}: rows are not in the order of their times; they are sent in it"));
        }
        if self.skipped > 0 {
            let why = match self.reader.map(|reader| reader.format) {
                Some(DatasetFormat::Sharegpt | DatasetFormat::SharegptSessions) => {
                    "that hold no question with an answer"
                }
                _ => "without tokens on one side, as requests that failed,",
            };
            notes.push(format!("{named}: rows {why} are left out: {}", self.skipped));
        }
        if !self.ignored.is_empty() {
            let names: Vec<&str> = self.ignored.iter().take(MAX_IGNORED).map(String::as_str).collect();
            let more = if self.ignored.len() > MAX_IGNORED { ", …" } else { "" };
            notes.push(format!(
                "{named}: {}{more} of its rows have no effect; sampling is given with --additional-sampling-params",
                names.join(", ")
            ));
        }
        notes
    }
}

fn prompt_bytes(turn: &Turn) -> u64 {
    match &turn.asked {
        Asked::Messages(messages) => messages.iter().map(|message| message.text.len() as u64).sum(),
        // English prose has some 4 bytes a token; 5 is on the safe side.
        Asked::Length { tokens, .. } => tokens.0 * 5,
    }
}

/// Passes bytes on and digests them.
struct Digesting<R> {
    file: R,
    digest: Sha256,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
