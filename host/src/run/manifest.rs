//! `manifest.json`: what is needed to repeat a run, and never a secret.

use serde_json::{Value, json};

use super::{Ended, Setup, machine};
use crate::load::{Arrival, NO_LIMIT, Overflow, Process, Profile, Segment};
use crate::metrics::TokenBasis;
use crate::plan::{PluginSource, Target, limit_words};
use crate::workload::{Check, Dataset};

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
        "sent_model": plan.sent_model,
        "llm_api": plan.llm_api,
        "target": match plan.target {
            Target::BuiltIn => "mock",
            Target::Provider(_) => "provider",
        },
        "provider": provider.name,
        "base_url": provider.base.as_str(),
        "credential": provider.credential.is_some(),
        "headers": provider.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        "seed": plan.workload.seed,
        "mean_input_tokens": plan.workload.isl.mean,
        "stddev_input_tokens": plan.workload.isl.stddev,
        "mean_output_tokens": plan.workload.osl.mean,
        "stddev_output_tokens": plan.workload.osl.stddev,
        "dataset": plan.dataset.as_deref().map(dataset),
        "check": plan.check.map(|check| json!({
            "name": check.word(),
            "needle_tokens": match check {
                Check::Needle { tokens } => Some(tokens),
                _ => None,
            },
        })),
        "trace_speed": plan.replay.map(|speed| speed.factor()),
        "prefix_tokens": plan.prefix.map(|prefix| prefix.tokens),
        "prefix_share": plan.prefix.map(|prefix| prefix.share),
        "num_concurrent_requests": plan.concurrency,
        "arrival": plan.arrival.as_ref().map(arrival),
        "overflow": plan.is_open_loop().then_some(match plan.overflow {
            Overflow::Drop => "drop",
            Overflow::Queue => "queue",
        }),
        "ramp_up_s": plan.ramp_up.as_secs(),
        "warmup_requests": plan.division.warmup_requests,
        "warmup_duration_s": plan.division.warmup.as_secs(),
        "max_num_completed_requests": Some(plan.division.measured_requests).filter(|&most| most < NO_LIMIT),
        "duration_s": plan.division.measured.map(|length| length.as_secs()),
        "drain_after_duration_s": plan.drain.after_duration.as_secs(),
        "timeout_s": plan.timeout.as_secs(),
        "drain_after_timeout_s": plan.drain.after_timeout.as_secs(),
        "drain_after_interrupt_s": plan.drain.after_interrupt.as_secs(),
        "connect_timeout_s": plan.deadlines.connect.as_secs(),
        "read_timeout_s": plan.deadlines.read.as_secs(),
        "request_timeout_s": plan.deadlines.total.as_secs(),
        "additional_sampling_params": plan.sampling,
        "metadata": plan.metadata.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect::<serde_json::Map<_, _>>(),
        "save_text": plan.save_text,
        "tokens": match plan.token_basis {
            TokenBasis::Local => "local",
            TokenBasis::Server => "server",
        },
        "dialects": plan.dialects.iter().map(|dialect| dialect.name()).collect::<Vec<_>>(),
        "slo": plan.goals.slos.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn dataset(dataset: &Dataset) -> Value {
    json!({
        "path": dataset.path().display().to_string(),
        "sha256": dataset.digest(),
        "format": dataset.format().word(),
        "rows": dataset.rows(),
        "requests": dataset.requests(),
    })
}

fn arrival(arrival: &Arrival) -> Value {
    let (process, burstiness) = match arrival.process {
        Process::Constant => ("constant", None),
        Process::Poisson => ("poisson", None),
        Process::Gamma { burstiness } => ("gamma", Some(burstiness)),
    };
    let (rate, schedule) = match &arrival.profile {
        Profile::Rate(rate) => (Some(rate), None),
        Profile::Schedule(segments) => (None, Some(segments.iter().map(segment).collect::<Vec<_>>())),
    };
    json!({ "request_rate_per_s": rate, "schedule": schedule, "process": process, "burstiness": burstiness })
}

fn segment(segment: &Segment) -> Value {
    json!({ "from_per_s": segment.from, "to_per_s": segment.to, "length_s": segment.length.as_secs() })
}

fn plugin(setup: &Setup) -> Value {
    let plugin = &setup.builder.plugin;
    json!({
        "name": plugin.description().name,
        "version": plugin.description().version,
        "sha256": plugin.digest(),
        "source": match &setup.plan.plugin {
            PluginSource::Bundled(_) => "bundled".to_owned(),
            PluginSource::Installed(_) => "installed".to_owned(),
            PluginSource::File(path) => path.display().to_string(),
        },
        "chat_template": setup.reader.has_chat_template(),
        "limits": limit_words(&setup.plan.limits).map(|(k, v)| (k.to_owned(), Value::from(v))).collect::<serde_json::Map<_, _>>(),
        "options": setup.builder.options.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect::<serde_json::Map<_, _>>(),
    })
}

pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
