//! What plugins write to their stdout and stderr, for their authors: shown on stderr on request, and only so much of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::report::{inert, say};

const LINE_WIDTH: usize = 200;

/// Shows what plugins write, or nothing.
#[derive(Debug, Clone)]
pub(super) struct PluginLog(Option<Shown>);

#[derive(Debug, Clone)]
struct Shown {
    lines: Arc<AtomicU32>,
    most: u32,
}

impl PluginLog {
    /// At most `most` lines in a run, where they are to be shown.
    pub(super) fn new(shown: bool, most: u32) -> PluginLog {
        PluginLog(shown.then(|| Shown { lines: Arc::default(), most }))
    }

    /// Shows what one instance wrote.
    pub(super) fn show(&self, written: &str) {
        let Some(Shown { lines, most }) = &self.0 else { return };
        for line in written.lines() {
            match lines.fetch_add(1, Ordering::Relaxed) {
                shown if shown < *most => say(format_args!("plugin: {}", inert(line, LINE_WIDTH))),
                shown if shown == *most => {
                    say(format_args!("plugin: more than {most} lines; the rest is not shown"))
                }
                _ => return,
            }
        }
    }
}
