//! From what was written to a plan: defaults filled in, everything checked.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value};

use super::content;
use super::default;
use super::installed::{LeftOut, add_providers, installed};
use super::limits::limits;
use super::recording::record_dir;
use super::shape::{self, concurrency, seconds, seconds_or_zero};
use super::target::{address, api_word, built_in, is_known};
use super::{Drain, Goals, LoadInput, Plan, Seed};
use crate::provider::Catalog;
use crate::transport::Deadlines;
use crate::workload::{Normal, SonnetConfig};

/// Makes a plan. `env` looks up an environment variable; a variable that is set and empty counts as not set.
/// Every error names the setting and the remedy.
pub fn resolve(mut input: LoadInput, env: &dyn Fn(&str) -> Option<String>) -> Result<Plan> {
    let env = &|name: &str| env(name).filter(|value| !value.is_empty());
    let goals = Goals::resolve(&mut input)?;
    let (catalog, left_out) = catalog(input.providers.as_deref())?;
    let mut credential_variables = catalog.credential_variables();
    credential_variables.extend(input.key_env.clone());
    let mut notes = Vec::new();
    let llm_api = api_word(&input).to_owned();
    notes.extend(overtaken(&input, &catalog, &left_out)?);
    let model = match (input.model.clone(), built_in(&input)?) {
        (Some(model), _) if model.trim().is_empty() => {
            bail!("--model is empty\nhint: give the name the target knows the model by")
        }
        (Some(model), _) => model,
        (None, true) => "mock".to_owned(),
        (None, false) => bail!("--model is missing\nhint: give the name the target knows the model by"),
    };
    let sampling = sampling(input.additional_sampling_params.as_deref())?;
    let mut addressed = address(&input, &model, sampling, &catalog, env, &mut notes)?;
    addressed.options.extend(plugin_options(&input.plugin_options)?);
    let arrival = shape::arrival(&input)?;
    let dataset = content::dataset(&input)?;
    let prefix = content::prefix(&input)?;
    let replay = content::replay(&input, dataset.as_ref())?;
    let concurrency = match replay {
        Some(_) => content::trace_concurrency(input.max_concurrency)?,
        None => concurrency(arrival.as_ref(), input.num_concurrent_requests, input.max_concurrency)?,
    };
    let is_open = arrival.is_some() || replay.is_some();
    let (overflow, ramp_up) = (shape::overflow(&input, is_open)?, shape::ramp_up(&input, is_open)?);
    let timeout = shape::timeout(&input)?;
    let division = shape::division(&input, content::requests(dataset.as_ref()))?;
    notes.extend(content::notes(dataset.as_ref(), division, replay, timeout));
    let osl = Normal {
        mean: input.mean_output_tokens.unwrap_or(default::MEAN_OUTPUT_TOKENS),
        stddev: input.stddev_output_tokens.unwrap_or(default::STDDEV_OUTPUT_TOKENS),
    };
    notes.extend(content::length_note(osl, input.stddev_output_tokens));
    let drain = input.drain.map(|s| seconds_or_zero("--drain", s)).transpose()?;
    Ok(Plan {
        model,
        sent_model: addressed.sent_model,
        llm_api,
        target: addressed.target,
        plugin: addressed.plugin,
        plugin_options: addressed.options,
        credential_variables,
        limits: limits(&input.plugin_limits)?,
        workload: SonnetConfig {
            seed: seed(input.seed, &mut notes),
            isl: Normal {
                mean: input.mean_input_tokens.unwrap_or(default::MEAN_INPUT_TOKENS),
                stddev: input.stddev_input_tokens.unwrap_or(default::STDDEV_INPUT_TOKENS),
            },
            osl,
        },
        tokenizer: input.tokenizer,
        token_basis: input.tokens.unwrap_or_default(),
        dataset: dataset.map(Arc::new),
        check: None,
        prefix,
        division,
        concurrency,
        arrival,
        overflow,
        ramp_up,
        replay,
        timeout,
        drain: Drain {
            after_duration: drain.unwrap_or(seconds("--drain", None, default::DRAIN_AFTER_DURATION_S)?),
            after_timeout: drain.unwrap_or_default(),
            after_interrupt: drain.unwrap_or(seconds("--drain", None, default::DRAIN_AFTER_INTERRUPT_S)?),
        },
        deadlines: Deadlines {
            connect: seconds("--connect-timeout", input.connect_timeout, default::CONNECT_TIMEOUT_S)?,
            read: seconds("--read-timeout", input.read_timeout, default::READ_TIMEOUT_S)?,
            total: seconds("--request-timeout", input.request_timeout, default::REQUEST_TIMEOUT_S)?,
        },
        goals,
        sampling: addressed.sampling,
        metadata: metadata(input.metadata.as_deref())?,
        results_dir: results_dir(input.results_dir, input.dry_run)?,
        save_text: input.save_text,
        record: record_dir(input.record, input.dry_run)?,
        dialects: input.dialects,
        show_plugin_log: input.plugin_log,
        notes,
    })
}

