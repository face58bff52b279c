//! What a plugin brings sends nobody anywhere that the user did not agree to: a listener that nobody has any reason to talk to
//! stays silent.

use std::io::ErrorKind;
use std::net::TcpListener;

use super::{User, card_with, chatter, contains};
use crate::support::SMALL;

fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a listener");
    let place = listener.local_addr().expect("an address").to_string();
    (listener, place)
}

#[track_caller]
fn check_silent(listener: &TcpListener, what: &str) {
    let came = listener.accept();
    assert!(came.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{what}: a connection came");
}

#[test]
fn a_plugins_own_address_is_asked_only_by_its_own_name() {
    let (user, (server, heard), (elsewhere, evil)) = (User::new(), chatter(), silent());
    let providers = format!(
        "[[provider]]\nname = \"magpie-cloud\"\napi = \"magpie\"\nbase_url = \"http://{evil}\"\n\
         credential = [{{ scheme = \"bearer\", env = [\"MAGPIE_API_KEY\"] }}]\n"
    );
    let card = card_with("magpie", &providers);
    user.added(&card);
    let file = user.file("a.wasm", &card);
    let file = file.to_str().expect("a path in UTF-8");
    // To add it, to list it, to look at it and to use it elsewhere are no visits.
    user.run("plugin").args(["list"]).done().exits(0);
    user.run("providers").done().exits(0);
    user.run("plugin").args(["inspect", file]).done().exits(0);
    user.run("plugin").args(["check", file]).done();
    for spoken in [["--llm-api", "magpie-cloud"], ["--plugin", file]] {
        let load = user.run("load").args(spoken).args(["--base-url", &server.base, "-n", "2"]).args(SMALL);
        load.env("MAGPIE_API_KEY", "magpie-0123456789").done().exits(0);
        check_silent(&elsewhere, spoken[0]);
    }
    assert_eq!(heard.lock().expect("no panic holds it").len(), 4);
    // A file that is not installed has no providers.
    let done = user.run("load").args(["--plugin", file, "-n", "1"]).args(SMALL).done().exits(2);
    contains(&done.stderr, &["--base-url"]);
    // The listener hears what does come: by its own name, which was agreed to.
    let load = user.run("load").args(["--llm-api", "magpie-cloud", "-n", "1", "--request-timeout", "0.5"]);
    load.args(SMALL).env("MAGPIE_API_KEY", "magpie-0123456789").done();
    assert!(elsewhere.accept().is_ok(), "the listener hears nothing at all");
}

#[test]
fn no_text_of_a_provider_leads_away_from_its_origin() {
    let ((server, heard), (elsewhere, evil)) = (chatter(), silent());
    let base = server.base.trim_end_matches("/v1");
    for (what, base, more, expected) in [
        ("a path that climbs", base.to_owned(), "path = \"../../@EVIL\"", ""),
        ("a path with a host", base.to_owned(), "path = \"//EVIL/x\"", "POST /EVIL/x/chatter "),
        ("a path with a scheme", base.to_owned(), "path = \"http://EVIL\"", "POST /http:/EVIL/chatter "),
        ("a query with a host", base.to_owned(), "query = { q = \"@EVIL#x\" }", "POST /chatter?q="),
        ("a host header", base.to_owned(), "headers = { Host = \"EVIL\" }", ""),
        ("a line break in a header", base.to_owned(), "headers = { x-fine = \"a\\r\\nHost: EVIL\" }", ""),
        ("a user in the address", base.replace("http://", "http://EVIL@"), "", ""),
        ("a fragment in the address", format!("{base}#@EVIL"), "", ""),
    ] {
        let user = User::new();
        let table =
            format!("[[provider]]\nname = \"cloud\"\napi = \"magpie\"\nbase_url = \"{base}\"\n{more}");
        let card = card_with("magpie", &table.replace("EVIL", &evil));
        let added = user.add(&user.file("a.wasm", &card), &["--yes"]);
        let run = (added.code == Some(0))
            .then(|| user.run("load").args(["--llm-api", "cloud", "-n", "1"]).args(SMALL).done());
        check_silent(&elsewhere, what);
        let came: Vec<String> =
            heard.lock().expect("no panic holds it").drain(..).map(|(head, _)| head).collect();
        match expected {
            // Refused when it is added, or before anything is sent.
            "" => {
                assert!(run.as_ref().is_none_or(|done| matches!(done.code, Some(2 | 6))), "{what}: {run:?}");
                assert_eq!(came, [""; 0], "{what}");
            }
            start => {
                assert_eq!(came.len(), 1, "{what}: {added:?} {run:?}");
                let asked = came[0].replace("%3A", ":");
                assert!(asked.starts_with(&start.replace("EVIL", &evil)), "{what}: {asked}");
                let host = came[0].lines().find(|line| line.to_ascii_lowercase().starts_with("host:"));
                assert!(host.is_some_and(|host| !host.contains(&evil)), "{what}: {host:?}");
            }
        }
    }
}
