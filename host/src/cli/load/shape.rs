//! How much load is made, how, and until when.

use clap::{Args, ValueEnum};

use crate::plan::{ArrivalWord, LoadInput, default};

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct ShapeArgs {
    /// How many requests to send, in all [default: 10, or all of --dataset]
    #[arg(long, short = 'n', visible_alias = "requests", value_name = "N")]
    max_num_completed_requests: Option<u64>,
    /// How many requests to keep running at a time [default: 10]
    #[arg(long, short = 'c', visible_alias = "concurrency", value_name = "N")]
    num_concurrent_requests: Option<u64>,
    /// Send so many requests a second instead, whatever became of those before
    ///
    /// The schedule never waits for the server: what a request waits to be sent shows in the latencies from its due time.
    #[arg(long, value_name = "R")]
    request_rate: Option<f64>,
    /// How they arrive at that rate [default: poisson]
    #[arg(long, value_enum)]
    arrival: Option<ArrivalArg>,
    /// Shape of --arrival gamma: below 1 in bursts, above 1 more evenly than Poisson
    #[arg(long, value_name = "B", hide_short_help = true)]
    burstiness: Option<f64>,
    /// With a rate: drop and count what finds so many running [default: 1000]
    #[arg(long, value_name = "N")]
    max_concurrency: Option<u64>,
    /// Stop launching after so many seconds
    ///
    /// What still runs then is cancelled, after --drain.
    #[arg(long, value_name = "S", default_value_t = default::TIMEOUT_S)]
    timeout: f64,
    /// Seconds that running requests may go on once launching has stopped [default: 0 after --timeout, 5 after Ctrl-C]
    #[arg(long, value_name = "S", hide_short_help = true)]
    drain: Option<f64>,
    /// Fail a request that has no connection after so many seconds
    #[arg(long, value_name = "S", default_value_t = default::CONNECT_TIMEOUT_S, hide_short_help = true)]
    connect_timeout: f64,
    /// Fail a request on which nothing arrives for so many seconds
    #[arg(long, value_name = "S", default_value_t = default::READ_TIMEOUT_S, hide_short_help = true)]
    read_timeout: f64,
    /// Fail a request that takes longer than so many seconds
    #[arg(long, value_name = "S", default_value_t = default::REQUEST_TIMEOUT_S, hide_short_help = true)]
    request_timeout: f64,
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
        input.timeout = Some(self.timeout);
        input.drain = self.drain;
        input.connect_timeout = Some(self.connect_timeout);
        input.read_timeout = Some(self.read_timeout);
        input.request_timeout = Some(self.request_timeout);
    }
}
