//! The WASI that a guest is given, which grants nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasmtime::bail;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::limits::{Growth, Limiter, Limits};
use super::usage::Meter;
use crate::units::Span;

/// The state of one store.
pub(super) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) log: GuestLog,
    /// The thread's CPU time when the running call began.
    pub(super) call_began: Span,
}

impl State {
    pub(super) fn new(limits: Limits, together: Growth, meter: Meter) -> State {
        let log = GuestLog::new(limits.log_bytes);
        let mut table = ResourceTable::new();
        table.set_max_capacity(1024);
        let wasi = WasiCtx::builder()
            .stdout(log.clone())
            .stderr(log.clone())
            .secure_random(fixed_randomness())
            .insecure_random(fixed_randomness())
            .insecure_random_seed(0)
            .wall_clock(StoppedClock)
            .monotonic_clock(StoppedClock)
            .max_random_size(64 << 10)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        State { wasi, table, limiter: Limiter::new(limits, together, meter), log, call_began: Span(0) }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The WASI interfaces that guests of common languages import, each answering that there is nothing: no arguments,
/// environment, files or input, a stopped clock, fixed randomness, output to a bounded log. No sockets, no HTTP:
/// a component that imports anything else does not link.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sync};
    type S = State;

    wasmtime_wasi_io::bindings::wasi::io::error::add_to_linker::<S, HasIo>(linker, |s| &mut s.table)?;
    sync::io::poll::add_to_linker::<S, HasIo>(linker, |s| &mut s.table)?;
    sync::io::streams::add_to_linker::<S, HasIo>(linker, |s| &mut s.table)?;
    cli::environment::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::exit::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stdin::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stdout::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stderr::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_input::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_output::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stdin::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stdout::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stderr::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    clocks::wall_clock::add_to_linker::<S, WasiClocks>(linker, S::clocks)?;
    filesystem::preopens::add_to_linker::<S, WasiFilesystem>(linker, S::filesystem)?;
    sync::filesystem::types::add_to_linker::<S, WasiFilesystem>(linker, S::filesystem)?;
    random::random::add_to_linker::<S, WasiRandom>(linker, |s| s.wasi.random())?;
    random::insecure::add_to_linker::<S, WasiRandom>(linker, |s| s.wasi.random())?;
    random::insecure_seed::add_to_linker::<S, WasiRandom>(linker, |s| s.wasi.random())?;
    link_stopped_clock(linker)
}

/// Every interface that [`link`] puts there, and what a guest finds in it.
const STUBS: &[(&str, &str)] = &[
    ("wasi:cli/environment", "no arguments, no variables, no directory"),
    ("wasi:cli/exit", "ends the guest as a fault"),
    ("wasi:cli/stderr", "kept for --plugin-log, up to a bound"),
    ("wasi:cli/stdin", "at its end"),
    ("wasi:cli/stdout", "kept for --plugin-log, up to a bound"),
    ("wasi:cli/terminal-input", "no terminal"),
    ("wasi:cli/terminal-output", "no terminal"),
    ("wasi:cli/terminal-stderr", "no terminal"),
    ("wasi:cli/terminal-stdin", "no terminal"),
    ("wasi:cli/terminal-stdout", "no terminal"),
    ("wasi:clocks/monotonic-clock", "stopped at 0; waiting on it traps"),
    ("wasi:clocks/wall-clock", "stopped at 1970"),
    ("wasi:filesystem/preopens", "no directory"),
    ("wasi:filesystem/types", "no file to be had"),
    ("wasi:io/error", "of the streams here"),
    ("wasi:io/poll", "of the streams here"),
    ("wasi:io/streams", "of stdin, stdout and stderr"),
    ("wasi:random/insecure", "the same in every instance"),
    ("wasi:random/insecure-seed", "0"),
    ("wasi:random/random", "the same in every instance"),
];

/// What a guest finds behind an import; `None` where it is none that a plugin may have.
pub(super) fn stub_of(import: &str) -> Option<&'static str> {
    let (interface, version) = import.split_once('@')?;
    // wasmtime links any 0.2 to the 0.2 it has.
    let version_fits = version == "0.2" || version.starts_with("0.2.");
    let known = STUBS.iter().find(|(name, _)| *name == interface).filter(|_| version_fits);
    known.map(|(_, answer)| *answer)
}

