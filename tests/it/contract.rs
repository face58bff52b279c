//! The contract between host and plugins: a released version of it never changes, and the plugins that come with the host
//! keep to it.

use std::path::Path;

use llmperf::plugin::{Engine, Limits, bundled};
use wasmparser::{ComponentExternalKind, Parser, Payload};

/// A bundled plugin is part of the binary and is compiled at its first use; both should stay small.
const MOST_BYTES: usize = 300 << 10;
const MOST_BYTES_OF_ALL: usize = 6 << 20;

/// WIT without comments and with single blanks: what a compiler sees.
fn tokens(wit: &str) -> String {
    let lines = wit.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_released_contract_has_not_changed() {
    // Comments may be bettered. A change of anything else breaks every plugin that was ever built: it is a new version of
    // the package, with a file of its own beside this one, and the host serves both.
    let (now, released) =
        (tokens(&read("wit/llmperf-plugin.wit")), tokens(&read("tests/fixtures/wit-0.1.0.wit")));
    assert!(released.starts_with("package llmperf:plugin@0.1.0;"), "{released}");
    let differ = now.bytes().zip(released.bytes()).position(|(now, released)| now != released);
    let around =
        |text: &str, at: usize| text.chars().skip(at.saturating_sub(40)).take(120).collect::<String>();
    let at = differ.unwrap_or(now.len().min(released.len()));
    assert!(
        now == released,
        "llmperf:plugin@0.1.0 is released and frozen, but\n  …{}…\nwas\n  …{}…",
        around(&now, at),
        around(&released, at)
    );
}

/// Names of what a component imports and exports.
fn interface(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut depth) = (vec![], vec![], 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("a valid component") {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                imports.extend(
                    section.into_iter().map(|import| import.expect("an import").name.name.to_owned()),
                );
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.expect("an export");
                    assert_eq!(export.kind, ComponentExternalKind::Instance, "{}", export.name.name);
                    exports.push(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    (imports, exports)
}

#[test]
fn bundled_plugins_import_nothing_but_what_the_standard_library_drags_in() {
    for plugin in bundled() {
        let (imports, exports) = interface(plugin.wasm);
        assert_eq!(exports, ["llmperf:plugin/api@0.1.0"], "{}", plugin.name);
        for import in imports {
            let (interface, version) = import.split_once('@').expect(&import);
            let harmless = interface.starts_with("wasi:cli/") || interface.starts_with("wasi:io/");
            assert!(harmless && version.starts_with("0.2."), "{}: {import}", plugin.name);
        }
    }
}

#[test]
fn bundled_plugins_are_small_and_say_who_they_are() {
    let engine = Engine::new(Limits::default(), None).expect("an engine");
    for plugin in bundled() {
        println!("{:<20} {:>7} bytes", plugin.name, plugin.wasm.len());
        assert!(plugin.wasm.len() < MOST_BYTES, "{plugin:?}");
        let loaded = engine.load(plugin.name, plugin.wasm).expect("it loads");
        let description = loaded.description();
        assert_eq!(description.name, plugin.name);
        assert_eq!(description.version.split('.').count(), 3, "{}", description.version);
        assert!(!description.summary.is_empty() && !description.summary.contains('\n'), "{plugin:?}");
        let known = ["chat", "completion", "embedding"];
        assert!(description.tasks.iter().any(|task| known.contains(&&**task)), "{plugin:?}");
    }
    let all: usize = bundled().map(|plugin| plugin.wasm.len()).sum();
    assert!(all < MOST_BYTES_OF_ALL, "{all} bytes");
}
