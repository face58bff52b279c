//! Runs that were killed or never made, and the exit codes of series.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::table::Case;
use crate::support::{Done, Results, SMALL, Server, llmperf, load_small, mock, say, sse, start_small};

pub(crate) const CASES: &[Case] = &[
    Case {
        ended: "",
        says: &["note: the run was killed or has not ended", "its verdict is not known", "TTFT"],
        ..Case::new("a killed run is summarised by replay", || (killed(&["replay"], &[], 0), Results::new()))
    },
    Case {
        ended: "",
        says: &[
            "note: the run was killed or has not ended",
            "ends inside a line, which is left out",
            "report: ",
        ],
        ..Case::new("a killed run with a torn record has a page", || {
            let page = tempfile::tempdir().expect("a directory");
            let path = page.path().join("page.html");
            let done = killed(&["report"], &["--html", path.to_str().expect("UTF-8")], 20);
            assert!(fs::read_to_string(&path).expect("a page").contains("the run was killed"));
            (done, Results::new())
        })
    },
    Case {
        ended: "",
        says: &["it was killed or has not ended", "its records end inside a line", "\"output_throughput\""],
        ..Case::new("a killed run with a torn record is compared", || {
            (killed(&["compare"], &["--output", "csv"], 20), Results::new())
        })
    },
    Case {
        says: &["note: ", "records end inside a line", "\"ttft\""],
        ..Case::new("records that lost their end beside a summary", || {
            let mock = mock(&[]);
            let (done, results) = load_small(&mock.base, &["--requests", "8"]);
            done.exits(0);
            tear(&results.run_dir(), 20);
            let dir = results.run_dir();
            (llmperf("compare").args([&dir]).args(["--output", "csv"]).done(), results)
        })
    },
    Case {
        ended: "",
        exit: Some(2),
        says: &["no whole record: the run was killed before its first request ended", "hint: run it again"],
        ..Case::new("a run that was killed before its first answer", || {
            let mock = mock(&["--ttft", "60s"]);
            let results = Results::new();
            let run = start_small(&mock.base, &results, &["--requests", "4"]);
            kill_once(run, || results.run_dirs().iter().any(|dir| dir.join("records.jsonl").exists()));
            (llmperf("replay").args([results.run_dir()]).done(), results)
        })
    },
    Case {
        ended: "",
        says: &["note: the recording is torn", "TTFT"],
        ..Case::new("a recording that grew slowly when its run was killed", || {
            let mock = mock(&["--ttft", "300ms"]);
            let (results, recording) = (Results::new(), tempfile::tempdir().expect("a directory"));
            let path = recording.path().to_str().expect("UTF-8");
            let file = recording.path().join("recording.llmperf");
            let flags = ["--requests", "100000", "--concurrency", "1", "--record", path];
            let run = start_small(&mock.base, &results, &flags);
            let length = || fs::metadata(&file).map_or(0, |file| file.len());
            let mut header = 0;
            // Some kilobytes a second, and no second without any: it has to be written by the clock.
            kill_once(run, || {
                header = if header == 0 { length() } else { header };
                header > 0 && length() > header
            });
            (llmperf("replay").args([path]).done(), results)
        })
    },
    Case {
        ended: "",
        exit: Some(2),
        says: &["error: --restart makes the runs of a plan again", "hint: give --plan FILE"],
        ..Case::new("--restart without a plan", || {
            let unused = Unused::new();
            (
                llmperf("load").args(SMALL).args(["--base-url", &unused.base, "--restart"]).done(),
                Results::new(),
            )
        })
    },
    dry("a dry run of one run", || {
        let unused = Unused::new();
        unused.dry(&["load"], &["--requests", "7", "--request-rate", "2"], &["2 requests/s poisson", "7 "])
    }),
    dry("a dry run of a sweep", || {
        let unused = Unused::new();
        unused.dry(&["load"], &["--sweep", "concurrency=2,5"], &["5 concurrent", "2 of 2 runs to do"])
    }),
    dry("a dry run of a search", || {
        let unused = Unused::new();
        let flags = ["--find-max-rate", "--slo", "ttft:p50<1s", "--max-rate", "4"];
        unused.dry(&["load"], &flags, &["search from 1 to 4 requests/s", "up to "])
    }),
    dry("a dry run of a plan", || {
        let unused = Unused::new();
        let plan = tempfile::tempdir().expect("a directory");
        let file = plan.path().join("plan.toml");
        let recording = plan.path().join("recording");
        let text = "base-url = \"BASE\"\n[[run]]\nmodel = \"m\"\nsweep = \"concurrency=1,2\"\n[[run]]\nmodel = \"n\"\nrecord = \"DIR\"\n";
        let text = text.replace("BASE", &unused.base).replace("DIR", recording.to_str().expect("UTF-8"));
        fs::write(&file, text).expect("a file");
        let file = file.to_str().expect("UTF-8");
        let done = llmperf("load").env("OPENAI_API_KEY", KEY).args(["--plan", file, "--dry-run"]).done();
        unused.untouched(&done, &["3 of 3 runs to do", "first request of n,"]);
        assert!(!recording.exists(), "a directory was made");
        (done, Results::new())
    }),
    dry("a dry run of a correctness test", || {
        let unused = Unused::new();
        let args = ["--model", "m", "--base-url", &unused.base, "--check", "repeat", "--dry-run"];
        let done = llmperf("correctness").env("OPENAI_API_KEY", KEY).args(args).done();
        unused.untouched(&done, &["1 concurrent", "10 concurrent", "in at most five sentences"]);
        (done, Results::new())
    }),
    dry("a dry run with a token of IBM's", || {
        let unused = Unused::new();
        let iam = unused.base.replace("/v1", "");
        let env = [("WATSONX_API_KEY", KEY), ("WATSONX_PROJECT_ID", "p"), ("WATSONX_IAM_URL", &iam)];
        unused.dry_token("watsonx", &env, "Bearer [fetched before the first request]")
    }),
    dry("a dry run with a token of Google's", || {
        let unused = Unused::new();
        let account = serde_json::json!({
            "type": "service_account", "client_email": "a@b.c", "private_key_id": "k", "private_key": KEY_PEM,
            "token_uri": unused.base,
        });
        let env = [("GOOGLE_APPLICATION_CREDENTIALS", account.to_string())];
        let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
        let more = [("VERTEXAI_PROJECT", "p"), ("VERTEXAI_LOCATION", "l")];
        unused.dry_token(
            "vertex_ai",
            &[&env[..], &more].concat(),
            "Bearer [fetched before the first request]",
        )
    }),
    dry("a dry run with keys of an AWS instance", || {
        let unused = Unused::new();
        let metadata = unused.base.replace("/v1", "");
        let env = [
            ("LLMPERF_AWS_METADATA", "1"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata),
            ("AWS_REGION_NAME", "eu-west-1"),
        ];
        unused.dry_token("bedrock", &env, "AWS4-HMAC-SHA256 [signed when it is sent]")
    }),
    dry("a dry run shows what a run sends", || {
        let seen = Arc::new(Mutex::new(None));
        let server = {
            let seen = Arc::clone(&seen);
            Server::start(move |asked, socket| {
                let heads = asked.head.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
                *seen.lock().expect("what was seen") = Some((heads, asked.body.clone()));
                say(socket, &sse(&["a"]));
            })
        };
        let args = ["--base-url", &server.base, "--requests", "1"];
        let run = || llmperf("load").env("OPENAI_API_KEY", KEY).args(SMALL).args(args);
        let done = run().args(["--dry-run", "--output", "json"]).done().exits(0);
        assert_eq!(server.asked(), 0);
        run().done().exits(0);
        let document: Value = serde_json::from_str(&done.stdout).expect("JSON");
        let shown = &document["first_requests"][0];
        let (heads, body) = seen.lock().expect("what was seen").take().expect("a request");
        assert_eq!(shown["body"], body);
        assert_eq!(shown["url"], format!("{}/chat/completions", server.base));
        let header = |pair: &Value| {
            format!("{}: {}", pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"))
        };
        let mut shown: Vec<String> =
            shown["headers"].as_array().expect("headers").iter().map(header).collect();
        let mut sent: Vec<String> = heads.iter().map(|head| head.replace(KEY, "[redacted]")).collect();
        shown.sort();
        sent.sort();
        assert_eq!(shown, sent);
        (run().args(["--dry-run"]).done(), Results::new())
    }),
    Case {
        ended: "",
        exit: Some(4),
        says: &["INVALID", "1 concurrent requests INVALID: ", "2 concurrent requests INVALID: "],
        ..Case::new("an invalid step of a sweep, with --strict", || {
            faulty(&["--requests", "20", "--sweep", "concurrency=1,2", "--strict"])
        })
    },
    Case {
        ended: "",
        exit: Some(3),
        says: &["failed  INVALID", "200.0000 requests/s INVALID: "],
        ..Case::new("an invalid step of a search that nothing passes", || {
            let search =
                ["--find-max-rate", "--slo", "ttft:p50<1us", "--request-rate", "200", "--max-rate", "200"];
            faulty(&[&search[..], &["--step-duration", "0.1", "--strict"]].concat())
        })
    },
];

const KEY: &str = "sk-test-0123456789abcdef";
const KEY_PEM: &str = include_str!("../fixtures/credentials/service-account-key.pem");

const fn dry(name: &'static str, run: fn() -> (Done, Results)) -> Case {
    Case { ended: "", says: &["nothing was sent", "first request of "], ..Case::new(name, run) }
}

/// A load against a server that refuses every fourth request: no number of it is what it claims to be.
fn faulty(flags: &[&str]) -> (Done, Results) {
    let mock = mock(&["--fault", "503:every=4"]);
    load_small(&mock.base, flags)
}

/// Kills a run once `is_time`.
#[track_caller]
fn kill_once(mut run: crate::support::Running, mut is_time: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_time() {
        assert!(!run.ends_within(Duration::from_millis(10)), "the run ended by itself");
        assert!(start.elapsed() < Duration::from_secs(60), "it is never time");
    }
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);
}

