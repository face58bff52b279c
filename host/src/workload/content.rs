//! Requests from a dataset: what a row says, or a text as long as the row says. Pure in the request's id, the answers
//! before it and the seed.

use std::sync::Arc;

use anyhow::Result;

use super::Normal;
use super::dataset::{Asked, BLOCK_TOKENS, Dataset, OutputLength, Turn};
use super::verses::{Purpose, Verses, random};
use crate::record::{Message, RequestSpec};
use crate::units::{RequestId, Span, Tokens};

/// A stream of a dataset's requests, over and over.
#[derive(Debug)]
pub(super) struct DatasetWorkload {
    dataset: Arc<Dataset>,
    seed: u64,
    /// For rows that say no output length.
    osl: Normal,
}

/// Where a request stands in its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    row: usize,
    turn: usize,
    /// The first request of its session.
    first: RequestId,
    /// The request behind the last of its session.
    end: RequestId,
}

impl DatasetWorkload {
    pub(super) fn new(dataset: Arc<Dataset>, seed: u64, osl: Normal) -> DatasetWorkload {
        DatasetWorkload { dataset, seed, osl }
    }

    fn place(&self, id: RequestId) -> Place {
        let index = self.dataset.index();
        let (round, turn) = (id.0 / index.turns() * index.turns(), id.0 % index.turns());
        let row = index.row_of(turn);
        let first = u64::from(index.entry(row).first_turn);
        Place {
            row,
            turn: usize::try_from(turn - first).expect("turns of one row"),
            first: RequestId(round + first),
            end: RequestId(round + index.end_of(row)),
        }
    }

    /// The first request of the session with this number.
    pub(super) fn first_of(&self, session: u64) -> RequestId {
        let index = self.dataset.index();
        let (round, row) = (session / index.rows(), session % index.rows());
        let first = index.entry(usize::try_from(row).expect("a row of memory")).first_turn;
        RequestId(round * index.turns() + u64::from(first))
    }

    /// The session that this request belongs to, by its number.
    pub(super) fn session_of(&self, id: RequestId) -> u64 {
        let index = self.dataset.index();
        id.0 / index.turns() * index.rows() + self.place(id).row as u64
    }

    /// The first request of this one's session, and the one behind its last.
    pub(super) fn session(&self, id: RequestId) -> (RequestId, RequestId) {
        let place = self.place(id);
        (place.first, place.end)
    }

    /// The request with this id, whose session got these answers so far, and the time from the last of them to it.
    ///
    /// # Errors
    /// The file changed since it was checked.
    pub(super) fn request(
        &self,
        verses: &Verses,
        id: RequestId,
        answers: &[String],
    ) -> Result<(RequestSpec, Span)> {
        let Place { row, turn, .. } = self.place(id);
        let row = self.dataset.read(row)?;
        let asked = &row.turns[turn];
        let mut messages = Vec::new();
        for (n, earlier) in row.turns[..turn].iter().enumerate() {
            messages.extend(self.say(verses, id, earlier).0);
            let text = answers.get(n).cloned().unwrap_or_default();
            messages.push(Message { role: "assistant".to_owned(), text });
        }
        let (said, target) = self.say(verses, id, asked);
        messages.extend(said);
        let isl = messages.iter().map(|message| verses.tokenizer.count(&message.text)).sum();
        let max_tokens = Some(self.output(verses, id, &asked.output));
        let isl_target = target.unwrap_or(isl);
        Ok((RequestSpec { id, messages, isl_target, isl, max_tokens }, asked.think))
    }

    /// The messages of a turn, and their length where the row says it.
    fn say(&self, verses: &Verses, id: RequestId, turn: &Turn) -> (Vec<Message>, Option<Tokens>) {
        match &turn.asked {
            Asked::Messages(messages) => (messages.clone(), None),
            Asked::Length { tokens, blocks } => {
                let text = self.prompt(verses, id, *tokens, blocks);
                (vec![Message { role: "user".to_owned(), text }], Some(*tokens))
            }
        }
    }

    /// A text of `tokens` tokens: the blocks of these ids, the last one cut, or where they end lines of the request's own.
    fn prompt(&self, verses: &Verses, id: RequestId, tokens: Tokens, blocks: &[u64]) -> String {
        let whole = usize::try_from((tokens.0 - 1) / BLOCK_TOKENS.0).unwrap_or(usize::MAX).min(blocks.len());
        let block = |id: u64| random(self.seed, Purpose::Block, id);
        let start: String =
            blocks[..whole].iter().map(|id| verses.block(BLOCK_TOKENS, &mut block(*id))).collect();
        let mut rng = match blocks.get(whole) {
            Some(last) => block(*last),
            None => random(self.seed, Purpose::Request, id.0),
        };
        let floor = verses.tokenizer.count(&start);
        verses.grow(start, floor, tokens, &mut rng).0
    }

    fn output(&self, verses: &Verses, id: RequestId, length: &OutputLength) -> Tokens {
        let said = match length {
            OutputLength::Tokens(tokens) => *tokens,
            OutputLength::Of(text) => verses.tokenizer.count(text),
            OutputLength::Unsaid => Tokens(0),
        };
        match said {
            Tokens(0) => self.osl.draw(&mut random(self.seed, Purpose::Request, id.0), Tokens(1)),
            said => said,
        }
    }
}
