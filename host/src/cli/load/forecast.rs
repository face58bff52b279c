//! `--dry-run`: what would be sent. Nothing is, and no connection is opened.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::load_of;
use super::plan_file::NAME_WIDTH;
use super::results::Output;
use crate::cli::print_result;
use crate::error::Error;
use crate::plan::{
    ASSUMED_TOKENS_PER_S, ASSUMED_TTFT_S, CorrectnessPlan, Estimate, Plan, SearchPlan, Series, Target,
    estimate,
};
use crate::provider::ShownRequest;
use crate::report::{ascii_json, grouped, inert, text_table};
use crate::run::{self, BatchRun, BatchState};
use crate::units::Span;
use crate::workload::Check;

/// Characters of a body that text shows; JSON has all of it.
const BODY_WIDTH: usize = 4000;
const HEADER_WIDTH: usize = 400;

/// What would be done, in the order in which it would be.
struct Forecast<'a> {
    /// The `kind` of the document.
    kind: &'static str,
    runs: Vec<Run<'a>>,
    cool_down: Span,
}

/// A run that would be made.
struct Run<'a> {
    name: String,
    plan: Plan,
    /// It is done already.
    is_done: bool,
    /// Where it is one of a plan file.
    of_plan: Option<&'a BatchRun>,
}

/// The runs of a plan file.
pub(super) fn plan_file(
    runs: &[BatchRun],
    state: Option<&BatchState>,
    cool_down: Span,
    output: Output,
) -> Result<u8, Error> {
    let run = |run| Run::of_plan(run, state);
    tell(&Forecast { kind: "plan_dry_run", runs: runs.iter().map(run).collect(), cool_down }, output)
}

/// One run, or a series of them.
pub(super) fn one(plan: &Plan, output: Output) -> Result<u8, Error> {
    let plans = match &plan.goals.series {
        Some(Series::Sweep(loads)) => (0..loads.len()).map(|index| loads.plan(plan, index)).collect(),
        Some(Series::Search(_)) | None => vec![plan.clone()],
    };
    let runs = plans.into_iter().map(Run::of).collect();
    tell(&Forecast { kind: "dry_run", runs, cool_down: Span(0) }, output)
}

/// A correctness test, which may have two rounds.
pub(in crate::cli) fn correctness(plan: &CorrectnessPlan, output: Output) -> Result<u8, Error> {
    let alone = Plan { concurrency: 1, ..plan.plan.clone() };
    let rounds = match plan.check {
        Check::Repeat => vec![alone, plan.plan.clone()],
        _ => vec![plan.plan.clone()],
    };
    let runs = rounds.into_iter().map(Run::of).collect();
    tell(&Forecast { kind: "dry_run", runs, cool_down: Span(0) }, output)
}

fn tell(forecast: &Forecast<'_>, output: Output) -> Result<u8, Error> {
    let first_requests = forecast.first_requests()?;
    match output {
        Output::Json => print_result(&format!("{}\n", ascii_json(&forecast.json(&first_requests))))?,
        Output::Text => {
            let requests = first_requests.iter().map(|(name, request)| request_text(name, request));
            print_result(&(forecast.text() + &requests.collect::<String>()))?;
        }
    }
    Ok(0)
}

impl Run<'_> {
    fn of(plan: Plan) -> Run<'static> {
        Run { name: plan.model.clone(), plan, is_done: false, of_plan: None }
    }

    fn of_plan<'a>(run: &'a BatchRun, state: Option<&BatchState>) -> Run<'a> {
        let is_done = state.is_some_and(|state| state.find(&run.digest).is_some());
        Run { name: run.name.clone(), plan: run.plan.clone(), is_done, of_plan: Some(run) }
    }

    /// By its name, and by its model where that does not say it.
    fn named(&self) -> String {
        let (name, model) = (&self.name, &self.plan.model);
        if name.contains(model.as_str()) { name.clone() } else { format!("{name} ({model})") }
    }

    fn document(&self) -> Value {
        let estimate = estimate(&self.plan);
        let mut document = json!({
            "name": self.name, "load": load_or_search(&self.plan), "done_before": self.is_done,
            "requests": estimate.requests, "input_tokens": estimate.input_tokens,
            "output_tokens": estimate.output_tokens, "seconds": estimate.seconds, "at_most": estimate.at_most,
        });
        if let Some(run) = self.of_plan {
            document["digest"] = json!(run.digest);
            document["settings"] = run.settings.clone();
        }
        document
    }

    /// Runs with the same of it have first requests that differ in what is asked alone.
    fn target(&self) -> String {
        let base = match &self.plan.target {
            Target::BuiltIn => "mock",
            Target::Provider(provider) => provider.base.as_str(),
        };
        format!("{base} {} {:?} {}", self.plan.llm_api, self.plan.plugin, self.plan.model)
    }
}

