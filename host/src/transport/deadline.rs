//! How long the parts of an exchange may take.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;
use crate::record::{Failure, FailureKind};
use crate::units::{Span, Stamp};

/// The time limits of every exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To open a connection: name resolution, TCP and TLS.
    pub connect: Span,
    /// From sending to the whole response head, from there to the first read, and between two reads.
    pub read: Span,
    /// For the whole exchange.
    pub total: Span,
}

/// When the head or a read last arrived, as the reading half of an exchange tells the watching one.
#[derive(Debug)]
pub(super) struct LastRead(AtomicU64);

impl LastRead {
    /// Nothing has arrived since `sent`.
    pub(super) fn new(sent: Stamp) -> LastRead {
        LastRead(AtomicU64::new(sent.0))
    }

    pub(super) fn note(&self, at: Stamp) {
        self.0.store(at.0, Ordering::Relaxed);
    }

    fn at(&self) -> Stamp {
        Stamp(self.0.load(Ordering::Relaxed))
    }
}

impl Deadlines {
    /// Returns once an exchange has gone past one of its deadlines. A read only notes its time; the one timer is set anew when
    /// it fires.
    pub(super) async fn passed(&self, sent: Stamp, last_read: &LastRead, clock: Clock) -> Failure {
        let end = sent + self.total;
        loop {
            let stall = last_read.at() + self.read;
            tokio::time::sleep_until(clock.instant(end.min(stall)).into()).await;
            let now = clock.now();
            if now >= end {
                let message = format!("the request took longer than {} s", self.total.as_secs());
                return Failure::new(FailureKind::Timeout, message);
            }
            let last = last_read.at();
            if now >= last + self.read {
                let limit = self.read.as_secs();
                // The client tells of a head when it is whole; parts of it may have come.
                let message = match last == sent {
                    true => format!("the response head was not complete after {limit} s"),
                    false => format!("nothing arrived for {limit} s"),
                };
                return Failure::new(FailureKind::Stall, message);
            }
        }
    }
}
