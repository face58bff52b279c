//! How this suite runs things: the hostile component, built once; the real binary, watched from outside; a target.

#[path = "../support/component.rs"]
mod component;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use component::build_component;

/// The variable that runs take their key from, and the key. The hostile component knows it, in disguise.
pub(crate) const KEY_ENV: &str = "SANDBOX_KEY";
pub(crate) const KEY: &str = "sk-sandbox-0123456789-secret";

/// A run that has not ended by then never will; every case is done in seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The hostile component's bytes.
pub(crate) fn hostile() -> &'static [u8] {
    &hostile_file().1
}

/// The hostile component's path.
pub(crate) fn hostile_path() -> &'static str {
    hostile_file().0.to_str().expect("a path of text")
}

fn hostile_file() -> &'static (PathBuf, Vec<u8>) {
    static BUILT: OnceLock<(PathBuf, Vec<u8>)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let path = build_component("llmperf-hostile");
        let bytes = std::fs::read(&path).expect("the component was built");
        (path, bytes)
    })
}

/// A copy of the hostile component that does this at its start or when it is asked to describe itself.
pub(crate) fn hostile_early(deed: &[u8; 4]) -> Vec<u8> {
    let mut bytes = hostile().to_vec();
    let marker = b"hostile-early-deed: none";
    let at = bytes
        .windows(marker.len())
        .position(|window| window == marker)
        .expect("the marker is in the component");
    bytes[at + 20..at + 24].copy_from_slice(deed);
    bytes
}

/// The binary with an environment of its own. Compiled components are kept from suite to suite.
pub(crate) fn llmperf() -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox-home");
    std::fs::create_dir_all(&home).expect("a home directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmperf"));
    command.env_clear().env("HOME", &home).env("XDG_CACHE_HOME", home.join("cache")).env(KEY_ENV, KEY);
    command.stdin(Stdio::null());
    command
}

/// A mock server of its own process; it ends with the value.
pub(crate) struct Mock {
    child: Child,
    pub(crate) base_url: String,
    truth: PathBuf,
    _dir: TempDir,
}

impl Mock {
    /// Answers at once, with 20 tokens unless the request says otherwise.
    pub(crate) fn start(args: &[&str]) -> Mock {
        let dir = tempfile::tempdir().expect("a directory");
        let truth = dir.path().join("truth.jsonl");
        let mut command = llmperf();
        let standard =
            [["--ttft", "1ms"], ["--itl", "1us"], ["--output-tokens", "20"], ["--usage", "always"]];
        command.arg("mock").args(standard.iter().filter(|pair| !args.contains(&pair[0])).flatten());
        command.arg("--truth").arg(&truth).args(args).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the mock starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("its stdout"));
        stdout.read_line(&mut line).expect("the mock says its address");
        assert!(line.starts_with("http://"), "the mock did not start: {line:?}");
        Mock { child, base_url: line.trim().to_owned(), truth, _dir: dir }
    }

    /// Ends the mock, which writes its log to the end; gives the paths that were asked for.
    pub(crate) fn paths(self) -> Vec<String> {
        self.rows().iter().filter_map(|row| row["path"].as_str().map(str::to_owned)).collect()
    }

    /// Ends the mock; gives what it did, by the id of the response.
    pub(crate) fn truth(self) -> HashMap<String, Value> {
        self.rows().into_iter().filter_map(|row| Some((row["id"].as_str()?.to_owned(), row))).collect()
    }

    fn rows(mut self) -> Vec<Value> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("the mock still runs");
        self.child.wait().expect("the mock ends");
        let rows = std::fs::read_to_string(&self.truth).expect("the mock's log");
        rows.lines().filter_map(|row| serde_json::from_str(row).ok()).collect()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run of the binary left behind.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) seconds: f64,
    /// The largest resident set it had.
    pub(crate) peak_mib: u64,
    pub(crate) records: Vec<Value>,
    pub(crate) results: TempDir,
}

