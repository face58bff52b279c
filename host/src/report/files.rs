//! Files that are whole or not there, and the one that grows while the run runs.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

use super::{parse_record, write_record};
use crate::record::RequestRecord;

/// The longest line that is read back: far above any record, far below what would exhaust memory.
const MAX_LINE: u64 = 256 << 20;

/// Writes a file so that whoever looks sees the old content or the new, never a part.
///
/// # Errors
/// Names the path where its directory is missing or not writable, where the disk is full, or where it is a directory.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_aside(path, |file| file.write_all(bytes))?.put()
}

/// A file that is written, and not yet in its place. It goes away where it is not put there.
#[derive(Debug)]
pub(super) struct Aside {
    file: NamedTempFile,
    path: PathBuf,
}

impl Aside {
    fn put(self) -> Result<()> {
        let put = self.file.persist(&self.path).map_err(std::io::Error::from);
        put.with_context(|| format!("cannot write {}", self.path.display())).map(drop)
    }
}

/// Puts files of one directory in their places, so that none of them lies beside one of another process that does the same.
pub(super) fn put_together<const N: usize>(directory: &Path, files: [Aside; N]) -> Result<()> {
    // Held for some renames only, and until it is dropped. A file system without locks has to do without.
    let lock = File::open(directory);
    let _ = lock.as_ref().map(File::lock);
    files.into_iter().try_for_each(Aside::put)
}

/// Writes a file that is to have this path, piece by piece, so that its content need not be held whole.
pub(super) fn write_aside(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<Aside> {
    let write = || -> std::io::Result<NamedTempFile> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".llmperf-")
            .suffix(".tmp")
            // Of a new file, before the umask; the default of a temporary file is its owner's alone.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory.unwrap_or(Path::new(".")))?;
        let mut buffered = BufWriter::new(file);
        content(&mut buffered)?;
        let file = buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Aside { file, path: path.to_owned() })
}

/// Appends records to `records.jsonl` as they finish, one write a line: a line that was appended survives whatever
/// becomes of the process.
#[derive(Debug)]
pub struct RecordsWriter {
    file: File,
    path: PathBuf,
    /// Where the last whole line ends.
    length: u64,
    line: Vec<u8>,
}

impl RecordsWriter {
    /// Creates the file, or empties an older one.
    ///
    /// # Errors
    /// Names the path where it cannot be written, or where another run is writing to it.
    pub fn create(path: &Path) -> Result<RecordsWriter> {
        let context = || format!("cannot write {}", path.display());
        let file = OpenOptions::new().create(true).append(true).open(path).with_context(context)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{} is being written by another run", path.display()),
            // A file system without locks: what follows works all the same.
            Err(TryLockError::Error(_)) => {}
        }
        file.set_len(0).with_context(context)?;
        Ok(RecordsWriter { file, path: path.to_owned(), length: 0, line: Vec::new() })
    }

    /// Appends one record.
    ///
    /// # Errors
    /// Names the path, say when the disk is full. What was written of the line is taken back, so that the next may follow.
    pub fn append(&mut self, record: &RequestRecord) -> Result<()> {
        self.line.clear();
        write_record(record, &mut self.line);
        if let Err(error) = self.file.write_all(&self.line) {
            // If this fails too, the file ends in a torn line, which the reader forgives.
            let _ = self.file.set_len(self.length);
            return Err(error).with_context(|| format!("cannot write {}", self.path.display()));
        }
        self.length += self.line.len() as u64;
        Ok(())
    }
}

/// What a records file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRecords {
    /// In the order of the file.
    pub records: Vec<RequestRecord>,
    /// The file ended inside a line, which was left out: the run that wrote it was killed.
    pub torn: bool,
}

/// Reads a records file.
///
/// # Errors
/// Names the path, and the line that is no record.
pub fn read_records(path: &Path) -> Result<ReadRecords> {
    let mut records = Vec::new();
    let torn = each_record(path, |record| records.push(record))?;
    Ok(ReadRecords { records, torn })
}

/// Reads a records file one record after the other, so that it need not be held whole. True where it ends inside a line.
///
/// # Errors
/// Names the path, and the line that is no record.
pub(super) fn each_record(path: &Path, mut take: impl FnMut(RequestRecord)) -> Result<bool> {
    let context = || format!("cannot read {}", path.display());
    let mut reader = BufReader::new(File::open(path).with_context(context)?);
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).with_context(context)? == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        if !whole && line.len() as u64 == MAX_LINE {
            bail!("{}, line {number}: longer than {MAX_LINE} bytes", path.display());
        }
        match parse_record(&line) {
            Ok(record) => take(record),
            // Only the last line can lack its newline.
            Err(_) if !whole => return Ok(true),
            Err(error) => {
                return Err(error).with_context(|| format!("{}, line {number}: no record", path.display()));
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record_json::tests::example;
    use crate::units::RequestId;

    fn numbered(id: u64) -> RequestRecord {
        RequestRecord { id: RequestId(id), ..example() }
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        for content in ["long old content", "new"] {
            write_atomically(&path, content.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().join("missing/a.json"), directory.path().to_owned()] {
            let error = write_atomically(&path, b"x").unwrap_err().to_string();
            assert_eq!(error, format!("cannot write {}", path.display()));
        }
    }

    #[test]
    fn records_are_in_the_file_as_soon_as_they_are_appended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records.jsonl");
        std::fs::write(&path, "of an older run\n").unwrap();
        let mut writer = RecordsWriter::create(&path).unwrap();
        for id in 0..3 {
            writer.append(&numbered(id)).unwrap();
            let expected = ReadRecords { records: (0..=id).map(numbered).collect(), torn: false };
            assert_eq!(read_records(&path).unwrap(), expected);
        }
    }

    #[test]
    fn two_runs_cannot_write_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records.jsonl");
        let mut first = RecordsWriter::create(&path).unwrap();
        first.append(&numbered(1)).unwrap();
        let error = RecordsWriter::create(&path).unwrap_err().to_string();
        assert!(error.ends_with("is being written by another run"), "{error}");
        assert_eq!(read_records(&path).unwrap().records, [numbered(1)]);
    }

    #[test]
    fn only_a_torn_last_line_is_forgiven() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records.jsonl");
        let mut line = Vec::new();
        write_record(&numbered(0), &mut line);
        let check = |content: &[&[u8]], expected: Result<(usize, bool), &str>| {
            std::fs::write(&path, content.concat()).unwrap();
            let actual = read_records(&path).map(|read| (read.records.len(), read.torn));
            match (actual, expected) {
                (Ok(actual), Ok(expected)) => assert_eq!(actual, expected),
                (Err(error), Err(end)) => assert!(error.to_string().ends_with(end), "{error}"),
                (actual, expected) => panic!("{actual:?}, not {expected:?}"),
            }
        };
        check(&[], Ok((0, false)));
        check(&[&line, &line], Ok((2, false)));
        check(&[&line, &line[..line.len() - 1]], Ok((2, false)));
        check(&[&line, &line[..40]], Ok((1, true)));
        check(&[&line, b"\0\0\0"], Ok((1, true)));
        check(&[&line, &line[..40], b"\n", &line], Err("line 2: no record"));
        check(&[b"<html>\n"], Err("line 1: no record"));
    }
}
