//! The phases of a run, and how everyone learns of a change.

use std::sync::Arc;

use tokio::sync::watch;

/// A run goes forward through these, never back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Requests are started.
    Launching,
    /// None is started any more; those that run go on.
    Draining,
    /// Those that still run are cancelled.
    Cancelling,
}

/// Moves a run forward.
#[derive(Debug, Clone)]
pub struct PhaseControl(Arc<watch::Sender<Phase>>);

/// Sees a run move forward.
#[derive(Debug, Clone)]
pub struct PhaseWatch(watch::Receiver<Phase>);

impl PhaseControl {
    /// A run that launches.
    pub fn new() -> (PhaseControl, PhaseWatch) {
        let (sender, receiver) = watch::channel(Phase::Launching);
        (PhaseControl(Arc::new(sender)), PhaseWatch(receiver))
    }

    /// Goes on to `phase`; going back is ignored.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let forward = phase > *now;
            *now = phase.max(*now);
            forward
        });
    }
}

impl PhaseWatch {
    /// The phase of this moment.
    pub fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until the run has come to `phase`. Where nobody can move it any more, that is never.
    pub async fn reached(&mut self, phase: Phase) {
        if self.0.wait_for(|now| *now >= phase).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
