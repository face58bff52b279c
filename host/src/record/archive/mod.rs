//! The file of a recording: every response as it came, with the stamps of its reads, so that a run can be understood again.
//! It knows bytes and files, and neither plugins nor secrets: what is written here was cleared before.
//!
//! A line of text with the version, then blocks: length of what is stored, length of what it holds, CRC-32 of what is
//! stored (each u32, little-endian), and that, compressed with zstd. A block holds whole items: kind (u8), length (u32),
//! content. The first item is the header, the last one the footer, both JSON; between them is one item for each exchange
//! (`exchange.rs`). Where a run was killed, the file ends within a block; what stands before it is whole.

mod exchange;
mod varint;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::Exchange;

/// The name of the file within the directory of `--record`.
pub const RECORDING_FILE: &str = "recording.llmperf";

const VERSION: u32 = 1;
const MAGIC: &str = "llmperf recording ";

/// A block is written once it holds so much: enough for the compressor to see what repeats.
const BLOCK_BYTES: usize = 1 << 20;
/// What a block may hold when read; an item is far smaller, a file that claims more is damaged.
const MAX_BLOCK_BYTES: u32 = 256 << 20;
/// The fastest level: chat streams shrink to a thirtieth, and all of recording costs the client some 0.3 µs an event.
const LEVEL: i32 = 1;

/// One thing in a recording.
#[derive(Debug, Clone)]
pub enum Item {
    /// What is known when the run starts.
    Header(Value),
    Exchange(Exchange),
    /// What is known when the run has ended.
    Footer(Value),
}

const HEADER: u8 = 0;
const PART: u8 = 1;
const END: u8 = 2;
const UNSENT: u8 = 3;
const FOOTER: u8 = 4;

impl Item {
    /// Appends the item as the file has it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Item::Header(value) => framed(out, HEADER, |out| json(out, value)),
            Item::Footer(value) => framed(out, FOOTER, |out| json(out, value)),
            Item::Exchange(exchange) => {
                let kind = match exchange {
                    Exchange::Part(_) => PART,
                    Exchange::End(_) => END,
                    Exchange::Unsent(_) => UNSENT,
                };
                framed(out, kind, |out| exchange::write(exchange, out));
            }
        }
    }

    fn read(kind: u8, content: &[u8]) -> Result<Item> {
        Ok(match kind {
            HEADER => Item::Header(serde_json::from_slice(content)?),
            FOOTER => Item::Footer(serde_json::from_slice(content)?),
            PART => Item::Exchange(exchange::read_part(content)?),
            END => Item::Exchange(exchange::read_end(content)?),
            UNSENT => Item::Exchange(exchange::read_unsent(content)?),
            other => bail!("an item of the unknown kind {other}"),
        })
    }
}

fn framed(out: &mut Vec<u8>, kind: u8, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    let length = (out.len() - length_at - 4) as u32;
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

fn json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(out, value).expect("a plain value, written to memory");
}

/// A recording being written. A slow disk holds up whoever writes.
#[derive(Debug)]
pub struct RecordingWriter {
    file: File,
    path: PathBuf,
    block: Vec<u8>,
}

impl RecordingWriter {
    /// Creates the file; one that is there already is not touched.
    ///
    /// # Errors
    /// Names the path.
    pub fn create(path: &Path, header: Value) -> Result<RecordingWriter> {
        let context = || format!("cannot write {}", path.display());
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(context)?;
        file.write_all(format!("{MAGIC}{VERSION}\n").as_bytes()).with_context(context)?;
        let mut writer = RecordingWriter { file, path: path.to_owned(), block: Vec::new() };
        Item::Header(header).write(&mut writer.block);
        writer.flush()?;
        Ok(writer)
    }

    /// Takes items as [`Item::write`] wrote them; a full block goes to the file.
    ///
    /// # Errors
    /// Names the path, say when the disk is full.
    pub fn append(&mut self, items: &[u8]) -> Result<()> {
        self.block.extend_from_slice(items);
        if self.block.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what waits: from now on it survives whatever becomes of the process.
    ///
    /// # Errors
    /// As [`RecordingWriter::append`].
    pub fn flush(&mut self) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let stored = zstd::bulk::compress(&self.block, LEVEL).context("a recording cannot be compressed")?;
        let mut framed = Vec::with_capacity(stored.len() + 12);
        for number in [stored.len() as u32, self.block.len() as u32, crc32fast::hash(&stored)] {
            framed.extend_from_slice(&number.to_le_bytes());
        }
        framed.extend_from_slice(&stored);
        self.block.clear();
        self.file.write_all(&framed).with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Writes the footer, and sees all of it on the disk.
    ///
    /// # Errors
    /// As [`RecordingWriter::append`].
    pub fn finish(mut self, footer: Value) -> Result<PathBuf> {
        Item::Footer(footer).write(&mut self.block);
        self.flush()?;
        self.file.sync_all().with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.path)
    }
}

