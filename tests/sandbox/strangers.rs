//! Files that are no plugins, or none that this host takes, and what must be said of each: by a run, and by `plugin check`.

use crate::harness::hostile;

const API: &str = "llmperf:plugin/api@0.1.0";

/// What it is called here; the check that finds it, and its evidence; its bytes; the words of a run.
pub(crate) type Case = (&'static str, (&'static str, &'static str), Vec<u8>, &'static [&'static str]);

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("good text")
}

/// A component that exports an empty instance of this name, after `imports`.
pub(crate) fn exporting(name: &str, imports: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component {imports} (component $c) (instance $i (instantiate $c)) (export "{name}" (instance $i)))"#
    ))
}

/// All kinds of them.
pub(crate) fn that_are_no_plugins() -> Vec<Case> {
    let import =
        |name: &str| exporting(API, &format!(r#"(import "{name}" (instance (export "handle" (func))))"#));
    let header = b"\0asm\x0d\0\x01\0";
    vec![
        ("empty", ("file", "an empty file"), vec![], &["empty"]),
        ("ELF", ("file", "native code"), b"\x7fELF\x02\x01\x01\0".to_vec(), &["native code"]),
        ("text", ("file", "WebAssembly text"), b"(component)".to_vec(), &["WebAssembly text", "hint: "]),
        (
            "HTML",
            ("file", "not WebAssembly"),
            b"<!DOCTYPE html><title>404</title>".to_vec(),
            &["not WebAssembly"],
        ),
        (
            "core module",
            ("file", "a core WebAssembly module"),
            wat("(module)"),
            &["core WebAssembly module", "hint: "],
        ),
        (
            "unknown layer",
            ("file", "of a kind"),
            b"\0asm\x0d\0\x02\0".to_vec(),
            &["of a kind this host does not know"],
        ),
        ("three bytes", ("file", "not WebAssembly"), b"\0as".to_vec(), &["not WebAssembly"]),
        (".cwasm", ("file", "ELF"), b"\x7fELF\x02\x01\x01\x00\x57\x02\x00\x00".to_vec(), &["ELF; a .cwasm"]),
        (
            "memory64",
            ("contract", "exports nothing"),
            wat("(component (core module (memory i64 1)))"),
            &["no valid component", "memory64"],
        ),
        (
            "threads",
            ("contract", "exports nothing"),
            wat("(component (core module (memory 1 2 shared)))"),
            &["no valid component"],
        ),
        (
            "truncated",
            ("file", "it is broken"),
            hostile()[..hostile().len() / 2].to_vec(),
            &["no valid component"],
        ),
        ("garbage", ("file", "it is broken"), [&header[..], &[0xff; 1000]].concat(), &["no valid component"]),
        (
            "too large",
            ("file", "it is broken"),
            [&header[..], &vec![0; 65 << 20]].concat(),
            &["larger than 64 MiB"],
        ),
        (
            "nothing",
            ("contract", "exports nothing"),
            wat("(component)"),
            &["not an llmperf plugin", "exports nothing"],
        ),
        (
            "another world",
            ("contract", "wasi:cli/run@0.2.0"),
            exporting("wasi:cli/run@0.2.0", ""),
            &["not an llmperf plugin", "wasi:cli/run@0.2.0"],
        ),
        (
            "later version",
            ("contract", "use a newer llmperf"),
            exporting("llmperf:plugin/api@0.3.0", ""),
            &["api@0.3.0", "speaks llmperf:plugin/api@0.1.0", "hint: "],
        ),
        ("other shape", ("loads", "does not export"), exporting(API, ""), &["does not export", API]),
        (
            "HTTP",
            ("imports", "wasi:http/outgoing-handler@0.2.0"),
            import("wasi:http/outgoing-handler@0.2.0"),
            &["asks for more", "wasi:http/outgoing-handler"],
        ),
        (
            "sockets",
            ("imports", "wasi:sockets/tcp@0.2.0"),
            import("wasi:sockets/tcp@0.2.0"),
            &["asks for more", "wasi:sockets/tcp"],
        ),
        (
            "not in this WASI",
            ("loads", "get-secret"),
            exporting(
                API,
                r#"(import "wasi:cli/environment@0.2.0" (instance (export "get-secret" (func))))"#,
            ),
            &["asks for more", "wasi:cli/environment", "get-secret"],
        ),
        (
            "bare function",
            ("imports", "steal"),
            exporting(API, r#"(import "steal" (func))"#),
            &["asks for more", "steal"],
        ),
        (
            "made up",
            ("imports", "evil:corp/root-shell"),
            import("evil:corp/root-shell"),
            &["asks for more", "evil:corp/root-shell"],
        ),
    ]
}

/// Components that the compiler would work on for minutes. `plugin check` refuses these for what they lack before compiling them.
pub(crate) fn that_choke_the_compiler() -> Vec<Case> {
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
    let tiny = wat(&format!("(component (core module {}))", "(func)".repeat(990_000)));
    let lacking = ("contract", "exports nothing");
    vec![
        ("many locals", lacking, function(49_999, 10_000), &["locals, which takes too long to compile"]),
        ("many functions", lacking, tiny, &["too long to compile"]),
        ("long function", lacking, function(49_000, 100_000), &["bytes with 49000 locals"]),
    ]
}
