//! Cuts a file into rows in one pass: lines, or the elements of one JSON array. It holds one row at a time.

use std::io::{BufRead, Read};

use anyhow::{Result, bail};

/// The longest row. The longest conversations in use are a few megabytes.
pub(super) const MAX_ROW_BYTES: usize = 64 << 20;

/// How rows lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// One row a line; blank lines are none.
    Lines,
    /// The elements of one JSON array.
    Array,
}

/// A row as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) offset: u64,
    /// The line it begins in, from 1.
    pub(super) line: u64,
    pub(super) bytes: &'a [u8],
}

/// Gives each row to `each`, in order.
///
/// # Errors
/// Those of `each`; where the file cannot be read; where a row is longer than [`MAX_ROW_BYTES`]; where an array is broken.
pub(super) fn scan(
    file: &mut impl BufRead,
    container: Container,
    each: impl FnMut(Piece<'_>) -> Result<()>,
) -> Result<()> {
    match container {
        Container::Lines => lines(file, each),
        Container::Array => elements(file, each),
    }
}

fn lines(file: &mut impl BufRead, mut each: impl FnMut(Piece<'_>) -> Result<()>) -> Result<()> {
    let (mut offset, mut buffer) = (0, Vec::new());
    for line in 1.. {
        buffer.clear();
        let read = file.by_ref().take(MAX_ROW_BYTES as u64 + 1).read_until(b'\n', &mut buffer)?;
        if read == 0 {
            break;
        }
        if read > MAX_ROW_BYTES {
            bail!("line {line} is longer than {} MiB", MAX_ROW_BYTES >> 20);
        }
        let start = if line == 1 { after_mark(&buffer) } else { 0 };
        let bytes = buffer[start..].trim_ascii_end();
        if !bytes.is_empty() {
            each(Piece { offset: offset + start as u64, line, bytes })?;
        }
        offset += read as u64;
    }
    Ok(())
}

/// Where the text begins behind a byte order mark.
pub(super) fn after_mark(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// Where a walk through an array stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    /// Before an element, or the end.
    Between,
    Element,
    /// Behind an element: a comma or the end.
    Behind,
    End,
}

/// A walk through the bytes of an array that looks no deeper than brackets and strings.
struct Walk {
    at: At,
    offset: u64,
    line: u64,
    depth: usize,
    in_string: bool,
    escaped: bool,
    element: Vec<u8>,
    start: (u64, u64),
}

fn elements(file: &mut impl BufRead, mut each: impl FnMut(Piece<'_>) -> Result<()>) -> Result<()> {
    let mut walk = Walk {
        at: At::Start,
        offset: 0,
        line: 1,
        depth: 0,
        in_string: false,
        escaped: false,
        element: Vec::new(),
        start: (0, 1),
    };
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let read = bytes.len();
        for &byte in bytes {
            if walk.step(byte)? {
                let (offset, line) = walk.start;
                each(Piece { offset, line, bytes: &walk.element })?;
                walk.element.clear();
            }
        }
        file.consume(read);
    }
    match walk.at {
        At::End => Ok(()),
        _ => bail!("line {}: the file ends inside its JSON array", walk.line),
    }
}

impl Walk {
    /// Takes a byte; true where an element is complete.
    fn step(&mut self, byte: u8) -> Result<bool> {
        let (offset, line) = (self.offset, self.line);
        self.offset += 1;
        self.line += u64::from(byte == b'\n');
        if self.at == At::Element {
            return self.inside(byte);
        }
        // A byte order mark may stand in front.
        if byte.is_ascii_whitespace() || (self.at == At::Start && offset < 3 && !byte.is_ascii()) {
            return Ok(false);
        }
        match (self.at, byte) {
            (At::Start, b'[') => self.at = At::Between,
            (At::Between, b'{') => {
                (self.at, self.start) = (At::Element, (offset, line));
                return self.inside(byte);
            }
            (At::Behind, b',') => self.at = At::Between,
            (At::Between | At::Behind, b']') => self.at = At::End,
            _ => {
                bail!("line {line}: {:?} has no place between the objects of a JSON array", char::from(byte))
            }
        }
        Ok(false)
    }

    fn inside(&mut self, byte: u8) -> Result<bool> {
        if self.element.len() >= MAX_ROW_BYTES {
            bail!(
                "line {}: the element that begins here is longer than {} MiB",
                self.start.1,
                MAX_ROW_BYTES >> 20
            );
        }
        self.element.push(byte);
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.at = At::Behind;
                    return Ok(true);
                }
            }
            _ => {}
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, container: Container) -> Result<Vec<(u64, String)>> {
        let mut rows = vec![];
        // A buffer of three bytes: rows never lie whole in it.
        let mut file = std::io::BufReader::with_capacity(3, text.as_bytes());
        scan(&mut file, container, |piece| {
            let bytes = piece.bytes;
            let at = usize::try_from(piece.offset)?;
            assert_eq!(&text.as_bytes()[at..at + bytes.len()], bytes);
            rows.push((piece.line, String::from_utf8(bytes.to_vec())?));
            Ok(())
        })?;
        Ok(rows)
    }

    fn check(text: &str, container: Container, expected: &[(u64, &str)]) {
        let expected: Vec<(u64, String)> = expected.iter().map(|(n, row)| (*n, (*row).to_owned())).collect();
        assert_eq!(found(text, container).expect("rows"), expected, "{text:?}");
    }

    #[test]
    fn lines_are_rows_and_blank_ones_are_none() {
        check("a\n\nb b \r\n  \nc", Container::Lines, &[(1, "a"), (3, "b b"), (5, "c")]);
        check("\u{feff}a\nb\n", Container::Lines, &[(1, "a"), (2, "b")]);
        check("", Container::Lines, &[]);
    }

    #[test]
    fn elements_of_an_array_are_rows_however_they_are_laid_out() {
        check(
            "[{\"a\": \"]}\\\"{\"},\n {\"b\": [1,\n {}]}\n]\n",
            Container::Array,
            &[(1, "{\"a\": \"]}\\\"{\"}"), (2, "{\"b\": [1,\n {}]}")],
        );
        check("[]", Container::Array, &[]);
        check("\u{feff}[{}]", Container::Array, &[(1, "{}")]);
    }

    #[test]
    fn a_broken_array_is_an_error_with_its_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(found(text, Container::Array).expect_err("an error").to_string(), expected);
        };
        check("[{},\n{\"a\"", "line 2: the file ends inside its JSON array");
        check("[{}\n{}]", "line 2: '{' has no place between the objects of a JSON array");
        check("[{}] x", "line 1: 'x' has no place between the objects of a JSON array");
        check("[1]", "line 1: '1' has no place between the objects of a JSON array");
    }
}
