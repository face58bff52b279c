//! What a run's records come to, counted as they come: the summary, what became of its objectives, other tools' numbers,
//! and when things were due and sent.

use crate::metrics::{Accumulator, Block, Context, Dialect, Dialects, Slo, SloCounter, Summary, Timeline};
use crate::record::RequestRecord;

/// Counts records; none is kept.
pub(super) struct Tally {
    summary: Accumulator,
    slos: Option<SloCounter>,
    dialects: Dialects,
    timeline: Timeline,
}

/// What they come to.
pub(super) struct Tallied {
    pub(super) summary: Summary,
    pub(super) dialects: Vec<Block>,
    pub(super) timeline: Timeline,
}

impl Tally {
    /// Of no record yet; what was dropped is told at the end.
    pub(super) fn new(context: Context, slos: &[Slo], dialects: &[Dialect]) -> Tally {
        let token_basis = context.token_basis;
        Tally {
            summary: Accumulator::new(context),
            slos: (!slos.is_empty()).then(|| SloCounter::new(slos, token_basis)),
            dialects: Dialects::new(dialects, token_basis),
            timeline: Timeline::default(),
        }
    }

    pub(super) fn add(&mut self, record: &RequestRecord) {
        self.summary.add(record);
        self.dialects.add(record);
        self.timeline.see(record);
        if let Some(slos) = &mut self.slos {
            slos.add(record);
        }
    }

    /// `dropped` measured requests were due and never sent.
    pub(super) fn finish(mut self, dropped: u64) -> Tallied {
        self.summary.add_dropped(dropped);
        let mut summary = self.summary.finish();
        summary.slo = self.slos.map(|slos| slos.finish(summary.window, dropped));
        Tallied { summary, dialects: self.dialects.finish(), timeline: self.timeline }
    }
}
