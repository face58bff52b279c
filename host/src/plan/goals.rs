//! What a load test is to show: objectives, a series of loads, or the highest rate that meets the objectives.

use anyhow::{Context, Result, anyhow, bail};

use super::shape::{concurrency, positive_rate, seconds};
use super::{LoadInput, Plan, default};
use crate::load::Profile;
use crate::metrics::{Slo, least_requests};
use crate::units::Span;

/// More loads than this are a mistake in writing.
const MOST_LOADS: usize = 64;

/// What a plan is for. One run without objectives, where nothing is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Goals {
    pub slos: Vec<Slo>,
    /// Several runs, one after the other, in place of one.
    pub series: Option<Series>,
}

/// Several runs of one plan, each with a load of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Series {
    /// `--sweep`.
    Sweep(Loads),
    /// `--find-max-rate`.
    Search(SearchPlan),
}

/// The loads of a sweep, in the order given; never empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Loads {
    Concurrency(Vec<usize>),
    /// Requests per second.
    RequestRate(Vec<f64>),
}

/// How the highest rate is searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchPlan {
    /// Requests per second, as is the next.
    pub first_rate: f64,
    pub max_rate: f64,
    /// A step takes so long at least.
    pub step_duration: Span,
}

/// The objectives in these texts.
pub(super) fn slos(texts: &[String]) -> Result<Vec<Slo>> {
    let mut slos = Vec::new();
    for text in texts {
        slos.extend(Slo::parse_all(text).map_err(|error| anyhow!("--slo: {error}"))?);
    }
    Ok(slos)
}

impl Goals {
    /// Reads them, and sets the load of the first run of a series where the rest of the plan looks for it.
    pub(super) fn resolve(input: &mut LoadInput) -> Result<Goals> {
        let slos = slos(&input.slo)?;
        if input.record.is_some() && (input.sweep.is_some() || input.find_max_rate) {
            bail!(
                "--record keeps one run, and --sweep and --find-max-rate make several\nhint: record the load you want to look at by itself"
            );
        }
        if !input.find_max_rate && (input.max_rate.is_some() || input.step_duration.is_some()) {
            bail!("--max-rate and --step-duration shape a search\nhint: give --find-max-rate too");
        }
        let series = match (&input.sweep, input.find_max_rate) {
            (None, false) => None,
            (Some(_), true) => {
                bail!("--sweep and --find-max-rate contradict each other\nhint: leave one out")
            }
            (Some(text), false) => {
                let loads = Loads::parse(text).with_context(|| format!("--sweep {text:?} cannot be read"))?;
                loads.set_first(input)?;
                Some(Series::Sweep(loads))
            }
            (None, true) => Some(Series::Search(SearchPlan::resolve(input, &slos)?)),
        };
        Ok(Goals { slos, series })
    }
}

impl Loads {
    fn parse(text: &str) -> Result<Loads> {
        let how = "hint: write concurrency=1,2,4,8 or request-rate=1,2,5";
        let (axis, values) = text.split_once('=').ok_or_else(|| anyhow!("it has no =\n{how}"))?;
        let words: Vec<&str> = values.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if words.is_empty() || words.len() > MOST_LOADS {
            bail!("it names {} loads\nhint: give 1 to {MOST_LOADS}", words.len());
        }
        match axis.trim() {
            "concurrency" | "num-concurrent-requests" => {
                let value = |word: &&str| match word.parse::<u64>() {
                    Ok(slots) => concurrency(None, Some(slots), None),
                    Err(_) => bail!("{word:?} is no number of requests\n{how}"),
                };
                Ok(Loads::Concurrency(words.iter().map(value).collect::<Result<_>>()?))
            }
            "request-rate" => {
                let value = |word: &&str| match word.parse::<f64>() {
                    Ok(rate) => positive_rate("request-rate", rate),
                    Err(_) => bail!("{word:?} is no rate\n{how}"),
                };
                Ok(Loads::RequestRate(words.iter().map(value).collect::<Result<_>>()?))
            }
            other => bail!("{other:?} cannot be swept\n{how}"),
        }
    }

    fn set_first(&self, input: &mut LoadInput) -> Result<()> {
        let taken =
            |flag: &str| anyhow!("--sweep says the loads, and {flag} another\nhint: leave {flag} out");
        match self {
            Loads::Concurrency(_) if input.num_concurrent_requests.is_some() => {
                Err(taken("--num-concurrent-requests"))
            }
            Loads::Concurrency(_) if input.request_rate.is_some() => Err(taken("--request-rate")),
            Loads::RequestRate(_) if input.request_rate.is_some() => Err(taken("--request-rate")),
            Loads::Concurrency(slots) => {
                input.num_concurrent_requests = slots.first().map(|&slots| slots as u64);
                Ok(())
            }
            Loads::RequestRate(rates) => {
                input.request_rate = rates.first().copied();
                Ok(())
            }
        }
    }

    /// The key of a plan file that says what the loads say, and the values of it.
    pub fn as_key(&self) -> (&'static str, Vec<String>) {
        match self {
            Loads::Concurrency(slots) => {
                ("num-concurrent-requests", slots.iter().map(ToString::to_string).collect())
            }
            Loads::RequestRate(rates) => ("request-rate", rates.iter().map(ToString::to_string).collect()),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Loads::Concurrency(slots) => slots.len(),
            Loads::RequestRate(rates) => rates.len(),
        }
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The plan of the run with this load.
    pub fn plan(&self, of: &Plan, index: usize) -> Plan {
        let mut plan = of.clone();
        match self {
            Loads::Concurrency(slots) => plan.concurrency = slots[index],
            Loads::RequestRate(rates) => plan.set_rate(rates[index]),
        }
        plan
    }
}

impl Plan {
    /// Requests arrive at this rate, in the way they did.
    pub fn set_rate(&mut self, rate: f64) {
        if let Some(arrival) = &mut self.arrival {
            arrival.profile = Profile::Rate(rate);
        }
    }
}

impl SearchPlan {
    /// A step that stays undecided is run again with twice the requests, until it was run so often.
    pub const RUNS_A_STEP: u32 = 3;

