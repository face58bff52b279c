//! `llmperf calibrate`: what this machine's own client adds to its measurements.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::print_result;
use crate::error::Error;
use crate::report::say;
use crate::run::{self, LOADS, QUICK_LOADS};

#[derive(Debug, Args)]
#[command(after_help = "Let nothing else run meanwhile: what disturbs it ends up in every error bar.")]
pub(super) struct CalibrateArgs {
    /// Two small loads in some three seconds, to see that it works
    #[arg(long)]
    quick: bool,
    /// Where to keep the result; elsewhere than in your data directory, no run reads it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn run(args: CalibrateArgs) -> Result<u8, Error> {
    let path = args.file.or_else(run::calibration_path).ok_or_else(|| {
        Error::usage(anyhow!(
            "there is no data directory to keep the result in\nhint: name a file with --file"
        ))
    })?;
    let loads: &[_] = if args.quick { &QUICK_LOADS } else { &LOADS };
    print_result("streams   events/s   TTFT error p50      p99   gap error p99   CPU/event\n")?;
    let calibration = run::calibrate(loads, |point| {
        let line = format!(
            "{:>7} {:>10.0} {:>13.2} ms {:>5.2} ms {:>12.2} ms {:>8.1} µs\n",
            point.streams,
            point.events_per_s,
            point.ttft_error_p50_ms,
            point.ttft_error_p99_ms,
            point.gap_error_p99_ms,
            point.cpu_per_event_us,
        );
        // Nobody reads it: the result is in the file.
        let _ = print_result(&line);
    })?;
    run::store_calibration(&calibration, &path)?;
    say(format_args!("calibration: {}", path.display()));
    Ok(0)
}
