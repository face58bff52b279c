//! The report as JSON: the same numbers and findings, for programs. Names are the same in every language. An infinite change,
//! from zero, is `null`.

mod advice;

use serde_json::{Map, Value, json};

use super::ComparedRun;
use super::analysis::{self, Scenario, Step};
use super::words::Language;
use crate::metrics::{Difference, Metric, Moment, Quantity};
use crate::report::SCHEMA_VERSION;

/// The comparison of these runs.
pub fn compare_json(runs: &[ComparedRun], language: Language, seed: u64) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "kind": "compare",
        "lang": language.name(),
        "seed": seed,
        "runs": runs.iter().map(run_json).collect::<Vec<_>>(),
        "families": analysis::families(runs).iter().map(|family| json!({
            "family": family.name,
            "runs": family.runs.iter().map(|&at| &*runs[at].label).collect::<Vec<_>>(),
            "steps": family.steps.iter().map(|step| step_json(runs, step)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "quantisation": analysis::quantisations(runs).iter().map(|step| step_json(runs, step)).collect::<Vec<_>>(),
        "rankings": Scenario::ALL.map(|scenario| ranking_json(runs, scenario, language)),
        "advice": advice::advice_json(runs, language),
    })
}

/// What a run is, without its numbers.
pub(super) fn about(run: &ComparedRun) -> Value {
    let traits = &run.traits;
    json!({
        "label": run.label,
        "model": run.model,
        "family": traits.family,
        "size": traits.size.as_ref().map(|size| &size.text),
        "size_billions": traits.size.as_ref().map(|size| size.billions).filter(|size| size.is_finite()),
        "quantisation": traits.quantisation,
        "measured_by": run.tool.name(),
        "formulas": if run.tool.has_llmperfs_formulas() { "LLMPerf" } else { "llmperf" },
        "path": run.path.display().to_string(),
        "ok": run.ok,
        "failed": run.failed,
        "concurrency": run.concurrency,
        "request_rate_per_s": run.request_rate,
        "verdict": run.verdict,
        "from_records": run.from_records,
        "torn_records": run.torn,
        "objectives": run.objectives,
        "accuracy": run.facts.accuracy.iter().map(|found| json!({
            "check": found.check,
            "right": found.right.hits,
            "judged": found.right.of,
            "value": found.right.value(),
            "ci95": found.right.interval95(),
        })).collect::<Vec<_>>(),
    })
}

fn run_json(run: &ComparedRun) -> Value {
    let estimate = |quantity: Quantity| {
        let estimate = run.estimates.get(quantity)?;
        Some(json!({ "value": estimate.value, "ci95": estimate.ci95 }))
    };
    let metric = |metric: Metric| {
        let of = run.distributions.get(&metric)?;
        let mut map = Map::new();
        map.insert("unit".to_owned(), metric.definition().unit.name().into());
        for moment in Moment::all() {
            if let Some(value) = estimate(Quantity::Of(metric, moment)) {
                // A dot in a key has to be quoted in every query language.
                map.insert(moment.name().replace('.', "_"), value);
            }
        }
        map.insert("min".to_owned(), json!(of.min));
        map.insert("max".to_owned(), json!(of.max));
        Some((metric.definition().name.to_owned(), Value::Object(map)))
    };
    let rate = |&rate: &Quantity| {
        let definition = rate.definition();
        let mut value = estimate(rate)?;
        value["unit"] = definition.unit.name().into();
        Some((definition.name.to_owned(), value))
    };
    let mut json = about(run);
    json["metrics"] = Metric::ALL.into_iter().filter_map(metric).collect::<Map<_, _>>().into();
    json["rates"] = run.rates.keys().filter_map(rate).collect::<Map<_, _>>().into();
    json
}

fn step_json(runs: &[ComparedRun], step: &Step) -> Value {
    let changes = step.latencies.iter().chain(&step.throughputs);
    json!({
        "from": runs[step.from].label,
        "to": runs[step.to].label,
        "quantisation_differs": step.quantisation_differs,
        "load_differs": step.load_differs,
        "changes": changes.map(|&(quantity, difference)| {
            let mut json = difference_json(difference);
            json["quantity"] = quantity.name().into();
            json["unit"] = quantity.definition().unit.name().into();
            json
        }).collect::<Vec<_>>(),
    })
}

pub(super) fn difference_json(difference: Difference) -> Value {
    json!({
        "from": difference.from,
        "to": difference.to,
        "absolute": difference.absolute(),
        "absolute_ci95": difference.absolute_ci95,
        "relative": difference.relative(),
        "relative_ci95": difference.relative_ci95,
        "beyond_noise": difference.is_real(),
    })
}

fn ranking_json(runs: &[ComparedRun], scenario: Scenario, language: Language) -> Value {
    let (quantity, less_is_better) = scenario.criterion();
    let words = language.words();
    let rule = match scenario {
        Scenario::Interactive => words.interactive_rule,
        Scenario::Throughput => words.throughput_rule,
        Scenario::LongOutput => words.long_output_rule,
    };
    json!({
        "scenario": scenario.name(),
        "rule": rule,
        "quantity": quantity.name(),
        "better": if less_is_better { "lower" } else { "higher" },
        "places": analysis::ranking(runs, scenario).places.iter().map(|place| json!({
            "place": place.place,
            "run": runs[place.run].label,
            "value": runs[place.run].estimates.value(quantity),
            "unsure": place.unsure,
        })).collect::<Vec<_>>(),
    })
}
