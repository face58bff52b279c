//! Advice for programs.

use serde_json::{Value, json};

use super::super::report::{Cell, Item, advised};
use super::super::{ComparedRun, Language};

pub(super) fn advice_json(runs: &[ComparedRun], language: Language) -> Value {
    let advised = advised(runs, language);
    let items = |items: &[Item]| items.iter().map(|item| item_json(runs, item)).collect::<Vec<_>>();
    let deployment = [items(&advised.scenarios), items(&advised.strategy)].concat();
    json!({
        "compared": advised.ground,
        "deployment": deployment,
        "optimisation": items(&advised.optimisation),
    })
}

fn item_json(runs: &[ComparedRun], item: &Item) -> Value {
    let recommended = |(run, cell): &(usize, Option<Cell>)| {
        let mut json = json!({ "run": runs[*run].label });
        if let Some(cell) = cell {
            json["quantity"] = cell.number.name().into();
            json["unit"] = cell.number.unit().into();
            json["value"] = json!(cell.value);
        }
        json
    };
    json!({
        "topic": item.topic,
        "rule": item.rule,
        "decided": item.decided,
        "says": item.says,
        "recommends": item.recommends.iter().map(recommended).collect::<Vec<_>>(),
        "numbers": item.cells.iter().map(|cell| number_json(runs, cell)).collect::<Vec<_>>(),
    })
}

fn number_json(runs: &[ComparedRun], cell: &Cell) -> Value {
    json!({
        "run": runs[cell.run].label,
        "quantity": cell.number.name(),
        "unit": cell.number.unit(),
        "value": cell.value,
        "ci95": cell.ci95,
        "from_best": cell.from_best.map(|(share, _)| share),
        "from_best_ci95": cell.from_best.and_then(|(_, ci95)| ci95),
        "standing": cell.standing.map(|standing| standing.name()),
    })
}
