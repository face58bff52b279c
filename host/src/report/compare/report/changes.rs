//! Changes from run to run in words: along the sizes of a family, and between quantisations.

use super::super::analysis::{self, Step};
use super::super::document::{Document, fill};
use super::super::number::{number, percent};
use super::super::words::Words;
use super::{ComparedRun, MS};
use crate::metrics::{Aggregate, Difference, Metric, Quantity};

pub(super) fn sizes(document: &mut Document, runs: &[ComparedRun], words: &Words) {
    document.heading(3, words.sizes);
    let families = analysis::families(runs);
    if families.is_empty() {
        document.paragraph(words.no_families);
    }
    for family in &families {
        let sizes: Vec<&str> = family.runs.iter().map(|&at| size_text(&runs[at])).collect();
        let gaps = [("family", family.name.as_str()), ("sizes", &*sizes.join(" → "))];
        document.heading(4, fill(words.family_heading, &gaps));
        let names: Vec<(String, String)> = family
            .steps
            .iter()
            .map(|step| [step.from, step.to].map(|at| size_text(&runs[at]).to_owned()).into())
            .collect();
        steps(document, runs, &family.steps, &names, words);
    }
}

pub(super) fn quantisation(document: &mut Document, runs: &[ComparedRun], words: &Words) {
    document.heading(3, words.quantisation_effect);
    let pairs = analysis::quantisations(runs);
    if pairs.is_empty() {
        document.paragraph(words.no_quantisation);
        let groups = analysis::by_quantisation(runs);
        if groups.len() > 1 {
            document.paragraph(words.by_quantisation);
            document.table(super::ranges(words.quantisation, groups.into_iter(), runs, words));
        }
    }
    for step in pairs {
        let name = |at: usize| runs[at].traits.quantisation.clone().unwrap_or_default();
        let names = (name(step.from), name(step.to));
        let traits = &runs[step.from].traits;
        document.heading(4, format!("{} ({} → {})", traits.label(), names.0, names.1));
        // Here it is what the step is about.
        let step = Step { quantisation_differs: false, ..step };
        steps(document, runs, &[step], &[names], words);
    }
}

fn steps(
    document: &mut Document,
    runs: &[ComparedRun],
    steps: &[Step],
    names: &[(String, String)],
    words: &Words,
) {
    let mut section = |title: &str, pick: fn(&Step) -> &[(Quantity, Difference)]| {
        let mut items = Vec::new();
        for (step, names) in steps.iter().zip(names) {
            items.extend(
                pick(step).iter().map(|&(quantity, difference)| change(quantity, difference, names, words)),
            );
        }
        document.label(title);
        document.list(items);
    };
    section(words.speed_changes, |step| &step.latencies);
    section(words.throughput_changes, |step| &step.throughputs);
    for (step, (a, b)) in steps.iter().zip(names) {
        let quantisation = |at: usize| runs[at].traits.quantisation.as_deref().unwrap_or(words.unknown);
        if step.quantisation_differs {
            let gaps =
                [("a", &**a), ("b", b), ("from", quantisation(step.from)), ("to", quantisation(step.to))];
            document.paragraph(fill(words.also_quantisation, &gaps));
        }
        if step.load_differs {
            document.paragraph(fill(words.also_load, &[("a", a), ("b", b)]));
        }
    }
}

pub(super) fn change(
    quantity: Quantity,
    difference: Difference,
    (a, b): &(String, String),
    words: &Words,
) -> String {
    let (what, scale, unit) = match quantity {
        Quantity::Of(Metric::Ttft, _) => (words.ttft, MS, words.unit_s),
        Quantity::Of(Metric::Itl, _) => (words.itl, 1.0, words.unit_ms),
        Quantity::Of(Metric::E2el, _) => (words.e2el, MS, words.unit_s),
        Quantity::Rate(Aggregate::OutputThroughput) => (words.output_throughput, 1.0, ""),
        _ => (words.per_request, 1.0, words.unit_tok_s),
    };
    let sentence = match (difference.is_real(), difference.relative()) {
        (Some(false), _) => words.noise,
        (_, change) if change < 0.0 => words.decrease,
        _ => words.increase,
    };
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    fill(
        sentence,
        &[
            ("what", what),
            ("a", a),
            ("b", b),
            ("change", percent(difference.relative()).trim_start_matches(['+', '-'])),
            ("from", &number(difference.from * scale)),
            ("to", &number(difference.to * scale)),
            ("unit", &unit),
            ("interval", &interval(difference, words)),
        ],
    )
}

fn interval(difference: Difference, words: &Words) -> String {
    match difference.relative_ci95 {
        Some((low, high)) => fill(words.interval, &[("low", &percent(low)), ("high", &percent(high))]),
        None => words.no_interval.to_owned(),
    }
}

fn size_text(run: &ComparedRun) -> &str {
    run.traits.size.as_ref().map_or("", |size| &size.text)
}
