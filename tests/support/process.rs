//! Processes: started in a clean environment, and never waited for without end.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use llmperf::mock::TruthRow;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// No run of the suites takes nearly as long on a machine that has a core to spare; what does hangs.
const LONGEST: Duration = Duration::from_secs(180);

/// `llmperf <subcommand>` with nothing of the caller's environment but what a program needs to start.
pub(crate) fn llmperf(subcommand: &str) -> Cli {
    let mut cli = Cli::of(env!("CARGO_BIN_EXE_llmperf"));
    cli.0.arg(subcommand);
    cli
}

/// A command line under construction.
pub(crate) struct Cli(Command);

impl Cli {
    /// Another program in the same environment; `sh` that ends in the binary, say.
    pub(crate) fn of(program: &str) -> Cli {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null());
        // Shared by all suites, so that plugins are compiled once.
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
        command.env("HOME", &home).env("XDG_CACHE_HOME", home.join("cache"));
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "LLVM_PROFILE_FILE"));
        Cli(command)
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Cli {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Cli {
        self.0.env(name, value);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
        Running::new(child, stdout, stderr)
    }

    /// Starts it with a stdout that nobody reads, as `| head` leaves it.
    pub(crate) fn start_unread(mut self) -> Running {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let (stdout, stderr) = (read(None::<std::io::Empty>), read(child.stderr.take()));
        Running::new(child, stdout, stderr)
    }

    /// The same with nobody at stderr either.
    pub(crate) fn start_unheard(mut self) -> Running {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop((child.stdout.take(), child.stderr.take()));
        Running::new(child, read(None::<std::io::Empty>), read(None::<std::io::Empty>))
    }

    /// Runs it to its end.
    pub(crate) fn done(self) -> Done {
        self.start().wait()
    }
}

/// A process that runs.
pub(crate) struct Running {
    pid: Pid,
    exit: Receiver<Option<i32>>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    over: Option<Option<i32>>,
}

impl Running {
    fn new(mut child: Child, stdout: Receiver<String>, stderr: Receiver<String>) -> Running {
        let pid = Pid::from_child(&child);
        let (sender, exit) = channel();
        std::thread::spawn(move || {
            // Fails to send only where the test is over.
            let _ = sender.send(child.wait().ok().and_then(|status| status.code()));
        });
        Running { pid, exit, stdout, stderr, over: None }
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Signals this process and no other. One that has just ended does not mind.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.over.is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Whether it ends within `patience`.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> bool {
        if self.over.is_none() {
            match self.exit.recv_timeout(patience) {
                Ok(code) => self.over = Some(code),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => panic!("nobody waits for the process"),
            }
        }
        true
    }

    /// Waits for its end; it may not hang, and may not panic.
    pub(crate) fn wait(mut self) -> Done {
        let ended = self.ends_within(LONGEST);
        if !ended {
            self.signal(Signal::KILL);
        }
        let text = |receiver: &Receiver<String>| receiver.recv_timeout(LONGEST).expect("the pipe ends");
        let done = Done { code: self.over.flatten(), stdout: text(&self.stdout), stderr: text(&self.stderr) };
        assert!(ended, "it hangs: {done:?}");
        assert!(!done.stderr.contains("panicked"), "{done:?}");
        done
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The same, with the exit code it must have.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// Reads a pipe to its end on a thread, so that a full one holds nobody up.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// Starts a mock that answers at once unless `args` say otherwise.
pub(crate) fn mock(args: &[&str]) -> Mock {
    let at_once =
        |flag: &str| if args.contains(&flag) { vec![] } else { vec![flag.to_owned(), "0ms".into()] };
    let dir = tempfile::tempdir().expect("a directory");
    let truth = dir.path().join("truth.jsonl");
    let mut cli = llmperf("mock").args(["--truth"]).args([&truth]);
    cli = cli.args(at_once("--ttft")).args(at_once("--itl")).args(args);
    let mut child = cli.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the mock starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut base = String::new();
    stdout.read_line(&mut base).expect("the mock says where it is");
    let stderr = read(child.stderr.take());
    let running = Running::new(child, read(Some(stdout)), stderr);
    Mock { base: base.trim().to_owned(), running, truth, _dir: dir }
}

/// A mock as a process of its own.
pub(crate) struct Mock {
    /// Its base URL, which ends in `/v1`.
    pub(crate) base: String,
    running: Running,
    truth: PathBuf,
    _dir: TempDir,
}

impl Mock {
    /// Stops it and tells what it did, in the order of arrival.
    pub(crate) fn truth(self) -> Vec<TruthRow> {
        self.running.signal(Signal::TERM);
        self.running.wait().exits(0);
        let text = std::fs::read_to_string(&self.truth).expect("a truth log");
        let rows = text.lines().map(|line| serde_json::from_str(line).expect("a row"));
        let mut rows: Vec<TruthRow> = rows.collect();
        rows.sort_by_key(|row| row.n);
        rows
    }
}
