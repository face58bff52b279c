//! A file that is no plugin, or none that this host takes, is refused before anything else is done.

use crate::bound::{NO_CPU, alone, check_refused};
use crate::harness::{hostile, hostile_early, run};
use crate::strangers::{that_are_no_plugins, that_choke_the_compiler};

#[test]
fn a_file_that_is_no_plugin_is_refused_with_what_it_is() {
    let _alone = alone();
    for (what, _, bytes, words) in that_are_no_plugins() {
        check_refused(what, &bytes, 2, words);
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
    for (what, _, bytes, words) in that_choke_the_compiler() {
        check_refused(what, &bytes, 2, words);
    }
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