/// The run's seed. One that is drawn is short enough to be typed again.
fn seed(given: Option<Seed>, notes: &mut Vec<String>) -> u64 {
    match given {
        None => default::SEED,
        Some(Seed::Of(seed)) => seed,
        Some(Seed::Random) => {
            // Each state is made of the system's randomness.
            let drawn = RandomState::new().build_hasher().finish() % 1_000_000_000;
            notes.push(format!("--seed random drew {drawn}; --seed {drawn} asks the same again"));
            drawn
        }
    }
}

/// The bundled providers, with those of the user's own file and those of installed plugins; and whose stay out.
///
/// # Errors
/// Names the file, and what is wrong in it where.
pub fn catalog(own: Option<&Path>) -> Result<(Catalog, Vec<LeftOut>)> {
    let mut catalog = own_catalog(own)?;
    let left_out = add_providers(&mut catalog, &installed()?);
    Ok((catalog, left_out))
}

/// Whether `--llm-api` is that of an installed plugin that is left out: an error where nobody else answers to it, and what to
/// tell where somebody does.
fn overtaken(input: &LoadInput, catalog: &Catalog, left_out: &[LeftOut]) -> Result<Option<String>> {
    let word = api_word(input);
    let Some(meant) = left_out.iter().find(|plugin| plugin.answers_to(word)) else { return Ok(None) };
    if !is_known(input, word, catalog)? {
        bail!("--llm-api {word} cannot be used: {meant}");
    }
    Ok(Some(match catalog.is_taken(word) {
        true => format!("--llm-api {word} is another's: {meant}"),
        false => meant.to_string(),
    }))
}

/// The same without installed plugins.
pub(super) fn own_catalog(own: Option<&Path>) -> Result<Catalog> {
    let mut catalog = Catalog::bundled()?;
    let standing = directories::ProjectDirs::from("", "", "llmperf")
        .map(|dirs| dirs.config_dir().join("providers.toml"))
        .filter(|path| path.is_file());
    for (origin, path) in [("", standing.as_deref()), ("--providers ", own)] {
        let Some(path) = path else { continue };
        let read = fs::read_to_string(path).map_err(anyhow::Error::from);
        let extended = read.and_then(|toml| catalog.extend(&toml));
        extended.with_context(|| format!("{origin}{} cannot be used", path.display()))?;
    }
    Ok(catalog)
}

pub(super) fn sampling(text: Option<&str>) -> Result<Map<String, Value>> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or("{}");
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => bail!(
            "--additional-sampling-params is JSON, but no object\nhint: write '{{\"temperature\": 0.5}}'"
        ),
        Err(error) => Err(anyhow!(
            "--additional-sampling-params is no JSON: {error}\nhint: quote it for the shell: '{{\"temperature\": 0.5}}'"
        )),
    }
}

/// `k=v,k2=v2`; a value may contain `=`.
fn metadata(text: Option<&str>) -> Result<Vec<(String, String)>> {
    let text = text.unwrap_or_default();
    text.split(',').filter(|item| !item.trim().is_empty()).map(|item| key_value("--metadata", item)).collect()
}

fn plugin_options(items: &[String]) -> Result<Vec<(String, String)>> {
    items.iter().map(|item| key_value("--plugin-option", item)).collect()
}

fn key_value(flag: &str, item: &str) -> Result<(String, String)> {
    match item.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => bail!("{flag}: {item:?} is no key=value"),
    }
}

/// The directory is made now, so that a run does not end with results and nowhere to put them; not where it is a `dry_run`.
///
/// # Errors
/// It cannot be made, or nothing can be written into it.
pub fn results_dir(given: Option<PathBuf>, dry_run: bool) -> Result<Option<PathBuf>> {
    let Some(dir) = given.filter(|dir| !dir.as_os_str().is_empty()) else { return Ok(None) };
    writable_dir(&dir, dry_run).with_context(|| format!("--results-dir {} cannot be used", dir.display()))?;
    Ok(Some(dir))
}

