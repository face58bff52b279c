//! What no compiler would make: strings that are none, cases that there are not, lists beyond the end of memory, bombs of
//! tables, instances and handles.

use crate::bound::{NO_CPU, NO_MEMORY, NO_ROOM, alone, check_bounds, check_refused};
use crate::component::{GOOD, Parts, component, with_instances};
use crate::harness::{Mock, load_bytes};

#[test]
fn a_plugin_written_by_hand_works_where_it_keeps_to_the_rules() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load_bytes(&component(GOOD, ""), &mock.base_url, &["-n", "4", "-c", "2"]);
    check_bounds("good", &outcome);
    assert_eq!((outcome.code, outcome.kinds()), (0, vec!["ok"; 4]), "{}", outcome.stderr);
    // So is one with more instances than a compiler makes, and fewer than too many.
    let more = with_instances(component(GOOD, ""), "(module)", 40);
    assert_eq!(load_bytes(&more, &mock.base_url, &["-n", "1"]).kinds(), ["ok"]);
}

#[test]
fn a_component_that_cannot_start_is_a_plugin_fault() {
    let _alone = alone();
    let beside = |beside| Parts { beside, ..GOOD };
    let describe = |describe| Parts { describe, ..GOOD };
    let many_tables = "(table 1 funcref)".repeat(90);
    let cases: &[(&str, Parts<'_>, &str)] = &[
        ("start loops", beside("(func $s (loop $l (br $l))) (start $s)"), NO_CPU),
        ("start traps", beside("(func $s unreachable) (start $s)"), "unreachable"),
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
    for (what, parts, words) in cases {
        check_refused(what, &component(*parts, ""), 6, &["cannot describe itself", words]);
    }
    let bomb = with_instances(component(GOOD, ""), "(module)", 900);
    check_refused("instances", &bomb, 6, &["cannot describe itself", "resource limit exceeded"]);
    let bomb = with_instances(component(GOOD, ""), "(module (memory 2000))", 50);
    check_refused("memories", &bomb, 6, &["cannot describe itself", "limit"]);
}

/// Runs a component and checks how its requests fail.
fn check_fails(mock: &Mock, what: &str, bytes: &[u8], kind: &str, words: &str) {
    let outcome = load_bytes(bytes, &mock.base_url, &["-n", "2", "-c", "1"]);
    check_bounds(what, &outcome);
    assert_eq!((outcome.code, outcome.kinds()), (6, vec![kind; 2]), "{what}: {}", outcome.stderr);
    assert!(outcome.message().contains(words), "{what}: {:?}", outcome.message());
}

#[test]
fn answers_that_break_the_abi_fail_their_request() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let build = |build| Parts { build, ..GOOD };
    let push = |push| Parts { push, ..GOOD };
    let constructor = |constructor| Parts { constructor, ..GOOD };
    let cases: &[(&str, Parts<'_>, &str, &str)] = &[
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
    for (what, parts, kind, words) in cases {
        check_fails(&mock, what, &component(*parts, ""), kind, words);
    }
}

#[test]
fn a_bomb_of_handles_ends_and_takes_no_more_than_its_share() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let bomb = "(loop $l (drop (call $new (i32.const 1))) (br $l)) unreachable";
    let bytes = component(Parts { constructor: bomb, ..GOOD }, "");
    check_fails(&mock, "handles", &bytes, "plugin_limit", "handle limit exceeded");
}

#[test]
fn a_guest_that_has_the_host_work_for_it_is_ended_too() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    // Next to no fuel, and each call fills 64 KiB, always the same.
    let spin = "(loop $l
          (global.set $top (i32.const 1048576)) (call $random (i64.const 65536) (i32.const 4096)) (br $l))
        unreachable";
    // The import stands in front of the memory, as imports must.
    let memory = r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
        (memory (export "memory") 40)"#;
    let parts = Parts { memory, build: spin, ..GOOD };
    let bytes = component(parts, "import wasi:random/random@0.2.0;");
    let args = ["-n", "1", "--plugin-limit", "cpu=500ms"];
    let outcome = load_bytes(&bytes, &mock.base_url, &args);
    check_bounds("host calls", &outcome);
    assert_eq!((outcome.code, outcome.kinds()), (6, vec!["plugin_limit"]), "{}", outcome.stderr);
    assert!(outcome.message().contains("the time ran out"), "{:?}", outcome.message());
}
