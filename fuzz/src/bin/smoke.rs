//! The targets without libFuzzer: seeds first, then changes of them at random, for so long. `smoke [TARGET] [SECONDS] [SEED]`;
//! an input that broke something is left in `artifacts/`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use llmperf_fuzz::TARGETS;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Inputs kept beside the seeds, so that changes add up.
const MAX_POOL: usize = 512;
const MAX_BYTES: usize = 4096;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let seconds = args.get(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let seed = args.get(2).and_then(|text| text.parse().ok()).unwrap_or(1);
    let chosen = args.first().map(String::as_str).unwrap_or("all");
    let mut broken = false;
    for (name, target) in TARGETS.into_iter().filter(|(name, _)| chosen == "all" || chosen == *name) {
        broken |= !run(name, target, Duration::from_secs(seconds), seed);
    }
    std::process::exit(i32::from(broken));
}

fn run(name: &str, target: fn(&[u8]), length: Duration, seed: u64) -> bool {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(seeds).expect("seeds").flatten().map(|e| e.path()).collect();
    files.sort();
    let mut pool: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a seed")).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (start, mut count) = (Instant::now(), 0u64);
    let given = pool.clone();
    let mut check = |input: &[u8]| {
        count += 1;
        let fine = catch_unwind(AssertUnwindSafe(|| target(input))).is_ok();
        if !fine {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
            std::fs::create_dir_all(&dir).expect("a directory");
            std::fs::write(dir.join(format!("{name}-{count}")), input).expect("written");
            eprintln!("{name}: input {count} broke it: artifacts/{name}-{count}");
        }
        fine
    };
    let mut fine = given.iter().all(|input| check(input));
    while fine && start.elapsed() < length {
        // Mostly the seeds: changes on changes soon are nothing that a parser lets through.
        let from = if random.random_range(0..4) > 0 { &given } else { &pool };
        let mut input = from[random.random_range(0..from.len())].clone();
        for _ in 0..random.random_range(1..=4) {
            change(&mut input, &pool, &mut random);
        }
        input.truncate(MAX_BYTES);
        fine = check(&input);
        if random.random_range(0..16) == 0 {
            match pool.len() < MAX_POOL {
                true => pool.push(input),
                false => {
                    let at = random.random_range(given.len()..pool.len());
                    pool[at] = input;
                }
            }
        }
    }
    println!(
        "{name:<16} {count} inputs in {:.0} s, seed {seed}: {}",
        start.elapsed().as_secs_f64(),
        if fine { "fine" } else { "BROKEN" }
    );
    fine
}

/// One change, of the kinds that fuzzers make.
fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], random: &mut ChaCha8Rng) {
    let at = random.random_range(0..=input.len());
    let run = random.random_range(1..=16usize).min(input.len() - at);
    match random.random_range(0..8) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 if at < input.len() => {
            input[at] = *[0, 1, 2, 4, 16, 0x7f, 0x80, 0xff].get(random.random_range(0..8usize)).unwrap_or(&0)
        }
        2 => input.insert(at, (random.next_u32() & 0xff) as u8),
        3 => drop(input.drain(at..at + run)),
        4 => {
            let piece = input[at..at + run].to_vec();
            let to = random.random_range(0..=input.len());
            input.splice(to..to, piece);
        }
        5 => {
            let other = &pool[random.random_range(0..pool.len())];
            let from = random.random_range(0..=other.len());
            input.truncate(at);
            input.extend(&other[from..]);
        }
        6 if input.len() >= 4 => {
            let at = at.min(input.len() - 4) & !3;
            let value = *[0u32, 1, 8, 131_072, 131_080, 131_200, 0x7fff_ffff, u32::MAX]
                .get(random.random_range(0..8usize))
                .unwrap_or(&0);
            input[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        _ => {
            let word: &[u8] = WORDS[random.random_range(0..WORDS.len())].as_bytes();
            input.splice(at..at, word.iter().copied());
        }
    }
}

const WORDS: [&str; 28] = [
    "\n",
    "\r\n",
    "\n\n",
    "data: ",
    "event: x\n",
    "[DONE]",
    "{\"a\":1}",
    "[",
    "]",
    ",",
    "\"",
    "\\",
    "\u{feff}",
    "//",
    "..",
    "%2e",
    "@",
    ":",
    "http://e",
    "\0",
    "é",
    "${X}",
    "=",
    "99999999999",
    "-1",
    "NaN",
    "1e308",
    " ",
];
