//! A plugin that was good when it was added, and whose words another has taken since.

use std::fs;

use super::{User, card_with, chatter, contains};
use crate::support::SMALL;

#[test]
fn a_plugin_whose_words_another_has_taken_since_is_not_dropped_in_silence() {
    let (user, (server, heard)) = (User::new(), chatter());
    let provider = |name: &str| {
        format!("[[provider]]\nname = \"{name}\"\napi = \"magpie\"\nbase_url = \"{}\"\n", server.base)
    };
    user.added(&card_with("magpie", &[provider("magpie-cloud"), provider("magpie-eu")].concat()));
    let own = user.path("own.toml");
    fs::write(&own, provider("magpie-eu").replace("\"magpie\"", "\"openai-chat\"")).expect("written");
    let load = |word: &str, more: &[&str]| {
        user.run("load")
            .args(["--llm-api", word, "-n", "1"])
            .args(["--providers"])
            .args([&own])
            .args(more)
            .args(SMALL)
    };
    let why =
        ["the providers of the installed plugin magpie are left out", "its provider magpie-eu has the name"];
    let remedy = "hint: llmperf plugin remove magpie";
    // Nobody else answers to it: nothing is sent.
    let done = load("magpie-cloud", &[]).done().exits(2);
    contains(&done.stderr, &["error: --llm-api magpie-cloud cannot be used", why[0], why[1], remedy]);
    assert_eq!(heard.lock().expect("no panic holds it").len(), 0);
    // Another answers to it: that one is asked, and it is said.
    let done = load("magpie-eu", &["--target", "mock"]).done().exits(0);
    contains(&done.stderr, &["note: --llm-api magpie-eu is another's", why[0], why[1], remedy]);
    // The API itself is nobody else's.
    let done = load("magpie", &["--base-url", &server.base]).done().exits(0);
    contains(&done.stderr, &[&format!("note: {}", why[0]), remedy]);
    // What has nothing to do with it is not troubled.
    assert!(!load("openai", &["--target", "mock"]).done().exits(0).stderr.contains("magpie"));
    let listed = user.run("providers").args(["--providers"]).args([&own]).done().exits(0);
    contains(&listed.stderr, &["note: ", why[0], remedy]);
}

#[test]
fn of_two_plugins_with_one_word_the_later_is_left_out_and_named() {
    let (user, other) = (User::new(), User::new());
    let provider = |api: &str| {
        format!("[[provider]]\nname = \"shiny\"\napi = \"{api}\"\nbase_url = \"https://{api}.example\"\n")
    };
    user.added(&card_with("magpie", &provider("magpie")));
    other.added(&card_with("raven", &provider("raven")));
    // As two versions of llmperf, or a person, may leave it.
    let lock = |user: &User| fs::read_to_string(user.path("data/plugins.lock.toml")).expect("a lock file");
    let theirs = lock(&other);
    let tables = &theirs[theirs.find("[[plugin]]").expect("a plugin")..];
    fs::write(user.path("data/plugins.lock.toml"), format!("{}\n{tables}", lock(&user))).expect("written");
    let load =
        |more: &[&str]| user.run("load").args(["--llm-api", "shiny", "-n", "1"]).args(more).args(SMALL);
    let done = load(&["--base-url", "http://127.0.0.1:9/v1"]).done();
    contains(
        &done.stderr,
        &[
            "--llm-api shiny is another's: the providers of the installed plugin raven",
            "hint: llmperf plugin remove raven",
        ],
    );
}
