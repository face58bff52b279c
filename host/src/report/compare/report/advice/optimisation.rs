//! How to run what is deployed, in words.

use super::super::super::advice::{Axis, Quantised, Queue, Sweep, TimeOut, Trade, Waiting};
use super::super::super::number::number;
use super::super::{MS, fill};
use super::deployment::points;
use super::{Cell, Item, Number, Speaker};
use crate::metrics::{Aggregate, Level, Metric, Moment, Quantity, Saturation};

const TTFT: Quantity = Quantity::Of(Metric::Ttft, Moment::At(Level::P50));
const THROUGHPUT: Quantity = Quantity::Rate(Aggregate::OutputThroughput);

impl Speaker<'_> {
    pub(super) fn concurrency(self, sweeps: &[Sweep]) -> Item {
        let words = self.advice;
        let mut item = Item::new("concurrency", words.one_concurrency, words.concurrency_rule.to_owned());
        item.decided = false;
        for sweep in sweeps {
            let of = |at: usize| (sweep.steps[at].run, self.load(sweep.steps[at].run, sweep.steps[at].load));
            let model = self.model(sweep.steps[0].run);
            let (at, sentence) = match sweep.saturation {
                Saturation::At(at) => (at, words.saturates),
                Saturation::NotReached => (sweep.steps.len() - 1, words.not_reached),
                Saturation::BelowLowest => (0, words.below_lowest),
                Saturation::Unknown => (0, words.saturation_unknown),
            };
            let (run, load) = of(at);
            item.says.push(fill(sentence, &[("model", &model), ("load", &load)]));
            if let Saturation::At(at) = sweep.saturation {
                item.decided = true;
                let number = if sweep.axis == Axis::Rate { Number::Offered } else { Number::Concurrency };
                item.recommends.push((run, Some(Cell::new(run, number, sweep.steps[at].load))));
            }
            let kept = sweep.steps.iter().take_while(|step| step.is_within).count();
            let (sentence, at) = match kept {
                0 => (words.none_within, 0),
                kept => (words.highest_within, kept - 1),
            };
            item.says.push(fill(sentence, &[("model", &model), ("load", &of(at).1)]));
            for step in &sweep.steps {
                let number = if sweep.axis == Axis::Rate { Number::Offered } else { Number::Concurrency };
                item.cells.push(Cell::new(step.run, number, step.load));
                let quantities = [THROUGHPUT, TTFT];
                item.cells.extend(quantities.iter().filter_map(|&of| Cell::of(self.runs, step.run, of)));
            }
        }
        if sweeps.is_empty() {
            self.undecided(&mut item, words.no_sweep);
        }
        item
    }

    pub(super) fn queueing(self, sweeps: &[Sweep], queues: &[Queue]) -> Item {
        let words = self.advice;
        let mut item = Item::new("queueing", words.one_queueing, words.queueing_rule.to_owned());
        item.decided = false;
        for sweep in sweeps.iter().filter(|sweep| sweep.axis == Axis::Concurrency) {
            let model = self.model(sweep.steps[0].run);
            let last = sweep.steps[sweep.steps.len() - 1];
            let (Saturation::At(at), Some(crowd)) = (sweep.saturation, sweep.crowd) else {
                item.says.push(fill(words.no_crowd, &[("model", &model)]));
                continue;
            };
            let at = sweep.steps[at];
            item.decided = true;
            item.recommends.push((at.run, Some(Cell::new(at.run, Number::Concurrency, at.load))));
            let changes =
                self.changes(at.run, last.run, &[(TTFT, crowd.ttft), (THROUGHPUT, crowd.throughput)]);
            let gaps = [("model", &*model), ("at", &*self.load(at.run, at.load))];
            item.says.push(fill(words.crowd, &gaps));
            item.says.extend(changes);
        }
        for queue in queues {
            item.decided |= queue.waiting != Waiting::Unknown;
            item.says.push(self.queue(queue));
            item.cells.extend(self.queue_cells(queue));
        }
        if item.says.is_empty() {
            self.undecided(&mut item, words.no_open_loop);
        }
        item
    }

    /// Without its load, which differs along a sweep.
    fn model(self, run: usize) -> String {
        let traits = &self.runs[run].traits;
        let quantisation = traits.quantisation.as_deref().map_or(String::new(), |name| format!(" {name}"));
        traits.label() + &quantisation
    }

    fn queue(self, queue: &Queue) -> String {
        let words = self.advice;
        let run = &self.runs[queue.run];
        let sentence = match queue.waiting {
            Waiting::None => words.waiting_none,
            Waiting::Bursts => words.waiting_bursts,
            Waiting::Grows => words.waiting_grows,
            Waiting::Unknown => words.waiting_unknown,
        };
        let rate = number(run.request_rate.unwrap_or(0.0));
        let achieved = number(queue.pace.map_or(0.0, |pace| pace.achieved));
        let (dropped, due) = (run.facts.dropped.to_string(), run.facts.due.to_string());
        let gaps = [
            ("run", &*run.label),
            ("rate", &*rate),
            ("achieved", &*achieved),
            ("dropped", &*dropped),
            ("due", &*due),
        ];
        fill(sentence, &gaps)
    }

    fn queue_cells(self, queue: &Queue) -> Vec<Cell> {
        let (run, facts) = (queue.run, &self.runs[queue.run].facts);
        let dropped = facts.dropped as f64 / facts.due.max(1) as f64;
        let mut cells = Vec::new();
        if let Some(pace) = queue.pace {
            cells.push(Cell::new(run, Number::Offered, pace.offered));
            cells.push(Cell::new(run, Number::Achieved, pace.achieved));
        }
        cells.push(Cell::new(run, Number::Dropped, dropped));
        let lag = Quantity::Of(Metric::ScheduleLag, Moment::At(Level::P99));
        cells.extend(queue.lag.map(|value| Cell::new(run, Number::Of(lag), value)));
        cells
    }

    pub(super) fn time_outs(self, time_outs: &[TimeOut]) -> Item {
        let words = self.advice;
        let mut item = Item::new("time_out", words.one_time_out, words.time_out_rule.to_owned());
        let few: Vec<usize> = time_outs.iter().filter(|of| of.found.is_none()).map(|of| of.run).collect();
        item.decided = few.len() < time_outs.len();
        for &TimeOut { run, found, cut } in time_outs {
            let Some((level, estimate, time_out)) = found else { continue };
            let cell = Cell::new(run, Number::TimeOut, time_out);
            let quantity = Quantity::Of(Metric::E2el, Moment::At(level));
            item.cells
                .push(Cell { ci95: estimate.ci95, ..Cell::new(run, Number::Of(quantity), estimate.value) });
            item.cells.push(cell.clone());
            item.recommends.push((run, Some(cell)));
            let n = self.runs[run].distributions.get(&Metric::E2el).map_or(0, |e2el| e2el.n);
            let gaps = [
                ("run", self.label(run)),
                ("time_out", &*number(time_out * MS)),
                ("level", level.name()),
                ("n", &*number(n as f64)),
                ("cut", &*format!("{}%", number(100.0 * (1000.0 - 1000.0 * level.share()).round() / 1000.0))),
            ];
            item.says.push(fill(words.time_out, &gaps));
            if cut > 0 {
                let gaps = [("run", self.label(run)), ("cut", &*cut.to_string())];
                item.says.push(fill(words.time_out_cut, &gaps));
            }
        }
        if time_outs.is_empty() {
            self.undecided(&mut item, words.time_out_none);
        }
        if !few.is_empty() {
            item.says.push(fill(words.time_out_few, &[("runs", &self.labels(few))]));
        }
        item
    }

    pub(super) fn quantisation(self, pairs: &[Quantised]) -> Item {
        let words = self.advice;
        let rule = words.quantisation_advice_rule.to_owned();
        let mut item = Item::new("quantisation", words.one_quantisation, rule);
        item.decided = false;
        for pair in pairs {
            let (from, to) = (self.label(pair.from), self.label(pair.to));
            let (sentence, run) = match pair.trade {
                Trade::Better(run) => (words.faster, run),
                Trade::FasterAndLessAccurate(run) => (words.less_accurate, run),
                Trade::Mixed => (words.mixed, pair.to),
                Trade::Noise => (words.same, pair.to),
                Trade::Unknown => (words.quantisation_unknown, pair.to),
            };
            if let Trade::Better(run) = pair.trade {
                item.decided = true;
                item.recommends.push((run, None));
            }
            item.says.push(fill(sentence, &[("from", from), ("to", to), ("run", self.label(run))]));
            item.says.extend(self.changes(pair.from, pair.to, &pair.changes));
            if let Some((check, (low, high))) = &pair.accuracy {
                let (low, high) = (points(*low), points(*high));
                let gaps =
                    [("check", &**check), ("from", from), ("to", to), ("low", &*low), ("high", &*high)];
                item.says.push(fill(words.accuracy_change, &gaps));
            }
        }
        if pairs.is_empty() {
            self.undecided(&mut item, words.no_pairs);
        }
        item
    }
}
