//! Work in the background: it gives way to everything else until it is needed.
//!
//! Most of the time a core is free, or nobody waits for what is built, decoded or written: such work then runs under SCHED_IDLE,
//! where it cannot delay a read. Next to other busy programs a thread under SCHED_IDLE gets next to nothing: what it does would
//! never be done, and slots would wait for it. So once there is a [`Need`], the work goes on at normal priority, for the rest of
//! the run: the machine has shown that it has no core to spare. A thread without privileges cannot leave SCHED_IDLE (sched(7)), so
//! each work has two threads, and it passes from the one to the other between two steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Result;

use super::health::cores_are_busy;
use super::machine;

/// Whether a slot waits for work in the background, or soon will, or nothing is measured any more. It never ceases.
#[derive(Debug, Clone, Default)]
pub(super) struct Need(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    arisen: AtomicBool,
    // Held to sleep and to wake, never for work.
    sleeping: Mutex<()>,
    changed: Condvar,
}

impl Need {
    /// Of a run that starts now. Where the cores are busy there is one from the start: a step that has begun under SCHED_IDLE, such as
    /// a plugin's loop up to its limit of a second, would take half a minute.
    pub(super) fn at_start() -> Need {
        let need = Need::default();
        if cores_are_busy() {
            need.arise();
        }
        need
    }

    /// From now on what is done in the background is needed.
    pub(super) fn arise(&self) {
        if !self.has_arisen() {
            self.set(&self.0.arisen);
        }
    }

    pub(super) fn has_arisen(&self) -> bool {
        self.0.arisen.load(Ordering::Acquire)
    }

    fn set(&self, flag: &AtomicBool) {
        let _sleeping = self.0.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        flag.store(true, Ordering::Release);
        self.0.changed.notify_all();
    }

    /// Waits until it has arisen, or until `over`; whether it has.
    fn wait(&self, over: &AtomicBool) -> bool {
        let mut sleeping = self.0.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.has_arisen() && !over.load(Ordering::Acquire) {
            sleeping = self.0.changed.wait(sleeping).unwrap_or_else(PoisonError::into_inner);
        }
        self.has_arisen()
    }
}

/// Work of many steps, and the two that take turns in it.
pub(super) struct Work<F> {
    need: Need,
    // Held for a step; the one in front waits at most for the step that the one in the background has begun.
    step: Mutex<F>,
    over: AtomicBool,
}

impl<F: FnMut() -> bool> Work<F> {
    /// `step` does one step; false where it was the last.
    pub(super) fn new(need: &Need, step: F) -> Work<F> {
        Work { need: need.clone(), step: Mutex::new(step), over: AtomicBool::new(false) }
    }

    /// Works until there is a need, after `first` steps from the background.
    pub(super) fn in_background(&self, first: u64) {
        // A panic is told where this thread is joined; nobody waits for what it leaves.
        let _over = Over(self);
        for step in 0u64.. {
            if step == first {
                machine::step_back();
            }
            if self.need.has_arisen() || !self.step() {
                return;
            }
        }
    }

    /// Sleeps until there is a need, and then does the rest.
    pub(super) fn in_front(&self) {
        if self.need.wait(&self.over) {
            while self.step() {}
        }
    }

    fn step(&self) -> bool {
        // After a panic the rest is lost.
        self.step.lock().is_ok_and(|mut step| step())
    }
}

struct Over<'a, F>(&'a Work<F>);

impl<F> Drop for Over<'_, F> {
    fn drop(&mut self) {
        self.0.need.set(&self.0.over);
    }
}

/// Starts the two threads of a work. It is over when a step says so; what it holds is dropped then. The `first`
/// steps are done at normal priority.
pub(super) fn spawn<F>(name: &str, need: &Need, first: u64, step: F) -> Result<Vec<JoinHandle<()>>>
where
    F: FnMut() -> bool + Send + 'static,
{
    let back = Arc::new(Work::new(need, step));
    let front = Arc::clone(&back);
    Ok(vec![
        machine::spawn(name, move || back.in_background(first))?,
        machine::spawn(name, move || front.in_front())?,
    ])
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn every_step_is_done_once_and_those_after_the_need_by_the_other_thread() {
        let need = Need::default();
        let (sender, receiver) = channel();
        let (arises, mut steps) = (need.clone(), 0);
        let threads = spawn("work", &need, 0, move || {
            steps += 1;
            sender.send((steps, std::thread::current().id())).expect("somebody listens");
            if steps == 3 {
                arises.arise();
            }
            steps < 6
        });
        threads.expect("threads").into_iter().for_each(machine::join);
        let (numbers, by): (Vec<_>, Vec<_>) = receiver.into_iter().unzip();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        assert!(by[..3].iter().all(|id| *id == by[0]) && by[3..].iter().all(|id| *id == by[5]), "{by:?}");
        assert_ne!(by[0], by[5]);
    }

    #[test]
    fn where_nothing_is_needed_both_threads_end_with_the_work() {
        let (need, mut steps) = (Need::default(), 0);
        let threads = spawn("work", &need, 2, move || {
            steps += 1;
            steps < 4
        });
        threads.expect("threads").into_iter().for_each(machine::join);
        assert!(!need.has_arisen());
    }
}