#[cfg(test)]
impl RecordingWriter {
    /// To a disk that takes nothing more.
    pub(crate) fn to_a_full_disk() -> RecordingWriter {
        let file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        RecordingWriter { file, path: "/dev/full".into(), block: Vec::new() }
    }
}

/// A recording being read, from its start, a block at a time.
#[derive(Debug)]
pub struct RecordingReader {
    file: BufReader<File>,
    path: PathBuf,
    header: Value,
    block: Vec<u8>,
    at: usize,
    footer: Option<Value>,
}

impl RecordingReader {
    /// Opens a recording, or the one within a directory.
    ///
    /// # Errors
    /// Names the path, and says what it is instead of a recording.
    pub fn open(path: &Path) -> Result<RecordingReader> {
        let path = if path.is_dir() { path.join(RECORDING_FILE) } else { path.to_owned() };
        let file =
            File::open(&path).with_context(|| format!("recording {} cannot be read", path.display()))?;
        let mut reader = RecordingReader {
            file: BufReader::new(file),
            header: Value::Null,
            block: Vec::new(),
            at: 0,
            footer: None,
            path,
        };
        reader.check_version()?;
        match reader.next() {
            Ok(Some(Item::Header(header))) => reader.header = header,
            Ok(_) => bail!("{} ends before its header: the run was killed at once", reader.path.display()),
            Err(error) => return Err(error),
        }
        Ok(reader)
    }

    /// What was known when the run started.
    pub fn header(&self) -> &Value {
        &self.header
    }

    /// What was known when the run had ended, once that was read; `None` at the end where the recording is torn.
    pub fn footer(&self) -> Option<&Value> {
        self.footer.as_ref()
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next exchange; `None` after the last whole one.
    ///
    /// # Errors
    /// Where what is whole by its checksum is nothing that this version wrote.
    pub fn next_exchange(&mut self) -> Result<Option<Exchange>> {
        match self.next()? {
            Some(Item::Exchange(exchange)) => Ok(Some(exchange)),
            Some(Item::Footer(footer)) => {
                self.footer = Some(footer);
                Ok(None)
            }
            Some(Item::Header(_)) => Err(self.damaged(anyhow!("a second header"))),
            None => Ok(None),
        }
    }

    fn next(&mut self) -> Result<Option<Item>> {
        if self.at == self.block.len() && !self.next_block()? {
            return Ok(None);
        }
        let rest = &self.block[self.at..];
        let item = rest.split_at_checked(5).and_then(|(head, rest)| {
            let length = u32::from_le_bytes(head[1..].try_into().ok()?) as usize;
            Some((head[0], rest.get(..length)?))
        });
        let item = item.ok_or_else(|| anyhow!("an item that is longer than its block"));
        let item = item.and_then(|(kind, content)| Ok((content.len() + 5, Item::read(kind, content)?)));
        let (length, item) = item.map_err(|error| self.damaged(error))?;
        self.at += length;
        Ok(Some(item))
    }

    /// Reads the next block; false at the end, and where the file is torn.
    fn next_block(&mut self) -> Result<bool> {
        let mut head = [0; 12];
        if !self.fill(&mut head)? {
            return Ok(false);
        }
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, held, crc) = (number(0), number(4), number(8));
        if length > MAX_BLOCK_BYTES || held > MAX_BLOCK_BYTES {
            return Ok(false);
        }
        let mut stored = vec![0; length as usize];
        if !self.fill(&mut stored)? || crc32fast::hash(&stored) != crc {
            return Ok(false);
        }
        let block = zstd::bulk::decompress(&stored, held as usize);
        self.block = block.map_err(|error| self.damaged(error.into()))?;
        self.at = 0;
        Ok(!self.block.is_empty())
    }

    /// Whether the file still had that number of bytes.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool> {
        match self.file.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => {
                Err(error).with_context(|| format!("recording {} cannot be read", self.path.display()))
            }
        }
    }

    fn check_version(&mut self) -> Result<()> {
        let path = self.path.display().to_string();
        let mut magic = [0; MAGIC.len()];
        if !self.fill(&mut magic)? || magic != MAGIC.as_bytes() {
            bail!(
                "{path} is no recording\nhint: give the directory that was given to --record, or its {RECORDING_FILE}"
            );
        }
        let mut version = String::new();
        let mut byte = [0];
        while self.fill(&mut byte)? && byte != [b'\n'] && version.len() < 8 {
            version.push(char::from(byte[0]));
        }
        if version != VERSION.to_string() {
            bail!(
                "{path} is a recording of version {}; this llmperf reads version {VERSION}\n\
                 hint: replay it with the llmperf that recorded it",
                version.escape_default()
            );
        }
        Ok(())
    }

    fn damaged(&self, cause: anyhow::Error) -> anyhow::Error {
        cause.context(format!("recording {} is damaged", self.path.display()))
    }
}

#[cfg(test)]
mod tests;