    /// Requests of a step's run: as many as it takes to be sure, and to fill the time of a step; twice as many with each
    /// doubling.
    pub fn requests(&self, slos: &[Slo], rate: f64, doubling: u32) -> u64 {
        let filling = (rate * self.step_duration.as_secs()).ceil() as u64;
        least_requests(slos).max(filling) << doubling
    }

    fn resolve(input: &mut LoadInput, slos: &[Slo]) -> Result<SearchPlan> {
        if slos.is_empty() {
            bail!(
                "--find-max-rate needs to know what is good enough\nhint: give --slo, say 'ttft:p95<500ms'"
            );
        }
        if input.num_concurrent_requests.is_some() {
            bail!(
                "--find-max-rate sends at rates, and --num-concurrent-requests does not\nhint: leave it out; --max-concurrency bounds an open loop"
            );
        }
        let first_rate = positive_rate("--request-rate", input.request_rate.unwrap_or(default::FIRST_RATE))?;
        let max_rate = positive_rate("--max-rate", input.max_rate.unwrap_or(default::MAX_RATE))?;
        if first_rate > max_rate {
            bail!(
                "--request-rate is {first_rate}, where the search begins, and above --max-rate {max_rate}\nhint: begin lower"
            );
        }
        input.request_rate = Some(first_rate);
        let step_duration = seconds("--step-duration", input.step_duration, default::STEP_DURATION_S)?;
        Ok(SearchPlan { first_rate, max_rate, step_duration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::resolve;

    fn input() -> LoadInput {
        LoadInput { target: Some("mock".to_owned()), ..LoadInput::default() }
    }

    fn sweep(text: &str) -> LoadInput {
        LoadInput { sweep: Some(text.to_owned()), ..input() }
    }

    #[test]
    fn a_sweep_makes_one_plan_a_load() {
        let plan = resolve(sweep("concurrency=1, 2,8"), &|_| None).expect("a plan");
        let Some(Series::Sweep(loads)) = &plan.goals.series else { panic!("a sweep") };
        let slots: Vec<usize> = (0..loads.len()).map(|i| loads.plan(&plan, i).concurrency).collect();
        assert_eq!(slots, [1, 2, 8]);
        let plan = resolve(sweep("request-rate=0.5,20"), &|_| None).expect("a plan");
        let Some(Series::Sweep(loads)) = &plan.goals.series else { panic!("a sweep") };
        let rates: Vec<_> = (0..loads.len())
            .map(|i| loads.plan(&plan, i).arrival.expect("a rate").profile.highest_rate())
            .collect();
        assert_eq!(rates, [0.5, 20.0]);
    }

    #[test]
    fn a_search_has_its_defaults() {
        let given = LoadInput { find_max_rate: true, slo: vec!["ttft:p95<1s".to_owned()], ..input() };
        let plan = resolve(given, &|_| None).expect("a plan");
        assert_eq!(
            plan.goals.series,
            Some(Series::Search(SearchPlan {
                first_rate: 1.0,
                max_rate: 10_000.0,
                step_duration: Span::from_secs(10)
            }))
        );
        assert_eq!(plan.arrival.expect("an open loop").profile.highest_rate(), 1.0);
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_remedy() {
        type Change = fn(&mut LoadInput);
        let cases: [(Change, &str); 13] = [
            (|i| i.slo = vec!["ttft".to_owned()], "--slo"),
            (|i| i.sweep = Some("concurrency".to_owned()), "no ="),
            (|i| i.sweep = Some("concurrency=".to_owned()), "0 loads"),
            (|i| i.sweep = Some("concurrency=1,x".to_owned()), "\"x\""),
            (|i| i.sweep = Some("concurrency=0".to_owned()), "0"),
            (|i| i.sweep = Some("request-rate=-1".to_owned()), "-1"),
            (|i| i.sweep = Some("request-rate=nan".to_owned()), "NaN"),
            (|i| i.sweep = Some("speed=1".to_owned()), "speed"),
            (
                |i| {
                    i.sweep = Some("concurrency=1".to_owned());
                    i.num_concurrent_requests = Some(3);
                },
                "leave --num-concurrent-requests out",
            ),
            (|i| i.find_max_rate = true, "--slo"),
            (|i| i.max_rate = Some(1.0), "--find-max-rate"),
            (
                |i| {
                    i.find_max_rate = true;
                    i.sweep = Some("concurrency=1".to_owned());
                },
                "contradict",
            ),
            (
                |i| {
                    i.find_max_rate = true;
                    i.slo = vec!["ttft<1s".to_owned()];
                    (i.request_rate, i.max_rate) = (Some(5.0), Some(2.0));
                },
                "begin lower",
            ),
        ];
        for (change, word) in cases {
            let mut given = input();
            change(&mut given);
            let error = format!("{:#}", resolve(given, &|_| None).expect_err(word));
            assert!(error.contains(word) && error.contains("hint: "), "{word:?} is not in {error:?}");
        }
    }
}
