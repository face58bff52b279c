//! The layers of ARCHITECTURE.md, checked against the sources: a room may use the rooms below its own layer, and neither
//! its siblings nor anything above.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, layer by layer from the top. Two lie lower than their shelf, because their siblings are made of them:
/// `tokens`, by which prompts are cut, and `units`, in which the clock tells its time.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["run"],
    &["plan", "report"],
    &["workload", "load", "plugin", "provider", "transport", "metrics", "mock"],
    &["tokens"],
    &["record"],
    &["clock"],
    &["units", "error"],
];

/// Crates that are named in one room only.
const OWNED: &[(&str, &str)] = &[
    ("wasmparser", "plugin"),
    ("wasmtime", "plugin"),
    ("wasmtime_wasi", "plugin"),
    ("wasmtime_wasi_io", "plugin"),
    ("reqwest", "transport"),
    ("tokenizers", "tokens"),
    ("clap", "cli"),
];

/// What reads a clock. Timers (`sleep`, `timeout`, `interval`) do not: no instant comes out of them.
const CLOCK_READS: &[&str] = &["Instant::now", "SystemTime::now", "clock_gettime", ".elapsed("];

/// Where a clock is read, and why that may be.
const CLOCK_READERS: &[(&str, &str)] = &[("clock.rs", "it is the clock")];

/// A source file of the host without its comments and its test module.
struct Source {
    /// Relative to `host/src`.
    path: String,
    room: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    collect(&root, &mut files);
    files.sort();
    let sources: Vec<Source> = files.iter().filter_map(|file| read(&root, file)).collect();
    assert!(sources.len() > 50, "the sources are where this test looks for them");
    sources
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `None` for files that hold tests only, and for the map of the crate.
fn read(root: &Path, file: &Path) -> Option<Source> {
    let path = file.strip_prefix(root).expect("below the root").to_str().expect("a path of text").to_owned();
    let is_test = path.ends_with("tests.rs") || path.split('/').any(|part| part == "tests");
    if is_test || path == "lib.rs" {
        return None;
    }
    let room = path.split('/').next().expect("a first part").trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(file).expect("a source");
    // Test modules stand at the end of their file.
    let text = text.split("\n#[cfg(test)]\nmod ").next().expect("a first part");
    let code = text.lines().map(without_comment).collect::<Vec<_>>().join("\n");
    Some(Source { path, room, code })
}

fn without_comment(line: &str) -> &str {
    match line.find("//") {
        // Not the slashes of a URL in a text.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    }
}

/// The rooms that a source names as `crate::room`, `llmperf::room` or inside `crate::{room, …}`.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for root in ["crate::", "llmperf::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(first_words(group)),
                None => rooms.extend(Some(word(rest)).filter(|word| !word.is_empty())),
            }
        }
    }
    rooms
}

/// The first word of each item of a `{…}` group, whose opening brace is gone.
fn first_words(group: &str) -> Vec<String> {
    let (mut words, mut depth, mut item) = (vec![], 0, String::new());
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => words.push(word(std::mem::take(&mut item).trim_start())),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                item.push(c);
            }
        }
    }
    words.push(word(item.trim_start()));
    words.retain(|word| !word.is_empty());
    words
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn every_room_stands_in_a_layer() {
    let rooms: BTreeSet<String> = sources().into_iter().map(|source| source.room).collect();
    let missing: Vec<_> = rooms.iter().filter(|room| layer(room).is_none()).collect();
    assert!(missing.is_empty(), "rooms in no layer: {missing:?}");
}

#[test]
fn rooms_use_only_rooms_below_their_own_layer() {
    let mut wrong = vec![];
    for source in sources() {
        for used in rooms_used(&source.code).iter().filter(|used| **used != source.room) {
            // What is no room is a macro or an item of the crate's root.
            let Some(lower) = layer(used) else { continue };
            if Some(lower) <= layer(&source.room) {
                wrong.push(format!("{} uses {used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "against the layers of ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_heavy_crate_is_named_in_its_own_room_only() {
    let mut wrong = vec![];
    for source in sources() {
        for (name, room) in OWNED {
            let named = source.code.match_indices(name).any(|(at, _)| {
                let before = source.code[..at].chars().next_back();
                let after = &source.code[at + name.len()..];
                let is_word =
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.' || c == '/');
                is_word && (after.starts_with("::") || source.code[..at].ends_with("use "))
            });
            if named && source.room != *room {
                wrong.push(format!("{} names {name}, which only {room} may", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_clock_is_read_in_one_file() {
    let mut wrong = vec![];
    let mut readers = BTreeSet::new();
    for source in sources() {
        for (number, line) in source.code.lines().enumerate() {
            for read in CLOCK_READS.iter().filter(|read| line.contains(**read)) {
                readers.insert(source.path.clone());
                if !CLOCK_READERS.iter().any(|(file, _)| source.path == *file) {
                    wrong.push(format!("{}:{}: {read}", source.path, number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "a clock is read outside of clock.rs:\n{}", wrong.join("\n"));
    for (file, why) in CLOCK_READERS {
        assert!(readers.contains(*file), "{file} reads no clock any more; it was allowed because {why}");
    }
}

#[test]
fn paths_are_found_however_they_are_written() {
    let check = |code: &str, expected: &[&str]| {
        let found = rooms_used(code);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{code}");
    };
    check("use crate::units::{Span, Stamp};", &["units"]);
    check("use crate::{clock, record::{Head, Trace}, units::Span};", &["clock", "record", "units"]);
    check("use crate::{\n    plan::Plan,\n    run,\n};", &["plan", "run"]);
    check("fn f() -> crate::plugin::Fault { llmperf::cli::main() }", &["cli", "plugin"]);
    check("use my_crate::units; $crate::record::x!()", &[]);
}
