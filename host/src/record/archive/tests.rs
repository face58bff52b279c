use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::*;
use crate::record::{
    Failure, FailureKind, Framing, Head, Part, PreparedRequest, Reads, RequestInfo, Start, Trace, Transfer,
    Unsent,
};
use crate::units::{RequestId, Stamp, Tokens};

fn info(id: u64) -> RequestInfo {
    RequestInfo {
        id: RequestId(id),
        isl_target: Tokens(10),
        isl: Tokens(11),
        max_tokens: Some(Tokens(u64::MAX)),
        session: None,
    }
}

fn reads(start: u64, texts: &[&[u8]]) -> Reads {
    let mut reads = Reads::default();
    for (text, n) in texts.iter().zip(0..) {
        reads.push(Stamp(start + 7 * n), text);
    }
    reads
}

fn head() -> Arc<Head> {
    let mut headers = HeaderMap::new();
    headers.append("x-twice", HeaderValue::from_static("a"));
    headers.append("x-twice", HeaderValue::from_bytes(b"\xff\"\\\xe9").expect("a value"));
    Arc::new(Head { status: StatusCode::IM_A_TEAPOT, headers })
}

fn exchanges() -> Vec<Exchange> {
    let request = |id| {
        Arc::new(PreparedRequest {
            info: info(id),
            method: http::Method::POST,
            url: "http://h/".parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            framing: vec![Framing::AwsEventStream, Framing::Sse],
        })
    };
    let trace = |id, transfer, head: Option<Arc<Head>>| {
        Exchange::End(Box::new(Trace {
            request: request(id),
            start: Start { due: Stamp(1), warmup: true },
            sent: Stamp(u64::MAX),
            connected: head.as_ref().map(|_| Stamp(4)),
            head: head.map(|head| (Stamp(5), head)),
            reads: reads(9, &[b"", b"abc", b"\0\xff"]),
            end: Stamp(30),
            transfer,
        }))
    };
    let failure = Failure::new(FailureKind::Reset, "it broke");
    vec![
        Exchange::Part(Part {
            request: request(1),
            head: head(),
            reads: reads(1 << 40, &[b"first", b"second"]),
            abandon: Arc::default(),
        }),
        trace(1, Transfer::Complete, Some(head())),
        trace(2, Transfer::Failed(failure.clone()), None),
        trace(3, Transfer::Cancelled, None),
        trace(4, Transfer::Abandoned, Some(head())),
        Exchange::Unsent(Unsent {
            info: info(5),
            start: Start { due: Stamp(2), warmup: false },
            sent: Stamp(3),
            failure,
        }),
    ]
}

/// What of an exchange is kept.
fn kept(exchange: &Exchange) -> String {
    match exchange {
        Exchange::Part(part) => {
            format!("{:?}", (&part.request.info, &part.request.framing, &part.head, &part.reads))
        }
        Exchange::End(trace) => {
            let Trace { request, start, sent, connected, head, reads, end, transfer } = trace.as_ref();
            format!(
                "{:?}",
                (request.info, &request.framing, (start, sent, connected, end), head, reads, transfer)
            )
        }
        Exchange::Unsent(unsent) => format!("{unsent:?}"),
    }
}

/// A recording of one block an exchange, and where each block ends.
fn recorded(path: &Path) -> Vec<u64> {
    let length = || std::fs::metadata(path).expect("a file").len();
    let mut writer = RecordingWriter::create(path, json!({"plan": 1})).expect("a file");
    let mut ends = vec![length()];
    for exchange in exchanges() {
        let mut item = Vec::new();
        Item::Exchange(exchange).write(&mut item);
        writer.append(&item).expect("written");
        writer.flush().expect("written");
        ends.push(length());
    }
    writer.finish(json!({"dropped": 3})).expect("written");
    ends
}

fn read_all(path: &Path) -> (Vec<String>, Option<Value>) {
    let mut reader = RecordingReader::open(path).expect("a recording");
    assert_eq!(reader.header(), &json!({"plan": 1}));
    let mut all = Vec::new();
    while let Some(exchange) = reader.next_exchange().expect("an exchange") {
        all.push(kept(&exchange));
    }
    (all, reader.footer().cloned())
}

#[test]
fn what_was_recorded_is_read_back_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    recorded(&dir.path().join(RECORDING_FILE));
    let expected: Vec<String> = exchanges().iter().map(kept).collect();
    assert_eq!(read_all(dir.path()), (expected, Some(json!({"dropped": 3}))));
}

#[test]
fn a_torn_recording_is_read_up_to_the_tear() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(RECORDING_FILE);
    let ends = recorded(&path);
    let bytes = std::fs::read(&path).expect("a file");
    let expected: Vec<String> = exchanges().iter().map(kept).collect();
    let near_ends = ends.iter().flat_map(|&end| [end.saturating_sub(1).max(ends[0]), end, end + 1, end + 13]);
    for length in (ends[0]..bytes.len() as u64).step_by(7).chain(near_ends) {
        std::fs::write(&path, &bytes[..length as usize]).expect("written");
        let whole = ends.iter().filter(|&&end| end <= length).count() - 1;
        assert_eq!(read_all(&path), (expected[..whole].to_vec(), None), "torn at {length}");
        // Where the machine went down, what was not yet on the disk may read as zeros.
        let mut zeroed = bytes.clone();
        zeroed[length as usize..].fill(0);
        std::fs::write(&path, &zeroed).expect("written");
        assert!(read_all(&path).0.len() >= whole, "zeros from {length}");
    }
    for length in [0, 5, 19, 20, 21, ends[0] as usize - 1] {
        std::fs::write(&path, &bytes[..length]).expect("written");
        RecordingReader::open(&path).expect_err("no header");
    }
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x");
    let check = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&path, bytes).expect("written");
        let error = format!("{:#}", RecordingReader::open(&path).expect_err("no recording"));
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    check(b"", &["is no recording", "hint:", "--record"]);
    check(b"{\"id\": 1}\n{\"id\": 2, \"sent_ns\": 4}", &["is no recording"]);
    check(b"llmperf recording 2\n", &["version 2", "reads version 1", "hint:"]);
    check(b"llmperf recording 1\n", &["ends before its header"]);
    let missing = format!("{:#}", RecordingReader::open(&dir.path().join("none")).expect_err("no file"));
    assert!(missing.contains("none cannot be read"), "{missing}");
}

#[test]
fn a_recording_that_is_there_is_not_written_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x");
    recorded(&path);
    RecordingWriter::create(&path, json!({})).expect_err("it is there");
    assert!(read_all(&path).1.is_some());
}
