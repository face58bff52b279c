//! A file that is no plugin, or none that this host takes, is refused before anything else is done.

use crate::bound::{NO_CPU, alone, check_refused};
use crate::harness::{hostile, hostile_early, run};

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("good text")
}

/// A component that exports an empty instance of this name, after `imports`.
fn exporting(name: &str, imports: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component {imports} (component $c) (instance $i (instantiate $c)) (export "{name}" (instance $i)))"#
    ))
}

#[test]
fn a_file_that_is_no_plugin_is_refused_with_what_it_is() {
    let _alone = alone();
    let api = "llmperf:plugin/api@0.1.0";
    let import =
        |name: &str| exporting(api, &format!(r#"(import "{name}" (instance (export "handle" (func))))"#));
    let header = b"\0asm\x0d\0\x01\0";
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("empty", vec![], &["empty"]),
        ("ELF", b"\x7fELF\x02\x01\x01\0".to_vec(), &["native code"]),
        ("text", b"(component)".to_vec(), &["WebAssembly text", "hint: "]),
        ("HTML", b"<!DOCTYPE html><title>404</title>".to_vec(), &["not WebAssembly"]),
        ("core module", wat("(module)"), &["core WebAssembly module", "hint: "]),
        ("unknown layer", b"\0asm\x0d\0\x02\0".to_vec(), &["of a kind this host does not know"]),
        ("three bytes", b"\0as".to_vec(), &["not WebAssembly"]),
        (".cwasm", b"\x7fELF\x02\x01\x01\x00\x57\x02\x00\x00".to_vec(), &["ELF; a .cwasm"]),
        ("memory64", wat("(component (core module (memory i64 1)))"), &["no valid component", "memory64"]),
        ("threads", wat("(component (core module (memory 1 2 shared)))"), &["no valid component"]),
        ("truncated", hostile()[..hostile().len() / 2].to_vec(), &["no valid component"]),
        ("garbage", [&header[..], &[0xff; 1000]].concat(), &["no valid component"]),
        ("too large", [&header[..], &vec![0; 65 << 20]].concat(), &["larger than 64 MiB"]),
        ("nothing", wat("(component)"), &["not an llmperf plugin", "exports nothing"]),
        (
            "another world",
            exporting("wasi:cli/run@0.2.0", ""),
            &["not an llmperf plugin", "wasi:cli/run@0.2.0"],
        ),
        (
            "later version",
            exporting("llmperf:plugin/api@0.3.0", ""),
            &["api@0.3.0", "speaks llmperf:plugin/api@0.1.0", "hint: "],
        ),
        ("other shape", exporting(api, ""), &["does not export", api]),
        (
            "HTTP",
            import("wasi:http/outgoing-handler@0.2.0"),
            &["asks for more", "wasi:http/outgoing-handler"],
        ),
        ("sockets", import("wasi:sockets/tcp@0.2.0"), &["asks for more", "wasi:sockets/tcp"]),
        (
            "not in this WASI",
            exporting(
                api,
                r#"(import "wasi:cli/environment@0.2.0" (instance (export "get-secret" (func))))"#,
            ),
            &["asks for more", "wasi:cli/environment", "get-secret"],
        ),
        ("bare function", exporting(api, r#"(import "steal" (func))"#), &["asks for more", "steal"]),
        ("made up", import("evil:corp/root-shell"), &["asks for more", "evil:corp/root-shell"]),
    ];
    for (what, bytes, words) in cases {
        check_refused(what, bytes, 2, words);
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let _alone = alone();
    let whole = hostile();
    for cut in (1..8).map(|eighth| whole.len() * eighth / 8).chain([whole.len() - 1]) {
        check_refused(&format!("cut at {cut}"), &whole[..cut], 2, &["no valid component"]);
    }
}

#[test]
fn a_component_that_would_choke_the_compiler_is_refused_uncompiled() {
    let _alone = alone();
    let function = |locals: usize, blocks: usize| {
        let locals = "i32 ".repeat(locals);
        let block = |n: usize| {
            let (from, to) = (n * 7 % 49_000, n * 13 % 49_000);
            format!(
                "(block (br_if 0 (local.get 0)) (local.set {to} (i32.add (local.get {from}) (i32.const 1)))) "
            )
        };
        let blocks: String = (0..blocks).map(block).collect();
        wat(&format!("(component (core module (func (param i32) (local {locals}) {blocks})))"))
    };
    check_refused("many locals", &function(49_999, 10_000), 2, &["locals, which takes too long to compile"]);
    let tiny = wat(&format!("(component (core module {}))", "(func)".repeat(990_000)));
    check_refused("many functions", &tiny, 2, &["too long to compile"]);
    check_refused("long function", &function(49_000, 100_000), 2, &["bytes with 49000 locals"]);
}

#[test]
fn a_plugin_that_cannot_start_or_describe_itself_is_a_plugin_fault() {
    let _alone = alone();
    for (deed, word) in
        [(b"loop", NO_CPU), (b"trap", "a bomb in describe"), (b"init", NO_CPU), (b"hoax", "its name")]
    {
        let what = String::from_utf8_lossy(deed).into_owned();
        check_refused(&what, &hostile_early(deed), 6, &["cannot describe itself", word]);
    }
}

#[test]
fn a_plugin_that_is_no_file_is_a_mistake_in_the_plan() {
    for path in ["/", "/no/such/file.wasm"] {
        let outcome = run(&["--plugin", path, "--base-url", "http://127.0.0.1:9/v1", "--model", "m"]);
        assert_eq!(outcome.code, 2, "{path}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("is no file"), "{path}: {}", outcome.stderr);
    }
}
