//! What plugins write to their stdout and stderr, for their authors: shown on stderr on request, and only so much of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::report::inert;

/// Lines shown in a run. The first ones tell what is wrong; a plugin that writes for every event must not flood a terminal.
const MAX_LINES: u32 = 100;
const LINE_WIDTH: usize = 200;

/// Shows what plugins write, or nothing.
#[derive(Debug, Clone)]
pub(super) struct PluginLog(Option<Arc<AtomicU32>>);

impl PluginLog {
    pub(super) fn new(shown: bool) -> PluginLog {
        PluginLog(shown.then(Arc::default))
    }

    /// Shows what one instance wrote.
    pub(super) fn show(&self, written: &str) {
        let Some(lines) = &self.0 else { return };
        for line in written.lines() {
            match lines.fetch_add(1, Ordering::Relaxed) {
                shown if shown < MAX_LINES => eprintln!("plugin: {}", inert(line, LINE_WIDTH)),
                MAX_LINES => eprintln!("plugin: more than {MAX_LINES} lines; the rest is not shown"),
                _ => return,
            }
        }
    }
}
