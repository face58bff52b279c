//! What a hostile or broken plugin can do to a run: fail its own requests, and nothing else. The real binary runs a real
//! component against a real server; what must not happen is looked for from outside.

#[path = "support_sandbox/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use support::{KEY, Mock, Outcome, hostile, hostile_early, load, load_component, run};

/// Cases burn CPU and memory on purpose: one at a time, so that none is late for another's sake.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One instance may have 256 MiB, and the host some for itself and for what it copies.
const MOST_MIB: u64 = 500;
/// A call may take about a second of CPU; this is for slow and busy machines.
const MOST_SECONDS: f64 = 30.0;

/// What holds for every run, whatever the plugin does.
fn check_bounds(what: &str, outcome: &Outcome) {
    let Outcome { seconds, peak_mib, stdout, stderr, .. } = outcome;
    assert!(*peak_mib <= MOST_MIB, "{what}: {peak_mib} MiB");
    assert!(*seconds <= MOST_SECONDS, "{what}: {seconds} s");
    for text in [stdout, stderr] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\r']), "{what}: a control character in {text:?}");
        assert!(!text.contains("panicked at host"), "{what}: {text}");
        assert!(text.len() < 20_000, "{what}: {} bytes on the terminal", text.len());
    }
    for (name, content) in outcome.files() {
        assert!(!content.contains('\u{1b}'), "{what}: an escape in {name}");
        assert!(!content.contains(KEY), "{what}: the key is in {name}");
    }
}

/// Runs one request as `model` says, and checks its failure.
fn check_fault(mock: &Mock, model: &str, kind: &str, message: &str) {
    let outcome = load(&mock.base_url, model, &["-n", "1", "-c", "1"]);
    check_bounds(model, &outcome);
    assert_eq!(outcome.kinds(), [kind], "{model}: {}", outcome.stderr);
    assert!(outcome.message().contains(message), "{model}: {:?}", outcome.message());
    assert!(outcome.message().chars().count() <= 1001, "{model}: {:?}", outcome.message());
    assert_eq!(outcome.code, 6, "{model}: {}", outcome.stderr);
    assert!(outcome.file("summary.json").contains("\"ended\": \"complete\""), "{model}");
}

const NO_CPU: &str = "more CPU than it may";
const NO_MEMORY: &str = "growing memory";
const NO_ROOM: &str = "too much data is being copied";

#[test]
fn a_fault_while_building_fails_that_request_and_is_named() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    for (model, kind, message) in [
        ("loop-build", "plugin_limit", NO_CPU),
        ("trap-build", "plugin_trap", "a bomb in build-request"),
        ("error-build", "plugin_request", "no words for that"),
        ("exit-build", "plugin_trap", "exit"),
        ("alloc-build", "plugin_limit", NO_MEMORY),
        ("recursion-build", "plugin_trap", "wasm trap"),
        ("huge-body", "plugin_limit", NO_ROOM),
        ("gigantic-body", "plugin_limit", NO_MEMORY),
        ("aliased-list", "plugin_limit", NO_ROOM),
        ("bad-utf8", "plugin_trap", "utf-8"),
        ("method", "plugin_request", "CONNECT"),
        ("many-headers", "plugin_request", "more than 100 headers"),
        ("many-framings", "plugin_request", "framings, more than 3"),
        ("long-path", "plugin_request", "longer than 8192 bytes"),
    ] {
        check_fault(&mock, model, kind, message);
    }
    assert_eq!(mock.paths(), [""; 0], "nothing was sent");
}

#[test]
fn a_fault_while_decoding_fails_that_request_and_is_named() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let cases = [
        ("loop-decode", "plugin_limit", NO_CPU),
        ("loop-finish", "plugin_limit", NO_CPU),
        ("trap-decode", "plugin_trap", "a bomb in push"),
        ("trap-finish", "plugin_trap", "a bomb in finish"),
        ("error-decode", "plugin_error", "what a mess"),
        ("exit-decode", "plugin_trap", "exit"),
        ("alloc-decode", "plugin_limit", NO_MEMORY),
        ("recursion-decode", "plugin_trap", "wasm trap"),
        ("million-deltas", "plugin_limit", NO_ROOM),
        ("wrong-event-index", "plugin_error", "event 1000000 of 24"),
        ("bad-utf8-decode", "plugin_trap", "utf-8"),
        ("log-spam-trap", "plugin_trap", "wrote: "),
        ("sleep", "plugin_trap", "no clock to wait on"),
    ];
    for (model, kind, message) in cases {
        check_fault(&mock, model, kind, message);
    }
    assert_eq!(mock.paths(), ["/v1/chat/completions"; 13]);
}

