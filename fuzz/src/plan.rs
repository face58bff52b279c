//! What users write: files of providers and the settings of a load. It becomes a plan or an error, with nothing done.

use llmperf::plan::{LoadInput, resolve};
use llmperf::provider::Catalog;

/// The first byte says what the rest is: a file of providers, or settings, one a line.
pub fn plan_files(data: &[u8]) {
    let Some((&which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if which % 2 == 0 {
        let mut catalog = Catalog::bundled().expect("the bundled providers");
        match catalog.extend(text) {
            // A table may replace another, and its aliases with it.
            Ok(()) => {
                assert!(!catalog.entries().is_empty());
                // Whether any serves this model is another matter; to ask must break nothing.
                for name in catalog.names() {
                    let _ = catalog.find(name, "m");
                }
            }
            Err(error) => assert!(!format!("{error:#}").is_empty()),
        }
        return;
    }
    let mut input = LoadInput { model: Some("m".to_owned()), ..LoadInput::default() };
    for line in text.lines() {
        let Some((name, value)) = line.split_once(' ') else { continue };
        let (value, number) = (value.to_owned(), value.parse::<f64>().ok());
        match name {
            "model" => input.model = Some(value),
            "api" => input.llm_api = Some(value),
            "base" => input.base_url = Some(value),
            "target" => input.target = Some(value),
            "header" => input.headers.push(value),
            "option" => input.plugin_options.push(value),
            "limit" => input.plugin_limits.push(value),
            "schedule" => input.rate_schedule = Some(value),
            "rate" => input.request_rate = number,
            "duration" => input.duration = number,
            "timeout" => input.timeout = number,
            "ramp" => input.ramp_up = number,
            "isl" => input.mean_input_tokens = number,
            "burst" => input.burstiness = number,
            "requests" => input.max_num_completed_requests = value.parse().ok(),
            "concurrency" => input.num_concurrent_requests = value.parse().ok(),
            "sampling" => input.additional_sampling_params = Some(value),
            "metadata" => input.metadata = Some(value),
            "slo" => input.slo.push(value),
            "sweep" => input.sweep = Some(value),
            _ => {}
        }
    }
    // An environment in which every variable is set to something.
    match resolve(input, &|name| Some(format!("value-of-{name}"))) {
        Ok(plan) => assert!(plan.concurrency > 0),
        Err(error) => assert!(!format!("{error:#}").is_empty()),
    }
}
