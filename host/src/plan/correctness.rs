//! The correctness test: a load test whose questions have known answers.

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use super::resolve::{resolve, sampling};
use super::{LoadInput, Plan};
use crate::units::Tokens;
use crate::workload::{Check, Normal};

/// LLMPerf's default; its load test has another.
const REQUESTS: u64 = 50;
/// With the reply it fits into a context of 4,096 tokens, the smallest that models in service have.
const NEEDLE_TOKENS: u64 = 3000;
/// Where most requests failed, the replies of the others say little of the target.
const ERRORS: f64 = 0.5;
/// About what the prompts of the other checks have; memory for requests built ahead is planned with it.
const QUESTION_TOKENS: u64 = 120;

/// The settings of `llmperf correctness` as they were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CorrectnessInput {
    /// Those it has in common with a load test.
    pub load: LoadInput,
    pub check: CheckWord,
    pub needle_tokens: Option<u64>,
    pub fail_above: Option<f64>,
    pub fail_above_errors: Option<f64>,
}

/// The checks, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckWord {
    #[default]
    Number,
    Needle,
    Json,
    Repeat,
}

/// A correctness test, ready to run.
#[derive(Debug, Clone)]
pub struct CorrectnessPlan {
    /// The load it makes; its `check` is the one here.
    pub plan: Plan,
    pub check: Check,
    /// The user's own sampling parameters, without what is sent anyway.
    pub additional: Map<String, Value>,
    /// The mismatch rate above which the test fails.
    pub fail_above: Option<f64>,
    /// The error rate above which it fails; where there is the one limit, there is this.
    pub fail_above_errors: Option<f64>,
}

/// Makes a plan. `env` looks up an environment variable.
///
/// # Errors
/// Names the setting and the remedy.
pub fn resolve_correctness(
    input: CorrectnessInput,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<CorrectnessPlan> {
    let CorrectnessInput { mut load, check, needle_tokens, fail_above, fail_above_errors } = input;
    let check = match (check, needle_tokens) {
        (CheckWord::Needle, tokens) => {
            let tokens = tokens.unwrap_or(NEEDLE_TOKENS);
            if tokens > Normal::MAX {
                bail!("--needle-tokens is {tokens}\nhint: give {} or less", Normal::MAX);
            }
            Check::Needle { tokens: Tokens(tokens) }
        }
        (_, Some(_)) => {
            bail!("--needle-tokens is the length of a needle's prompt\nhint: give --check needle too")
        }
        (CheckWord::Number, None) => Check::Number,
        (CheckWord::Json, None) => Check::Json,
        (CheckWord::Repeat, None) => Check::Repeat,
    };
    for (flag, rate, of) in [
        ("--fail-above", fail_above, "the answered requests"),
        ("--fail-above-errors", fail_above_errors, "the requests"),
    ] {
        if let Some(rate) = rate.filter(|rate| !(0.0..=1.0).contains(rate)) {
            bail!("{flag} is {rate}, which is no share\nhint: give 0 to 1; 0.05 is 5 % of {of}");
        }
    }
    let fail_above_errors = fail_above_errors.or(fail_above.map(|_| ERRORS));
    let additional = sampling(load.additional_sampling_params.as_deref())?;
    let mut sampling = Map::from_iter([("temperature".to_owned(), Value::from(0.0))]);
    sampling.extend(additional.clone());
    load.additional_sampling_params = Some(Value::Object(sampling).to_string());
    load.max_num_completed_requests.get_or_insert(REQUESTS);
    // Memory for requests built ahead is planned by it; the questions have the lengths they have.
    let tokens = match check {
        Check::Needle { tokens } => tokens.0,
        _ => QUESTION_TOKENS,
    };
    load.mean_input_tokens = Some(tokens as f64);
    load.stddev_input_tokens = Some(0.0);
    // The replies are what it is about.
    load.save_text = true;
    let plan = Plan { check: Some(check), ..resolve(load, env)? };
    Ok(CorrectnessPlan { plan, check, additional, fail_above, fail_above_errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> CorrectnessInput {
        let load = LoadInput { target: Some("mock".to_owned()), ..LoadInput::default() };
        CorrectnessInput { load, ..CorrectnessInput::default() }
    }

    fn plan(change: impl FnOnce(&mut CorrectnessInput)) -> Result<CorrectnessPlan> {
        let mut input = input();
        change(&mut input);
        resolve_correctness(input, &|_| None)
    }

    #[test]
    fn what_is_left_out_is_as_in_llmperf() {
        let CorrectnessPlan { plan, check, additional, fail_above, fail_above_errors } =
            plan(|_| ()).expect("a plan");
        assert_eq!((plan.requests(), plan.concurrency, plan.timeout.as_secs()), (50, 10, 90.0));
        assert_eq!(
            (check, plan.check, fail_above, fail_above_errors),
            (Check::Number, Some(Check::Number), None, None)
        );
        assert_eq!(
            (additional.len(), Value::Object(plan.sampling).to_string().as_str()),
            (0, r#"{"temperature":0.0}"#)
        );
    }

    #[test]
    fn sampling_parameters_of_the_user_go_before_ours() {
        let sampled = |text: &str| {
            let plan = plan(|i| i.load.additional_sampling_params = Some(text.to_owned())).expect("a plan");
            (Value::Object(plan.plan.sampling).to_string(), Value::Object(plan.additional).to_string())
        };
        let (sent, own) = sampled(r#"{"max_tokens": 32}"#);
        assert_eq!(
            (sent.as_str(), own.as_str()),
            (r#"{"temperature":0.0,"max_tokens":32}"#, r#"{"max_tokens":32}"#)
        );
        assert_eq!(sampled(r#"{"temperature": 1}"#).0, r#"{"temperature":1}"#);
    }

    #[test]
    fn a_limit_of_mismatches_brings_one_of_errors() {
        let limits = |mismatches, errors| {
            let change =
                |i: &mut CorrectnessInput| (i.fail_above, i.fail_above_errors) = (mismatches, errors);
            let plan = plan(change).expect("a plan");
            (plan.fail_above, plan.fail_above_errors)
        };
        assert_eq!(limits(Some(0.1), None), (Some(0.1), Some(0.5)));
        assert_eq!(limits(Some(0.1), Some(1.0)), (Some(0.1), Some(1.0)));
        assert_eq!(limits(None, Some(0.2)), (None, Some(0.2)));
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named() {
        let check = |change: fn(&mut CorrectnessInput), expected: &str| {
            let error = format!("{:#}", plan(change).expect_err(expected));
            assert!(error.starts_with(expected) && error.contains("\nhint: "), "{error}");
        };
        check(|i| i.fail_above = Some(1.5), "--fail-above is 1.5");
        check(|i| i.fail_above = Some(f64::NAN), "--fail-above is NaN");
        check(|i| i.fail_above_errors = Some(-0.1), "--fail-above-errors is -0.1");
        check(|i| i.needle_tokens = Some(100), "--needle-tokens is the length");
        check(
            |i| {
                i.check = CheckWord::Needle;
                i.needle_tokens = Some(u64::MAX);
            },
            "--needle-tokens is 18446744073709551615",
        );
    }
}
