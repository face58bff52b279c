//! From what a command found to its exit code: the only place that decides one.

use crate::error::ErrorKind;
use crate::report::say;
use crate::run::{Answered, Ended, RunStatus};

const INTERNAL: u8 = 1;
/// A flag, a file or the environment; nothing was sent.
pub(super) const USAGE: u8 = 2;
/// An objective of --slo was missed, the limit of --fail-above, or a rule of --fail-if.
const OBJECTIVE: u8 = 3;
/// The verdict of a run is INVALID; with --strict only.
const NOT_VALID: u8 = 4;
/// No request succeeded.
const TARGET: u8 = 5;
const PLUGIN: u8 = 6;
/// Ended by a signal; partial results are written.
const INTERRUPTED: u8 = 130;

/// What a command found, as far as its exit code depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Something that was to be written is not: results, a recording, the state of a plan.
    pub(super) unwritten: bool,
    /// How the last run ended.
    pub(super) ended: Ended,
    /// What the runs found together.
    pub(super) status: RunStatus,
}

impl Found {
    /// Of runs that came to their end, with everything written.
    pub(super) fn complete(status: RunStatus) -> Found {
        Found { unwritten: false, ended: Ended::Complete, status }
    }

    /// The first of these that holds:
    ///
    /// 1. results could not be written: 1, since what the other codes are about is not there;
    /// 2. a signal ended it: 130, since the rest was judged by a part;
    /// 3. the plugin failed until the run was given up, or was the only cause of all failures: 6;
    /// 4. no request succeeded: 5, since nothing was measured;
    /// 5. an objective, a limit or a rule was missed: 3;
    /// 6. a run is INVALID, with `--strict`: 4;
    /// 7. nothing of this: 0.
    fn code(&self, strict: bool) -> u8 {
        match (self.ended, self.status.answered) {
            _ if self.unwritten => INTERNAL,
            (Ended::Interrupted, _) => INTERRUPTED,
            (Ended::PluginFaults, _) | (_, Answered::OnlyPluginFaults) => PLUGIN,
            (_, Answered::Nothing) => TARGET,
            _ if !self.status.objectives_met => OBJECTIVE,
            _ if strict && self.status.is_invalid() => NOT_VALID,
            _ => 0,
        }
    }
}

/// The exit code, after a word on stderr for those that nothing else explains.
pub(super) fn conclude(found: Found, strict: bool) -> u8 {
    let code = found.code(strict);
    match code {
        INTERRUPTED => say(format_args!("note: interrupted; these are partial results")),
        PLUGIN if found.ended == Ended::PluginFaults => {
            say(format_args!("error: the plugin failed on every request for a while, so the run was ended"));
        }
        PLUGIN => say(format_args!("error: the plugin failed on every request")),
        _ => {}
    }
    code
}

/// Of a gate between two runs.
pub(super) fn gate(has_failed: bool) -> u8 {
    if has_failed { OBJECTIVE } else { 0 }
}

/// Of checks of a plugin.
pub(super) fn plugin_check(has_failed: bool) -> u8 {
    if has_failed { PLUGIN } else { 0 }
}

