//! The summary of a run, counted as its records come: with its objectives, in other tools' terms, and with when things were due
//! and sent.

use super::{Accumulator, Block, Context, Dialect, Dialects, Slo, SloCounter, Summary, Timeline};
use crate::record::RequestRecord;

/// Counts records; none is kept.
#[derive(Debug)]
pub struct Tally {
    summary: Accumulator,
    slos: Option<SloCounter>,
    dialects: Dialects,
    timeline: Timeline,
}

/// What was counted.
#[derive(Debug)]
pub struct Tallied {
    pub summary: Summary,
    pub dialects: Vec<Block>,
    pub timeline: Timeline,
}

impl Tally {
    /// Of no record yet; what was dropped is told at the end.
    pub fn new(context: Context, slos: &[Slo], dialects: &[Dialect]) -> Tally {
        let token_basis = context.token_basis;
        Tally {
            summary: Accumulator::new(context),
            slos: (!slos.is_empty()).then(|| SloCounter::new(slos, token_basis)),
            dialects: Dialects::new(dialects, token_basis),
            timeline: Timeline::default(),
        }
    }

    /// Takes a record in.
    pub fn add(&mut self, record: &RequestRecord) {
        self.summary.add(record);
        self.dialects.add(record);
        self.timeline.see(record);
        if let Some(slos) = &mut self.slos {
            slos.add(record);
        }
    }

    /// `dropped` measured requests were due and never sent.
    pub fn finish(mut self, dropped: u64) -> Tallied {
        self.summary.add_dropped(dropped);
        let mut summary = self.summary.finish();
        summary.slo = self.slos.map(|slos| slos.finish(summary.window, dropped));
        Tallied { summary, dialects: self.dialects.finish(), timeline: self.timeline }
    }
}
