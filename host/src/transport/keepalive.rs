//! Whether the server keeps connections open after an answer.
//!
//! HTTP/1.1 servers say so in the answer, but some close all the same (llama.cpp does after every stream). A request sent
//! on such a connection in the moment before the close arrives is lost, and it must not be sent again behind the user's
//! back. So the first answers are watched: until it is known what the server does, a connection that has just been used
//! rests for a moment before it is used again. If it survives, connections are reused at once from then on; if it does
//! not, every request gets a connection of its own, opened before it is sent.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::units::Span;

/// How long a close takes to arrive after the end of the answer it follows. Both leave the server together.
pub(super) const REST: Span = Span::from_millis(20);

/// What is known of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    Unknown,
    Keeps,
    Closes,
}

/// What one transport knows of its server.
#[derive(Debug, Default)]
pub(super) struct KeepAlive(
    // Touched twice a request, by the one thread that runs the transport.
    Mutex<State>,
);

#[derive(Debug)]
struct State {
    habit: Habit,
    /// Connections that should be open, in use or idle.
    open: usize,
    in_use: usize,
}

impl Default for State {
    fn default() -> State {
        State { habit: Habit::Unknown, open: 0, in_use: 0 }
    }
}

/// An exchange that is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// A connection should lie idle for this exchange to use.
    reuse_expected: bool,
}

impl KeepAlive {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn habit(&self) -> Habit {
        self.state().habit
    }

    /// Whether the next exchange would use a connection that it is not known to find open.
    pub(super) fn must_rest(&self) -> bool {
        let state = self.state();
        state.habit == Habit::Unknown && state.open > state.in_use
    }

    /// An exchange begins.
    pub(super) fn begin(&self) -> Begun {
        let mut state = self.state();
        let reuse_expected = state.open > state.in_use;
        state.in_use += 1;
        Begun { reuse_expected }
    }

    /// An exchange got a connection of its own.
    pub(super) fn opened(&self) {
        self.state().open += 1;
    }

    /// It ended: on a connection of its own or on one used before, which it leaves open or not.
    pub(super) fn end(&self, begun: Begun, own_connection: bool, leaves_open: bool) {
        let mut state = self.state();
        state.in_use -= 1;
        if !leaves_open {
            state.open = state.open.saturating_sub(1);
        }
        if state.habit == Habit::Unknown && begun.reuse_expected {
            state.habit = if own_connection { Habit::Closes } else { Habit::Keeps };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_one(seen: &KeepAlive, own_connection: bool, leaves_open: bool) {
        let begun = seen.begin();
        if own_connection {
            seen.opened();
        }
        seen.end(begun, own_connection, leaves_open);
    }

    #[test]
    fn a_server_is_known_by_what_became_of_its_first_idle_connection() {
        for (second_needs_its_own, habit) in [(false, Habit::Keeps), (true, Habit::Closes)] {
            let seen = KeepAlive::default();
            assert!(!seen.must_rest());
            run_one(&seen, true, true);
            assert!(seen.must_rest());
            run_one(&seen, second_needs_its_own, true);
            assert_eq!(seen.habit(), habit);
            assert!(!seen.must_rest());
        }
    }

    #[test]
    fn one_that_became_free_beside_others_must_rest_too() {
        let seen = KeepAlive::default();
        let (first, _second) = (seen.begin(), seen.begin());
        seen.opened();
        seen.opened();
        assert!(!seen.must_rest());
        seen.end(first, true, true);
        assert!(seen.must_rest());
    }

    #[test]
    fn a_connection_that_failed_says_nothing_of_it() {
        let seen = KeepAlive::default();
        run_one(&seen, true, false);
        assert!(!seen.must_rest());
        run_one(&seen, true, true);
        assert_eq!(seen.habit(), Habit::Unknown);
    }
}
