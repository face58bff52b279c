//! Which model to deploy, in words.

use super::super::super::advice::{
    AS_GOOD, Choice, Ground, HALF, LeftOut, Measure, Missing, Mix, OneModel, PATIENCE_MS, Pick, Purpose,
    READING_PACE, TWICE, best,
};
use super::super::super::number::number;
use super::super::{MS, changes, fill};
use super::{Cell, Item, Number, Speaker};
use crate::metrics::{Difference, Quantity};

/// Shares are shown as whole per cent: those of the rules are.
fn whole_percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// Percentage points, signed.
pub(super) fn points(share: f64) -> String {
    format!("{:+.1}", share * 100.0)
}

impl Speaker<'_> {
    pub(super) fn ground(self, ground: &Ground) -> Vec<String> {
        let words = self.advice;
        let mut says = Vec::new();
        if ground.runs.len() > 1 {
            let runs = self.labels(ground.runs.iter().copied());
            says.push(fill(words.ground, &[("runs", &runs)]));
        }
        for (why, sentence) in [
            (LeftOut::Unsound, words.left_out_unsound),
            (LeftOut::OtherLoad, words.left_out_load),
            (LeftOut::SameModel, words.left_out_model),
        ] {
            let of = ground.left_out.iter().filter(|(_, of)| *of == why).map(|(run, _)| *run);
            let runs = self.labels(of);
            if !runs.is_empty() {
                says.push(fill(sentence, &[("runs", &runs)]));
            }
        }
        says
    }

    pub(super) fn pick(self, pick: &Pick) -> Item {
        let mut item = Item::new(pick.purpose.name(), self.scenario(pick.purpose), self.rule(pick));
        let words = self.advice;
        match &pick.choice {
            Choice::Runs(chosen) => {
                let sentence = if chosen.len() == 1 { words.recommended } else { words.recommended_alike };
                item.says.push(fill(sentence, &[("runs", &self.labels(chosen.iter().copied()))]));
                item.recommends = chosen.iter().map(|&run| (run, None)).collect();
            }
            Choice::Undecided(missing) => self.undecided(&mut item, &self.missing(missing)),
        }
        if !pick.larger_open.is_empty() {
            let runs = self.labels(pick.larger_open.iter().copied());
            item.says.push(fill(words.larger_open, &[("runs", &runs)]));
        }
        if pick.purpose == Purpose::HighQuality && pick.check.is_none() {
            item.says.push(words.quality_unmeasured.to_owned());
        }
        item.cells = self.candidates(pick);
        item
    }

    fn scenario(self, purpose: Purpose) -> &'static str {
        match purpose {
            Purpose::Interactive => self.words.interactive,
            Purpose::Batch => self.words.throughput_scenario,
            Purpose::Balanced => self.advice.balanced,
            Purpose::HighQuality => self.advice.high_quality,
        }
    }

    fn rule(self, pick: &Pick) -> String {
        let words = self.advice;
        let margin = whole_percent(AS_GOOD);
        match pick.purpose {
            Purpose::Interactive => fill(words.interactive_advice, &[("margin", &margin)]),
            Purpose::Batch => fill(words.batch_advice, &[("margin", &margin)]),
            Purpose::Balanced => {
                let gaps = [("factor", &*number(1.0 + TWICE)), ("share", &*whole_percent(1.0 - HALF))];
                fill(words.balanced_advice, &gaps)
            }
            Purpose::HighQuality => {
                let gaps = [("ttft", &*number(PATIENCE_MS * MS)), ("pace", &*number(READING_PACE))];
                let rule = fill(words.quality_advice, &gaps);
                match &pick.check {
                    Some(check) => format!("{rule} {}", fill(words.quality_checked, &[("check", check)])),
                    None => rule,
                }
            }
        }
    }

    fn missing(self, missing: &Missing) -> String {
        let words = self.advice;
        let about =
            |sentence: &str, runs: &[usize]| fill(sentence, &[("runs", &self.labels(runs.iter().copied()))]);
        match missing {
            Missing::Models => words.missing_models.to_owned(),
            Missing::Requests(runs) => about(words.missing_requests, runs),
            Missing::Best => words.missing_best.to_owned(),
            Missing::Bounds(open) if open.is_empty() => words.missing_bounds.to_owned(),
            Missing::Bounds(open) => about(words.missing_bounds_open, open),
            Missing::Sizes(runs) => about(words.missing_sizes, runs),
        }
    }

    /// The numbers that chose, of every candidate; its accuracy beside its speed.
    fn candidates(self, pick: &Pick) -> Vec<Cell> {
        let mut cells = Vec::new();
        let members = || pick.candidates.iter().map(|candidate| candidate.run);
        for candidate in &pick.candidates {
            let run = candidate.run;
            cells.extend(candidate.billions.map(|size| Cell::new(run, Number::Size, size)));
            for (measure, standing) in pick.purpose.measures().into_iter().zip(&candidate.standings) {
                let quantity = measure.quantity();
                let Some(mut cell) = Cell::of(self.runs, run, quantity) else { continue };
                cell.standing = Some(*standing);
                if let Measure::OfBest(_, bound) = measure {
                    let best = best(self.runs, members(), quantity, bound);
                    let change = best.and_then(|best| self.change(best, run, quantity));
                    cell.from_best = change.map(|change| (change.relative(), change.relative_ci95));
                }
                cells.push(cell);
            }
            if pick.purpose == Purpose::HighQuality {
                let found = self.runs[run].facts.accuracy.iter();
                cells.extend(found.map(|found| Cell::of_accuracy(run, found)));
            }
        }
        cells
    }

    fn change(self, from: usize, to: usize, quantity: Quantity) -> Option<Difference> {
        self.runs[from].estimates.difference(&self.runs[to].estimates, quantity)
    }

    /// Each as a sentence, from one run to the other.
    pub(super) fn changes(self, from: usize, to: usize, changes: &[(Quantity, Difference)]) -> Vec<String> {
        let names = [from, to].map(|run| self.label(run).to_owned()).into();
        let change = |&(quantity, difference): &(Quantity, Difference)| {
            changes::change(quantity, difference, &names, self.words)
        };
        changes.iter().map(change).collect()
    }

    pub(super) fn one_model(self, one: &OneModel) -> Item {
        let words = self.advice;
        let mut item = Item::new("one_model", words.one_model, words.one_model_rule.to_owned());
        match one {
            OneModel::ForAll(run) => {
                item.says.push(fill(words.for_all, &[("run", self.label(*run))]));
                item.recommends = vec![(*run, None)];
            }
            OneModel::Balanced { run, costs } => {
                item.says.push(fill(words.balanced_only, &[("run", self.label(*run))]));
                item.recommends = vec![(*run, None)];
                for &(from, quantity, difference) in costs {
                    item.says.extend(self.changes(from, *run, &[(quantity, difference)]));
                }
            }
            OneModel::Undecided => self.undecided(&mut item, words.one_undecided),
        }
        item.says.push(words.resources.to_owned());
        item
    }

    pub(super) fn mix(self, mix: &Mix) -> Item {
        let words = self.advice;
        let margin = whole_percent(AS_GOOD);
        let mut item = Item::new("mix", words.mix, fill(words.mix_rule, &[("margin", &margin)]));
        let named = |small: usize, large: usize| [("small", self.label(small)), ("large", self.label(large))];
        match mix {
            Mix::Both { small, large, changes, accuracy, loads } => {
                let (small, large) = (*small, *large);
                let names = named(small, large);
                item.recommends = vec![(small, None), (large, None)];
                item.says.push(fill(words.both, &names));
                item.says.extend(self.changes(small, large, changes));
                item.says.push(match accuracy {
                    Some((check, (low, high))) => {
                        let (low, high) = (points(*low), points(*high));
                        let gaps = [("check", &**check), ("low", &*low), ("high", &*high)];
                        fill(words.both_accuracy, &[&names[..], &gaps].concat())
                    }
                    None => fill(words.both_unmeasured, &names),
                });
                if let Some((a, b)) = loads {
                    let (a, b) = (self.load(small, *a), self.load(large, *b));
                    let gaps = [("small_load", &*a), ("large_load", &*b)];
                    item.says.push(fill(words.both_loads, &[&names[..], &gaps].concat()));
                }
            }
            Mix::One(run) => item.says.push(fill(words.one_for_both, &[("run", self.label(*run))])),
            Mix::NotSlower { small, large, changes } => {
                let gaps = [&named(*small, *large)[..], &[("margin", &*margin)]].concat();
                item.says.push(fill(words.not_slower, &gaps));
                item.says.extend(self.changes(*small, *large, changes));
            }
            Mix::NotMoreAccurate { small, large, check, ci95 } => {
                let (low, high) = (points(ci95.0), points(ci95.1));
                let gaps = [("check", &**check), ("low", &*low), ("high", &*high)];
                let why = fill(words.not_more_accurate, &[&named(*small, *large)[..], &gaps].concat());
                self.undecided(&mut item, &why);
            }
            Mix::Undecided(purposes) => {
                let scenarios: Vec<&str> = purposes.iter().map(|&purpose| self.scenario(purpose)).collect();
                let gaps = [("scenarios", &*scenarios.join(words.joined))];
                self.undecided(&mut item, &fill(words.mix_undecided, &gaps));
            }
        }
        item
    }

    /// A load in the terms of a run's.
    pub(super) fn load(self, run: usize, load: f64) -> String {
        let sentence = match self.runs[run].request_rate {
            Some(_) => self.advice.load_rate,
            None => self.advice.load_at_once,
        };
        fill(sentence, &[("load", &number(load))])
    }
}
