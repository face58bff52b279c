//! What holds where nothing was said. LLMPerf's own values where it has them, so that its command lines mean the same here.

/// In tokens, as are the next three.
pub const MEAN_INPUT_TOKENS: f64 = 550.0;
pub const STDDEV_INPUT_TOKENS: f64 = 150.0;
pub const MEAN_OUTPUT_TOKENS: f64 = 150.0;
pub const STDDEV_OUTPUT_TOKENS: f64 = 80.0;
pub const CONCURRENT_REQUESTS: u64 = 10;
pub const REQUESTS: u64 = 10;
/// The most requests at a time in an open loop, before it drops: some seconds of work at any rate one client makes.
pub const MAX_CONCURRENCY: u64 = 1000;
pub const TIMEOUT_S: f64 = 90.0;
/// A year is beyond any run, and far from where a deadline would overflow.
pub const LONGEST_S: f64 = 31_536_000.0;
/// What runs when the measured time is over may end: cut off, the slowest requests would be missing.
pub const DRAIN_AFTER_DURATION_S: f64 = 30.0;
/// Where the search for the highest rate begins, and where it ends at the latest, in requests per second.
pub const FIRST_RATE: f64 = 1.0;
pub const MAX_RATE: f64 = 10_000.0;
/// A step of that search takes so long at least.
pub const STEP_DURATION_S: f64 = 10.0;
pub const SEED: u64 = 11111;
/// LLMPerf waits 180 s between two reads.
pub const READ_TIMEOUT_S: f64 = 180.0;
pub const CONNECT_TIMEOUT_S: f64 = 30.0;
/// Long enough for the slowest local model, short enough that an endless stream ends.
pub const REQUEST_TIMEOUT_S: f64 = 3600.0;
pub const DRAIN_AFTER_INTERRUPT_S: f64 = 5.0;
