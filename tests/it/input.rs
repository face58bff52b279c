//! What is wrong with a command line, a file or the environment is said before anything is sent: exit 2, the thing named,
//! the remedy with it.

use std::fs;
use std::net::TcpListener;

use crate::support::{Cli, Done, SMALL, llmperf, mock};

/// Runs with these flags against a server that must not be reached.
#[track_caller]
fn refused(flags: &[&str], words: &[&str]) -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let done = llmperf("load").args(flags).env("OPENAI_API_BASE", &base).done().exits(2);
    assert_eq!(done.stdout, "");
    for word in words {
        assert!(done.stderr.contains(word), "{word:?} is not in {:?}", done.stderr);
    }
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "{flags:?}: a connection was opened");
    done
}

#[test]
fn a_broken_command_line_is_refused_with_the_flag_and_the_remedy() {
    let m = ["--model", "m"];
    let cases: &[(&[&str], &[&str])] = &[
        (&["--modle", "m"], &["--modle", "--model"]),
        (&["--concurrency"], &["--num-concurrent-requests"]),
        (&[], &["--model is missing", "hint:"]),
        (&["--model", " "], &["--model is empty", "hint:"]),
        (&["--concurrency", "0"], &["--num-concurrent-requests is 0", "hint:"]),
        (&["--concurrency", "-1"], &["-1"]),
        (&["--concurrency", "1000000"], &["--num-concurrent-requests is 1000000", "hint:"]),
        (&["--requests", "0"], &["--max-num-completed-requests is 0", "hint:"]),
        (&["--requests", "1.5"], &["--max-num-completed-requests", "1.5"]),
        (&["--timeout", "0"], &["--timeout is 0", "hint:"]),
        (&["--timeout", "NaN"], &["--timeout is NaN", "hint:"]),
        (&["--read-timeout", "inf"], &["--read-timeout is inf", "hint:"]),
        (&["--isl", "NaN"], &["--mean-input-tokens", "NaN"]),
        (&["--isl-stddev", "inf"], &["--stddev-input-tokens", "inf"]),
        (&["--osl", "0", "--osl-stddev", "0"], &["--mean-output-tokens", "hint:"]),
        (&["--osl-stddev=-5"], &["--stddev-output-tokens", "-5"]),
        // LLMPerf never ends with these two.
        (&["--isl", "5", "--isl-stddev", "0"], &["--mean-input-tokens", "hint:"]),
        (&["--isl", "5"], &["--mean-input-tokens", "hint:"]),
        (&["--isl=-100"], &["--mean-input-tokens"]),
        (&["--sampling", "{temperature: 1}"], &["--additional-sampling-params is no JSON", "hint:"]),
        (&["--sampling", "[1]"], &["--additional-sampling-params", "no object", "hint:"]),
        (&["--metadata", "run"], &["--metadata", "\"run\""]),
        (&["--base-url", "localhost:11434/v1"], &["--base-url", "hint: write http://localhost:11434/v1"]),
        (&["--base-url", "ftp://localhost/v1"], &["--base-url", "ftp", "hint:"]),
        (&["--base-url", "http://"], &["--base-url", "empty host", "hint:"]),
        (&["--base-url", "http://me:pw@localhost/v1"], &["--base-url", "--key-env"]),
        (&["--target", "gpu"], &["--target gpu", "mock"]),
        (&["--target", "mock", "--base-url", "http://localhost/v1"], &["contradict", "hint:"]),
        (&["--llm-api", "opnai"], &["opnai", "openai"]),
        (&["--key-env", "NO_SUCH_VARIABLE"], &["NO_SUCH_VARIABLE"]),
        (&["--header", "broken"], &["--header", "hint:"]),
        (&["--header", "a b: c"], &["--header"]),
        (
            &["--header", "Content-Length: 1"],
            &["--header", "content-length frames the message", "hint: leave it out"],
        ),
        (&["--header", "transfer-encoding: chunked"], &["transfer-encoding frames", "hint:"]),
        (&["--header", "CONNECTION: close"], &["connection frames", "hint:"]),
        (&["--header", "Host: elsewhere"], &["host frames", "hint: name that host in the base URL"]),
        (&["--header", "Expect: 100-continue"], &["expect frames", "hint:"]),
        (&["--plugin", "no/such.wasm", "--base-url", "http://localhost/v1"], &["--plugin no/such.wasm"]),
        (&["--plugin-option", "no-such=1"], &["--plugin-option no-such", "hint:"]),
        (&["--results-dir", "/dev/null"], &["--results-dir /dev/null", "it is a file", "hint:"]),
        (&["--results-dir", "/dev/null/below"], &["--results-dir /dev/null/below"]),
    ];
    for (flags, words) in cases {
        let model: &[&str] = if flags.is_empty() || flags[0].starts_with("--mod") { &[] } else { &m };
        refused(&[model, flags].concat(), words);
    }
}

