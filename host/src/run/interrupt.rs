//! What asks the program to end, in a run and over a series of runs. A run listens for itself, but between two of them nobody
//! would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result};
use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::machine;

/// Ctrl-C, SIGTERM, and SIGHUP where it is not ignored.
#[derive(Debug)]
pub struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl EndSignals {
    /// Listens from now on, within a runtime. What is listened for once no longer ends the process by itself.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> std::io::Result<EndSignals> {
        Ok(EndSignals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // `nohup` starts what is to outlive its terminal so.
            hangup: if is_ignored(Number::HUP) { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// The next of them.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether the process ignores a signal, as far as the system tells (Linux does).
fn is_ignored(number: Number) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (number.as_raw() - 1) & 1 == 1
}

/// Whether one came, watched until it is dropped.
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
        let mut signals = {
            let _inside = runtime.enter();
            EndSignals::listen().context("signals cannot be seen")?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&seen);
        machine::spawn("signals", move || {
            runtime.block_on(async {
                tokio::select! {
                    () = signals.next() => flag.store(true, Relaxed),
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