/// Kills a run with some records, takes `torn` bytes off their end, and has a subcommand read its directory.
fn killed(subcommand: &[&str], flags: &[&str], torn: u64) -> Done {
    let mock = mock(&[]);
    let results = Results::new();
    let run = start_small(&mock.base, &results, &["--requests", "1000000", "--concurrency", "4"]);
    let records = || Some(fs::metadata(results.run_dirs().first()?.join("records.jsonl")).ok()?.len());
    kill_once(run, || records() > Some(20_000));
    let dir = results.run_dir();
    assert!(!dir.join("summary.json").exists());
    tear(&dir, torn);
    llmperf(subcommand[0]).args([dir]).args(flags).done()
}

fn tear(run_dir: &Path, bytes: u64) {
    let path: PathBuf = run_dir.join("records.jsonl");
    let file = fs::File::options().write(true).open(path).expect("the records");
    let length = file.metadata().expect("a length").len();
    file.set_len(length - bytes).expect("a shorter file");
}

/// A server that nobody may connect to.
struct Unused {
    listener: TcpListener,
    base: String,
}

impl Unused {
    fn new() -> Unused {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
        Unused { listener, base }
    }

    /// A dry run with a key, which may leave nothing behind.
    fn dry(&self, subcommand: &[&str], flags: &[&str], says: &[&str]) -> (Done, Results) {
        let dir = tempfile::tempdir().expect("a directory");
        let results = dir.path().join("results");
        let run =
            llmperf(subcommand[0]).env("OPENAI_API_KEY", KEY).args(SMALL).args(["--base-url", &self.base]);
        let run = run.args(["--results-dir", results.to_str().expect("UTF-8"), "--dry-run"]);
        let done = run.args(flags).done();
        self.untouched(&done, &[says, &["authorization: Bearer [redacted]"]].concat());
        assert!(!results.exists(), "a directory was made");
        (done, Results::new())
    }

    /// A dry run whose credential would have to be fetched from here.
    fn dry_token(&self, api: &str, env: &[(&str, &str)], authorization: &str) -> (Done, Results) {
        let run = llmperf("load").args(["--model", "m", "--llm-api", api, "--base-url", &self.base]);
        let run = env.iter().fold(run, |run, (name, value)| run.env(name, value));
        let done = run.args(["--dry-run"]).done();
        self.untouched(&done, &[&format!("authorization: {authorization}")]);
        (done, Results::new())
    }

    fn untouched(&self, done: &Done, says: &[&str]) {
        assert!(self.listener.accept().is_err(), "a connection was opened: {done:?}");
        assert!(!done.stdout.contains(KEY) && !done.stderr.contains(KEY), "{done:?}");
        assert!(says.iter().all(|words| done.stdout.contains(words)), "{says:?}: {done:?}");
    }
}
