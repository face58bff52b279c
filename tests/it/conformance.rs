//! Every bundled plugin on every answer it has a fixture of, through the real binary: bytes over loopback HTTP in three cuttings,
//! framing, the sandboxed plugin, and what `records.jsonl` says was read.

mod fixture;
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Asked, Results, Server, in_parallel, llmperf};
use fixture::{CUTTINGS, Cutting, Fixture};
use llmperf::record::{FailureKind, Outcome, RequestRecord};
use llmperf::run::check::differences;
use rustix::time::{ClockId, clock_gettime};

/// Fixtures that are read otherwise than they say, and why that is right.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// A directory of samples to run beside the plugins' own: each directory in it, however deep, that has a `response.bin`.
const OTHER_DIR: &str = "LLMPERF_CONFORMANCE_DIR";

#[test]
fn every_plugin_reads_its_fixtures_in_any_cutting() {
    let fixtures = fixture::bundled();
    assert!(fixtures.len() > 20, "the fixtures are where this test looks for them");
    check(&fixtures);
}

/// For samples that are not part of this repository.
#[test]
fn samples_of_another_directory_are_read_too() {
    let Some(root) = std::env::var_os(OTHER_DIR) else { return };
    let fixtures = samples::read(Path::new(&root)).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!fixtures.is_empty(), "{OTHER_DIR} holds no sample");
    check(&fixtures);
}

