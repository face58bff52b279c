//! `llmperf replay` of a run's directory: its records are summarised again, as after a kill that left no summary. The responses
//! are not in them, so plugin and tokenizer stay what they were.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Replayed;
use super::replay::ReplayLabel;
use super::results::Results;
use crate::error::Error;
use crate::metrics::Context;
use crate::plan::ReplayPlan;
use crate::report::{Manifest, RunDir, Summarised, SummaryTerms, summarise};

/// Summarises the run in the directory `plan.recording`.
pub(super) fn resummarise(plan: &ReplayPlan) -> Result<Replayed, Error> {
    check(plan).map_err(Error::usage)?;
    let dir = &plan.recording;
    let run = RunDir::open(dir).map_err(Error::usage)?;
    let manifest = Manifest::of(run.manifest()).map_err(anyhow::Error::from);
    let manifest = manifest.with_context(|| format!("the manifest of {} cannot be read", dir.display()));
    let manifest = manifest.map_err(Error::usage)?;
    let terms = terms(plan, &manifest, &run).map_err(Error::usage)?;
    let mut header = run.manifest().clone();
    header["replay"] = replay_json(dir);
    let mut results = Results::of_replay(plan, &manifest, &header)?;
    let made = summarise(run.records(), &terms, |record| results.keep(record)).map_err(Error::usage)?;
    let Summarised { summary, dialects, mut json, .. } = made;
    for known in ["ended", "connections"] {
        json[known] = run.summary()[known].clone();
    }
    json["replay"] = replay_json(dir);
    let files = results.finish_replay(&manifest, &json);
    Ok(Replayed { summary, dialects, json, files, notes: run.damage(), label: label(&manifest) })
}

fn check(plan: &ReplayPlan) -> anyhow::Result<()> {
    if plan.plugin.is_some() || plan.tokenizer.is_some() {
        bail!(
            "{} is the directory of a run, whose records do not hold the responses; --plugin, --llm-api and --tokenizer need them\nhint: leave these out, or name a recording, which llmperf load --record makes",
            plan.recording.display()
        );
    }
    Ok(())
}

/// Those of the run, where nothing else was asked for.
fn terms(plan: &ReplayPlan, manifest: &Manifest, run: &RunDir) -> anyhow::Result<SummaryTerms> {
    let own = SummaryTerms::of(manifest)?;
    Ok(SummaryTerms {
        context: Context { token_basis: plan.token_basis.unwrap_or(own.context.token_basis), ..own.context },
        slos: if plan.slos.is_empty() { own.slos } else { plan.slos.clone() },
        dialects: if plan.dialects.is_empty() { own.dialects } else { plan.dialects.clone() },
        dropped: run.summary()["counts"]["dropped"].as_u64().or(own.dropped),
    })
}

fn replay_json(dir: &Path) -> Value {
    json!({ "llmperf_version": env!("CARGO_PKG_VERSION"), "run_dir": dir.display().to_string() })
}

fn label(manifest: &Manifest) -> ReplayLabel {
    ReplayLabel {
        model: manifest.model().to_owned(),
        target: manifest.target(),
        api: manifest.llm_api().to_owned(),
        plugin: format!("{} {}", manifest.plugin.name, manifest.plugin.version),
        load: format!("records of {}", manifest.load()),
        open_loop: manifest.is_open_loop(),
    }
}
