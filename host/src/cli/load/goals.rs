//! What the load is to show.

use clap::Args;

use crate::plan::{LoadInput, default};

#[derive(Debug, Args)]
#[command(next_help_heading = "Goals")]
pub(super) struct GoalArgs {
    /// Objectives, as 'ttft:p95<500ms itl:p99<50ms'; exits with 3 if missed
    ///
    /// May be repeated. Of ttft, ttft_due, ttfo, e2el, e2el_due, itl, tpot (below), output_throughput_per_request (above,
    /// as >20tokens/s). :pNN is the share that has to meet it; without it, all have to. Failed, dropped and cancelled
    /// requests are misses. The exit codes 130 (interrupted), 5 and 6 (nothing succeeded) go before 3.
    #[arg(long, value_name = "SLOS")]
    slo: Vec<String>,
    /// Several runs, as concurrency=1,2,4,8 or request-rate=1,2,5
    ///
    /// One after the other, ending with a table; all have the same workload and seed, so a server that remembers prompts answers the later runs
    /// faster. With --slo, it exits with 3 if no load met all objectives.
    #[arg(long, value_name = "LOADS")]
    sweep: Option<String>,
    /// Search for the highest --request-rate at which every --slo is surely met
    ///
    /// Begins at --request-rate (or 1), doubles it until it fails (or quarters it, three times at most, until it passes), then halves the distance until it is within 5 %. A step
    /// passes where the 95 % interval of every attainment is at or above its target. It fails where one is below, where
    /// requests were dropped, and where less than 95 % of the rate was achieved. Otherwise it is run again with more
    /// requests, which --requests does not limit here, nor --timeout. Exits with 3 if no rate passed.
    #[arg(long, hide_short_help = true)]
    find_max_rate: bool,
    /// With --find-max-rate: try nothing higher, in requests per second [default: 10000]
    #[arg(long, value_name = "R", hide_short_help = true)]
    max_rate: Option<f64>,
    /// With --find-max-rate: seconds that a step takes at least [default: 10]
    #[arg(long, value_name = "S", hide_short_help = true)]
    step_duration: Option<f64>,
}

// The help states them, for a default of clap's own would count as given.
const _: () = assert!(default::MAX_RATE == 10_000.0 && default::STEP_DURATION_S == 10.0);

impl GoalArgs {
    pub(super) fn fill(self, input: &mut LoadInput) {
        input.slo = self.slo;
        input.sweep = self.sweep;
        input.find_max_rate = self.find_max_rate;
        input.max_rate = self.max_rate;
        input.step_duration = self.step_duration;
    }
}
