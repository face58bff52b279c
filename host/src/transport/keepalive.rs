//! Whether the server keeps connections open after an answer.
//!
//! HTTP/1.1 servers say so in the answer, but some close all the same (llama.cpp does after every stream). A request sent
//! on such a connection in the moment before the close arrives is lost, and it must not be sent again behind the user's
//! back. So one connection is watched, that of the first request, and until it is known what becomes of it no connection is used
//! twice: nothing waits for the answer. If the server has not closed it by the end of the watch, the next request goes out on it,
//! and connections are reused from then on; if it has, every request gets a connection of its own, opened before it is sent.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::units::{Span, Stamp};

/// How long the watched connection is watched. The close leaves the server together with the end of the answer, unless another
/// program gets the core in between.
const WATCH: Span = Span::from_millis(100);

/// What a server does with connections after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    Keeps,
    Closes,
}

/// The connection that a request goes out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One of its own, which is watched afterwards.
    Watched,
    /// The one that was watched, if the server has left it open.
    Again,
    /// Any that is kept.
    Kept,
    /// One of its own, which is closed afterwards.
    Own,
}

/// What one transport knows of its server.
#[derive(Debug, Default)]
pub(super) struct KeepAlive(
    // Touched a few times a request, by the one thread that runs the transport.
    Mutex<State>,
);

#[derive(Debug, Default)]
struct State {
    habit: Option<Habit>,
    watched: Watched,
    /// An answer has begun to come, so that a connection to keep may lie idle, or soon will.
    answered: bool,
    /// Connections to keep that lie idle, as far as the server has not closed them since.
    idle: usize,
    /// Requests that had one of their own only because nothing was known: their slots have none to use again.
    owed: usize,
}

/// What becomes of the watched connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Watched {
    /// There is none.
    #[default]
    None,
    /// A request is on it.
    InUse,
    /// It lies idle since then. The server may have meant to close it where the answer was an error.
    Idle(Stamp, bool),
}

impl State {
    fn way(&self, now: Stamp) -> Way {
        match (self.habit, self.watched) {
            (Some(Habit::Keeps), _) => Way::Kept,
            (Some(Habit::Closes), _) => Way::Own,
            (None, Watched::None) => Way::Watched,
            (None, Watched::Idle(since, _)) if now.since(since) >= WATCH => Way::Again,
            // None that is kept lies idle yet: this request opens one for those that follow.
            (None, _) if !self.answered => Way::Kept,
            (None, _) => Way::Own,
        }
    }
}

impl KeepAlive {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the server does; `None` where that is not known yet.
    pub(super) fn habit(&self) -> Option<Habit> {
        self.state().habit
    }

    /// How a request may be sent now.
    pub(super) fn way(&self, now: Stamp) -> Way {
        self.state().way(now)
    }

    /// Whether a request that is sent this way needs a connection opened before. `parked` lie ready, and `opened` of them for this
    /// request.
    pub(super) fn must_open(&self, way: Way, parked: usize, opened: bool) -> bool {
        let state = self.state();
        match way {
            Way::Watched | Way::Again => false,
            Way::Kept => parked == 0 && state.habit.is_some() && state.idle == 0 && state.owed > 0,
            // Those opened before the run are used while nothing is known; later they are too old.
            Way::Own => parked == 0 || (state.habit.is_some() && !opened),
        }
    }

    /// A request is sent this way.
    pub(super) fn begin(&self, way: Way) {
        let mut state = self.state();
        match way {
            Way::Watched => state.watched = Watched::InUse,
            Way::Kept if state.idle > 0 => state.idle -= 1,
            Way::Kept => state.owed = state.owed.saturating_sub(1),
            Way::Own if state.habit.is_none() => state.owed += 1,
            Way::Own | Way::Again => {}
        }
    }

