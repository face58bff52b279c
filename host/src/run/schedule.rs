//! When the requests of a run go out, how many at a time, and when it is over: what the I/O thread keeps to.

use super::build::Builder;
use super::control::TimeLimits;
use super::launched::Launched;
use crate::load::{Division, NO_LIMIT, Overflow, Slots};
use crate::plan::{Plan, default};
use crate::units::Span;

/// Requests built before the first is sent, at least: a slot that ends at once finds its next one ready.
const MIN_READY: usize = 256;
/// Memory that requests built ahead may take.
const READY_BYTES: usize = 64 << 20;

/// An open loop's schedule.
pub(super) type DueTimes = Box<dyn Iterator<Item = Span> + Send>;

/// What the I/O thread keeps to.
pub(super) struct Schedule {
    /// The most requests at a time, and how a closed loop starts them.
    pub(super) slots: Slots,
    /// What becomes of what finds no slot in an open loop.
    pub(super) overflow: Overflow,
    pub(super) division: Division,
    /// When requests are due, where that does not hang on slots.
    pub(super) due_times: Option<DueTimes>,
    /// When requests are due that are launched one by one; `None` where the loop says so.
    pub(super) launched: Option<Launched>,
    /// Connections to open before the first request.
    pub(super) connections: usize,
    /// Requests to have at hand before the first is sent.
    pub(super) ahead: usize,
    pub(super) limits: TimeLimits,
}

impl Schedule {
    /// As the plan says.
    pub(super) fn of_plan(plan: &Plan, builder: &Builder) -> Schedule {
        Schedule {
            slots: Slots { count: plan.concurrency, ramp_up: plan.ramp_up },
            overflow: plan.overflow,
            division: plan.division,
            due_times: due_times(plan, builder),
            launched: None,
            connections: connections_ahead(plan),
            ahead: requests_ahead(plan),
            limits: TimeLimits {
                timeout: plan.timeout,
                schedule: length_of_line(plan),
                drain: plan.drain,
                interruptible: true,
            },
        }
    }

    /// Requests go out as they are launched, as far as there are slots. It has no end of its own, and signals are the
    /// program's.
    pub(super) fn as_launched(plan: &Plan, launched: Launched) -> Schedule {
        let division =
            Division { warmup_requests: 0, warmup: Span(0), measured_requests: NO_LIMIT, measured: None };
        Schedule {
            slots: Slots { count: plan.concurrency, ramp_up: Span(0) },
            overflow: Overflow::Queue,
            division,
            due_times: None,
            launched: Some(launched),
            connections: plan.concurrency,
            ahead: 0,
            limits: TimeLimits {
                timeout: Span::from_secs(default::LONGEST_S as u64),
                schedule: None,
                drain: plan.drain,
                interruptible: false,
            },
        }
    }
}

/// How many connections are opened before the first request: one for each that will run at a time, as far as that is known.
fn connections_ahead(plan: &Plan) -> usize {
    let at_once = match &plan.arrival {
        None => plan.concurrency,
        // As if an answer took two seconds; where it takes longer, more are opened as they are needed.
        Some(arrival) => plan.concurrency.min((2.0 * arrival.profile.highest_rate()).ceil() as usize),
    };
    let at_once = match trace_rate(plan) {
        Some(rate) => at_once.min((2.0 * rate).ceil() as usize),
        None => at_once,
    };
    at_once.min(usize::try_from(plan.requests()).unwrap_or(usize::MAX))
}

/// When requests are due, where that is known before the run.
fn due_times(plan: &Plan, builder: &Builder) -> Option<DueTimes> {
    if let (Some(speed), Some(dataset)) = (plan.replay, plan.dataset.clone()) {
        let sessions = builder.workload.sessions(plan.requests());
        return Some(Box::new((0..sessions).map(move |session| speed.apply(dataset.due(session)))));
    }
    let arrival = plan.arrival.clone()?;
    // No more than there are sessions to start: what is due and is not there could be neither sent nor dropped.
    let sessions = usize::try_from(builder.workload.sessions(plan.requests())).unwrap_or(usize::MAX);
    Some(Box::new(arrival.due_times(plan.workload.seed).take(sessions)))
}

/// When a line that waits must end, because its schedule has: what still waits then would be another load.
fn length_of_line(plan: &Plan) -> Option<Span> {
    let arrival = plan.arrival.as_ref().filter(|_| plan.overflow == Overflow::Queue)?;
    arrival.profile.length()
}

/// Sessions that a trace starts a second, on average, where its times are replayed.
fn trace_rate(plan: &Plan) -> Option<f64> {
    let (speed, dataset) = (plan.replay?, plan.dataset.as_ref()?);
    let length = speed.apply(dataset.length()).as_secs();
    Some(if length > 0.0 { dataset.rows() as f64 / length } else { f64::MAX })
}

/// How many requests are built ahead of their time.
fn requests_ahead(plan: &Plan) -> usize {
    let prompt = match &plan.dataset {
        Some(dataset) => dataset.mean_prompt_bytes() as f64,
        // Some 5 bytes a token in JSON.
        None => plan.workload.isl.mean * 5.0,
    };
    let prefix = plan.prefix.map_or(0.0, |prefix| prefix.tokens.0 as f64 * 5.0);
    // And the rest of a request.
    let bytes_each = (prompt + prefix) as usize + 2048;
    let affordable = READY_BYTES / bytes_each;
    (2 * plan.concurrency).max(MIN_READY).min(affordable).max(plan.concurrency)
}
