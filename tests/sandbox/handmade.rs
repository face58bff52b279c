//! What no compiler would make: strings that are none, cases that there are not, lists beyond the end of memory, bombs of
//! tables, instances and handles.

use crate::bombs::{Bomb, that_answer_badly, that_cannot_start};
use crate::bound::{alone, check_bounds, check_refused};
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
    for Bomb { what, bytes, words, .. } in that_cannot_start() {
        check_refused(what, &bytes, 6, &["cannot describe itself", words]);
    }
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
    for Bomb { what, bytes, kind, words } in that_answer_badly() {
        check_fails(&mock, what, &bytes, kind, words);
    }
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
