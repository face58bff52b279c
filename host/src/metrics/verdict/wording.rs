//! The words of a verdict's reasons: cause with its numbers, remedy, and the name in results.

use super::Reason;

impl Reason {
    /// The name in results; it never changes.
    pub fn kind(&self) -> &'static str {
        match self {
            Reason::NothingMeasured => "nothing_measured",
            Reason::PluginGaveUp => "plugin_gave_up",
            Reason::PluginFaults { .. } => "plugin_faults",
            Reason::Errors { .. } => "errors",
            Reason::CutShort { .. } => "cut_short",
            Reason::Cancelled { .. } => "cancelled",
            Reason::NotStreaming { .. } => "not_streaming",
            Reason::RateNotMet { .. } => "rate_not_met",
            Reason::Dropped { .. } => "dropped",
            Reason::ScheduleLag { .. } => "schedule_lag",
            Reason::SlotsIdle { .. } => "slots_idle",
            Reason::Paused { .. } => "paused",
            Reason::ReactorLag { .. } => "reactor_lag",
            Reason::IoStarved { .. } => "io_starved",
            Reason::IoBusy { .. } => "io_busy",
            Reason::Throttled { .. } => "throttled",
            Reason::Steal { .. } => "steal",
            Reason::OpenFiles { .. } => "open_files",
            Reason::LocalPorts { .. } => "local_ports",
            Reason::DecodeBacklog { .. } => "decode_backlog",
            Reason::RecordsStalled { .. } => "records_stalled",
            Reason::TokensDisagree { .. } => "tokens_disagree",
            Reason::CachedInput { .. } => "cached_input",
            Reason::NotSteady { .. } => "not_steady",
            Reason::FewSamples { .. } => "few_samples",
            Reason::BeyondCalibration => "beyond_calibration",
            Reason::NotCalibrated => "not_calibrated",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Reason::NothingMeasured => "look at the failures: address, key and model first",
            Reason::PluginGaveUp | Reason::PluginFaults { .. } => {
                "mend the plugin; --plugin-log shows what it writes"
            }
            Reason::Errors { .. } => "look at the failures; lower the load if it is what the server refuses",
            Reason::CutShort { .. } => "raise --timeout or ask for fewer requests; --drain lets them end",
            Reason::Cancelled { .. } => "raise --drain so that they can end, or measure longer",
            Reason::NotStreaming { .. } => {
                "look for a proxy that buffers; if answers are this short, ask for more tokens"
            }
            Reason::Paused { .. } => "run again, and let nothing stop the client or its machine",
            Reason::RateNotMet { .. } => "lower --request-rate, or raise --max-concurrency",
            Reason::Dropped { .. } => "raise --max-concurrency, or lower --request-rate",
            Reason::ScheduleLag { .. } | Reason::ReactorLag { .. } | Reason::IoStarved { .. } => {
                "give the client a core of its own, or make less load from this machine"
            }
            Reason::SlotsIdle { .. } => "give the client more CPU, or use fewer slots",
            Reason::IoBusy { .. } => "make less load from one client; run several on several machines",
            Reason::Throttled { .. } => "raise the CPU limit of the container",
            Reason::Steal { .. } => "run on a machine whose cores are not shared",
            Reason::OpenFiles { .. } => "raise the limit of open files (ulimit -n)",
            Reason::LocalPorts { .. } => {
                "widen net.ipv4.ip_local_port_range, or keep connections alive on the server"
            }
            Reason::DecodeBacklog { .. } => "give the client more cores, or make less load",
            Reason::RecordsStalled { .. } => "write the results to a faster disk",
            Reason::TokensDisagree { .. } => {
                "name the model's own tokenizer with --tokenizer, or use --tokens server"
            }
            Reason::CachedInput { meant: true, .. } => "compare it only with runs that share as much",
            Reason::CachedInput { .. } => {
                "ask what was not asked before (--seed random), or restart the server before the run"
            }
            Reason::NotSteady { .. } => "lower the load until it settles, or run longer",
            Reason::FewSamples { .. } => "send more requests",
            Reason::BeyondCalibration => "run llmperf calibrate with the load you make, or make less",
            Reason::NotCalibrated => "run llmperf calibrate",
        }
    }
}

