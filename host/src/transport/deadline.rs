//! How long the parts of an exchange may take.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::clock::Clock;
use crate::record::{Failure, FailureKind};
use crate::units::{Span, Stamp};

/// The time limits of every exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To open a connection: name resolution, TCP and TLS.
    pub connect: Span,
    /// Between two reads, and from sending to the response head.
    pub read: Span,
    /// For the whole exchange.
    pub total: Span,
}

/// The deadlines of one exchange behind one timer. A read only notes its time; the timer is set anew when it fires.
pub(super) struct Deadline {
    deadlines: Deadlines,
    end: Instant,
    last_read: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(super) fn new(deadlines: Deadlines, start: Instant) -> Deadline {
        let end = start + Duration::from(deadlines.total);
        let first = end.min(start + Duration::from(deadlines.read));
        Deadline { deadlines, end, last_read: start, timer: Box::pin(tokio::time::sleep_until(first)) }
    }

    pub(super) fn read_at(&mut self, at: Stamp, clock: Clock) {
        self.last_read = clock.instant(at).into();
    }

    /// Waits for `work` as long as the deadlines allow.
    pub(super) async fn watch<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = &mut self.timer => {}
            }
            let now = Instant::now();
            let stall = self.last_read + Duration::from(self.deadlines.read);
            if now >= self.end {
                let message = format!("the request took longer than {} s", self.deadlines.total.as_secs());
                return Err(Failure::new(FailureKind::Timeout, message));
            }
            if now >= stall {
                let message = format!("nothing arrived for {} s", self.deadlines.read.as_secs());
                return Err(Failure::new(FailureKind::Stall, message));
            }
            self.timer.as_mut().reset(self.end.min(stall));
        }
    }
}