    /// The request that was to use the watched connection again was sent, in the same turn that it began: on that one, or on one
    /// that had to be opened.
    pub(super) fn tried_again(&self, opened: bool) {
        let mut state = self.state();
        state.habit = match (opened, state.watched) {
            (false, _) => Some(Habit::Keeps),
            (true, Watched::Idle(_, true)) => Some(Habit::Closes),
            (true, _) => None,
        };
        state.watched = Watched::InUse;
    }

    /// An answer has begun to come.
    pub(super) fn answered(&self) {
        self.state().answered = true;
    }

    /// An exchange ended: as a success or not, with its answer whole or without.
    pub(super) fn end(&self, way: Way, now: Stamp, whole: bool, success: bool) {
        let mut state = self.state();
        match way {
            Way::Watched | Way::Again => {
                state.watched = if whole { Watched::Idle(now, success) } else { Watched::None };
            }
            Way::Kept => state.idle += usize::from(whole),
            Way::Own => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(at: u64) -> Stamp {
        Stamp(at * 1_000_000)
    }

    /// After the first request, which began at 0 and whose answer ended at 50 ms.
    fn first_has_ended(whole: bool, success: bool) -> KeepAlive {
        let seen = KeepAlive::default();
        assert_eq!(seen.way(ms(0)), Way::Watched);
        seen.begin(Way::Watched);
        // Those that begin before any answer open the connections that may be kept.
        assert_eq!(seen.way(ms(1)), Way::Kept);
        seen.begin(Way::Kept);
        seen.answered();
        assert_eq!(seen.way(ms(40)), Way::Own);
        seen.begin(Way::Own);
        seen.end(Way::Watched, ms(50), whole, success);
        seen
    }

    #[test]
    fn a_server_is_known_by_what_became_of_its_first_connection_and_nobody_waits() {
        for (opened, habit, way) in [(false, Habit::Keeps, Way::Kept), (true, Habit::Closes, Way::Own)] {
            let seen = first_has_ended(true, true);
            assert_eq!((seen.way(ms(51)), seen.way(ms(149))), (Way::Own, Way::Own));
            assert_eq!((seen.way(ms(150)), seen.habit()), (Way::Again, None));
            seen.begin(Way::Again);
            seen.tried_again(opened);
            assert_eq!((seen.habit(), seen.way(ms(150))), (Some(habit), way));
            seen.end(Way::Again, ms(170), true, true);
            assert_eq!(seen.habit(), Some(habit));
        }
    }

    #[test]
    fn no_request_opens_a_connection_that_could_be_there_before() {
        let seen = first_has_ended(true, true);
        seen.end(Way::Kept, ms(60), true, true);
        assert!(seen.must_open(Way::Own, 0, false) && !seen.must_open(Way::Own, 1, false));
        seen.begin(Way::Again);
        seen.tried_again(false);
        // One lies idle, and one request had a connection of its own.
        let lacks = || seen.must_open(Way::Kept, 0, false);
        assert!(!lacks());
        seen.begin(Way::Kept);
        assert!(lacks() && !seen.must_open(Way::Kept, 1, true));
        seen.begin(Way::Kept);
        assert!(!lacks());
    }

    #[test]
    fn where_the_server_closes_what_was_opened_before_the_run_is_too_old() {
        let seen = first_has_ended(true, true);
        seen.begin(Way::Again);
        seen.tried_again(true);
        assert!(seen.must_open(Way::Own, 5, false) && !seen.must_open(Way::Own, 6, true));
    }

    #[test]
    fn one_that_failed_says_nothing_and_the_next_is_watched() {
        let seen = first_has_ended(false, false);
        assert_eq!(seen.way(ms(51)), Way::Watched);
        // An error came whole, and its connection was closed: the server may do so after errors alone.
        let seen = first_has_ended(true, false);
        seen.begin(Way::Again);
        seen.tried_again(true);
        assert_eq!((seen.habit(), seen.way(ms(151))), (None, Way::Own));
        seen.end(Way::Again, ms(160), true, true);
        assert_eq!((seen.way(ms(161)), seen.way(ms(260))), (Way::Own, Way::Again));
    }
}