#[test]
fn a_stream_that_ends_quietly_after_its_first_text_is_truncated() {
    let mut groups: BTreeMap<_, Vec<Fixture>> = BTreeMap::new();
    for fixture in fixture::bundled() {
        // Triton's streams have no sign of their end.
        let is_sound = fixture.status == 200 && fixture.expected["error"].is_null();
        if is_sound && fixture.ask.api != "triton" && fixture.content_ends().len() > 1 {
            groups.entry(fixture.ask.clone()).or_default().push(fixture);
        }
    }
    let apis: BTreeSet<&str> = groups.keys().map(|ask| ask.api.as_str()).collect();
    assert!(apis.len() > 15, "{apis:?}");
    let groups: Vec<_> = groups.into_values().collect();
    let problems = in_parallel(&groups, |group| {
        let served = group.clone();
        let server = Server::start(move |asked, socket| {
            if let Some(fixture) = usize::try_from(asked.n).ok().and_then(|n| served.get(n)) {
                let _ = socket.write_all(head(fixture, "").as_bytes());
                let _ = socket.write_all(&fixture.body[..fixture.content_ends()[0]]);
            }
        });
        let (run, results) = load(&server.base, &group[0], group.len());
        run.unwrap_or_else(|error| panic!("{} {error}", group[0].name));
        let is_truncated = |record: &RequestRecord| {
            let is_it = |outcome: &Outcome| matches!(outcome, Outcome::Failed(failure) if failure.kind == FailureKind::Truncated);
            is_it(&record.outcome) && record.osl.0 > 0
        };
        let pairs = group.iter().zip(results.records()).filter(|(_, record)| !is_truncated(record));
        pairs.map(|(fixture, record)| format!("{}: {record:?}", fixture.name)).collect::<Vec<_>>()
    });
    let problems = problems.concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_event_is_read_before_it_was_written() {
    const GAP: Duration = Duration::from_millis(5);
    // Where each event with a token has text, the n-th instant belongs to the n-th offset; one such fixture a plugin will do.
    let mut by_api = BTreeMap::new();
    for fixture in fixture::bundled() {
        let expected = &fixture.expected;
        let only_text = expected["reasoning_text"] == "" && expected["tool_calls"] == serde_json::json!([]);
        if only_text && expected["error"].is_null() && fixture.content_ends().len() > 2 {
            by_api.entry(fixture.ask.api.clone()).or_insert(fixture);
        }
    }
    for fixture in by_api.into_values() {
        let (records, written, zero) = run_slowly(&fixture, GAP);
        let Some(record) = records.first() else { panic!("{}: no record", fixture.name) };
        let ends = fixture.content_ends();
        assert_eq!(record.token_events.len(), ends.len(), "{}", fixture.name);
        for (at, end) in record.token_events.iter().zip(ends) {
            // With CRLF the event is complete at the CR.
            let (_, write) = written.iter().rfind(|(start, _)| *start < end - 1).expect("it was written");
            assert!(zero + at.0 >= *write, "{}: the event that ends at {end}", fixture.name);
        }
        assert_eq!(record.first_output, record.first_token(), "{}", fixture.name);
    }
}

fn check(fixtures: &[Fixture]) {
    let mut groups: BTreeMap<_, Vec<&Fixture>> = BTreeMap::new();
    for fixture in fixtures {
        groups.entry(fixture.ask.clone()).or_default().push(fixture);
    }
    let groups: Vec<_> = groups.into_values().collect();
    let found = in_parallel(&groups, |group| problems_of(group));
    let mut problems: Vec<String> = found.into_iter().flatten().collect();
    problems.retain(|problem| !EXCEPTIONS.iter().any(|(name, _)| problem.starts_with(&format!("{name} "))));
    problems.sort();
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
}

/// Serves each fixture in each cutting to one process, one after the other, and looks at the records.
fn problems_of(group: &[&Fixture]) -> Vec<String> {
    let served: Arc<Vec<Fixture>> = Arc::new(group.iter().map(|&fixture| fixture.clone()).collect());
    let server = Server::start(move |asked, socket| {
        let n = usize::try_from(asked.n).expect("a small number");
        if let Some(fixture) = served.get(n / CUTTINGS.len()) {
            serve(fixture, CUTTINGS[n % CUTTINGS.len()], socket);
        }
    });
    let (run, results) = load(&server.base, group[0], group.len() * CUTTINGS.len());
    if let Err(error) = run {
        return group.iter().map(|fixture| format!("{} {error}", fixture.name)).collect();
    }
    let records = results.records();
    let cases = group.iter().flat_map(|fixture| CUTTINGS.map(|cutting| (*fixture, cutting)));
    let mut problems = Vec::new();
    for (n, (fixture, cutting)) in (0..).zip(cases) {
        let found = match records.iter().find(|record| record.id.0 == n) {
            Some(record) => differences(record, fixture),
            None => vec!["no record".to_owned()],
        };
        problems.extend(found.into_iter().map(|found| format!("{} {cutting:?}: {found}", fixture.name)));
    }
    problems
}

/// Runs the binary with one request at a time, so that the n-th request gets the n-th answer.
fn load(base: &str, fixture: &Fixture, requests: usize) -> (Result<(), String>, Results) {
    let (ask, results) = (&fixture.ask, Results::new());
    let requests = requests.to_string();
    let mut cli = llmperf("load").args(["--llm-api", &ask.api, "--model", &ask.model, "--base-url", base]);
    cli = cli.args(["--requests", &requests, "--concurrency", "1", "--save-text"]);
    cli = cli.args(["--isl", "30", "--isl-stddev", "0", "--osl", "20", "--osl-stddev", "0"]);
    cli = cli.args(["--additional-sampling-params", &ask.sampling]);
    cli = cli.args(ask.options.iter().flat_map(|option| ["--plugin-option", option]));
    let done = cli.args(results.flag()).done();
    // 5: no request succeeded, and maybe none should have.
    match done.code {
        Some(0 | 5) => (Ok(()), results),
        _ => (Err(format!("was not run: {}", done.stderr.trim())), results),
    }
}

/// Answers with the fixture. The ways in which a body can end take turns too: chunks, a length, the connection's end.
fn serve(fixture: &Fixture, cutting: Cutting, socket: &mut TcpStream) {
    let _ = socket.set_nodelay(true);
    let length = match cutting {
        Cutting::Listed => "transfer-encoding: chunked\r\n".to_owned(),
        Cutting::Whole => format!("content-length: {}\r\n", fixture.body.len()),
        Cutting::Bytewise => String::new(),
    };
    let mut sent = socket.write_all(head(fixture, &length).as_bytes());
    for piece in fixture.pieces(cutting) {
        let piece = match cutting {
            Cutting::Listed => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
            Cutting::Whole | Cutting::Bytewise => piece.to_vec(),
        };
        sent = sent.and_then(|()| socket.write_all(&piece));
        std::thread::yield_now();
    }
    if cutting == Cutting::Listed {
        // A client that has read all it needs may be gone.
        let _ = sent.and_then(|()| socket.write_all(b"0\r\n\r\n"));
    }
}

fn head(fixture: &Fixture, length: &str) -> String {
    const FRAMED_HERE: [&str; 3] = ["connection", "content-length", "transfer-encoding"];
    let headers = fixture.headers.iter().filter(|(name, _)| !FRAMED_HERE.contains(&&*name.to_lowercase()));
    let headers: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {} Status\r\n{headers}{length}connection: close\r\n\r\n", fixture.status)
}

/// Offset of each write's first byte, and the instant before it on the monotonic clock.
type Writes = Vec<(usize, u64)>;

/// Serves the fixture cut after each event with text and with a gap before each write: the records, the writes, and the run's
/// zero on the same clock.
fn run_slowly(fixture: &Fixture, gap: Duration) -> (Vec<RequestRecord>, Writes, u64) {
    let written = Arc::new(Mutex::new(Writes::new()));
    let (served, log) = (fixture.clone(), Arc::clone(&written));
    let server = Server::start(move |_: &Asked, socket| {
        let _ = socket.set_nodelay(true);
        let _ = socket.write_all(head(&served, "").as_bytes());
        let mut starts = vec![0];
        starts.extend(served.content_ends());
        for (i, &start) in starts.iter().enumerate() {
            std::thread::sleep(gap);
            log.lock().expect("no panic holds it").push((start, monotonic_ns()));
            let end = starts.get(i + 1).copied().unwrap_or(served.body.len());
            let _ = socket.write_all(&served.body[start..end]);
        }
    });
    let (run, results) = load(&server.base, fixture, 1);
    run.unwrap_or_else(|error| panic!("{} {error}", fixture.name));
    let zero = results.of_run("manifest.json")["zero_monotonic_ns"].as_u64().expect("an instant");
    let written = written.lock().expect("no panic holds it").clone();
    (results.records(), written, zero)
}

fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).expect("after boot") * 1_000_000_000
        + u64::try_from(now.tv_nsec).expect("nanoseconds")
}
