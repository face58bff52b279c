//! Tests: any cutting of a body gives the same events. The checks that the other tests of framing use are here too.

use proptest::prelude::*;

use super::{Framer, Framing};
use crate::record::{EventBatch, FailureKind};
use crate::units::Stamp;

/// Events as (name, data), and the kind of failure, if any.
pub(super) type Framed = (Vec<(String, Vec<u8>)>, Option<FailureKind>);

/// Feeds `body` cut at `cuts` (offsets in any order); the stamp of a read is the offset of its last byte.
pub(super) fn frame_at(
    framing: &[Framing],
    body: &[u8],
    cuts: &[usize],
    complete: bool,
) -> (EventBatch, Option<FailureKind>) {
    stamped(Framer::new(framing), body, cuts, complete)
}

fn stamped(
    mut framer: Framer,
    body: &[u8],
    cuts: &[usize],
    complete: bool,
) -> (EventBatch, Option<FailureKind>) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).chain([body.len()]).collect();
    cuts.sort_unstable();
    let (mut out, mut start, mut result) = (EventBatch::default(), 0, Ok(()));
    for end in cuts {
        let at = Stamp(end.saturating_sub(1) as u64);
        if start < end {
            result = result.and_then(|()| framer.read(at, &body[start..end], &mut out));
        }
        start = end;
    }
    let finished = framer.finish(complete, &mut out);
    assert!(result.is_ok() || finished == result, "an error is said again");
    (out, finished.err().map(|error| error.kind()))
}

pub(super) fn frame(framing: &[Framing], body: &[u8], cuts: &[usize], complete: bool) -> Framed {
    frame_by(Framer::new(framing), body, cuts, complete)
}

/// The same by a framer of its own, which is new.
pub(super) fn frame_by(framer: Framer, body: &[u8], cuts: &[usize], complete: bool) -> Framed {
    let (out, failure) = stamped(framer, body, cuts, complete);
    (out.iter().map(|event| (event.name.to_owned(), event.data.to_owned())).collect(), failure)
}

/// Checks a body in one piece, byte by byte and in two pieces at every place. `expected` has `name|data`, or
/// just the data, of each event.
pub(super) fn check(
    framing: &[Framing],
    body: &[u8],
    complete: bool,
    expected: &[&str],
    failure: Option<FailureKind>,
) {
    let expected: Vec<(String, Vec<u8>)> = expected
        .iter()
        .map(|event| event.split_once('|').unwrap_or(("", event)))
        .map(|(name, data)| (name.to_owned(), data.as_bytes().to_owned()))
        .collect();
    let every: Vec<usize> = (0..body.len()).collect();
    let cuttings = std::iter::once(every).chain((0..=body.len()).map(|cut| vec![cut]));
    for cuts in cuttings {
        let got = frame(framing, body, &cuts, complete);
        assert_eq!(got, (expected.clone(), failure), "{:?} cut at {cuts:?}", String::from_utf8_lossy(body));
    }
}

/// Feeds more bytes than an event may have, in reads of 1 MiB, and returns what came of it.
pub(super) fn flood(framing: &[Framing], start: &[u8], fill: u8, mib: usize) -> Option<FailureKind> {
    let (mut framer, mut out) = (Framer::new(framing), EventBatch::default());
    let fill = vec![fill; 1 << 20];
    let reads = std::iter::once(start).chain(std::iter::repeat_n(&fill[..], mib));
    for (n, read) in reads.enumerate() {
        if let Err(error) = framer.read(Stamp(n as u64), read, &mut out) {
            return Some(error.kind());
        }
    }
    framer.finish(true, &mut out).err().map(|error| error.kind())
}

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

/// Pieces that matter to one framing or another, in any order, and bytes that matter to none.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\r\n\r\n",
        "data:",
        "data: ",
        "data",
        "event: a",
        "id: 1",
        "retry: 5",
        "error: ",
        ":",
        ": ping",
        "foo: bar",
        "[DONE]",
        "{\"a\":\"b\\\"\"}",
        "{",
        "}",
        "[",
        "]",
        ",",
        " ",
        "\"",
        "\\",
        "1",
        "-2.5e3",
        "true",
        "null",
        "\u{feff}",
        "é",
        "\u{2028}",
        "\u{2029}",
        "\u{85}",
        "日本",
    ]);
    let piece = prop_oneof![
        8 => word.prop_map(|word| word.as_bytes().to_owned()),
        1 => proptest::collection::vec(any::<u8>(), 1..4),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cutting_gives_the_events_of_the_whole(
        body in soup(), cuts in proptest::collection::vec(any::<usize>(), 0..12), complete: bool,
    ) {
        for framing in EVERY {
            let every: Vec<usize> = (0..body.len()).collect();
            let whole = frame(framing, &body, &[], complete);
            prop_assert_eq!(&frame(framing, &body, &cuts, complete), &whole, "{:?}", framing);
            prop_assert_eq!(&frame(framing, &body, &every, complete), &whole, "{:?}", framing);
        }
    }

    #[test]
    fn an_event_has_the_arrival_of_the_read_with_its_last_byte(
        body in soup(), cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).chain([body.len()]).collect();
        ends.sort_unstable();
        for framing in EVERY {
            let every: Vec<usize> = (0..body.len()).collect();
            let (fine, _) = frame_at(framing, &body, &every, true);
            let (coarse, _) = frame_at(framing, &body, &cuts, true);
            for (fine, coarse) in fine.iter().zip(coarse.iter()) {
                let end = ends.iter().map(|&end| end as u64).find(|&end| end > fine.at.0);
                prop_assert_eq!(Some(coarse.at.0 + 1), end, "{:?} {:?} {:?}", framing, fine, coarse);
            }
        }
    }
}
