//! Bodies: however a body is cut into reads, its events are those of the whole.

use llmperf::record::{EventBatch, FailureKind, Framing};
use llmperf::transport::framing::Framer;
use llmperf::units::Stamp;

const EVERY: [&[Framing]; 8] = [
    &[Framing::Sse],
    &[Framing::Ndjson],
    &[Framing::JsonArray],
    &[Framing::AwsEventStream],
    &[Framing::Body],
    &[Framing::Ndjson, Framing::JsonArray],
    &[Framing::Body, Framing::Sse],
    &[Framing::AwsEventStream, Framing::Sse],
];

type Framed = (Vec<(String, Vec<u8>)>, Option<FailureKind>);

fn frame<'a>(mut framer: Framer, reads: impl Iterator<Item = &'a [u8]>, complete: bool) -> Framed {
    let mut batch = EventBatch::default();
    let mut failure = None;
    for read in reads {
        if let Err(error) = framer.read(Stamp(1), read, &mut batch) {
            failure = Some(error.kind());
            break;
        }
    }
    if failure.is_none() {
        failure = framer.finish(complete, &mut batch).err().map(|error| error.kind());
    }
    (batch.iter().map(|event| (event.name.to_owned(), event.data.to_vec())).collect(), failure)
}

/// The first byte says which framing and how to cut; the rest is the body.
pub fn framing(data: &[u8]) {
    let Some((&how, body)) = data.split_first() else { return };
    check(EVERY[usize::from(how % 8)], usize::from(how / 8) + 1, body);
}

/// A body of eventstream messages whose checksums are put right, so that what lies behind them is reached.
pub fn eventstream(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let mut body = rest.to_vec();
    let mut at = 0;
    while let Some(prelude) = body.get(at..at + 12) {
        // A total length of at most what there is, as far as the bytes allow one.
        let word = |from: usize| u32::from_be_bytes(prelude[from..from + 4].try_into().expect("four bytes"));
        let total = usize::try_from(word(0)).expect("32 bits");
        if total < 16 || at + total > body.len() {
            break;
        }
        let crc = crc32(&body[at..at + 8]);
        body[at + 8..at + 12].copy_from_slice(&crc.to_be_bytes());
        let crc = crc32(&body[at..at + total - 4]);
        body[at + total - 4..at + total].copy_from_slice(&crc.to_be_bytes());
        at += total;
    }
    let framing: &[Framing] = if how % 2 == 0 { EVERY[3] } else { EVERY[7] };
    check(framing, usize::from(how / 2) + 1, &body);
}

fn check(framing: &[Framing], step: usize, body: &[u8]) {
    for complete in [true, false] {
        let whole = frame(Framer::new(framing), std::iter::once(body), complete);
        let cut = frame(Framer::new(framing), body.chunks(step), complete);
        assert_eq!(whole, cut, "{framing:?} in reads of {step}");
        // What it turns out to be instead must not break anything either.
        for claimed in [None, Some(Framing::Sse), Some(Framing::Body)] {
            frame(Framer::of_answer(framing, claimed, None), body.chunks(step), complete);
        }
    }
}

/// The reflected CRC-32 of zip and eventstream.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