pub(super) fn writable_dir(dir: &Path, dry_run: bool) -> Result<()> {
    if dir.exists() && !dir.is_dir() {
        bail!("it is a file\nhint: name a directory; it is made where there is none");
    }
    if dry_run {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    tempfile::tempfile_in(dir).context("nothing can be written into it")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ArrivalWord, PluginSource};
    use crate::units::Span;

    fn input() -> LoadInput {
        LoadInput {
            model: Some("m".to_owned()),
            base_url: Some("http://127.0.0.1:1/v1".to_owned()),
            ..LoadInput::default()
        }
    }

    fn no_env(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_defaults_are_those_of_llmperf() {
        let plan = resolve(input(), &no_env).expect("a plan");
        assert_eq!((plan.requests(), plan.concurrency, plan.timeout), (10, 10, Span::from_secs(90)));
        assert_eq!((plan.workload.isl.mean, plan.workload.isl.stddev), (550.0, 150.0));
        assert_eq!((plan.workload.osl.mean, plan.workload.osl.stddev), (150.0, 80.0));
        assert_eq!((plan.workload.seed, plan.llm_api.as_str()), (11111, "openai"));
        assert_eq!(plan.plugin, PluginSource::Bundled("openai-chat"));
        assert!(plan.results_dir.is_none() && plan.sampling.is_empty() && plan.metadata.is_empty());
    }

    #[test]
    fn a_metadata_value_may_contain_an_equals_sign() {
        let given = LoadInput { metadata: Some("purpose=a=b,run=1".to_owned()), ..input() };
        let plan = resolve(given, &no_env).expect("a plan");
        assert_eq!(
            plan.metadata,
            [("purpose".to_owned(), "a=b".to_owned()), ("run".to_owned(), "1".to_owned())]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_remedy() {
        type Change = fn(&mut LoadInput);
        let cases: &[(Change, &[&str])] = &[
            (|i| i.model = None, &["--model is missing", "hint:"]),
            (|i| i.num_concurrent_requests = Some(0), &["--num-concurrent-requests is 0"]),
            (
                |i| i.num_concurrent_requests = Some(1_000_000),
                &["--num-concurrent-requests", "60000 or less"],
            ),
            (|i| i.max_num_completed_requests = Some(0), &["--max-num-completed-requests is 0"]),
            (|i| i.request_rate = Some(0.0), &["--request-rate is 0", "hint:"]),
            (|i| i.request_rate = Some(f64::NAN), &["--request-rate is NaN"]),
            (|i| i.burstiness = Some(1.0), &["--request-rate"]),
            (|i| i.max_concurrency = Some(1), &["--max-concurrency", "--request-rate"]),
            (
                |i| (i.request_rate, i.num_concurrent_requests) = (Some(1.0), Some(1)),
                &["--request-rate and --num-concurrent-requests", "--max-concurrency"],
            ),
            (
                |i| (i.request_rate, i.arrival) = (Some(1.0), Some(ArrivalWord::Gamma)),
                &["--arrival gamma needs --burstiness"],
            ),
            (|i| i.rate_schedule = Some("10".to_owned()), &["--rate-schedule: \"10\"", "RATE:SECONDS"]),
            (|i| i.rate_schedule = Some("10:0s".to_owned()), &["--rate-schedule: \"10:0s\""]),
            (|i| i.rate_schedule = Some("1:1s,-1..2:3s".to_owned()), &["\"-1..2:3s\""]),
            (|i| i.rate_schedule = Some("0:5s".to_owned()), &["sends nothing", "hint:"]),
            (
                |i| (i.request_rate, i.rate_schedule) = (Some(1.0), Some("1:1s".to_owned())),
                &["--request-rate and --rate-schedule"],
            ),
            (|i| i.queue = true, &["--queue", "--request-rate"]),
            (|i| i.duration = Some(0.0), &["--duration is 0"]),
            (|i| i.duration = Some(-1.0), &["--duration is -1"]),
            (|i| i.warmup_duration = Some(f64::NAN), &["--warmup-duration is NaN"]),
            (|i| i.ramp_up = Some(-3.0), &["--ramp-up is -3"]),
            (
                |i| (i.request_rate, i.ramp_up) = (Some(1.0), Some(3.0)),
                &["--ramp-up", "--rate-schedule 0..10:30s"],
            ),
            (|i| i.timeout = Some(0.0), &["--timeout is 0"]),
            (|i| i.timeout = Some(-1.0), &["--timeout is -1"]),
            (|i| i.timeout = Some(f64::NAN), &["--timeout is NaN"]),
            (|i| i.request_timeout = Some(f64::INFINITY), &["--request-timeout is inf"]),
            (
                |i| i.additional_sampling_params = Some("{temperature: 1}".to_owned()),
                &["--additional-sampling-params is no JSON"],
            ),
            (|i| i.additional_sampling_params = Some("[1]".to_owned()), &["no object"]),
            (|i| i.metadata = Some("a".to_owned()), &["--metadata: \"a\" is no key=value"]),
            (|i| i.plugin_options = vec!["=x".to_owned()], &["--plugin-option"]),
            (|i| i.llm_api = Some("opnai".to_owned()), &["opnai", "openai"]),
            (|i| i.target = Some("gpu".to_owned()), &["--target gpu", "mock"]),
            (
                |i| i.base_url = Some("localhost:11434/v1".to_owned()),
                &["--base-url", "http://localhost:11434/v1"],
            ),
            (|i| i.base_url = Some("http://".to_owned()), &["--base-url", "empty host", "http://HOST"]),
            (|i| i.base_url = Some("http://me:pw@host/v1".to_owned()), &["--base-url", "--key-env"]),
            (|i| i.base_url = Some("ftp://host/v1".to_owned()), &["--base-url", "http"]),
            (|i| i.base_url = None, &["OPENAI_API_KEY"]),
            (|i| i.key_env = Some("NO_SUCH".to_owned()), &["NO_SUCH"]),
            (|i| i.headers = vec!["broken".to_owned()], &["--header"]),
            (|i| i.results_dir = Some("/dev/null".into()), &["--results-dir", "it is a file"]),
        ];
        for (change, words) in cases {
            let mut given = input();
            change(&mut given);
            let error = format!("{:#}", resolve(given, &no_env).expect_err(words[0]));
            for word in *words {
                assert!(error.contains(word), "{word:?} is not in {error:?}");
            }
        }
    }
}
