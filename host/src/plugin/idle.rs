//! Instances that have served a request and can serve another. To start one takes the kernel mapping and unmapping its
//! memory, ten times the cost of decoding an event; a response of a hundred events should not pay for that.
//!
//! This is for the bundled plugins alone, which are known to keep nothing between requests; a stranger's has a fresh
//! instance for each. An instance serves one request at a time, so a trap reaches no other. It is not handed on if it trapped or failed, if it
//! grew, or once it has served its turns: what a guest leaks or hoards ends with it.

use std::sync::{Arc, Mutex, PoisonError};

use super::session::Session;

/// Requests that one instance serves: enough for its start to vanish, few enough for a slow leak to stay small.
const MAX_TURNS: u32 = 64;
/// Instances kept for later. As many threads as work with plugins find one; a Python guest holds some 20 MiB.
const MAX_IDLE: usize = 8;

/// The instances of a plugin that wait for their next request.
#[derive(Clone, Default)]
pub(super) struct Idle(
    // Held to push or to pop, by a few threads that do far more work in between.
    Arc<Mutex<Vec<Session>>>,
);

impl Idle {
    pub(super) fn take(&self) -> Option<Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(super) fn put(&self, mut session: Session) {
        session.turns += 1;
        if session.turns < MAX_TURNS && session.is_as_new() {
            let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MAX_IDLE {
                idle.push(session);
            }
        }
    }
}
