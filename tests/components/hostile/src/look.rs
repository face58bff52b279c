//! What a guest can find out about the world it runs in.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How often this was called in this instance.
pub(crate) fn count() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed) + 1
}

/// Everything that WASI could tell, in one line.
pub(crate) fn around() -> String {
    let mut seen = String::new();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_nanos());
    let start = Instant::now();
    let passed =
        (0..1_000_000).map(std::hint::black_box).map(|_| 0).sum::<u128>() + start.elapsed().as_nanos();
    let mut input = String::new();
    let read = std::io::stdin().read_to_string(&mut input).map_err(|error| error.kind());
    let _ = write!(
        seen,
        "wall={wall:?} passed={passed} random={:x} args={} env={} stdin={read:?} dir={} file={} write={}",
        RandomState::new().hash_one("x"),
        std::env::args().count(),
        std::env::vars().count(),
        std::fs::read_dir("/").is_ok(),
        std::fs::read("/etc/passwd").is_ok() || std::fs::read("/proc/self/environ").is_ok(),
        std::fs::write("/tmp/hostile", "x").is_ok() || std::fs::write("hostile", "x").is_ok(),
    );
    seen
}

/// The suite's key, disguised so that the component does not hold it itself.
const DISGUISED_KEY: [u8; 28] = disguise(*b"sk-sandbox-0123456789-secret");
const MASK: u8 = 0x5a;

const fn disguise(mut key: [u8; 28]) -> [u8; 28] {
    let mut i = 0;
    while i < key.len() {
        key[i] ^= MASK;
        i += 1;
    }
    key
}

/// Searches all of the guest's memory.
pub(crate) fn for_the_key() -> String {
    let end = core::arch::wasm32::memory_size(0) * 65_536;
    let at = |address: usize| unsafe { (address as *const u8).read_volatile() } ^ MASK;
    let found = (1..end - DISGUISED_KEY.len())
        .find(|&start| DISGUISED_KEY.iter().enumerate().all(|(i, &byte)| at(start + i) == byte));
    match found {
        Some(_) => "found".to_owned(),
        None => "not found".to_owned(),
    }
}

/// Shows that the search works.
pub(crate) fn for_a_planted_key() -> String {
    let planted = DISGUISED_KEY.map(|byte| byte ^ MASK);
    let found = for_the_key();
    std::hint::black_box(&planted);
    format!("the key is {found}")
}
