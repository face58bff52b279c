//! `llmperf load --plan FILE --dry-run`: what would be done.

use serde_json::{Value, json};

use super::load_of;
use super::plan_file::NAME_WIDTH;
use crate::plan::{ASSUMED_TOKENS_PER_S, ASSUMED_TTFT_S, Estimate, Plan, SearchPlan, Series, estimate};
use crate::report::{grouped, inert, text_table};
use crate::run::{BatchRun, BatchState};
use crate::units::Span;

/// The runs that would be made, with what they come to; as a document and for people.
pub(super) fn forecast(runs: &[BatchRun], state: Option<&BatchState>, cool_down: Span) -> (Value, String) {
    let header = ["run", "load", "requests", "tokens in", "tokens out", "time"];
    let mut lines = vec![header.map(str::to_owned).to_vec()];
    let mut documents = Vec::new();
    let (mut todo, mut total) = (0u32, Estimate::NOTHING);
    for run in runs {
        let is_done = state.is_some_and(|state| state.find(&run.digest).is_some());
        let estimate = estimate(&run.plan);
        let mut line = vec![inert(&named(run), NAME_WIDTH), load_or_search(&run.plan)];
        match is_done {
            true => line.extend(["done", "", "", ""].map(str::to_owned)),
            false => {
                todo += 1;
                total = total.and(estimate);
                line.extend(cells(estimate));
            }
        }
        lines.push(line);
        documents.push(document(run, estimate, is_done));
    }
    total.seconds += f64::from(todo.saturating_sub(1)) * cool_down.as_secs();
    let to_do = format!("{todo} of {} runs to do", runs.len());
    lines.push([vec!["all".to_owned(), to_do], cells(total).to_vec()].concat());
    let mut text = format!(
        "{}estimated, as if an answer took {ASSUMED_TTFT_S} s to its first token and then 1 s for {ASSUMED_TOKENS_PER_S} tokens; nothing was sent\n",
        text_table(&lines)
    );
    if total.at_most {
        text += "up to: as if every step of a search took all the runs it may; max-rate bounds it\n";
    }
    let json = json!({
        "kind": "plan_dry_run", "runs": documents, "cool_down_s": cool_down.as_secs(),
        "assumed": { "ttft_s": ASSUMED_TTFT_S, "tokens_per_s": ASSUMED_TOKENS_PER_S },
        "to_do": {
            "runs": todo, "requests": total.requests, "input_tokens": total.input_tokens,
            "output_tokens": total.output_tokens, "seconds": total.seconds, "at_most": total.at_most,
        },
    });
    (json, text)
}

fn document(run: &BatchRun, estimate: Estimate, is_done: bool) -> Value {
    json!({
        "name": run.name, "digest": run.digest, "settings": run.settings, "done_before": is_done,
        "requests": estimate.requests, "input_tokens": estimate.input_tokens,
        "output_tokens": estimate.output_tokens, "seconds": estimate.seconds, "at_most": estimate.at_most,
    })
}

/// A run by its name, and by its model where that does not say it.
fn named(run: &BatchRun) -> String {
    let (name, model) = (&run.name, &run.plan.model);
    if name.contains(model.as_str()) { name.clone() } else { format!("{name} ({model})") }
}

fn load_or_search(plan: &Plan) -> String {
    match plan.goals.series {
        Some(Series::Search(SearchPlan { first_rate, max_rate, .. })) => {
            format!("search from {first_rate} to {max_rate} requests/s")
        }
        _ => load_of(plan),
    }
}

fn cells(estimate: Estimate) -> [String; 4] {
    let Estimate { requests, input_tokens, output_tokens, seconds, at_most } = estimate;
    let up_to = if at_most { "up to " } else { "" };
    let whole = |n: f64| format!("{up_to}{}", grouped(n.round(), 0));
    let time = match seconds.round() as u64 {
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    };
    [whole(requests), whole(input_tokens), whole(output_tokens), format!("{up_to}{time}")]
}