/// Of an error that ended the command.
pub(super) fn error(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Internal => INTERNAL,
        ErrorKind::Usage => USAGE,
        ErrorKind::Plugin => PLUGIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Validity::{self, Doubtful, Invalid, Valid};

    fn status(answered: Answered, objectives_met: bool, validity: Validity) -> RunStatus {
        RunStatus { answered, objectives_met, validity }
    }

    const GOOD: RunStatus = RunStatus { answered: Answered::Some, objectives_met: true, validity: Valid };

    #[test]
    fn every_code_has_its_cause_and_its_place_among_the_others() {
        use Answered::{Nothing, OnlyPluginFaults, Some};
        use Ended::{Complete, Interrupted, PluginFaults, TimedOut};
        // unwritten, ended, answered, objectives met, validity; the code, and the code with --strict
        let cases = [
            (false, Complete, Some, true, Valid, 0, 0),
            (false, Complete, Some, true, Doubtful, 0, 0),
            (false, TimedOut, Some, true, Valid, 0, 0),
            (false, Complete, Some, true, Invalid, 0, 4),
            (false, TimedOut, Some, true, Invalid, 0, 4),
            (false, Complete, Some, false, Valid, 3, 3),
            (false, Complete, Some, false, Invalid, 3, 3),
            (false, Complete, Nothing, false, Invalid, 5, 5),
            (false, TimedOut, Nothing, true, Invalid, 5, 5),
            (false, Complete, OnlyPluginFaults, false, Invalid, 6, 6),
            (false, PluginFaults, Some, false, Invalid, 6, 6),
            (false, PluginFaults, Nothing, false, Invalid, 6, 6),
            (false, Interrupted, Some, true, Valid, 130, 130),
            (false, Interrupted, Some, false, Invalid, 130, 130),
            (false, Interrupted, OnlyPluginFaults, false, Invalid, 130, 130),
            (true, Interrupted, Nothing, false, Invalid, 1, 1),
            (true, Complete, Some, true, Valid, 1, 1),
        ];
        for (unwritten, ended, answered, met, validity, plain, strict) in cases {
            let found = Found { unwritten, ended, status: status(answered, met, validity) };
            assert_eq!((found.code(false), found.code(true)), (plain, strict), "{found:?}");
        }
        assert_eq!((gate(false), gate(true)), (0, 3));
        assert_eq!((plugin_check(false), plugin_check(true)), (0, 6));
        let errors = [ErrorKind::Internal, ErrorKind::Usage, ErrorKind::Plugin].map(error);
        assert_eq!(errors, [1, 2, 6]);
    }

    #[test]
    fn several_runs_have_the_code_that_their_mode_makes_of_them() {
        let missed = RunStatus { objectives_met: false, ..GOOD };
        let invalid = RunStatus { validity: Invalid, ..GOOD };
        let unanswered = status(Answered::Nothing, false, Invalid);
        let faulty = RunStatus { answered: Answered::OnlyPluginFaults, ..unanswered };
        let codes = |status| [false, true].map(|strict| Found::complete(status).code(strict));
        // The runs; the codes without and with --strict of a sweep, of a search that passed or not, and of a plan.
        type Codes = [u8; 2];
        let cases: &[(&[RunStatus], Codes, Codes, Codes, Codes)] = &[
            (&[GOOD, GOOD], [0, 0], [0, 0], [3, 3], [0, 0]),
            (&[GOOD, invalid], [0, 4], [0, 4], [3, 3], [0, 4]),
            (&[missed, GOOD], [0, 0], [0, 0], [3, 3], [3, 3]),
            (&[missed, invalid], [0, 4], [0, 4], [3, 3], [3, 3]),
            (&[missed, missed], [3, 3], [0, 0], [3, 3], [3, 3]),
            (&[GOOD, unanswered], [0, 4], [0, 4], [3, 3], [5, 5]),
            (&[unanswered, unanswered], [5, 5], [5, 5], [5, 5], [5, 5]),
            (&[faulty, faulty], [6, 6], [6, 6], [6, 6], [6, 6]),
            (&[faulty, unanswered], [5, 5], [5, 5], [5, 5], [6, 6]),
        ];
        for (runs, sweep, passed, not_passed, plan) in cases {
            assert_eq!(codes(RunStatus::of_sweep(runs)), *sweep, "a sweep of {runs:?}");
            assert_eq!(codes(RunStatus::of_search(runs, true)), *passed, "a search over {runs:?}");
            assert_eq!(codes(RunStatus::of_search(runs, false)), *not_passed, "a search over {runs:?}");
            let each: Vec<Vec<RunStatus>> = runs.iter().map(|run| vec![*run]).collect();
            assert_eq!(codes(RunStatus::of_plan(&each)), *plan, "a plan of {runs:?}");
        }
        // Of a sweep within a plan, one load that meets the objectives is enough, as by itself.
        assert_eq!(codes(RunStatus::of_plan(&[vec![missed, GOOD], vec![GOOD]])), [0, 0]);
        assert_eq!(codes(RunStatus::of_plan(&[vec![missed, missed], vec![GOOD]])), [3, 3]);
        assert_eq!(codes(RunStatus::of_plan(&[])), [0, 0]);
    }
}
