//! The summary of a run, counted as its records come: with its objectives, in other tools' terms, and with when things were due
//! and sent.

use super::{Accumulator, Block, Context, Dialect, Dialects, Slo, SloCounter, Summary, Timeline, TokenBasis};
use crate::record::RequestRecord;
use crate::units::Span;

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
    /// Of no record yet. `measured`: how long the run was to be measured, where that was said.
    pub fn new(token_basis: TokenBasis, measured: Option<Span>, slos: &[Slo], dialects: &[Dialect]) -> Tally {
        Tally {
            summary: Accumulator::new(Context { dropped: 0, token_basis, measured }),
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
