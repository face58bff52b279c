//! The run as it goes: a bar on a terminal, plain lines elsewhere. It shows what has ended, and may leave things out.

use std::collections::VecDeque;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;
use crate::clock::Clock;
use crate::metrics::request::ttft;
use crate::record::{Outcome, RequestRecord};
use crate::units::{Span, Stamp};

/// The live TTFT is the median of this number of the latest requests.
const RECENT: usize = 100;
/// Where there is no terminal, a line is written this often.
const LINE_EVERY: Span = Span::from_secs(10);

/// Shows a run on stderr; where that cannot be written, it shows nothing.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    clock: Clock,
    last_line: Stamp,
    requests: Option<u64>,
    done: u64,
    failed: u64,
    recent: VecDeque<Span>,
}

impl Progress {
    /// A bar where stderr is a terminal, plain lines on long runs where it is not.
    pub fn new(is_terminal: bool) -> Progress {
        Progress {
            bar: is_terminal.then(ProgressBar::hidden),
            clock: Clock::start(),
            last_line: Stamp::default(),
            requests: None,
            done: 0,
            failed: 0,
            recent: VecDeque::with_capacity(RECENT),
        }
    }

    /// The run begins; the number of requests it will send, if that is known.
    pub fn started(&mut self, requests: Option<u64>) {
        self.requests = requests;
        if let Some(bar) = &self.bar {
            let template = match requests {
                Some(requests) => {
                    bar.set_length(requests);
                    "{wide_bar} {pos}/{len}  {per_sec}  {msg}"
                }
                None => "{elapsed}  {pos} requests  {per_sec}  {msg}",
            };
            bar.set_style(ProgressStyle::with_template(template).expect("the template is right"));
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(200));
        }
    }

    /// A request has ended.
    pub fn finished(&mut self, record: &RequestRecord) {
        self.done += 1;
        self.failed += u64::from(matches!(record.outcome, Outcome::Failed(_)));
        if let Some(ttft) = ttft(record) {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(ttft);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.done);
                bar.set_message(self.live());
            }
            None => self.line(),
        }
    }

    /// Nothing more will come.
    pub fn ended(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&mut self) {
        let now = self.clock.now();
        if now.since(self.last_line) >= LINE_EVERY {
            self.last_line = now;
            let rate = self.done as f64 / now.since(Stamp::default()).as_secs();
            let of = self.requests.map(|requests| format!("/{requests}")).unwrap_or_default();
            say(format_args!("{}{of} requests  {rate:.1}/s  {}", self.done, self.live()));
        }
    }

    fn live(&self) -> String {
        let mut recent: Vec<Span> = self.recent.iter().copied().collect();
        let ttft = if recent.is_empty() {
            "-".to_owned()
        } else {
            let middle = recent.len() / 2;
            format!("{:.0} ms", recent.select_nth_unstable(middle).1.as_ms())
        };
        format!("TTFT {ttft}  errors {}", self.failed)
    }
}
