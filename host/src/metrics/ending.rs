//! Which signs of their end the streamed answers of a run lacked.

use super::Note;
use crate::record::{Ending, RequestRecord, Sign};

/// Successful streamed answers, and how many of them lacked a sign of their end. A count is `None` where the API does not have
/// that sign, or not in every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Endings {
    pub streamed: u64,
    pub without_marker: Option<u64>,
    pub without_reason: Option<u64>,
}

/// The same in the making.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EndingTally {
    streamed: u64,
    without_marker: u64,
    without_reason: u64,
    without_either: u64,
}

impl EndingTally {
    /// Takes a successful answer in; one that came whole ended by that.
    pub(super) fn add(&mut self, record: &RequestRecord) {
        if record.token_events.is_empty() {
            return;
        }
        let has_reason = record.finish.is_some();
        self.streamed += 1;
        self.without_marker += u64::from(!record.terminated);
        self.without_reason += u64::from(!has_reason);
        self.without_either += u64::from(!record.terminated && !has_reason);
    }

    /// The counts, and the notes they call for. `ending`: how the API's answers end, where that is known.
    pub(super) fn finish(self, ending: Option<Ending>) -> (Endings, Vec<Note>) {
        let of = self.streamed;
        let Some(ending) = ending else {
            let requests = self.without_either;
            let note = (requests > 0).then_some(Note::NoEnding { requests, of });
            return (Endings { streamed: of, ..Endings::default() }, note.into_iter().collect());
        };
        let (marker, reason) =
            (named(ending.marker, self.without_marker), named(ending.reason, self.without_reason));
        let lacking = |(name, requests)| (requests > 0).then_some((name, requests));
        let marker_note =
            marker.and_then(lacking).map(|(name, requests)| Note::NoEndMarker { requests, of, name });
        let reason_note =
            reason.and_then(lacking).map(|(name, requests)| Note::NoFinishReason { requests, of, name });
        let endings = Endings {
            streamed: of,
            without_marker: marker.map(|(_, count)| count),
            without_reason: reason.map(|(_, count)| count),
        };
        (endings, marker_note.into_iter().chain(reason_note).collect())
    }
}

/// The count where every answer has the sign, with the sign's name.
fn named(sign: Sign, count: u64) -> Option<(&'static str, u64)> {
    match sign {
        Sign::Always(name) => Some((name, count)),
        Sign::Sometimes(_) | Sign::Never => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;

    #[test]
    fn a_sign_is_missed_only_where_every_answer_has_it() {
        let without = |terminated, finish: Option<&str>| RequestRecord {
            terminated,
            finish: finish.map(str::to_owned),
            ..record(0, &[52, 62])
        };
        let records = [
            without(true, Some("stop")),
            without(false, Some("stop")),
            without(false, Some("stop")),
            without(true, None),
            without(false, None),
            // Not streamed.
            RequestRecord { terminated: false, finish: None, ..record(1, &[]) },
        ];
        let mut tally = EndingTally::default();
        records.iter().for_each(|record| tally.add(record));
        let check = |ending: Option<Ending>, marker, reason, notes: &[Note]| {
            let (endings, found) = tally.finish(ending);
            assert_eq!(
                endings,
                Endings { streamed: 5, without_marker: marker, without_reason: reason },
                "{ending:?}"
            );
            assert_eq!(found, notes, "{ending:?}");
        };
        let of = 5;
        let ending = |marker, reason| Some(Ending { marker, reason });
        check(
            ending(Sign::Always("[DONE]"), Sign::Always("why")),
            Some(3),
            Some(2),
            &[
                Note::NoEndMarker { requests: 3, of, name: "[DONE]" },
                Note::NoFinishReason { requests: 2, of, name: "why" },
            ],
        );
        check(
            ending(Sign::Never, Sign::Always("why")),
            None,
            Some(2),
            &[Note::NoFinishReason { requests: 2, of, name: "why" }],
        );
        check(ending(Sign::Sometimes("[DONE]"), Sign::Never), None, None, &[]);
        check(None, None, None, &[Note::NoEnding { requests: 1, of }]);
    }
}