/// `wasi:clocks/monotonic-clock` by hand: the stock one lets a guest sleep, which costs no fuel and would hold its worker.
fn link_stopped_clock(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.0")?;
    clock.func_wrap("now", |_, (): ()| Ok((0u64,)))?;
    clock.func_wrap("resolution", |_, (): ()| Ok((1u64,)))?;
    for wait in ["subscribe-instant", "subscribe-duration"] {
        clock.func_wrap(wait, |_, (_,): (u64,)| -> wasmtime::Result<(Resource<DynPollable>,)> {
            bail!("a plugin has no clock to wait on")
        })?;
    }
    Ok(())
}

struct HasIo;

impl wasmtime::component::HasData for HasIo {
    type Data<'a> = &'a mut ResourceTable;
}

fn fixed_randomness() -> ChaCha8Rng {
    ChaCha8Rng::from_seed([0; 32])
}

struct StoppedClock;

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        0
    }
}

/// The first bytes a guest wrote to stdout and stderr. Writing past the bound succeeds and is dropped, so that a chatty
/// plugin neither fills memory nor fails.
#[derive(Clone)]
pub(super) struct GuestLog {
    bound: usize,
    // Shared between the store's two streams and the session that reads it; never contended.
    text: Arc<Mutex<Vec<u8>>>,
}

impl GuestLog {
    fn new(bound: usize) -> GuestLog {
        GuestLog { bound, text: Arc::default() }
    }

    fn keep(&self, bytes: &[u8]) {
        let mut text = self.text.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let room = self.bound.saturating_sub(text.len());
        text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// What was written since the last call.
    pub(super) fn take(&self) -> String {
        let mut text = self.text.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *text)).into_owned()
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    // Only WASI 0.3 guests would use this one, and they do not link.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.keep(&bytes);
        Ok(())
    }
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stub_is_linked_and_what_is_no_stub_is_not() {
        let mut linker = Linker::new(&wasmtime::Engine::default());
        link(&mut linker).expect("it links");
        // What is there cannot be put there again.
        let mut is_there = |name: &str, member: &str| {
            let version = if name == "wasi:clocks/monotonic-clock" { "0.2.0" } else { WASI };
            let mut instance = linker.instance(&format!("{name}@{version}")).expect("an instance");
            instance.func_wrap(member, |_, (): ()| Ok(())).is_err()
        };
        for (name, _) in STUBS {
            let (_, member) = MEMBERS.iter().find(|(of, _)| of == name).expect(name);
            assert!(is_there(name, member), "{name}/{member}");
        }
        for (name, member) in [("wasi:http/outgoing-handler", "handle"), ("wasi:cli/run", "run")] {
            assert!(!is_there(name, member) && stub_of(&format!("{name}@0.2.0")).is_none(), "{name}");
        }
    }

    /// The release that wasmtime-wasi has.
    const WASI: &str = "0.2.12";

    /// Something in each interface.
    const MEMBERS: &[(&str, &str)] = &[
        ("wasi:cli/environment", "get-environment"),
        ("wasi:cli/exit", "exit"),
        ("wasi:cli/stderr", "get-stderr"),
        ("wasi:cli/stdin", "get-stdin"),
        ("wasi:cli/stdout", "get-stdout"),
        ("wasi:cli/terminal-input", "terminal-input"),
        ("wasi:cli/terminal-output", "terminal-output"),
        ("wasi:cli/terminal-stderr", "get-terminal-stderr"),
        ("wasi:cli/terminal-stdin", "get-terminal-stdin"),
        ("wasi:cli/terminal-stdout", "get-terminal-stdout"),
        ("wasi:clocks/monotonic-clock", "now"),
        ("wasi:clocks/wall-clock", "now"),
        ("wasi:filesystem/preopens", "get-directories"),
        ("wasi:filesystem/types", "descriptor"),
        ("wasi:io/error", "error"),
        ("wasi:io/poll", "pollable"),
        ("wasi:io/streams", "input-stream"),
        ("wasi:random/insecure", "get-insecure-random-bytes"),
        ("wasi:random/insecure-seed", "insecure-seed"),
        ("wasi:random/random", "get-random-bytes"),
    ];
}
