//! How much load is made, how, and until when.

use clap::{Args, ValueEnum};

use crate::plan::{ArrivalWord, LoadInput};

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct ShapeArgs {
    /// How many requests to send [default: 10, or all of --dataset]
    ///
    /// Those of the warm-up are not among them. With --duration or --rate-schedule there is no limit unless you give one.
    #[arg(long, short = 'n', visible_alias = "requests", value_name = "N")]
    max_num_completed_requests: Option<u64>,
    /// How many requests to keep running at a time [default: 10]
    #[arg(long, short = 'c', visible_alias = "concurrency", value_name = "N")]
    num_concurrent_requests: Option<u64>,
    /// Open loop: start R requests per second, regardless of how fast earlier ones finish
    ///
    /// The schedule never waits for the server: what a request waits to be sent shows in the latencies from its due time.
    #[arg(long, value_name = "R")]
    request_rate: Option<f64>,
    /// Arrival process at that rate [default: poisson]
    #[arg(long, value_enum, hide_short_help = true)]
    arrival: Option<ArrivalArg>,
    /// Shape of --arrival gamma: below 1 in bursts, above 1 more evenly than Poisson
    #[arg(long, value_name = "B", hide_short_help = true)]
    burstiness: Option<f64>,
    /// Open loop: drop and count requests that are due while N are running [default: 1000]
    #[arg(long, value_name = "N", hide_short_help = true)]
    max_concurrency: Option<u64>,
    /// Open loop: queue those requests instead of dropping them
    ///
    /// What they wait shows in the latencies from the due time. What waits when launching ends is dropped.
    #[arg(long, hide_short_help = true)]
    queue: bool,
    /// Rates and how long each holds, as 10:30s,10..50:60s
    ///
    /// RATE:SECONDS is a step, FROM..TO:SECONDS a ramp; 0 is a pause. The run ends with the schedule.
    #[arg(long, value_name = "SCHEDULE", hide_short_help = true)]
    rate_schedule: Option<String>,
    /// Measure for S seconds
    ///
    /// Throughput is what was served within them. What runs at their end may finish, for --drain, and is in the latencies.
    #[arg(long, value_name = "S")]
    duration: Option<f64>,
    /// Requests to send before the measured ones
    ///
    /// They are in no number but their own count. The measured ones follow without a pause.
    #[arg(long, value_name = "N", hide_short_help = true)]
    warmup_requests: Option<u64>,
    /// Seconds of load before the measuring starts; with --warmup-requests, both must be over
    #[arg(long, value_name = "S", hide_short_help = true)]
    warmup_duration: Option<f64>,
    /// Start the concurrent requests one by one over S seconds
    #[arg(long, value_name = "S", hide_short_help = true)]
    ramp_up: Option<f64>,
    /// Stop starting requests after S seconds [default: 90]
    ///
    /// With --duration or --rate-schedule there is no limit unless you give one.
    /// They count from the first request, warm-up included. What still runs then is cancelled, after --drain.
    #[arg(long, value_name = "S")]
    timeout: Option<f64>,
    /// Seconds that running requests may go on once launching has stopped [default: 30 after --duration, 0 after --timeout, 5 after Ctrl-C]
    #[arg(long, value_name = "S", hide_short_help = true)]
    drain: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArrivalArg {
    /// All times between requests are the same
    Constant,
    /// As of many independent users
    Poisson,
    /// More or less bursty, by --burstiness
    Gamma,
}

impl ShapeArgs {
    pub(super) fn fill(self, input: &mut LoadInput) {
        input.max_num_completed_requests = self.max_num_completed_requests;
        input.num_concurrent_requests = self.num_concurrent_requests;
        input.request_rate = self.request_rate;
        input.arrival = self.arrival.map(|arrival| match arrival {
            ArrivalArg::Constant => ArrivalWord::Constant,
            ArrivalArg::Poisson => ArrivalWord::Poisson,
            ArrivalArg::Gamma => ArrivalWord::Gamma,
        });
        input.burstiness = self.burstiness;
        input.max_concurrency = self.max_concurrency;
        input.queue = self.queue;
        input.rate_schedule = self.rate_schedule;
        input.duration = self.duration;
        input.warmup_requests = self.warmup_requests;
        input.warmup_duration = self.warmup_duration;
        input.ramp_up = self.ramp_up;
        input.timeout = self.timeout;
        input.drain = self.drain;
    }
}
