//! Failures, grouped so that a reader sees each kind once.

use std::collections::BTreeMap;

use crate::record::{Failure, FailureKind, RequestRecord};
use crate::units::{RequestId, Stamp};

/// Failures by kind, then by code (empty where there is none).
pub type Failures = BTreeMap<FailureKind, BTreeMap<String, FailureGroup>>;

/// Failures of one kind and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    pub count: u64,
    /// The message of the first of them, by request id.
    pub example: String,
}

/// Failures as they come, in any order.
#[derive(Debug, Clone, Default)]
pub(super) struct FailureTally(BTreeMap<FailureKind, BTreeMap<String, Group>>);

#[derive(Debug, Clone)]
struct Group {
    count: u64,
    first: First,
}

/// A message, ordered by the request it came to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct First {
    id: RequestId,
    sent: Stamp,
    end: Stamp,
    message: String,
}

impl FailureTally {
    pub(super) fn add(&mut self, record: &RequestRecord, failure: &Failure) {
        let first =
            || First { id: record.id, sent: record.sent, end: record.end, message: failure.message.clone() };
        let codes = self.0.entry(failure.kind).or_default();
        // A status says by itself what is wrong; the word for it differs from server to server.
        let status =
            record.status.filter(|status| !(200..300).contains(status)).map(|status| status.to_string());
        let code = status.unwrap_or_else(|| failure.code.clone());
        match codes.get_mut(&code) {
            Some(group) => {
                group.count += 1;
                if record.id <= group.first.id {
                    group.first = first().min(group.first.clone());
                }
            }
            None => {
                codes.insert(code, Group { count: 1, first: first() });
            }
        }
    }

    pub(super) fn failures(self) -> Failures {
        let group = |group: Group| FailureGroup { count: group.count, example: group.first.message };
        let codes = |codes: BTreeMap<String, Group>| {
            codes.into_iter().map(|(code, each)| (code, group(each))).collect()
        };
        self.0.into_iter().map(|(kind, all)| (kind, codes(all))).collect()
    }
}
