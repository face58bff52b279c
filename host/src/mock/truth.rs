//! The truth log: what the mock really did and when, one JSON line a request.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Seek, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One request, as the mock served it. Instants are nanoseconds of the machine's `CLOCK_MONOTONIC`, taken just before
/// the write they name was handed to the kernel: nobody can have seen its bytes earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthRow {
    /// The id in the answer and in its `x-request-id` header.
    pub id: String,
    /// The request's number in the order of arrival, from 1.
    pub n: u64,
    /// The connection's number in the order of arrival, from 1.
    pub conn: u64,
    /// When the whole request, head and body, had been read.
    pub request_ns: u64,
    /// When its answer's time began to run: with the request, or, under `--max-concurrent`, when its
    /// turn came.
    #[serde(default)]
    pub turn_ns: u64,
    /// The write of the response head.
    pub head_ns: Option<u64>,
    /// The first of `token_ns`.
    pub first_token_ns: Option<u64>,
    /// The last of `token_ns`.
    pub last_token_ns: Option<u64>,
    /// The last write, or the moment the mock saw that the client had gone.
    pub end_ns: Option<u64>,
    /// The write of each token-bearing event; events of one write share its instant.
    pub token_ns: Vec<u64>,
    /// Tokens in events handed to the kernel whole.
    pub tokens: u64,
    /// Token-bearing events handed to the kernel whole.
    pub events: u64,
    /// The longest time by which a token was written after it was due.
    pub late_ns: u64,
    /// The status sent; `None` where the connection closed before one was.
    pub status: Option<u16>,
    /// The faults that struck, joined by commas.
    pub fault: Option<String>,
    /// The path asked for, without its query.
    pub path: String,
    /// Bytes of text in the prompt.
    pub prompt_bytes: u64,
    /// The limit the request named.
    pub max_tokens: Option<u64>,
    /// Whether a credential was sent, right or wrong.
    pub auth: bool,
    /// How the mock's part ended.
    pub end: End,
}

/// How the mock's part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Everything was sent.
    Complete,
    /// The client left first.
    ClientGone,
    /// The mock reset the connection.
    Reset,
    /// The mock closed the connection before the response was whole.
    Closed,
    /// The mock was stopped in mid-answer.
    Stopped,
}

/// Creates a truth log, or empties the one that is there.
///
/// # Errors
/// Names the file where it cannot be written; a full disk is found here, not after the run.
pub fn create_truth(path: &Path) -> Result<File> {
    let create = || -> io::Result<File> {
        let mut file = File::create(path)?;
        let kind = file.metadata()?.file_type();
        // What a pipe or a terminal is given cannot be taken back.
        if kind.is_file() || (kind.is_char_device() && !file.is_terminal()) {
            file.write_all(b"\n")?;
        }
        if kind.is_file() {
            file.set_len(0)?;
            file.rewind()?;
        }
        Ok(file)
    };
    create().with_context(|| format!("cannot create the truth log {}", path.display()))
}

/// An open truth log.
#[derive(Debug)]
pub(super) struct TruthLog {
    // A lock, because connections on any thread append; it is held for one copy into the buffer.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: BufWriter<File>,
    /// The first error. Nothing is written after it, so that the log is a prefix of the truth and not a selection.
    failed: Option<io::Error>,
}

impl TruthLog {
    /// Creates the file, or empties the one that is there.
    pub(super) fn create(path: &Path) -> Result<TruthLog> {
        let file = BufWriter::with_capacity(1 << 18, create_truth(path)?);
        Ok(TruthLog { state: Mutex::new(State { file, failed: None }) })
    }

    /// Adds a row to the buffer. An error waits for [`finish`](Self::finish): it is no reason to stop serving.
    pub(super) fn append(&self, row: &TruthRow) {
        let line = serde_json::to_vec(row).map_err(io::Error::from);
        self.attempt(|file| {
            file.write_all(&line?)?;
            file.write_all(b"\n")
        });
    }

    /// Hands what is buffered to the kernel.
    pub(super) fn flush(&self) {
        self.attempt(Write::flush);
    }

    /// Flushes, and tells whether every row was written.
    ///
    /// # Errors
    /// The first error of all the writes.
    pub(super) fn finish(&self) -> Result<()> {
        self.flush();
        match self.lock().failed.take() {
            Some(error) => Err(error).context("cannot write the truth log"),
            None => Ok(()),
        }
    }

    fn attempt(&self, act: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let mut state = self.lock();
        if state.failed.is_none() {
            state.failed = act(&mut state.file).err();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