#[test]
fn a_trap_in_one_response_leaves_the_others_whole() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "trap-decode-every-3", &["-n", "30", "-c", "5"]);
    check_bounds("trap-decode-every-3", &outcome);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.records.len(), 30);
    let (good, bad): (Vec<_>, Vec<_>) =
        outcome.records.iter().partition(|record| record["failure"].is_null());
    assert_eq!((good.len(), bad.len()), (20, 10));
    for record in bad {
        assert_eq!(record["failure"]["kind"], "plugin_trap");
    }
    for record in good {
        assert_eq!((&record["osl_tokens"], &record["usage"]["output_tokens"]), (&20.into(), &20.into()));
        assert_eq!(record["token_event_ns"].as_array().map(Vec::len), Some(20));
    }
}

#[test]
fn a_fault_in_explaining_does_not_hide_what_the_server_said() {
    let _alone = alone();
    let mock = Mock::start(&["--fault", "500:all"]);
    let outcome = load(&mock.base_url, "trap-explain", &["-n", "2", "-c", "1"]);
    check_bounds("trap-explain", &outcome);
    assert_eq!(
        (outcome.code, outcome.kinds().as_slice()),
        (5, &["http_status"; 2][..]),
        "{}",
        outcome.stderr
    );
    assert!(outcome.message().contains("error"), "{:?}", outcome.message());
    assert_eq!(outcome.records[0]["failure"]["code"], "500");
}

/// A run that was ended because the plugin did nothing but fail.
fn check_given_up(model: &str, kind: &str, args: &[&str]) {
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, model, args);
    check_bounds(model, &outcome);
    assert_eq!(outcome.code, 6, "{model}: {}", outcome.stderr);
    assert!(outcome.stderr.contains("error: the plugin failed"), "{model}: {}", outcome.stderr);
    let faults = outcome.kinds().iter().filter(|&&found| found == kind).count();
    assert!((10..100).contains(&faults), "{model}: {faults} of {:?}", outcome.kinds());
    assert!(outcome.file("summary.json").contains("\"ended\": \"plugin_faults\""), "{model}");
    assert!(outcome.file("_individual_responses.json").contains("error"), "{model}");
}

#[test]
fn ten_faults_in_a_row_end_the_run_with_its_results_written() {
    let _alone = alone();
    check_given_up("trap-decode", "plugin_trap", &["-n", "500", "-c", "4"]);
    check_given_up("error-build", "plugin_request", &["-n", "500", "-c", "4"]);
}

#[test]
fn faults_are_seen_while_requests_are_built_ahead() {
    let _alone = alone();
    // Hundreds are built before the first is sent, and each burns a second: ten must be enough.
    check_given_up("loop-build", "plugin_limit", &["-n", "500", "-c", "1"]);
}

#[test]
fn a_guest_finds_no_clock_environment_file_input_or_randomness() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "look-around", &["-n", "3", "-c", "1"]);
    check_bounds("look-around", &outcome);
    let seen: Vec<&str> =
        outcome.texts().iter().map(|text| &text[text.find("wall=").expect(text)..]).collect();
    let random = seen[0].split(' ').find_map(|word| word.strip_prefix("random=")).expect(seen[0]);
    let expected = format!(
        "wall=Ok(0) passed=0 random={random} args=0 env=0 stdin=Ok(0) dir=false file=false write=false"
    );
    assert_eq!(seen, [&expected; 3]);
    // Fixed not only within a run.
    let again = load(&mock.base_url, "look-around", &["-n", "1"]);
    assert!(again.texts()[0].ends_with(&expected), "{:?}", again.texts());
}

