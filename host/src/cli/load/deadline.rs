//! How long one request may take.

use clap::Args;

use crate::plan::{LoadInput, default};

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(in crate::cli) struct DeadlineArgs {
    /// Fail a request that has no connection after S seconds
    #[arg(long, value_name = "S", default_value_t = default::CONNECT_TIMEOUT_S, hide_short_help = true)]
    connect_timeout: f64,
    /// Fail a request whose response head, or whose next bytes, take longer than S seconds
    #[arg(long, value_name = "S", default_value_t = default::READ_TIMEOUT_S, hide_short_help = true)]
    read_timeout: f64,
    /// Fail a request that takes longer than S seconds
    #[arg(long, value_name = "S", default_value_t = default::REQUEST_TIMEOUT_S, hide_short_help = true)]
    request_timeout: f64,
}

impl DeadlineArgs {
    pub(in crate::cli) fn fill(self, input: &mut LoadInput) {
        input.connect_timeout = Some(self.connect_timeout);
        input.read_timeout = Some(self.read_timeout);
        input.request_timeout = Some(self.request_timeout);
    }
}
