//! Where each row lies, which requests it is, and when it is due: 16 bytes a row, 24 with times.

use anyhow::{Context, Result};

use crate::units::Span;

/// A row's place in the file, and in the count of turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workload) struct Entry {
    pub(in crate::workload) offset: u64,
    pub(in crate::workload) bytes: u32,
    /// Turns of all rows before it.
    pub(in crate::workload) first_turn: u32,
}

/// All rows of a dataset.
#[derive(Debug, Clone, Default)]
pub(in crate::workload) struct Index {
    entries: Vec<Entry>,
    /// As many as entries, ascending, the first 0; empty for a dataset without times.
    due: Vec<Span>,
    turns: u32,
}

impl Index {
    /// Adds a row, by its number of turns.
    pub(in crate::workload) fn push(
        &mut self,
        offset: u64,
        bytes: usize,
        turns: usize,
        due: Option<Span>,
    ) -> Result<()> {
        let entry = Entry { offset, bytes: u32::try_from(bytes)?, first_turn: self.turns };
        let turns = u32::try_from(turns).ok().and_then(|turns| self.turns.checked_add(turns));
        self.turns = turns.context("it has more than 4 billion turns")?;
        self.entries.push(entry);
        self.due.extend(due);
        Ok(())
    }

    /// Nothing more will come: due times count from the first, and rows stand in their order. True where they did not.
    pub(in crate::workload) fn finish(&mut self) -> bool {
        let sorted = self.due.is_sorted();
        if !sorted {
            self.sort();
        }
        if let Some(&first) = self.due.first() {
            self.due.iter_mut().for_each(|due| due.0 -= first.0);
        }
        self.entries.shrink_to_fit();
        self.due.shrink_to_fit();
        !sorted
    }

    fn sort(&mut self) {
        let turns = self.entries.iter().skip(1).map(|entry| entry.first_turn).chain([self.turns]);
        let counts = turns.zip(&self.entries).map(|(next, entry)| next - entry.first_turn);
        let mut rows: Vec<_> =
            self.due.iter().copied().zip(self.entries.iter().copied().zip(counts)).collect();
        // Stable: rows of one instant stay in their order.
        rows.sort_by_key(|(due, _)| *due);
        let mut first_turn = 0;
        for (n, (due, (entry, turns))) in rows.into_iter().enumerate() {
            self.due[n] = due;
            self.entries[n] = Entry { first_turn, ..entry };
            first_turn += turns;
        }
    }

    pub(in crate::workload) fn rows(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Turns of all rows.
    pub(in crate::workload) fn turns(&self) -> u64 {
        u64::from(self.turns)
    }

    /// Whether some row has more turns than one.
    pub(in crate::workload) fn has_sessions(&self) -> bool {
        self.turns() > self.rows()
    }

    pub(in crate::workload) fn entry(&self, row: usize) -> Entry {
        self.entries[row]
    }

    /// The row that has this turn, which is below [`turns`](Self::turns).
    pub(in crate::workload) fn row_of(&self, turn: u64) -> usize {
        self.entries.partition_point(|entry| u64::from(entry.first_turn) <= turn) - 1
    }

    /// The turn behind the last of a row.
    pub(in crate::workload) fn end_of(&self, row: usize) -> u64 {
        self.entries.get(row + 1).map_or(self.turns(), |next| u64::from(next.first_turn))
    }

    pub(in crate::workload) fn due(&self) -> &[Span] {
        &self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_finds_its_row() {
        let mut index = Index::default();
        for (n, turns) in [1, 3, 2].into_iter().enumerate() {
            index.push(n as u64 * 10, 10, turns, None).expect("a row");
        }
        assert!(!index.finish());
        assert_eq!((0..6).map(|turn| index.row_of(turn)).collect::<Vec<_>>(), [0, 1, 1, 1, 2, 2]);
        assert_eq!((0..3).map(|row| index.end_of(row)).collect::<Vec<_>>(), [1, 4, 6]);
        assert!(index.has_sessions());
    }

    #[test]
    fn rows_out_of_order_are_put_in_the_order_of_their_times() {
        let mut index = Index::default();
        for (offset, turns, due) in [(0, 1, 500), (10, 2, 300), (20, 1, 500), (30, 1, 400)] {
            index.push(offset, 10, turns, Some(Span(due))).expect("a row");
        }
        assert!(index.finish());
        assert_eq!(index.due(), [Span(0), Span(100), Span(200), Span(200)]);
        let entries: Vec<_> = (0..4).map(|row| index.entry(row)).map(|e| (e.offset, e.first_turn)).collect();
        assert_eq!(entries, [(10, 0), (30, 2), (0, 3), (20, 4)]);
    }
}
