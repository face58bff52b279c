//! Plugins of other people, from `plugin add` to a run: what is refused, what is shown, where a provider's key goes, and that a
//! file that was changed afterwards is not run. Real components, the real binary, a data directory of its own.

mod component;
mod origin;
mod overtaken;
mod terminal;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::support::{Asked, Cli, Done, Results, SMALL, Server, counts, llmperf, say};
use component::{magpie, magpie_without_a_card};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A user, with a data directory and files.
struct User(TempDir);

impl User {
    fn new() -> User {
        User(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, command: &str) -> Cli {
        let data = self.path("data");
        llmperf(command).env("LLMPERF_DATA_DIR", data.to_str().expect("a path in UTF-8"))
    }

    /// A file with the component of this card.
    fn file(&self, name: &str, card: &Value) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, magpie(card)).expect("a component");
        path
    }

    fn add(&self, file: &Path, flags: &[&str]) -> Done {
        self.run("plugin").args(["add"]).args([file]).args(flags).done()
    }

    /// Adds the component of this card, which is good.
    #[track_caller]
    fn added(&self, card: &Value) -> Done {
        self.add(&self.file("good.wasm", card), &["--yes"]).exits(0)
    }

    /// The component of this card is refused, and nothing is left behind.
    #[track_caller]
    fn refuses(&self, card: &Value, words: &[&str]) {
        let done = self.add(&self.file("bad.wasm", card), &["--yes"]).exits(2);
        contains(&done.stderr, words);
        assert_eq!(done.stdout, "");
        assert_eq!(self.installed(), [""; 0], "{card}");
    }

    fn list(&self) -> Vec<Value> {
        let done = self.run("plugin").args(["list", "--json"]).done().exits(0);
        serde_json::from_str(&done.stdout).expect("JSON")
    }

    fn installed(&self) -> Vec<String> {
        let rows = self.list();
        let rows = rows.iter().filter(|row| row["source"] == "installed");
        rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// The component in the store.
    fn stored(&self) -> PathBuf {
        let mut files = crate::support::entries(&self.path("data/plugins"));
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

#[track_caller]
fn contains(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

fn card(name: &str) -> Value {
    json!({ "name": name, "version": "0.3.0", "summary": "chatters", "options": [], "providers": null })
}

fn card_with(name: &str, providers: &str) -> Value {
    json!({ "name": name, "version": "0.3.0", "summary": "chatters", "providers": providers })
}

/// The head and body of each request that came.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// A server of the magpie's API, and what it was asked.
fn chatter() -> (Server, Heard) {
    let heard = Arc::new(Mutex::new(vec![]));
    let hearing = Arc::clone(&heard);
    let server = Server::start(move |asked: &Asked, socket| {
        let body = serde_json::from_str(&asked.body).expect("a JSON body");
        hearing.lock().expect("no panic holds it").push((asked.head.clone(), body));
        let lines: String = (0..10).map(|n| format!("{{\"word\":\"w{n} \"}}\n")).collect();
        say(
            socket,
            &format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{lines}{{\"over\":true,\"words\":10}}\n"),
        );
    });
    (server, heard)
}

#[test]
fn an_installed_plugin_measures_an_api_that_llmperf_does_not_know() {
    let (user, (server, heard)) = (User::new(), chatter());
    let providers = format!(
        "[[provider]]\nname = \"magpie-cloud\"\napi = \"magpie\"\nbase_url = \"{}\"\n\
         credential = [{{ scheme = \"header\", name = \"X-Api-Key\", env = [\"MAGPIE_API_KEY\"] }}]\n",
        server.base
    );
    let done = user.added(&card_with("magpie", &providers));
    contains(
        &done.stderr,
        &["magpie-cloud at http://127.0.0.1:", "sends it $MAGPIE_API_KEY in the header X-Api-Key"],
    );
    contains(&done.stdout, &["added magpie 0.3.0 sha256:"]);

    let results = Results::new();
    let load = |word: &str| user.run("load").args(["--llm-api", word]).args(SMALL);
    let run = load("magpie-cloud").args(["-n", "6", "-c", "2"]).args(results.flag());
    let done = run.env("MAGPIE_API_KEY", "magpie-0123456789").done().exits(0);
    contains(&done.stdout, &["6 ok", "plugin magpie 0.3.0"]);
    assert_eq!(counts(&results.summary()), [6, 6, 0, 0]);
    let manifest = results.of_run("manifest.json");
    assert_eq!(
        (&manifest["plugin"]["source"], &manifest["plugin"]["name"]),
        (&"installed".into(), &"magpie".into())
    );
    for (head, _) in heard.lock().expect("no panic holds it").drain(..) {
        contains(&head, &["POST /v1/chatter ", "magpie-0123456789"]);
    }
    let done = load("magpie-cloud").done().exits(2);
    contains(&done.stderr, &["magpie-cloud needs a key", "MAGPIE_API_KEY"]);
    // The API by its own name, at a server of the user's own.
    load("magpie").args(["--base-url", &server.base, "-n", "1"]).done().exits(0);
    assert!(!heard.lock().expect("no panic holds it")[0].0.contains("magpie-0123456789"));
}

#[test]
fn a_recorded_run_of_an_installed_plugin_is_replayed_by_its_name() {
    let (user, (server, _)) = (User::new(), chatter());
    user.added(&card("magpie"));
    let rec = user.path("rec");
    let load = user.run("load").args(["--llm-api", "magpie", "--base-url", &server.base, "-n", "3"]);
    load.args(SMALL).args(["--record"]).args([&rec]).done().exits(0);
    contains(&user.run("replay").args([&rec]).done().exits(0).stdout, &["3 ok", "plugin magpie 0.3.0"]);
    user.run("plugin").args(["remove", "magpie"]).done().exits(0);
    contains(&user.run("replay").args([&rec]).done().exits(2).stderr, &["magpie", "hint:"]);
}

#[test]
fn a_plugin_is_listed_until_it_is_removed() {
    let user = User::new();
    user.added(&card("magpie"));
    assert_eq!(user.installed(), ["magpie"]);
    let rows = user.list();
    let row = rows.iter().find(|row| row["name"] == "magpie").expect("a row");
    assert_eq!(
        (&row["version"], &row["summary"], &row["defect"]),
        (&"0.3.0".into(), &"chatters".into(), &Value::Null)
    );
    assert!(rows.iter().any(|row| row["name"] == "openai-chat" && row["source"] == "bundled"));
    let table = user.run("plugin").args(["list"]).done().exits(0).stdout;
    contains(&table, &["PLUGIN", "magpie", "installed", "openai-chat", "bundled"]);

    contains(
        &user.run("plugin").args(["remove", "magpie"]).done().exits(0).stdout,
        &["removed magpie 0.3.0"],
    );
    assert_eq!(user.installed(), [""; 0]);
    for (name, word) in
        [("magpie", "none is"), ("../magpie", "no plugin"), ("openai-chat", "came with llmperf")]
    {
        contains(&user.run("plugin").args(["remove", name]).done().exits(2).stderr, &[word]);
    }
    let done = user.run("load").args(["--llm-api", "magpie"]).args(SMALL).done().exits(2);
    contains(&done.stderr, &["--llm-api magpie is not known"]);
}

#[test]
fn nobody_to_ask_is_no_yes() {
    let user = User::new();
    let done = user.add(&user.file("a.wasm", &card("magpie")), &[]).exits(2);
    contains(
        &done.stderr,
        &["plugin    magpie 0.3.0", "sha256", "imports   wasi:", "nobody is there", "hint: --yes"],
    );
    assert_eq!(user.installed(), [""; 0]);
}

#[test]
fn names_of_others_are_refused() {
    let user = User::new();
    user.refuses(&card("openai-chat"), &["openai-chat is that of a bundled plugin"]);
    for name in ["groq", "openai", "litellm", "mock", "custom"] {
        user.refuses(&card(name), &[&format!("its name {name} is that of a provider")]);
    }
    for name in ["../magpie", "a/b", "/etc/x", "Magpie", "", "a_b"] {
        user.refuses(&card(name), &["its name"]);
    }
}

#[test]
fn what_is_no_plugin_or_another_file_is_refused() {
    let user = User::new();
    let file = user.file("a.wasm", &card("magpie"));
    let refused = |path: &Path, flags: &[&str], words: &[&str]| {
        contains(&user.add(path, &[flags, &["--yes"]].concat()).exits(2).stderr, words);
        assert_eq!(user.installed(), [""; 0], "{words:?}");
    };
    let link = user.path("link.wasm");
    symlink(&file, &link).expect("a link");
    refused(&link, &[], &["link.wasm is a symbolic link to ", "hint:"]);
    refused(user.0.path(), &[], &["is no file", "hint:"]);
    refused(Path::new("/dev/zero"), &[], &["/dev/zero is no file"]);
    refused(&user.path("none.wasm"), &[], &["none.wasm cannot be read"]);
    let address = Path::new("oci://ghcr.io/o/magpie@sha256:00");
    refused(address, &[], &["is an address, and nothing is fetched", "hint: download"]);
    let core = user.path("core.wasm");
    fs::write(&core, b"\0asm\x01\0\0\0").expect("a module");
    refused(&core, &[], &["core WebAssembly module", "hint:"]);
    refused(&file, &["--digest", "sha256:12"], &["--digest", "no SHA-256", "hint:"]);
    let other = format!("sha256:{}", "0".repeat(64));
    refused(&file, &["--digest", &other], &["has sha256", "--digest says 000"]);
    // A fault of its own is another exit code.
    let trapping = user.path("trapping.wasm");
    fs::write(&trapping, magpie_without_a_card()).expect("a component");
    contains(&user.add(&trapping, &["--yes"]).exits(6).stderr, &["cannot describe itself"]);
}

#[test]
fn a_digest_that_fits_lets_the_file_through() {
    let user = User::new();
    let done = user.added(&card("magpie"));
    let digest = done.stdout.trim().rsplit(' ').next().expect("a digest").to_owned();
    user.run("plugin").args(["remove", "magpie"]).done().exits(0);
    user.add(&user.path("good.wasm"), &["--yes", "--digest", &digest]).exits(0);
}

#[test]
fn one_of_a_name_is_replaced_only_on_request_and_by_the_same_rules() {
    let user = User::new();
    user.added(&card("magpie"));
    let mut later = card("magpie");
    later["version"] = "0.4.0".into();
    let file = user.file("later.wasm", &later);
    contains(
        &user.add(&file, &["--yes"]).exits(2).stderr,
        &["magpie 0.3.0 is installed already", "hint: --replace"],
    );
    contains(&user.add(&file, &["--yes", "--replace"]).exits(0).stderr, &["replaces  0.3.0 sha256:"]);
    let rows = user.list();
    let row = rows.iter().find(|row| row["name"] == "magpie").expect("a row");
    assert_eq!(row["version"], "0.4.0");
    user.stored();
    let bad =
        card_with("magpie", "[[provider]]\nname = \"groq\"\napi = \"magpie\"\nbase_url = \"https://a.b\"");
    let done = user.add(&user.file("bad.wasm", &bad), &["--yes", "--replace"]).exits(2);
    contains(&done.stderr, &["its provider groq has the name"]);
}

#[test]
fn a_file_that_was_changed_after_it_was_added_is_not_run() {
    let (user, (server, heard)) = (User::new(), chatter());
    user.added(&card("magpie"));
    let mut other = card("magpie");
    other["summary"] = "chatters otherwise".into();
    fs::write(user.stored(), magpie(&other)).expect("written");
    let load =
        user.run("load").args(["--llm-api", "magpie", "--base-url", &server.base, "-n", "1"]).args(SMALL);
    contains(
        &load.done().exits(2).stderr,
        &["magpie was changed after it was added", "was agreed to", "hint:"],
    );
    assert_eq!(heard.lock().expect("no panic holds it").len(), 0);
    contains(&user.run("plugin").args(["list"]).done().exits(0).stdout, &["UNUSABLE"]);
}

#[test]
fn a_providers_key_goes_to_its_own_origin_or_nowhere() {
    let user = User::new();
    let provider = |more: &str| {
        card_with("magpie", &format!("[[provider]]\nname = \"cloud\"\napi = \"magpie\"\n{more}"))
    };
    for (more, words) in [
        (
            "base_url = \"https://evil.example\"\ncredential = [{ scheme = \"bearer\", env = [\"OPENAI_API_KEY\"] }]",
            &["would send OPENAI_API_KEY, which is the key of openai", "https://evil.example"][..],
        ),
        (
            "base_url = \"https://evil.example\"\nquery = { k = \"{OPENAI_API_KEY}\" }",
            &["OPENAI_API_KEY is the name of a credential"],
        ),
        ("base_url = \"https://evil.example/{HOME}\"", &["has a variable"]),
        ("base_url = \"http://evil.example\"", &["neither https nor http on this machine"]),
        ("base_url = \"https://evil.example\"\nbase_env = [\"GROQ_API_KEY\"]", &["base_env", "GROQ_API_KEY"]),
        ("base_url = \"https://evil.example\"\nlitellm = [\"openai/\"]", &["LiteLLM's"]),
        (
            "base_url = \"https://evil.example\"\naliases = [\"openai\"]",
            &["its provider openai has the name"],
        ),
        ("base_url = 3", &["cannot be read", "base_url"]),
        ("", &["has no base_url"]),
    ] {
        user.refuses(&provider(more), words);
    }
    let other = card_with(
        "magpie",
        "[[provider]]\nname = \"cloud\"\napi = \"openai-chat\"\nbase_url = \"https://a.b\"",
    );
    user.refuses(&other, &["it speaks openai-chat"]);
}

#[test]
fn no_option_is_filled_with_a_secret() {
    let (user, (server, heard)) = (User::new(), chatter());
    let names = [
        "MAGPIE_TREE",
        "OPENAI_API_KEY",
        "MAGPIE_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "MY_SECRET_1",
        "DB_PASSWORD",
        "MINE",
    ];
    let options: Vec<Value> =
        names.iter().map(|name| json!({ "name": name.to_lowercase(), "env": [name] })).collect();
    let mut card = card("magpie");
    card["options"] = options.into();
    let file = user.file("a.wasm", &card);
    let done = user.add(&file, &["--yes"]).exits(0);
    contains(&done.stderr, &["reads MAGPIE_TREE: a knob", "reads OPENAI_API_KEY (never: it names a secret)"]);
    let file = file.to_str().expect("a path in UTF-8");
    for spoken in [["--llm-api", "magpie"], ["--plugin", file]] {
        let mut load =
            user.run("load").args(spoken).args(["--base-url", &server.base, "-n", "1", "--key-env", "MINE"]);
        for name in names {
            load = load.env(name, &format!("value-of-{name}"));
        }
        load.args(SMALL).done().exits(0);
        let (_, body) = heard.lock().expect("no panic holds it").pop().expect("a request");
        assert_eq!(body["options"], json!([["magpie_tree", "value-of-MAGPIE_TREE"]]), "{spoken:?}");
    }
}

#[test]
fn what_a_plugin_says_of_itself_is_inert() {
    let user = User::new();
    let mut card = card("magpie");
    card["summary"] = "\u{1b}[2Jsafe\r\nprovider  none".into();
    card["version"] = "\u{1b}]0;x\u{7}".into();
    let done = user.added(&card);
    let listed = user.run("plugin").args(["list"]).done().exits(0);
    for text in [done.stdout, done.stderr, listed.stdout] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\r']), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("provider ")), "{text}");
    }
}
