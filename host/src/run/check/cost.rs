//! What a plugin costs: how close it gets to its limits, what it writes, and what an event takes.

use super::decode::Stream;
use super::{CheckOutcome, Checks, fresh};
use crate::clock::thread_cpu;
use crate::plugin::{Anatomy, Fault, Limits, Plugin, Session};

/// A plugin that takes more than this share of a limit here has too little left for an answer twice as large.
const MOST_OF_A_LIMIT: f64 = 0.5;
/// Runs that the median time is taken of.
const ROUNDS: usize = 15;

/// The most that calls took.
#[derive(Debug, Default)]
pub(super) struct Meter {
    limits: Limits,
    memory_at_start: u64,
    memory: u64,
    fuel: u64,
    /// The call that took most.
    call: &'static str,
    log_bytes: usize,
    log_is_full: bool,
    log_has_escapes: bool,
}

impl Meter {
    pub(super) fn new(anatomy: &Anatomy) -> Meter {
        let at_start = anatomy.component.as_ref().map_or(0, |component| component.memory_bytes);
        Meter { memory_at_start: at_start, memory: at_start, ..Meter::default() }
    }

    /// Takes note of the session's last call.
    pub(super) fn take(&mut self, call: &'static str, session: &Session) {
        if session.fuel_used() > self.fuel {
            (self.fuel, self.call) = (session.fuel_used(), call);
        }
        self.memory = self.memory.max(self.memory_at_start + session.memory_grown() as u64);
    }

    /// Takes note of what an instance wrote to stdout and stderr.
    pub(super) fn keep_log(&mut self, written: &str) {
        self.log_bytes = self.log_bytes.max(written.len());
        self.log_is_full |= written.len() >= self.limits.log_bytes;
        self.log_has_escapes |= written.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    }

    pub(super) fn judge_log(&self) -> Result<String, Vec<String>> {
        let mut problems = vec![];
        if self.log_is_full {
            let kept = self.limits.log_bytes;
            problems.push(format!("it writes more for one request than the {kept} bytes that are kept"));
        }
        if self.log_has_escapes {
            problems.push("it writes control characters to stdout or stderr".to_owned());
        }
        match (problems.is_empty(), self.log_bytes) {
            (false, _) => Err(problems),
            (true, 0) => Ok("it writes nothing to stdout and stderr".to_owned()),
            (true, n) => Ok(format!("at most {n} bytes for one request")),
        }
    }

    pub(super) fn judge_limits(&self) -> Result<String, Vec<String>> {
        let (fuel_limit, memory_limit) = (self.limits.fuel_per_call, self.limits.memory_bytes as u64);
        let of = |used: u64, limit: u64| used as f64 / limit as f64;
        let (cpu, memory) = (of(self.fuel, fuel_limit), of(self.memory, memory_limit));
        let cpu_line = format!("{} took {:.2} % of the CPU that one call may have", self.call, 100.0 * cpu);
        let memory_line = format!(
            "{:.1} MiB of memory, {:.1} % of the limit",
            self.memory as f64 / f64::from(1 << 20),
            100.0 * memory
        );
        let lines = [(cpu, cpu_line), (memory, memory_line)];
        if cpu <= MOST_OF_A_LIMIT && memory <= MOST_OF_A_LIMIT {
            return Ok(lines.map(|(_, line)| line).join("; "));
        }
        Err(lines.into_iter().filter(|(share, _)| *share > MOST_OF_A_LIMIT).map(|(_, line)| line).collect())
    }
}

/// What an event of the longest recorded answer takes: fuel, which must be the same each time, and time, which is told.
pub(super) fn check(plugin: &Plugin, recorded: &[Stream], checks: &mut Checks) {
    let longest =
        recorded.iter().max_by_key(|stream| stream.events.len()).filter(|stream| !stream.events.is_empty());
    let Some(stream) = longest else {
        return checks.note("cost", CheckOutcome::Skipped, "no recorded answer to decode");
    };
    let found = measure(plugin, stream).map_err(|fault| vec![fault.to_string()]);
    let found = found.and_then(|(fuel, mut nanoseconds)| {
        nanoseconds.sort_by(f64::total_cmp);
        let events = stream.events.len();
        if fuel.iter().any(|other| *other != fuel[0]) {
            return Err(vec![format!("the same answer takes {} and {} fuel", fuel[0], fuel[1])]);
        }
        Ok(format!(
            "{:.0} fuel an event, the same each time; {:.0} ns an event (median of {ROUNDS}; {events} events of {} in one call)",
            fuel[0] as f64 / events as f64,
            nanoseconds[nanoseconds.len() / 2],
            stream.name,
        ))
    });
    checks.judge("cost", found);
}

fn measure(plugin: &Plugin, stream: &Stream) -> Result<(Vec<u64>, Vec<f64>), Fault> {
    let batches = stream.batches(stream.events.len());
    let (mut fuel, mut nanoseconds) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let mut session = fresh(plugin)?;
        let decoder = session.open(&stream.task, &stream.head)?;
        let mut used = 0;
        let before = thread_cpu();
        for batch in &batches {
            session.push(decoder, batch)?;
            used += session.fuel_used();
        }
        let took = thread_cpu().0.saturating_sub(before.0);
        nanoseconds.push(took as f64 / stream.events.len() as f64);
        session.close(decoder, true)?;
        fuel.push(used + session.fuel_used());
    }
    Ok((fuel, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_of_a_limit_fails_and_is_named() {
        let limits = Limits::default();
        let good =
            Meter { fuel: limits.fuel_per_call / 2, memory: 1 << 20, call: "push", ..Meter::default() };
        assert!(good.judge_limits().expect("within").contains("push took 50.00 %"));
        let slow =
            Meter { fuel: limits.fuel_per_call / 2 + 100_000_000, call: "explain", ..Meter::default() };
        assert!(slow.judge_limits().expect_err("slow")[0].starts_with("explain took 55.00 %"));
        let large = Meter { memory: limits.memory_bytes as u64, ..Meter::default() };
        assert_eq!(large.judge_limits().expect_err("large").len(), 1);
    }

    #[test]
    fn a_log_that_is_full_or_acts_on_a_terminal_fails() {
        let log = |written: &str| {
            let mut meter = Meter::default();
            meter.keep_log(written);
            meter.judge_log()
        };
        assert!(log("").is_ok() && log("a line\n\tand more\n").is_ok());
        assert!(log("\u{1b}[31mred").is_err());
        assert!(log(&"x".repeat(Limits::default().log_bytes)).is_err());
    }
}
