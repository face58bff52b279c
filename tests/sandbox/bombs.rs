//! Components that no compiler would make, and what must be said of each: by a run, and by `plugin check`.

use crate::component::{GOOD, Parts, component, with_instances};

pub(crate) const NO_CPU: &str = "more CPU than it may";
pub(crate) const NO_MEMORY: &str = "growing memory";
pub(crate) const NO_ROOM: &str = "too much data is being copied";

/// A component, and what it fails with.
pub(crate) struct Bomb {
    pub(crate) what: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// The kind of the requests' failure; none where it does not get so far.
    pub(crate) kind: &'static str,
    pub(crate) words: &'static str,
}

/// What is called after an answer of `function` was read.
fn post(function: &str, body: &str) -> String {
    format!(r#"(func (export "cabi_post_llmperf:plugin/api@0.1.0#{function}") (param i32) {body})"#)
}

/// Those that cannot start, or not describe themselves.
pub(crate) fn that_cannot_start() -> Vec<Bomb> {
    let beside = |beside| Parts { beside, ..GOOD };
    let describe = |describe| Parts { describe, ..GOOD };
    let cleaning = post("describe", "(loop $l (br $l))");
    let many_tables = "(table 1 funcref)".repeat(90);
    let cases: &[(&'static str, Parts<'_>, &'static str)] = &[
        ("start loops", beside("(func $s (loop $l (br $l))) (start $s)"), NO_CPU),
        ("start traps", beside("(func $s unreachable) (start $s)"), "unreachable"),
        ("what cleans up after describe loops", beside(&cleaning), NO_CPU),
        ("large memory", Parts { memory: "(memory (export \"memory\") 8000)", ..GOOD }, "growing memory"),
        ("large table", beside("(table 1000000 funcref)"), "growing table"),
        ("many tables", beside(&many_tables), "resource limit exceeded"),
        ("wild pointer", describe("(i32.const 0x7fff0000)"), "out of bounds"),
        ("odd pointer", describe("(i32.const 1025)"), "align"),
        (
            "name beyond memory",
            describe("(i32.store (i32.const 1028) (i32.const 0x7fffffff)) (i32.const 1024)"),
            "out of bounds",
        ),
        ("name is no UTF-8", describe("(i32.store8 (i32.const 512) (i32.const 255)) (i32.const 1024)"), "utf-8"),
        (
            "option case 9",
            describe("(i32.store8 (i32.const 1064) (i32.const 9)) (i32.const 1024)"),
            "discriminant",
        ),
        (
            "a million tasks, one string",
            describe(
                "(local $i i32)
                (loop $l
                  (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8))) (i32.const 1048576))
                  (i32.store offset=4 (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8))) (i32.const 1000000))
                  (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if $l (i32.lt_u (local.get $i) (i32.const 100000))))
                (i32.store (i32.const 1048) (i32.const 65536)) (i32.store (i32.const 1052) (i32.const 100000))
                (i32.const 1024)",
            ),
            NO_ROOM,
        ),
    ];
    let bomb = |what, bytes, words| Bomb { what, bytes, kind: "", words };
    let mut bombs: Vec<Bomb> =
        cases.iter().map(|(what, parts, words)| bomb(*what, component(*parts, ""), *words)).collect();
    let instances = |module, count| with_instances(component(GOOD, ""), module, count);
    bombs.push(bomb("instances", instances("(module)", 900), "resource limit exceeded"));
    bombs.push(bomb("memories", instances("(module (memory 2000))", 50), "limit"));
    bombs
}

/// Those whose answers break the rules of the ABI, or pass a limit.
pub(crate) fn that_answer_badly() -> Vec<Bomb> {
    let build = |build| Parts { build, ..GOOD };
    let cleaning = post("build-request", "(loop $l (br $l))");
    let trapping = post("[method]decoder.push", "unreachable");
    let realloc = |realloc| Parts { realloc, ..GOOD };
    let push = |push| Parts { push, ..GOOD };
    let constructor = |constructor| Parts { constructor, ..GOOD };
    let cases: &[(&'static str, Parts<'_>, &'static str, &'static str)] = &[
        (
            "framing 77",
            build("(i32.store8 (i32.const 2300) (i32.const 77)) (i32.const 2048)"),
            "plugin_trap",
            "discriminant",
        ),
        (
            "result case 2",
            build("(i32.store8 (i32.const 2048) (i32.const 2)) (i32.const 2048)"),
            "plugin_trap",
            "discriminant",
        ),
        (
            "a body of 4 GiB",
            build("(i32.store (i32.const 2088) (i32.const -1)) (i32.const 2048)"),
            "plugin_trap",
            "out of bounds",
        ),
        (
            "table grows",
            Parts {
                beside: "(table $t 1 funcref)",
                build: "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l)) unreachable",
                ..GOOD
            },
            "plugin_limit",
            "growing table",
        ),
        ("room for the question loops", realloc("(loop $l (br $l))"), "plugin_limit", NO_CPU),
        ("room for the question traps", realloc("unreachable"), "plugin_trap", "unreachable"),
        (
            "room for the question is beyond memory",
            realloc("(return (i32.const 0x7fffff00))"),
            "plugin_trap",
            "beyond end of memory",
        ),
        ("what cleans up after a request loops", Parts { beside: &cleaning, ..GOOD }, "plugin_limit", NO_CPU),
        (
            "what cleans up after events traps",
            Parts { beside: &trapping, ..GOOD },
            "plugin_trap",
            "unreachable",
        ),
        (
            "memory grows",
            build("(loop $l (drop (memory.grow (i32.const 16))) (br $l)) unreachable"),
            "plugin_limit",
            NO_MEMORY,
        ),
        (
            "piece 99",
            push("(i32.store8 (i32.const 3208) (i32.const 99)) (i32.const 3072)"),
            "plugin_trap",
            "discriminant",
        ),
        (
            "text is no UTF-8",
            push("(i32.store8 (i32.const 512) (i32.const 255)) (i32.const 3072)"),
            "plugin_trap",
            "utf-8",
        ),
        (
            "a list without end",
            push("(i32.store (i32.const 3080) (i32.const 0x2aaaaaa)) (i32.const 3072)"),
            "plugin_trap",
            "out of bounds",
        ),
        ("no such handle", constructor("(i32.const 12345)"), "plugin_trap", "handle"),
        ("trap at the start of an answer", constructor("unreachable"), "plugin_trap", "unreachable"),
    ];
    let bomb = |what, parts, kind, words| Bomb { what, bytes: component(parts, ""), kind, words };
    let handles = "(loop $l (drop (call $new (i32.const 1))) (br $l)) unreachable";
    let mut bombs: Vec<Bomb> =
        cases.iter().map(|(what, parts, kind, words)| bomb(*what, *parts, *kind, *words)).collect();
    bombs.push(bomb("handles", constructor(handles), "plugin_limit", "handle limit exceeded"));
    bombs
}