#[test]
fn a_guest_keeps_nothing_from_one_request_to_the_next() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let outcome = load(&mock.base_url, "state", &["-n", "20", "-c", "4"]);
    assert_eq!(outcome.kinds(), ["ok"; 20], "{}", outcome.stderr);
    assert!(outcome.texts().iter().all(|text| text.ends_with("call 1")), "{:?}", outcome.texts());
    let outcome = load(&mock.base_url, "state-build", &["-n", "5", "-c", "1"]);
    assert!(
        outcome.records.iter().all(|record| record["failure"]["message"] == "call 1"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_a_guest_writes_is_bounded_and_inert() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    for model in ["log-spam", "escapes"] {
        let outcome = load(&mock.base_url, model, &["-n", "3", "-c", "1"]);
        check_bounds(model, &outcome);
        assert_eq!(
            (outcome.code, outcome.kinds().as_slice()),
            (0, &["ok"; 3][..]),
            "{model}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn what_a_guest_writes_is_shown_on_request_and_not_without_end() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    let shown = |flags: &[&str]| {
        let outcome = load(&mock.base_url, "log-spam", &[&["-n", "3", "-c", "1"], flags].concat());
        outcome.stderr.lines().filter(|line| line.starts_with("plugin: ")).count()
    };
    assert_eq!(shown(&[]), 0);
    let lines = shown(&["--plugin-log"]);
    assert!((1..=101).contains(&lines), "{lines} lines");
}

/// A listener that nobody has any reason to talk to.
struct Elsewhere(TcpListener);

impl Elsewhere {
    fn start() -> Elsewhere {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        Elsewhere(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// A connection would have been queued by the kernel, whoever accepts it.
    fn check_silent(&self, what: &str) {
        let came = self.0.accept();
        assert!(came.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{what}: a connection came");
    }
}

#[test]
fn no_path_or_query_reaches_another_origin_or_leaves_the_base() {
    let _alone = alone();
    let elsewhere = Elsewhere::start();
    let evil = format!("127.0.0.1:{}", elsewhere.port());
    let mock = Mock::start(&[]);
    let one = |model: &str, segment: &str| {
        let option = format!("segment={}", segment.replace("EVIL", &evil));
        let outcome = load(&mock.base_url, model, &["-n", "1", "-c", "1", "--plugin-option", &option]);
        check_bounds(segment, &outcome);
        elsewhere.check_silent(segment);
        outcome.kinds().join(" ")
    };
    let encoded = [
        "//EVIL",
        "\\\\EVIL",
        "/\\EVIL",
        "http://EVIL",
        "HTTPS://EVIL",
        "http:chat",
        "//good@EVIL",
        "//１２７.0.0.1",
        "javascript:alert(1)",
        "data:,x",
        "file:///etc/passwd",
        ".evil.com",
        "@EVIL",
        ":1",
        "%2e%2e",
        "%2f",
        "a;b",
        "a?b",
        "a#b",
        "..%2f..",
        "x/../../../y",
        "..\\..",
    ];
    for segment in encoded {
        // Whatever it asks for, it is not there.
        assert_eq!(one("path", segment), "http_status", "{segment:?}");
    }
    for segment in ["", ".", "..", "a\tb", "a\nb", "a\rb", "a\u{85}b"] {
        assert_eq!(one("path", segment), "plugin_request", "{segment:?}");
    }
    for pair in ["a&b=c#d", "@EVIL", "\r\nHost: EVIL", "http://EVIL"] {
        assert_eq!(one("query", pair), "ok", "{pair:?}");
    }
    let paths = mock.paths();
    assert_eq!(paths.len(), encoded.len() + 4, "{paths:?}");
    for path in &paths[..encoded.len()] {
        let inside = path.strip_prefix("/v1/").and_then(|path| path.strip_suffix("/x")).expect(path);
        assert!(!inside.is_empty() && !inside.contains(['/', '\\', '?', '#']), "{path}");
        assert!(!matches!(inside, "." | ".." | "%2e%2e"), "{path}");
    }
    assert_eq!(paths[encoded.len()..], ["/v1/chat/completions"; 4]);
}

#[test]
fn headers_of_the_host_and_broken_ones_are_refused_by_name() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    for (name, value, named) in [
        ("Host", "evil", "host"),
        ("Transfer-Encoding", "chunked", "transfer-encoding"),
        ("Content-Length", "0", "content-length"),
        ("Connection", "close", "connection"),
        ("Authorization", "Bearer x", "authorization"),
        ("X-Api-Key", "x", "x-api-key"),
        ("x-goog-api-key", "x", "x-goog-api-key"),
        ("Cookie", "a=b", "cookie"),
        ("x-fine", "a\r\nhost: evil", "x-fine"),
        ("x-fine", "a\nb", "x-fine"),
        ("x\r\nhost", "evil", "header name"),
        ("", "x", "header name"),
        ("x y", "x", "header name"),
    ] {
        let options = [format!("header-name={name}"), format!("header-value={value}")];
        let [name_option, value_option] = options.each_ref().map(String::as_str);
        let args = ["-n", "1", "--plugin-option", name_option, "--plugin-option", value_option];
        let outcome = load(&mock.base_url, "header", &args);
        check_bounds(name, &outcome);
        assert_eq!(outcome.kinds(), ["plugin_request"], "{name:?}: {}", outcome.stderr);
        assert!(outcome.message().contains(named), "{name:?}: {}", outcome.message());
    }
    assert_eq!(mock.paths(), [""; 0], "nothing was sent");
}

/// A server that says back the key it was sent, wherever it can: in the head, in the response's id, in its text, and with
/// another status than 200 in its error.
struct Parrot {
    base_url: String,
    keys_seen: Arc<AtomicUsize>,
}

impl Parrot {
    fn start(status: &'static str, model: &'static str) -> Parrot {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let keys_seen = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&keys_seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A connection that sends nothing ends with an error, and with its thread.
                thread::spawn(move || answer(stream, status, model, &seen));
            }
        });
        Parrot { base_url, keys_seen }
    }
}

fn answer(stream: TcpStream, status: &str, model: &str, keys_seen: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                key = value.trim_start_matches("Bearer ").to_owned();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap_or(0)
            }
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut vec![])?;
    keys_seen.fetch_add(usize::from(key == KEY), Ordering::SeqCst);
    let chunk = |content: &str, finish: &str| {
        format!(
            r#"data: {{"id":"{key}-1","model":"{model}","choices":[{{"delta":{{"content":"{content}"}},"finish_reason":{finish}}}]}}"#
        )
    };
    let body = match status {
        "200 OK" => format!(
            "{}\n\n{}\n\ndata: [DONE]\n\n",
            chunk(&format!("not {key} "), "null"),
            chunk("", r#""stop""#)
        ),
        _ => format!(r#"{{"error":{{"message":"no such key: {key}","code":"{key}"}}}}"#),
    };
    let kind = if status == "200 OK" { "text/event-stream" } else { "application/json" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nx-request-id: {key}\r\nx-echo: Bearer {key}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    (&stream).write_all(format!("{head}{body}").as_bytes())
}

#[test]
fn a_server_that_says_the_key_back_tells_it_to_no_guest_and_no_file() {
    let _alone = alone();
    for (status, model, expected, kind) in [
        ("200 OK", "memory-scan", "the key is not found", "ok"),
        ("200 OK", "memory-scan-control", "the key is found", "ok"),
        ("200 OK", "show-head", "Bearer ****", "ok"),
        ("200 OK", "plain", "not ****", "ok"),
        ("401 Unauthorized", "plain", "no such key: ****", "http_status"),
    ] {
        let parrot = Parrot::start(status, model);
        let outcome = load(&parrot.base_url, model, &["-n", "2", "-c", "1"]);
        check_bounds(model, &outcome);
        assert_eq!(parrot.keys_seen.load(Ordering::SeqCst), 2, "{model}: the server was sent the key");
        assert_eq!(outcome.kinds(), [kind; 2], "{model}: {}", outcome.stderr);
        let said = if kind == "ok" { outcome.texts()[1] } else { outcome.message() };
        assert!(said.contains(expected), "{model}: {said:?}");
        assert!(!outcome.stdout.contains(KEY) && !outcome.stderr.contains(KEY), "{model}");
    }
}

#[test]
fn no_key_is_in_the_memory_of_a_guest_that_builds() {
    let _alone = alone();
    let mock = Mock::start(&[]);
    check_fault(&mock, "memory-scan-build", "plugin_request", "the key is not found");
}

/// Loads a component that must be refused.
fn check_refused(what: &str, bytes: &[u8], code: i32, words: &[&str]) {
    let outcome = load_component(bytes);
    check_bounds(what, &outcome);
    assert_eq!(outcome.code, code, "{what}: {}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: "), "{what}: {}", outcome.stderr);
    for word in words {
        assert!(outcome.stderr.contains(word), "{what}: {word:?} is not in {:?}", outcome.stderr);
    }
    assert!(outcome.files().is_empty(), "{what}: a run began");
}

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
        ("made up", import("evil:corp/root-shell"), &["asks for more", "evil:corp/root-shell"]),
    ];
    for (what, bytes, words) in cases {
        check_refused(what, bytes, 2, words);
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
