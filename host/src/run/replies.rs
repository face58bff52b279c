//! The replies of a correctness test until its end. Their texts are in a file without a name, so that memory does not follow
//! how many there are and how long.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};

use crate::metrics::llmperf::Row;
use crate::units::{RequestId, Stamp};

/// Replies as they come.
pub(super) struct Replies {
    texts: BufWriter<File>,
    length: u64,
    kept: Vec<Kept>,
}

struct Kept {
    id: RequestId,
    end: Stamp,
    row: Row,
    text: Place,
}

/// Where a text is in the file.
#[derive(Clone, Copy)]
struct Place {
    at: u64,
    bytes: usize,
}

/// Replies that are all there, to be read again.
pub(super) struct KeptReplies {
    texts: File,
    /// In order of completion.
    kept: Vec<Kept>,
}

/// What the same questions got before.
pub(super) struct Twins {
    texts: File,
    places: HashMap<RequestId, Place>,
}

impl Replies {
    /// With its file in this directory, where there is one, and among the system's temporary files otherwise.
    pub(super) fn start(dir: Option<&Path>) -> Result<Replies> {
        let file = match dir {
            Some(dir) => tempfile::tempfile_in(dir),
            None => tempfile::tempfile(),
        };
        let file = file.context("there is no place for the replies")?;
        Ok(Replies { texts: BufWriter::new(file), length: 0, kept: vec![] })
    }

    pub(super) fn add(&mut self, (id, end): (RequestId, Stamp), row: Row, text: &str) -> Result<()> {
        self.texts.write_all(text.as_bytes()).context("the replies cannot be kept")?;
        let text = Place { at: self.length, bytes: text.len() };
        self.length += text.bytes as u64;
        self.kept.push(Kept { id, end, row, text });
        Ok(())
    }

    /// There are no more.
    pub(super) fn finish(self) -> Result<KeptReplies> {
        let Replies { texts, mut kept, .. } = self;
        let texts = texts.into_inner().map_err(|error| error.into_error());
        kept.sort_by_key(|reply| (reply.end, reply.id));
        Ok(KeptReplies { texts: texts.context("the replies cannot be kept")?, kept })
    }
}

impl KeptReplies {
    /// Each with its text, in order of completion.
    pub(super) fn each(&self) -> impl Iterator<Item = Result<(RequestId, &Row, String)>> {
        self.kept.iter().map(|reply| Ok((reply.id, &reply.row, read(&self.texts, reply.text)?)))
    }

    /// Those that answered, to compare others with.
    pub(super) fn into_twins(self) -> Twins {
        let answered = self.kept.into_iter().filter(|reply| reply.row.error_code.is_none());
        Twins { texts: self.texts, places: answered.map(|reply| (reply.id, reply.text)).collect() }
    }
}

impl Twins {
    /// The reply to the same question; `None` where it got none.
    pub(super) fn get(&self, id: RequestId) -> Result<Option<String>> {
        self.places.get(&id).map(|&place| read(&self.texts, place)).transpose()
    }
}

fn read(mut texts: &File, place: Place) -> Result<String> {
    let mut text = vec![0; place.bytes];
    let read = texts.seek(SeekFrom::Start(place.at)).and_then(|_| texts.read_exact(&mut text));
    read.context("the replies cannot be read again")?;
    String::from_utf8(text).context("the replies are not as they were written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::llmperf::ReplyTokens;
    use crate::metrics::request::tests::record;

    #[test]
    fn texts_come_back_in_order_of_completion_and_by_request() {
        let mut replies = Replies::start(None).expect("a file");
        for (id, end, text) in [(0, 30, "late ä"), (1, 10, ""), (2, 20, "two\nlines")] {
            let row = Row::of_correctness(&record(id, &[52]), ReplyTokens::Chunks).expect("a row");
            replies.add((RequestId(id), Stamp(end)), row, text).expect("kept");
        }
        let kept = replies.finish().expect("all of them");
        let texts: Vec<_> =
            kept.each().map(|reply| reply.expect("a reply")).map(|(id, _, text)| (id.0, text)).collect();
        assert_eq!(texts, [(1, String::new()), (2, "two\nlines".to_owned()), (0, "late ä".to_owned())]);
        let twins = kept.into_twins();
        assert_eq!(twins.get(RequestId(0)).expect("read").as_deref(), Some("late ä"));
        assert_eq!(twins.get(RequestId(9)).expect("read"), None);
    }
}