impl Outcome {
    /// The failures' kinds, in the order of the file; "ok" for a success.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.records.iter().map(|record| record["failure"]["kind"].as_str().unwrap_or("ok")).collect()
    }

    /// The first failure's message.
    pub(crate) fn message(&self) -> &str {
        self.records.iter().find_map(|record| record["failure"]["message"].as_str()).unwrap_or_default()
    }

    /// The text of every response.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.records.iter().map(|record| record["text"].as_str().unwrap_or_default()).collect()
    }

    /// Every file below the results directory: its name, and its content.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![];
        let mut dirs = vec![self.results.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
                match entry.path() {
                    dir if dir.is_dir() => dirs.push(dir),
                    file => {
                        let content = std::fs::read(&file).expect("a file");
                        let name = entry.file_name().to_string_lossy().into_owned();
                        files.push((name, String::from_utf8_lossy(&content).into_owned()));
                    }
                }
            }
        }
        files.sort();
        files
    }

    /// The directory that holds the file of this name.
    pub(crate) fn dir_of(&self, name: &str) -> PathBuf {
        let dirs = std::fs::read_dir(self.results.path()).expect("a directory").flatten();
        let dirs = dirs.map(|entry| entry.path()).chain([self.results.path().to_owned()]);
        dirs.into_iter().find(|dir| dir.join(name).exists()).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The one file of this name, or whose name ends so where that begins with `_`.
    pub(crate) fn file(&self, name: &str) -> String {
        let found = self.files().into_iter().find(|(found, _)| match name.starts_with('_') {
            true => found.ends_with(name),
            false => found == name,
        });
        found.unwrap_or_else(|| panic!("no {name}; stderr: {}", self.stderr)).1
    }
}

/// A small workload, but for what `args` say otherwise.
fn small<'a>(args: &[&str]) -> Vec<&'a str> {
    let pairs = [["--isl", "40"], ["--isl-stddev", "0"], ["--osl", "20"], ["--osl-stddev", "0"]];
    let given = pairs.into_iter().filter(|pair| !args.contains(&pair[0])).flatten();
    given.chain(["--save-text"]).collect()
}

/// Runs `llmperf load` with the hostile component as `model` says, at `base_url`.
pub(crate) fn load(base_url: &str, model: &str, args: &[&str]) -> Outcome {
    let mut all = vec!["--plugin", hostile_path(), "--base-url", base_url, "--model", model];
    all.extend(small(args));
    all.extend(args);
    run(&all)
}

/// Runs `llmperf load` with a component file that holds these bytes.
pub(crate) fn load_component(bytes: &[u8]) -> Outcome {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("a component");
    let path = file.path().to_str().expect("a path of text");
    // Nobody listens there; a run that gets so far has other things to answer for.
    run(&["--plugin", path, "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "-n", "1"])
}

/// Runs `llmperf load` with a component of these bytes at `base_url`.
pub(crate) fn load_bytes(bytes: &[u8], base_url: &str, args: &[&str]) -> Outcome {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("a component");
    let path = file.path().to_str().expect("a path of text");
    let mut all = vec!["--plugin", path, "--base-url", base_url, "--model", "m"];
    all.extend(small(args));
    all.extend(args);
    run(&all)
}

/// Runs `llmperf load` to its end.
pub(crate) fn run(args: &[&str]) -> Outcome {
    let results = tempfile::tempdir().expect("a directory");
    let talk = tempfile::tempdir().expect("a directory");
    let (out, err) = (talk.path().join("out"), talk.path().join("err"));
    let mut command = llmperf();
    command.arg("load").args(args).args(["--key-env", KEY_ENV]).arg("--results-dir").arg(results.path());
    command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
    let start = Instant::now();
    let mut child = command.spawn().expect("the binary starts");
    let (code, peak_mib) = watch(&mut child, start, args);
    let seconds = start.elapsed().as_secs_f64();
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned();
    let mut outcome =
        Outcome { code, stdout: read(&out), stderr: read(&err), seconds, peak_mib, records: vec![], results };
    if let Some((_, lines)) = outcome.files().iter().find(|(name, _)| name == "records.jsonl") {
        outcome.records = lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    }
    outcome
}

/// Waits for the end, and looks at the high-water mark of memory on the way. The mark only rises, so the last look before
/// the end misses nothing but what the last milliseconds added.
fn watch(child: &mut Child, start: Instant, args: &[&str]) -> (i32, u64) {
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    loop {
        let status = std::fs::read_to_string(&status_file).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0);
        peak_kib = peak_kib.max(kib);
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return (status.code().unwrap_or(-1), peak_kib >> 10);
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("llmperf load {args:?} did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
