//! Processes: each on its core, none waited for without end, none left behind, and what each of them used.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use llmperf::clock::monotonic_ns;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getrlimit, kill_process,
    set_parent_process_death_signal, setrlimit, waitid,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// No run takes nearly as long; what does hangs.
const LONGEST: Duration = Duration::from_secs(180);

/// Which core the client runs on, and which the mock.
#[derive(Debug)]
pub(crate) struct Cores {
    all: CpuSet,
    /// `None` where there is only one core.
    pub(crate) client_and_mock: Option<(usize, usize)>,
}

impl Cores {
    pub(crate) fn choose() -> Result<Cores> {
        let all = sched_getaffinity(None).context("the cores of this process are not known")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        // The first core has most of a machine's interrupts.
        let client_and_mock = cores.next().and_then(|first| Some((cores.next_back()?, first)));
        Ok(Cores { all, client_and_mock })
    }

    /// How long both cores have been busy since the system started; `None` where there is only one, or nothing tells.
    pub(crate) fn busy_ns(&self) -> Option<u64> {
        let (client, mock) = self.client_and_mock?;
        Some(core_busy_ns(client)? + core_busy_ns(mock)?)
    }

    /// Calls `start` in such a way that a process it starts has one core.
    fn on<T>(&self, core: Option<usize>, start: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(core) = core else { return start() };
        let mut one = CpuSet::new();
        one.set(core);
        // A new process has the cores of the thread that starts it.
        sched_setaffinity(None, &one).with_context(|| format!("core {core} cannot be chosen"))?;
        let started = start();
        sched_setaffinity(None, &self.all).context("the cores cannot be given back")?;
        started
    }
}

/// Time that processes had a core, and that the hypervisor took it away, since the system started; `None` where the system
/// does not say. Interrupts are left out: those of a client's own packets are not counted as its CPU everywhere.
fn core_busy_ns(core: usize) -> Option<u64> {
    // user, nice, system, idle, iowait, irq, softirq, steal; in hundredths of a second.
    const COUNTED: [usize; 4] = [0, 1, 2, 7];
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} ")))?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    COUNTED.iter().map(|field| ticks.get(*field).map(|ticks| ticks * 10_000_000)).sum()
}

/// Allows this process, and those it starts, as many open files as the system lets it.
pub(crate) fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("the limit of open files cannot be raised")
}

/// Turns this process into another program that ends when the driver does, however that ends.
pub(crate) fn exec_until_parent_ends(command: &[String]) -> Result<()> {
    let (program, args) = command.split_first().context("no program is named")?;
    set_parent_process_death_signal(Some(Signal::KILL)).context("the parent's end cannot be watched")?;
    Err(Command::new(program).args(args).exec()).with_context(|| format!("{program} cannot be started"))
}

/// `llmperf` with nothing of the caller's environment, and a cache of its own for compiled plugins.
pub(crate) fn llmperf(subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmperf"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    command.arg(subcommand).env_clear().env("HOME", &home).env("XDG_CACHE_HOME", home.join("cache"));
    command
}

/// This program in one of its other parts.
pub(crate) fn this(part: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program is not known")?);
    command.arg(part).env_clear();
    Ok(command)
}

/// What a process used in its life, all threads together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) cpu_ns: u64,
    pub(crate) peak_bytes: u64,
    /// `CLOCK_MONOTONIC`.
    pub(crate) started_ns: u64,
    pub(crate) ended_ns: u64,
}

/// A process that runs. Dropped early, it is killed.
pub(crate) struct Running {
    child: Child,
    pid: Pid,
    started_ns: u64,
    // Locked so that the watchdog never signals a process that was waited for: its id may be another's by then.
    over: Arc<Mutex<bool>>,
}

impl Running {
    fn start(mut command: Command) -> Result<Running> {
        let started_ns = monotonic_ns();
        let child = command.stdin(Stdio::null()).spawn().context("a process cannot be started")?;
        let pid = Pid::from_child(&child);
        Ok(Running { child, pid, started_ns, over: Arc::default() })
    }

    /// Waits for its end, which must be a success.
    pub(crate) fn wait(self, name: &str) -> Result<Used> {
        let (done, until_done) = channel::<()>();
        let (over, pid) = (Arc::clone(&self.over), self.pid);
        let watchdog = std::thread::spawn(move || {
            let waited = until_done.recv_timeout(LONGEST);
            let over = over.lock().unwrap_or_else(PoisonError::into_inner);
            if waited == Err(RecvTimeoutError::Timeout) && !*over {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        // Its id stays its own until it is reaped.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(pid), options) {
            if error != rustix::io::Errno::INTR {
                return Err(error).with_context(|| format!("{name} cannot be waited for"));
            }
        }
        let ended_ns = monotonic_ns();
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        drop(done);
        let _ = watchdog.join();
        let (status, usage) = reap(pid).with_context(|| format!("{name} cannot be waited for"))?;
        if status != 0 {
            bail!("{name} failed with wait status {status:#x}\nhint: a signal of 9 means that it hung");
        }
        let cpu_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
        let peak_bytes = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
        Ok(Used { cpu_ns, peak_bytes, started_ns: self.started_ns, ended_ns })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !*self.over.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Takes the exit status and the resource usage of a child that has ended.
// Neither std nor rustix tells what a child used.
#[allow(unsafe_code)]
fn reap(pid: Pid) -> std::io::Result<(i32, libc::rusage)> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to memory of the right type that lives through the call, and all-zero is a valid rusage.
    let (reaped, usage) = unsafe {
        let reaped = libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, 0, usage.as_mut_ptr());
        (reaped, usage.assume_init())
    };
    if reaped < 0 { Err(std::io::Error::last_os_error()) } else { Ok((status, usage)) }
}

fn nanoseconds(time: libc::timeval) -> u64 {
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_usec) * 1_000
}

/// Starts a client on its core; what it says goes to `log`.
pub(crate) fn client(mut command: Command, cores: &Cores, log: &Path) -> Result<Running> {
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(Stdio::null()).stderr(log);
    cores.on(cores.client_and_mock.map(|(client, _)| client), || Running::start(command))
}

/// A mock on its core.
pub(crate) struct Mock {
    /// Its base URL, which ends in `/v1`.
    pub(crate) base: String,
    running: Running,
}

impl Mock {
    pub(crate) fn start(mock: &Command, cores: &Cores, log: &Path) -> Result<Mock> {
        let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = this("until-parent-ends")?;
        command.arg(mock.get_program()).args(mock.get_args()).stdout(Stdio::piped()).stderr(log);
        let core = cores.client_and_mock.map(|(_, mock)| mock);
        let mut running = cores.on(core, || Running::start(command))?;
        let stdout = running.child.stdout.take().context("the mock has no stdout")?;
        let mut base = String::new();
        BufReader::new(stdout).read_line(&mut base).context("the mock does not say where it is")?;
        Ok(Mock { base: base.trim().to_owned(), running })
    }

    /// Stops it and waits for its end.
    pub(crate) fn stop(self) -> Result<Used> {
        kill_process(self.running.pid, Signal::TERM).context("the mock cannot be stopped")?;
        self.running.wait("llmperf mock")
    }
}