#[test]
fn a_key_is_needed_at_the_providers_own_address() {
    let done = llmperf("load").args(["--model", "m"]).done().exits(2);
    assert!(done.stderr.contains("OPENAI_API_KEY") && done.stderr.contains("hint:"), "{}", done.stderr);
    let broken =
        llmperf("load").args(["--model", "m"]).env("OPENAI_API_KEY", "sk-0123\n456789").done().exits(2);
    assert!(
        broken.stderr.contains("OPENAI_API_KEY") && !broken.stderr.contains("sk-0123"),
        "{}",
        broken.stderr
    );
}

#[test]
fn a_tokenizer_file_that_is_none_is_named_with_what_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let page = file("page.json", "<!DOCTYPE html><html><body>Log in</body></html>");
    let cases = [
        (dir.path().join("missing.json").to_str().expect("UTF-8").to_owned(), "missing.json"),
        (page, "HTML"),
        (file("empty.json", ""), "empty"),
        (file("other.json", "{\"a\": 1}"), "tokenizer"),
        (dir.path().to_str().expect("UTF-8").to_owned(), "directory"),
    ];
    for (path, word) in &cases {
        let done = refused(&["--model", "m", "--tokenizer", path], &[path]);
        assert!(done.stderr.to_lowercase().contains(&word.to_lowercase()), "{word}: {}", done.stderr);
        assert!(done.stderr.contains("hint:"), "{}", done.stderr);
    }
}

#[test]
fn results_that_cannot_be_kept_are_refused_before_the_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("results");
    fs::write(&file, "").expect("a file");
    let path = file.to_str().expect("UTF-8");
    refused(&["--model", "m", "--results-dir", path], &[path, "it is a file", "hint:"]);
}

#[test]
fn too_few_open_files_are_said_before_the_run_with_the_number_needed() {
    let mock = mock(&[]);
    let script = "ulimit -n 64 && exec \"$0\" \"$@\"";
    let flags = ["load", "--base-url", &mock.base, "--concurrency", "100", "--requests", "100"];
    let limited = Cli::of("sh").args(["-c", script, env!("CARGO_BIN_EXE_llmperf")]);
    let done = limited.args(flags).args(SMALL).done().exits(2);
    for word in ["100 concurrent requests", "64 is the limit", "ulimit -n", "--num-concurrent-requests"] {
        assert!(done.stderr.contains(word), "{word:?} is not in {}", done.stderr);
    }
    // The built-in target takes as many again.
    let script = "ulimit -n 200 && exec \"$0\" \"$@\"";
    let limited =
        Cli::of("sh").args(["-c", script, env!("CARGO_BIN_EXE_llmperf"), "load", "--target", "mock"]);
    let done = limited.args(["--concurrency", "100"]).done().exits(2);
    assert!(done.stderr.contains("need 264 open files"), "{}", done.stderr);
    // A limit that is merely soft is raised.
    let script = "ulimit -Sn 64 && exec \"$0\" \"$@\"";
    let limited = Cli::of("sh").args(["-c", script, env!("CARGO_BIN_EXE_llmperf")]);
    limited.args(flags).args(SMALL).done().exits(0);
    assert_eq!(mock.truth().len(), 100);
}

#[test]
fn a_mock_that_cannot_be_as_it_was_told_is_refused() {
    for (flags, words) in [
        (&["--fault", "explode"][..], &["explode", "malformed"][..]),
        (&["--ttft", "fast"], &["--ttft", "fast"]),
        (&["--listen", "nowhere"], &["--listen", "nowhere"]),
        (&["--tokens-per-event", "0"], &["tokens per event is 0"]),
        (&["--truth", "/dev/null/truth"], &["/dev/null/truth"]),
        (&["--truth", "/dev/full"], &["/dev/full"]),
        (&["--key-env", "NO_SUCH_VARIABLE"], &["--key-env NO_SUCH_VARIABLE"]),
    ] {
        let done = llmperf("mock").args(flags).done();
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{flags:?}: {}", done.stderr);
        for word in words {
            assert!(done.stderr.contains(word), "{word:?} is not in {}", done.stderr);
        }
    }
}
