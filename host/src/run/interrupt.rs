//! Ctrl-C and SIGTERM seen over a series of runs. A run watches for itself, but between two of them nobody would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::machine;

/// Watches until it is dropped.
pub(super) struct Interrupts {
    seen: Arc<AtomicBool>,
    // Dropping it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Interrupts {
    pub(super) fn watch() -> Result<Interrupts> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("signals cannot be seen")?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        };
        let (mut interrupt, mut terminate) = (interrupt?, terminate?);
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&seen);
        machine::spawn("signals", move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => flag.store(true, Relaxed),
                    _ = terminate.recv() => flag.store(true, Relaxed),
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Interrupts { seen, _stop: stop })
    }

    pub(super) fn seen(&self) -> bool {
        self.seen.load(Relaxed)
    }
}
