//! Advice in words: the rule, what it found, and the numbers that it looked at.

mod deployment;
mod number;
mod optimisation;

use super::super::advice::{Advice, advice};
use super::super::document::Document;
use super::super::words::{AdviceWords, Language, Words};
use super::ComparedRun;

pub(crate) use number::Cell;
use number::Number;
pub(super) use number::accuracy_rows;

/// A piece of advice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// The name in results.
    pub(crate) topic: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) rule: String,
    /// Whether the runs decide it.
    pub(crate) decided: bool,
    pub(crate) says: Vec<String>,
    /// The runs that are recommended, or what is recommended for each.
    pub(crate) recommends: Vec<(usize, Option<Cell>)>,
    pub(crate) cells: Vec<Cell>,
}

/// All of it, in the order of the report.
pub(crate) struct Advised {
    /// What was held against each other, and what was left out.
    pub(crate) ground: Vec<String>,
    pub(crate) scenarios: Vec<Item>,
    pub(crate) strategy: Vec<Item>,
    pub(crate) optimisation: Vec<Item>,
}

impl Advised {
    /// Every piece.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.scenarios.iter().chain(&self.strategy).chain(&self.optimisation)
    }
}

/// Words, and the runs that they are about.
#[derive(Clone, Copy)]
struct Speaker<'a> {
    runs: &'a [ComparedRun],
    words: &'static Words,
    advice: &'static AdviceWords,
}

/// What these runs say.
pub(crate) fn advised(runs: &[ComparedRun], language: Language) -> Advised {
    let found: Advice = advice(runs);
    let speaker = Speaker { runs, words: language.words(), advice: language.advice() };
    Advised {
        ground: speaker.ground(&found.ground),
        scenarios: found.picks.iter().map(|pick| speaker.pick(pick)).collect(),
        strategy: vec![speaker.one_model(&found.one_model), speaker.mix(&found.mix)],
        optimisation: vec![
            speaker.concurrency(&found.sweeps),
            speaker.queueing(&found.sweeps, &found.queues),
            speaker.time_outs(&found.time_outs),
            speaker.quantisation(&found.quantised),
        ],
    }
}

/// The two sections that end the report.
pub(super) fn sections(document: &mut Document, runs: &[ComparedRun], language: Language) {
    let (advised, words) = (advised(runs, language), language.advice());
    let put = |document: &mut Document, level: u8, items: &[Item]| {
        for item in items {
            document.heading(level, item.heading);
            document.paragraph(item.rule.as_str());
            document.list(item.says.clone());
            if !item.cells.is_empty() {
                document.table(number::table(&item.cells, runs, language));
            }
        }
    };
    document.heading(2, words.deployment);
    document.paragraph(words.advice_note);
    advised.ground.iter().for_each(|sentence| document.paragraph(sentence.as_str()));
    document.heading(3, words.by_scenario);
    put(document, 4, &advised.scenarios);
    document.heading(3, words.strategy);
    put(document, 4, &advised.strategy);
    document.heading(2, words.optimisation);
    put(document, 3, &advised.optimisation);
}

impl Item {
    fn new(topic: &'static str, heading: &'static str, rule: String) -> Item {
        Item { topic, heading, rule, decided: true, says: vec![], recommends: vec![], cells: vec![] }
    }
}

impl<'a> Speaker<'a> {
    fn label(self, run: usize) -> &'a str {
        &self.runs[run].label
    }

    fn labels(self, runs: impl IntoIterator<Item = usize>) -> String {
        let labels: Vec<&str> = runs.into_iter().map(|run| self.label(run)).collect();
        labels.join(self.advice.joined)
    }

    /// What the runs do not decide, and why.
    fn undecided(self, item: &mut Item, why: &str) {
        item.decided = false;
        item.says.push(super::fill(self.advice.undecided, &[("why", why)]));
    }
}
