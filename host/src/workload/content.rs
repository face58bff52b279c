//! Requests from a dataset: what a row says, or a text as long as the row says. Pure in the request's id, the answers
//! before it and the seed.

use std::sync::Arc;

use anyhow::Result;

use super::Normal;
use super::dataset::{Asked, BLOCK_TOKENS, Dataset, OutputLength, Turn};
use super::verses::{Purpose, Verses, random};
use crate::record::{Message, RequestSpec};
use crate::units::{RequestId, SessionId, Span, Tokens};

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
        let Place { row, turn, first, end } = self.place(id);
        let session = (end.0 - first.0 > 1).then(|| SessionId(self.session_of(id)));
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
        Ok((RequestSpec { id, session, messages, isl_target, isl, max_tokens }, asked.think))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tokens::Tokenizer;
    use crate::workload::{SonnetConfig, Workload};

    fn workload(name: &str) -> Workload {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/datasets").join(name);
        let dataset = Arc::new(Dataset::open(&path, None).unwrap());
        let length = |mean| Normal { mean, stddev: 0.0 };
        let config = SonnetConfig { seed: 1, isl: length(550.0), osl: length(33.0) };
        Workload::new(config, Some(dataset), None, Tokenizer::embedded().unwrap()).unwrap()
    }

    fn first(workload: &Workload, id: u64) -> RequestSpec {
        workload.request(RequestId(id), &[]).unwrap().0
    }

    #[test]
    fn a_short_dataset_is_repeated_from_the_start() {
        let vllm = workload("vllm.jsonl");
        let asked = |id| first(&vllm, id).messages;
        assert_eq!(asked(0), asked(3));
        assert_ne!(asked(0), asked(1));
        assert_eq!(
            (first(&vllm, 0).max_tokens, first(&vllm, 1).max_tokens),
            (Some(Tokens(10)), Some(Tokens(33)))
        );
        assert_eq!((vllm.sessions(7), vllm.first_of(5)), (7, RequestId(5)));
    }

    #[test]
    fn the_length_of_an_answer_is_counted() {
        // "A poem of fourteen lines." by the Llama tokenizer.
        let spec = first(&workload("sharegpt.json"), 0);
        assert_eq!(spec.max_tokens, Some(Tokenizer::embedded().unwrap().count("A poem of fourteen lines.")));
        assert_eq!(spec.isl, Tokenizer::embedded().unwrap().count("What is a sonnet?"));
    }

    #[test]
    fn equal_block_ids_are_equal_text_and_lengths_are_as_the_trace_says() {
        let trace = workload("mooncake.jsonl");
        let specs: Vec<RequestSpec> = (0..4).map(|id| first(&trace, id)).collect();
        let isl: Vec<(u64, u64)> = specs.iter().map(|spec| (spec.isl_target.0, spec.isl.0)).collect();
        assert_eq!(isl, [(1300, 1300), (1100, 1100), (40, 40), (1300, 1300)]);
        let [a, b] = [0, 1].map(|n| specs[n].messages[0].text.as_str());
        let shared = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        // The very first line is counted without a newline before it; the blocks behind may begin alike by chance.
        let shared = Tokenizer::embedded().unwrap().count(&a[..shared]).0;
        assert!((1020..1030).contains(&shared), "{shared}");
        assert_eq!(specs[0].messages, specs[3].messages);
    }

    #[test]
    fn a_turn_has_the_real_answers_before_it() {
        let sessions = workload("aiperf-multi-turn.jsonl");
        let answers = ["Hi!".to_owned(), "Fine.".to_owned()];
        let (spec, think) = sessions.request(RequestId(2), &answers).unwrap();
        let said: Vec<String> = spec.messages.iter().map(|m| format!("{}: {}", m.role, m.text)).collect();
        assert_eq!(
            said,
            ["user: Hello", "assistant: Hi!", "user: How are you?", "assistant: Fine.", "user: Goodbye"]
        );
        assert_eq!(think, Span::from_millis(50));
        let count = |text| Tokenizer::embedded().unwrap().count(text);
        let all = ["Hello", "Hi!", "How are you?", "Fine.", "Goodbye"].map(count);
        assert_eq!(spec.isl, all.into_iter().sum());
        assert_eq!(sessions.request(RequestId(0), &[]).unwrap().1, Span(0));
    }

    #[test]
    fn sessions_have_ids_in_a_row() {
        let sessions = workload("aiperf-multi-turn.jsonl");
        let ids = |id| {
            let (first, end) = sessions.session(RequestId(id));
            (first.0, end.0)
        };
        assert_eq!((0..6).map(ids).collect::<Vec<_>>(), [(0, 3), (0, 3), (0, 3), (3, 4), (4, 7), (4, 7)]);
        assert_eq!((0..4).map(|n| sessions.first_of(n).0).collect::<Vec<_>>(), [0, 3, 4, 7]);
        assert_eq!([0, 1, 3, 4, 5, 8].map(|requests| sessions.sessions(requests)), [0, 1, 1, 2, 3, 4]);
    }
}