pub(super) fn message(reason: &Reason) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    match *reason {
        Reason::NothingMeasured => "no request succeeded".to_owned(),
        Reason::PluginGaveUp => "the plugin failed again and again, so the run was ended".to_owned(),
        Reason::PluginFaults { requests } => format!("the plugin failed {requests} requests"),
        Reason::Errors { share } => format!("{} of the finished requests failed", percent(share)),
        Reason::CutShort { cancelled } => {
            format!(
                "the run was cut short: {cancelled} requests were cancelled, and the slowest are among them"
            )
        }
        Reason::RateNotMet { offered, share } => {
            format!("sending fell behind the schedule: {} of {offered} requests/s", percent(share))
        }
        Reason::Dropped { share } => format!("{} of the scheduled requests were dropped", percent(share)),
        Reason::ScheduleLag { p99, ttft } => {
            format!("requests were sent up to {p99:.1} ms late (p99), compared with a TTFT of {ttft:.1} ms")
        }
        Reason::Cancelled { share } => format!(
            "{} of the requests sent were cancelled at the end, and the slowest are among them",
            percent(share)
        ),
        Reason::NotStreaming { share } => format!(
            "{} of the successful requests got all their tokens in one read: TTFT and ITL say nothing of the server",
            percent(share)
        ),
        Reason::SlotsIdle { share, mean } => format!(
            "slots stood idle {} of their time, {mean:.1} ms between two requests: the load is smaller than stated",
            percent(share)
        ),
        Reason::Paused { total_s, longest_s } => format!(
            "the whole client stood still for {total_s:.1} s (at most {longest_s:.1} s at a time): stopped, or suspended \
             with its machine"
        ),
        Reason::ReactorLag { p99, shortest } => {
            format!(
                "the client saw what arrived up to {p99:.1} ms late (p99), compared with times of {shortest:.1} ms"
            )
        }
        Reason::IoStarved { share } => {
            format!("the client's I/O thread waited for a core {} of the time", percent(share))
        }
        Reason::IoBusy { share } => {
            format!("the client's I/O thread was busy {} of the time", percent(share))
        }
        Reason::Throttled { share } => {
            format!("the CPU limit of the container stopped the client {} of the time", percent(share))
        }
        Reason::Steal { share } => {
            format!("the hypervisor took {} of this machine's CPU time", percent(share))
        }
        Reason::OpenFiles { share } => format!("{} of the open files allowed were in use", percent(share)),
        Reason::LocalPorts { share } => format!("{} of the local ports were in use", percent(share)),
        Reason::DecodeBacklog { waits } => {
            format!("reading waited {waits} times for decoding, so what came meanwhile is stamped late")
        }
        Reason::RecordsStalled { waits } => {
            format!("decoding waited {waits} times for records to be written")
        }
        Reason::TokensDisagree { share } => {
            format!("the server's count of output tokens and the local one are {} apart", percent(share))
        }
        Reason::CachedInput { share, meant } => {
            let why = if meant { "requests were meant to begin alike" } else { "TTFT is that of the cache" };
            format!("{} of the input tokens came out of the server's cache: {why}", percent(share))
        }
        Reason::NotSteady { first, last } => {
            format!("no steady state: TTFT went from {first:.1} ms (first quarter) to {last:.1} ms (last)")
        }
        Reason::FewSamples { n } => {
            let what = if n < super::MEDIAN_NEEDS { "a median" } else { "every percentile shown" };
            format!("{n} samples are too few for a 95 % interval of {what}")
        }
        Reason::BeyondCalibration => "the load is beyond what this machine was calibrated for".to_owned(),
        Reason::NotCalibrated => {
            "the client's own error on this machine is not known: not calibrated".to_owned()
        }
    }
}
