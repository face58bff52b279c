//! `manifest.json`: what is needed to repeat a run, and never a secret.

use serde_json::{Value, json};

use super::{Ended, Setup, machine};
use crate::load::{Arrival, Process};
use crate::plan::{PluginSource, Target};

/// The shape of `manifest.json`; it grows by keys, and this number by changes of meaning.
const SCHEMA_VERSION: u32 = 1;

pub(super) fn of(setup: &Setup, timestamp: u64) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "llmperf_version": env!("CARGO_PKG_VERSION"),
        "started_unix_s": timestamp,
        // Adding it to any `_ns` of the records gives CLOCK_MONOTONIC of this boot.
        "zero_monotonic_ns": setup.clock.zero_monotonic_ns(),
        "plan": plan(setup),
        "plugin": plugin(setup),
        "tokenizer": { "name": setup.tokenizer.name(), "sha256": setup.tokenizer.digest() },
        "machine": {
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "cores": machine::cores(),
            "hostname": hostname(),
        },
    })
}

/// How a run ended, in one word.
pub(super) fn ended_word(ended: Ended) -> &'static str {
    match ended {
        Ended::Complete => "complete",
        Ended::TimedOut => "timed_out",
        Ended::Interrupted => "interrupted",
        Ended::PluginFaults => "plugin_faults",
    }
}

fn plan(setup: &Setup) -> Value {
    let plan = &setup.plan;
    let provider = &setup.builder.provider;
    json!({
        "model": plan.model,
        "llm_api": plan.llm_api,
        "target": match plan.target {
            Target::BuiltIn => "mock",
            Target::Provider(_) => "provider",
        },
        "provider": provider.name,
        "base_url": provider.base.as_str(),
        "credential": provider.credential.secret().is_some(),
        "headers": provider.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        "seed": plan.workload.seed,
        "mean_input_tokens": plan.workload.isl.mean,
        "stddev_input_tokens": plan.workload.isl.stddev,
        "mean_output_tokens": plan.workload.osl.mean,
        "stddev_output_tokens": plan.workload.osl.stddev,
        "num_concurrent_requests": plan.concurrency,
        "arrival": plan.arrival.map(arrival),
        "max_num_completed_requests": plan.requests,
        "timeout_s": plan.timeout.as_secs(),
        "drain_after_timeout_s": plan.drain.after_timeout.as_secs(),
        "drain_after_interrupt_s": plan.drain.after_interrupt.as_secs(),
        "connect_timeout_s": plan.deadlines.connect.as_secs(),
        "read_timeout_s": plan.deadlines.read.as_secs(),
        "request_timeout_s": plan.deadlines.total.as_secs(),
        "additional_sampling_params": plan.sampling,
        "metadata": plan.metadata.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect::<serde_json::Map<_, _>>(),
        "save_text": plan.save_text,
        "slo": plan.goals.slos.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn arrival(arrival: Arrival) -> Value {
    let (process, burstiness) = match arrival.process {
        Process::Constant => ("constant", None),
        Process::Poisson => ("poisson", None),
        Process::Gamma { burstiness } => ("gamma", Some(burstiness)),
    };
    json!({ "request_rate_per_s": arrival.rate, "process": process, "burstiness": burstiness })
}

fn plugin(setup: &Setup) -> Value {
    let plugin = &setup.builder.plugin;
    json!({
        "name": plugin.description().name,
        "version": plugin.description().version,
        "sha256": plugin.digest(),
        "source": match &setup.plan.plugin {
            PluginSource::Bundled(_) => "bundled".to_owned(),
            PluginSource::File(path) => path.display().to_string(),
        },
        "options": setup.builder.options.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect::<serde_json::Map<_, _>>(),
    })
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