impl Forecast<'_> {
    fn to_do(&self) -> impl Iterator<Item = &Run<'_>> {
        self.runs.iter().filter(|run| !run.is_done)
    }

    fn total(&self) -> Estimate {
        let mut total = self.to_do().map(|run| estimate(&run.plan)).fold(Estimate::NOTHING, Estimate::and);
        total.seconds += self.to_do().count().saturating_sub(1) as f64 * self.cool_down.as_secs();
        total
    }

    /// The first request to each target, with the name of the run that it is of.
    fn first_requests(&self) -> Result<Vec<(String, ShownRequest)>, Error> {
        let mut seen = BTreeSet::new();
        let new = self.to_do().filter(|run| seen.insert(run.target()));
        new.map(|run| Ok((run.name.clone(), run::first_request(run.plan.clone())?))).collect()
    }

    fn json(&self, first_requests: &[(String, ShownRequest)]) -> Value {
        let total = self.total();
        json!({
            "kind": self.kind,
            "runs": self.runs.iter().map(Run::document).collect::<Vec<_>>(),
            "cool_down_s": self.cool_down.as_secs(),
            "assumed": { "ttft_s": ASSUMED_TTFT_S, "tokens_per_s": ASSUMED_TOKENS_PER_S },
            "to_do": {
                "runs": self.to_do().count(), "requests": total.requests, "input_tokens": total.input_tokens,
                "output_tokens": total.output_tokens, "seconds": total.seconds, "at_most": total.at_most,
            },
            "first_requests": first_requests.iter().map(|(name, request)| json!({
                "run": name, "method": request.method, "url": request.url, "headers": request.headers,
                "body": request.body,
            })).collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let header = ["run", "load", "requests", "tokens in", "tokens out", "time"];
        let mut lines = vec![header.map(str::to_owned).to_vec()];
        for run in &self.runs {
            let mut line = vec![inert(&run.named(), NAME_WIDTH), load_or_search(&run.plan)];
            match run.is_done {
                true => line.extend(["done", "", "", ""].map(str::to_owned)),
                false => line.extend(cells(estimate(&run.plan))),
            }
            lines.push(line);
        }
        let total = self.total();
        if self.runs.len() > 1 || self.of_plan() {
            let to_do = format!("{} of {} runs to do", self.to_do().count(), self.runs.len());
            lines.push([vec!["all".to_owned(), to_do], cells(total).to_vec()].concat());
        }
        let mut text = format!(
            "{}estimated, as if an answer took {ASSUMED_TTFT_S} s to its first token and then 1 s for {ASSUMED_TOKENS_PER_S} tokens; nothing was sent\n",
            text_table(&lines)
        );
        if total.at_most {
            text += "up to: as if every step of a search took all the runs it may; max-rate bounds it\n";
        }
        text
    }

    fn of_plan(&self) -> bool {
        self.runs.iter().any(|run| run.of_plan.is_some())
    }
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

fn request_text(name: &str, request: &ShownRequest) -> String {
    let ShownRequest { method, url, headers, body } = request;
    let mut text = format!(
        "\nfirst request of {}, with keys crossed out:\n{method} {}\n",
        inert(name, NAME_WIDTH),
        inert(url, HEADER_WIDTH)
    );
    for (name, value) in headers {
        text += &format!("{}: {}\n", inert(name, HEADER_WIDTH), inert(value, HEADER_WIDTH));
    }
    text + &format!("\n{}\n", inert(body, BODY_WIDTH))
}
