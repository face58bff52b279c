//! `llmperf compare`: reports about three servers whose speeds are known, and the gate between two, with the real binary.

use std::path::{Path, PathBuf};

use crate::support::{Done, Mock, Proxy, Results, browse, llmperf, mock};
use llmperf::units::Stamp;
use serde_json::{Value, json};

const LEGACY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/llmperf/whole");

/// Runs one model against its server and saves the results.
fn measure(server: &Mock, model: &str, results: &Results, more: &[&str]) {
    let load = ["--isl", "60", "--isl-stddev", "0", "--osl", "10", "--osl-stddev", "0", "--concurrency", "4"];
    let run = llmperf("load").args(["--base-url", &server.base, "--model", model]).args(load);
    run.args(results.flag()).args(["--requests", "40"]).args(more).done().exits(0);
}

fn compare(args: &[&str]) -> Done {
    llmperf("compare").args(args).done()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Three "models" of one family: first tokens after 40, 80 and 160 ms, the others every 4, 8 and 16 ms.
fn three_models() -> Results {
    let results = Results::new();
    for (model, ttft, itl) in [
        ("qwen2.5:7b-q8_0", "40ms", "4ms"),
        ("qwen2.5:14b-q8_0", "80ms", "8ms"),
        ("qwen2.5:32b-q4_K_M", "160ms", "16ms"),
    ] {
        measure(&mock(&["--ttft", ttft, "--itl", itl]), model, &results, &[]);
    }
    results
}

#[test]
fn three_models_of_known_speeds_are_told_apart_in_both_languages_and_every_format() {
    let results = three_models();
    let dir = text(results.path());
    let json = compare(&[dir, "--output", "json"]).exits(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let run = |label: &str| {
        let runs = json["runs"].as_array().expect("runs");
        runs.iter().find(|run| run["label"] == label).unwrap_or_else(|| panic!("{label}: {runs:?}"))
    };
    // A busy machine adds to what the server takes. The mock keeps to its schedule, so a first token that is late makes the
    // gaps after it shorter: of them less may be seen.
    for (label, ttft, itl) in
        [("Qwen2.5 7B", 40.0, 4.0), ("Qwen2.5 14B", 80.0, 8.0), ("Qwen2.5 32B", 160.0, 16.0)]
    {
        let check = |pointer: &str, truth: f64, least: f64| {
            let found = run(label).pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
            let (value, low, high) = (&found["value"], &found["ci95"][0], &found["ci95"][1]);
            let of = |number: &Value| number.as_f64().expect("a number");
            assert!(of(low) <= of(value) && of(value) <= of(high), "{label} {pointer}: {found}");
            assert!(of(value) > truth * least && of(value) < truth * 1.5, "{label} {pointer}: {found}");
        };
        check("/metrics/ttft/p50", ttft, 0.98);
        check("/metrics/itl/mean", itl, 0.7);
        check("/metrics/e2el/mean", ttft + 9.0 * itl, 0.98);
    }
    let steps = json.pointer("/families/0/steps").and_then(Value::as_array).expect("steps");
    assert_eq!(steps.len(), 3);
    for step in steps {
        for change in step["changes"].as_array().expect("changes") {
            assert_eq!(change["beyond_noise"], true, "{change}");
        }
    }
    let slower = steps[2]["changes"][0]["relative"].as_f64().expect("a change");
    assert!((2.0..4.0).contains(&slower), "160 ms are three times more than 40: {slower}");
    for ranking in json["rankings"].as_array().expect("rankings") {
        let order: Vec<&Value> =
            ranking["places"].as_array().expect("places").iter().map(|place| &place["run"]).collect();
        assert_eq!(order, ["Qwen2.5 7B", "Qwen2.5 14B", "Qwen2.5 32B"], "{ranking}");
    }

    let zh = compare(&[dir, "--lang", "zh", "--output", "markdown"]).exits(0).stdout;
    for part in [
        "# 大模型性能对比分析报告\n",
        // By size, whatever the names of the directories.
        "| 量化精度 | Q8\\_0 | Q8\\_0 | Q4\\_K\\_M |",
        "#### 令牌间延迟 (ITL, 单位: 毫秒)\n",
        "#### 首个令牌生成时间 (TTFT, 单位: 秒)\n",
        "#### Qwen2.5 系列规模效应（7B → 14B → 32B）\n",
        "首个令牌生成时间 (TTFT)：7B → 32B 增加 ",
        "| 1 | Qwen2.5 7B | ",
    ] {
        assert!(zh.contains(part), "{part}\n{zh}");
    }
    let en = compare(&[dir]).exits(0).stdout;
    assert!(
        en.contains("Qwen2.5 across sizes (7B → 14B → 32B)\n") && en.contains("from 7B to 32B ("),
        "{en}"
    );
    let html = compare(&[dir, "--output", "html"]).exits(0).stdout;
    assert!(html.starts_with("<!doctype html>") && html.contains("default-src 'none'"), "{html}");
    let csv = compare(&[dir, "--output", "csv"]).exits(0).stdout;
    assert!(csv.lines().count() > 200 && csv.lines().all(|line| line.split(',').count() >= 12), "{csv}");
}

/// A piece of advice by its topic, in the part of the report that it stands in.
fn advice<'a>(json: &'a Value, part: &str, topic: &str) -> &'a Value {
    let items = json["advice"][part].as_array().unwrap_or_else(|| panic!("{part}"));
    items.iter().find(|item| item["topic"] == topic).unwrap_or_else(|| panic!("{topic}: {items:?}"))
}

fn recommended(item: &Value) -> Vec<&str> {
    let runs = item["recommends"].as_array().expect("recommendations").iter();
    runs.map(|of| of["run"].as_str().expect("a label")).collect()
}

fn says(item: &Value) -> String {
    item["says"].as_array().expect("sentences").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

fn json_of(dir: &str, more: &[&str]) -> Value {
    let done = compare(&[&[dir, "--output", "json"], more].concat()).exits(0);
    serde_json::from_str(&done.stdout).expect("JSON")
}

/// What a busy machine does to a run is not what advice is about.
fn judged_valid(results: &Results) {
    for dir in results.run_dirs() {
        let path = dir.join("summary.json");
        let text = std::fs::read_to_string(&path).expect("a summary");
        let mut summary: Value = serde_json::from_str(&text).expect("JSON");
        summary["verdict"]["level"] = json!("valid");
        std::fs::write(&path, summary.to_string()).expect("a file");
    }
}

#[test]
fn each_scenario_has_its_model_by_a_stated_rule_in_both_languages_and_every_format() {
    let results = Results::new();
    // The second is a quarter slower than the first, the third four times.
    for (model, ttft, itl) in
        [("qwen2.5:7b", "40ms", "4ms"), ("qwen2.5:14b", "50ms", "5ms"), ("qwen2.5:32b", "160ms", "16ms")]
    {
        measure(&mock(&["--ttft", ttft, "--itl", itl]), model, &results, &[]);
    }
    judged_valid(&results);
    let dir = text(results.path());
    let json = json_of(dir, &[]);
    for (topic, expected) in [
        ("interactive", &["Qwen2.5 7B"][..]),
        ("batch", &["Qwen2.5 7B"]),
        ("balanced", &["Qwen2.5 14B"]),
        ("high_quality", &["Qwen2.5 32B"]),
        ("one_model", &["Qwen2.5 14B"]),
        ("mix", &["Qwen2.5 7B", "Qwen2.5 32B"]),
    ] {
        let item = advice(&json, "deployment", topic);
        assert_eq!((recommended(item), &item["decided"]), (expected.to_vec(), &json!(true)), "{item}");
        assert!(item["rule"].as_str().is_some_and(|rule| rule.starts_with("Rule: ")), "{item}");
    }
    let numbers = advice(&json, "deployment", "interactive")["numbers"].as_array().expect("numbers");
    let of_large = |quantity: &str| {
        let of = |number: &&Value| number["run"] == "Qwen2.5 32B" && number["quantity"] == quantity;
        numbers.iter().find(of).unwrap_or_else(|| panic!("{quantity}"))
    };
    assert_eq!(of_large("ttft.p50")["standing"], "beyond");
    assert!(of_large("ttft.p50")["from_best"].as_f64().expect("a share") > 1.0);
    let quality = says(advice(&json, "deployment", "high_quality"));
    assert!(quality.contains("Nothing here is about the quality of answers"), "{quality}");
    for topic in ["concurrency", "queueing", "quantisation"] {
        let item = advice(&json, "optimisation", topic);
        assert_eq!((recommended(item), &item["decided"]), (vec![], &json!(false)), "{item}");
        assert!(says(item).contains("These runs do not decide it: ") && says(item).contains("un"), "{item}");
    }
    // Forty answers support p90, and its time-out is no shorter than the answers take.
    let time_out = &advice(&json, "optimisation", "time_out")["recommends"];
    assert_eq!(time_out.as_array().map(Vec::len), Some(3));
    assert!(time_out[0]["value"].as_f64().expect("ms") > 76.0 && time_out[0]["unit"] == "ms", "{time_out}");

    let zh = compare(&[dir, "--lang", "zh", "--output", "markdown"]).exits(0).stdout;
    for part in [
        "\n## 部署建议\n",
        "\n#### 实时交互场景\n\n规则：",
        "- 推荐：Qwen2.5 7B。\n",
        "\n#### 平衡场景\n",
        "- 推荐：Qwen2.5 14B。\n",
        "- 推荐：Qwen2.5 32B。\n",
        "- 混合部署：等待中的用户使用 Qwen2.5 7B，其余使用 Qwen2.5 32B。\n",
        "\n## 优化建议\n",
        "- 这些测试无法得出结论：没有模型在两种负载下测试过。",
        "\n### 3. 超时控制\n",
    ] {
        assert!(zh.contains(part), "{part}\n{zh}");
    }
    let en = compare(&[dir]).exits(0).stdout;
    assert!(en.contains("\nAdvice on deployment\n----") && en.contains("\nAdvice on optimisation\n"), "{en}");
    assert!(en.contains("  - Recommended: Qwen2.5 7B.\n"), "{en}");
    let html = compare(&[dir, "--output", "html", "--lang", "zh"]).exits(0).stdout;
    assert!(html.contains("<h2>部署建议</h2>") && html.contains("<li>推荐：Qwen2.5 14B。</li>"), "{html}");
    let csv = compare(&[dir, "--output", "csv"]).exits(0).stdout;
    let picks: Vec<&str> = csv.lines().filter(|line| line.contains("\"advice.balanced\"")).collect();
    assert!(
        picks.len() == 1 && picks[0].starts_with("\"Qwen2.5 14B\"") && picks[0].ends_with(",1,,"),
        "{picks:?}"
    );
}

#[test]
fn the_accuracy_of_a_correctness_test_stands_with_speed() {
    let results = Results::new();
    let answers = tempfile::tempdir().expect("a directory");
    // The small model writes every odd number right, the large one all of them.
    for (model, speed, every) in
        [("a:7b", ["--ttft", "20ms", "--itl", "2ms"], 2), ("a:32b", ["--ttft", "80ms", "--itl", "8ms"], 1)]
    {
        let answer = |number: u32| {
            let said = number + u32::from(every == 2 && number.is_multiple_of(2));
            (format!("number: {}.\n", llmperf::workload::number_words(number)), json!(said.to_string()))
        };
        let file = answers.path().join(format!("{every}.json"));
        let map: serde_json::Map<String, Value> = (0..=10_000).map(answer).collect();
        std::fs::write(&file, Value::Object(map).to_string()).expect("a file");
        let server = mock(&[&speed[..], &["--answer-file", text(&file)]].concat());
        measure(&server, model, &results, &[]);
        let check = llmperf("correctness").args(["--base-url", &server.base, "--model", model]);
        check.args(results.flag()).args(["--requests", "60", "--concurrency", "8"]).done().exits(0);
    }
    judged_valid(&results);
    let dir = text(results.path());
    let json = json_of(dir, &[]);
    let runs = json["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 2, "a correctness test is no column of its own");
    let accuracy = |label: &str| {
        let run = runs.iter().find(|run| run["label"] == label).unwrap_or_else(|| panic!("{label}"));
        run["accuracy"][0].clone()
    };
    assert_eq!((&accuracy("A 32B")["right"], &accuracy("A 32B")["judged"]), (&json!(60), &json!(60)));
    assert!(accuracy("A 7B")["value"].as_f64().expect("a share") < 0.8, "{json}");
    let quality = advice(&json, "deployment", "high_quality");
    assert_eq!(recommended(quality), ["A 32B"]);
    assert!(quality["rule"].as_str().is_some_and(|rule| rule.contains("check number")), "{quality}");
    assert!(!says(quality).contains("Nothing here"), "{quality}");
    let mix = advice(&json, "deployment", "mix");
    assert_eq!(recommended(mix), ["A 7B", "A 32B"]);
    assert!(says(mix).contains("A 32B is surely more accurate than A 7B in the check number"), "{mix}");
    let zh = compare(&[dir, "--lang", "zh"]).exits(0).stdout;
    assert!(zh.contains("正确回答，检查 number (%)") && zh.contains("确定比 A 7B"), "{zh}");
}

#[test]
fn a_sweep_and_two_quantisations_decide_what_is_advised_on_them() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare-advice");
    // Beyond four at a time everything takes twice as long; the second quantisation takes four fifths of the time.
    for (number, (model, concurrency, slower)) in (0..).zip([
        ("s:7b", 1, 4.0),
        ("s:7b", 4, 1.0),
        ("s:7b", 8, 2.0),
        ("q:7b-q8_0", 4, 1.0),
        ("q:7b-q4_K_M", 4, 0.8),
    ]) {
        let dir = root.join(format!("{number}"));
        made_up::write(&dir, slower, 400, number + 1);
        let plan = json!({"model": model, "num_concurrent_requests": concurrency});
        let manifest = json!({"schema_version": 1, "plan": plan});
        std::fs::write(dir.join("manifest.json"), manifest.to_string()).expect("a manifest");
    }
    let json = json_of(text(&root), &[]);
    let concurrency = advice(&json, "optimisation", "concurrency");
    assert_eq!(concurrency["recommends"][0]["value"], 4.0, "{concurrency}");
    assert!(says(concurrency).contains("S 7B saturates at 4 requests at a time."), "{concurrency}");
    let queueing = says(advice(&json, "optimisation", "queueing"));
    assert!(queueing.contains("admit at most 4 requests at a time and queue the rest"), "{queueing}");
    assert!(queueing.contains("Time to first token (TTFT): up "), "{queueing}");
    let quantisation = advice(&json, "optimisation", "quantisation");
    assert!(
        recommended(quantisation).len() == 1 && says(quantisation).contains("Q4_K_M is surely better"),
        "{quantisation}"
    );
    let time_outs = says(advice(&json, "optimisation", "time_out"));
    assert!(time_outs.contains("from p99 of E2EL (400 answers)"), "400 answers support p99: {time_outs}");
}

#[test]
fn llmperfs_own_results_are_compared_and_never_mixed_with_ours_in_a_gate() {
    let done = compare(&[LEGACY, "--lang", "zh"]).exits(0);
    assert!(
        done.stdout.contains("mock/llama-2-7b_chat:v1.0") && done.stdout.contains("ray-project/llmperf"),
        "{done:?}"
    );
    let (ours, _) = runs([1.0, 1.0], 20);
    let gate = |rule: &str| compare(&["--baseline", LEGACY, "--candidate", text(&ours), "--fail-if", rule]);
    let done = gate("itl.p50 > +10%").exits(2);
    assert!(done.stderr.contains("do not mean the same by itl\nhint: "), "{done:?}");
    let done =
        compare(&["--baseline", LEGACY, "--candidate", LEGACY, "--fail-if", "ttft.p50 > +500%"]).exits(0);
    assert!(done.stdout.starts_with("no difference: ttft.p50 > +500%"), "{done:?}");
}

#[test]
fn metadata_names_what_a_name_does_not_say() {
    let results = Results::new();
    let metadata = ["--metadata", "family=Ours,size=13b,quantization=w4a8"];
    measure(&mock(&["--ttft", "5ms", "--itl", "1ms"]), "prod-eu-3", &results, &metadata);
    let json: Value =
        serde_json::from_str(&compare(&[text(results.path()), "--output", "json"]).exits(0).stdout)
            .expect("JSON");
    let run = &json["runs"][0];
    assert_eq!((&run["label"], &run["quantisation"]), (&json!("Ours 13b"), &json!("w4a8")));
}

/// Two runs, made up: requests of some 100 ms with noise, the second `slower` times. Kept for the whole test process.
fn runs(slower: [f64; 2], requests: u64) -> (PathBuf, PathBuf) {
    seeded_runs(slower, requests, 1)
}

/// The same, with noise of its own for each seed.
fn seeded_runs(slower: [f64; 2], requests: u64, seed: u64) -> (PathBuf, PathBuf) {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare").join(number.to_string());
    let [a, b] = ["a", "b"].map(|name| dir.join(name));
    made_up::write(&a, slower[0], requests, 2 * seed + 1);
    made_up::write(&b, slower[1], requests, 2 * seed + 2);
    (a, b)
}

mod made_up {
    use std::path::Path;

    use llmperf::metrics::{Context, summarize};
    use llmperf::record::{Outcome, RequestRecord, Usage};
    use llmperf::report::{RecordsWriter, summary_json};
    use llmperf::units::{RequestId, Tokens};

    use super::Stamp;

    /// A run directory of a server whose times are known but for a noise of ±20 %.
    pub(super) fn write(dir: &Path, slower: f64, requests: u64, seed: u64) {
        std::fs::create_dir_all(dir).expect("a directory");
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        // xorshift64*: what is drawn need not be good, only different from run to run.
        let mut noise = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            0.8 + 0.4 * (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f64 / (1u64 << 24) as f64
        };
        // Four slots, each with one request after another.
        let mut free = [1_000_000u64; 4];
        let records: Vec<RequestRecord> = (0..requests)
            .map(|id| {
                let slot = free.iter_mut().min().expect("four slots");
                let sent = *slot;
                let mut at = sent + (100e6 * slower * noise()) as u64;
                let token_events: Vec<Stamp> = (0..20)
                    .map(|_| {
                        at += (10e6 * slower * noise()) as u64;
                        Stamp(at)
                    })
                    .collect();
                *slot = at + 1;
                record(id, sent, token_events)
            })
            .collect();
        let mut writer = RecordsWriter::create(&dir.join("records.jsonl")).expect("a file");
        records.iter().for_each(|record| writer.append(record).expect("a line"));
        let summary = summary_json(&summarize(&records, Context::default()));
        std::fs::write(dir.join("summary.json"), summary.to_string()).expect("a file");
    }

    fn record(id: u64, sent: u64, token_events: Vec<Stamp>) -> RequestRecord {
        let end = *token_events.last().expect("tokens");
        RequestRecord {
            id: RequestId(id),
            session: None,
            warmup: false,
            response_id: None,
            status: Some(200),
            due: Stamp(sent),
            sent: Stamp(sent),
            connected: None,
            headers: token_events.first().copied(),
            first_output: token_events.first().copied(),
            end,
            events: token_events.len() as u64,
            body_bytes: 100,
            isl_target: Tokens(10),
            isl: Tokens(10),
            osl: Tokens(token_events.len() as u64),
            token_events,
            reasoning: Tokens(0),
            max_tokens: None,
            usage: Usage::default(),
            finish: None,
            terminated: true,
            outcome: Outcome::Ok,
            output: None,
        }
    }
}

const RULES: &[&str] = &[
    "--fail-if",
    "ttft.p95 > +10%",
    "--fail-if",
    "itl.p50 > +1ms",
    "--fail-if",
    "e2el.mean > +10%",
    "--fail-if",
    "output_throughput < -5%",
];

fn gate(pair: &(PathBuf, PathBuf), more: &[&str]) -> Done {
    let args = [&["--baseline", text(&pair.0), "--candidate", text(&pair.1)][..], RULES, more].concat();
    compare(&args)
}

#[test]
fn a_target_a_fifth_slower_fails_every_rule() {
    let pair = runs([1.0, 1.2], 150);
    let done = gate(&pair, &[]).exits(3);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{}", done.stdout);
    assert!(lines[..4].iter().all(|line| line.starts_with("WORSE: ")), "{}", done.stdout);
    assert_eq!(lines[4], "gate FAILED: 4 of 4 rules");
    let json: Value =
        serde_json::from_str(&gate(&pair, &["--output", "json"]).exits(3).stdout).expect("JSON");
    assert_eq!((&json["passed"], &json["rules"][0]["verdict"]), (&json!(false), &json!("worse")));
    let change = json["rules"][2]["difference"]["relative"].as_f64().expect("a change");
    assert!((change - 0.2).abs() < 0.02, "{change}");

    let (slow, fast) = pair;
    let done = gate(&(fast, slow), &["--lang", "zh"]).exits(0);
    assert!(
        done.stdout.starts_with("变好：ttft.p95") && done.stdout.ends_with("均未失败\n"),
        "{}",
        done.stdout
    );
}

#[test]
fn the_same_target_a_hundred_times_over_raises_at_most_five_false_alarms() {
    // A rule of a throughput without slack, too: its interval has to be as wide as runs differ.
    let strict = ["--fail-if", "output_throughput < -0%", "--fail-if", "request_throughput < -0%"];
    let alarms = (0..100).filter(|&seed| {
        let done = gate(&seeded_runs([1.0, 1.0], 40 + 2 * seed, 100 + seed), &strict);
        assert!(matches!(done.code, Some(0 | 3)), "{done:?}");
        done.code == Some(3)
            || !done.stdout.starts_with("no difference: ttft.p95") && done.stdout.contains("WORSE")
    });
    let alarms = alarms.count();
    assert!(alarms <= 5, "{alarms} of 100");
}

#[test]
fn three_requests_are_too_few_which_fails_only_where_the_gate_is_strict() {
    let pair = runs([1.0, 1.2], 3);
    let done = gate(&pair, &[]).exits(0);
    assert!(done.stdout.lines().take(4).all(|line| line.starts_with("TOO FEW: ")), "{}", done.stdout);
    assert!(done.stdout.contains("it takes 72 in each run"), "{}", done.stdout);
    gate(&pair, &["--strict"]).exits(3);
}

/// A run of 40 requests against a server of this TTFT, held to objectives that it may miss.
fn held_to(slo: &str, ttft: &str) -> Results {
    let (server, results) = (mock(&["--ttft", ttft, "--itl", "1ms"]), Results::new());
    let load =
        ["--model", "m", "--isl", "60", "--osl", "5", "--requests", "40", "--concurrency", "4", "--slo", slo];
    let done = llmperf("load").args(["--base-url", &server.base]).args(load).args(results.flag()).done();
    assert!(matches!(done.code, Some(0 | 3)), "{done:?}");
    results
}

#[test]
fn a_gate_is_about_goodput_too_where_both_runs_had_the_same_objectives() {
    let (fast, slow, other) =
        (held_to("ttft<300ms", "5ms"), held_to("ttft<300ms", "400ms"), held_to("ttft<301ms", "5ms"));
    let gate = |a: &Results, b: &Results, rules: &[&str]| {
        let rules = rules.iter().flat_map(|rule| ["--fail-if", rule]);
        let pair = ["--baseline", text(a.path()), "--candidate", text(b.path())];
        compare(&pair.into_iter().chain(rules).collect::<Vec<_>>())
    };
    let rules = ["goodput < -10%", "goodput_share < -2pp"];
    let done = gate(&fast, &slow, &rules).exits(3);
    assert!(done.stdout.lines().take(2).all(|line| line.starts_with("WORSE: ")), "{}", done.stdout);
    let done = gate(&fast, &fast, &["goodput < -80%", rules[1]]).exits(0);
    // Of forty good requests a twentieth may be bad: more than the limit.
    assert!(done.stdout.contains("no difference: goodput < -80%"), "{}", done.stdout);
    assert!(done.stdout.contains("UNDECIDED: goodput_share < -2pp"), "{}", done.stdout);
    let done = gate(&fast, &other, &rules).exits(2);
    assert!(done.stderr.contains("different objectives") && done.stderr.contains("hint: "), "{done:?}");
    let (none, _) = runs([1.0, 1.0], 20);
    let done = compare(&["--baseline", text(fast.path()), "--candidate", text(&none), "--fail-if", rules[0]])
        .exits(2);
    assert!(done.stderr.contains("held to no objective"), "{done:?}");
    let shown = compare(&[text(fast.path()), text(slow.path())]).exits(0).stdout;
    assert!(shown.contains("Requests that meet every") && shown.contains("ttft<300ms"), "{shown}");
}

/// A run whose name would be a page of its own.
fn hostile_run() -> PathBuf {
    let name = "</td></h4><script>document.title='owned'</script><img src=http://fetched.test/a.png><svg onload=alert(1)>:7b";
    let (run, other) = runs([1.0, 1.2], 40);
    let model = |name: &str, metadata: Value| json!({"schema_version": 1, "plan": {"model": name, "num_concurrent_requests": 4, "metadata": metadata}});
    let write = |dir: &Path, manifest: Value| std::fs::write(dir.join("manifest.json"), manifest.to_string());
    write(&run, model(name, json!({"family": name, "quantization": name}))).expect("a manifest");
    write(&other, model(name, json!({"family": name, "size": "9b", "quantization": "x\u{202e}y"})))
        .expect("a manifest");
    run.parent().expect("a parent").to_owned()
}

#[test]
fn a_browser_shows_the_comparison_and_fetches_nothing() {
    let runs = hostile_run();
    for language in ["en", "zh"] {
        let html = compare(&[text(&runs), "--output", "html", "--lang", language]).exits(0).stdout;
        let page = runs.join(format!("page-{language}.html"));
        std::fs::write(&page, &html).expect("a page");
        let proxy = Proxy::start();
        let dom = browse(&page, &proxy, &["--dump-dom"]).exits(0).stdout;
        let count = |text: &str| dom.matches(text).count();
        assert!(count("<table") >= 10 && count("<thead>") == count("<table"), "{dom}");
        assert!(count("<th scope=\"row\"") > 30 && count("<h4>") >= 6, "{dom}");
        assert_eq!([count("<script"), count("<img"), count("<svg"), count("\u{202e}")], [0; 4]);
        assert!(!dom.contains("<title>owned") && dom.contains("default-src 'none'; style-src 'sha256-"));
        for fetches in ["src=\"", "href=\"", "url(", "@import"] {
            assert_eq!(count(fetches), 0, "{fetches}");
        }
        for width in [400, 1280] {
            let picture = runs.join(format!("{language}-{width}.png"));
            let (size, shot) =
                (format!("--window-size={width},2000"), format!("--screenshot={}", picture.display()));
            browse(&page, &proxy, &[&size, &shot, "--hide-scrollbars"]).exits(0);
            let png = std::fs::read(&picture).expect("a picture");
            assert_eq!(png[16..20], u32::to_be_bytes(width), "the width that was asked for");
            assert!(png.len() > 40_000, "{} bytes", png.len());
        }
        assert_eq!(proxy.asked(), 0, "the page asked for something");
    }
}

/// What is wider than its box is cut off, or has to be scrolled.
#[test]
fn a_page_of_1280_pixels_has_room_for_every_table() {
    let (run, _) = runs([1000.0, 1000.0], 20);
    let model = "hf.co/rombodawg/Rombos-LLM-V2.6-Qwen-14b-Q8_0-GGUF:latest";
    let manifest = json!({"schema_version": 1, "plan": {"model": model, "num_concurrent_requests": 4}});
    std::fs::write(run.join("manifest.json"), manifest.to_string()).expect("a manifest");
    for (language, count) in [("en", 6), ("zh", 6), ("en", 13)] {
        let args = [&vec![text(&run); count][..], &["--output", "html", "--lang", language]].concat();
        let html = compare(&args).exits(0).stdout;
        // The page lets no script be; this copy is only measured.
        let (before, policy) = html.split_once("<meta http-equiv").expect("a policy");
        let (_, after) = policy.split_once(">\n").expect("its end");
        let measure = "<script>const boxes = [document.documentElement, ...document.querySelectorAll('.wide')];\n\
            document.title = `${boxes.length - 1} boxes, ${boxes.filter(b => b.scrollWidth > b.clientWidth).length} cut`</script>";
        let page = run.join(format!("{language}-{count}.html"));
        std::fs::write(&page, format!("{before}{after}{measure}")).expect("a page");
        let dom = browse(&page, &Proxy::start(), &["--dump-dom", "--window-size=1280,2000"]).exits(0).stdout;
        let (_, title) = dom.split_once("<title>").expect("a title");
        let (title, _) = title.split_once("</title>").expect("its end");
        assert!(title.ends_with(" boxes, 0 cut") && !title.starts_with("0 "), "{language} {count}: {title}");
    }
}

#[test]
fn what_a_shell_makes_of_a_star_is_compared_with_a_word_on_what_is_left_out() {
    let results = Results::new();
    let server = mock(&["--ttft", "5ms", "--itl", "1ms"]);
    for model in ["qwen2.5:27b", "qwen2.5:7b"] {
        measure(&server, model, &results, &[]);
    }
    let mut paths: Vec<PathBuf> = std::fs::read_dir(results.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 6, "two directories, and LLMPerf's two files of each: {paths:?}");
    let args: Vec<&str> = paths.iter().map(|path| text(path)).chain(["--output", "json"]).collect();
    let done = compare(&args).exits(0);
    let json: Value = serde_json::from_str(&done.stdout).expect("JSON");
    let labels: Vec<&Value> =
        json["runs"].as_array().expect("runs").iter().map(|run| &run["label"]).collect();
    assert_eq!(labels, ["Qwen2.5 7B", "Qwen2.5 27B"], "by size, and each once");
    assert!(done.stderr.starts_with("note: left out, as it is no run: "), "{}", done.stderr);
    assert!(done.stderr.contains("individual_responses.json"), "{}", done.stderr);

    // LLMPerf's format, written by llmperf, is llmperf's.
    let file =
        paths.iter().map(|path| text(path)).find(|path| path.ends_with("_summary.json")).expect("a summary");
    let shown = compare(&[file]).exits(0).stdout;
    assert!(!shown.contains("ray-project"), "{shown}");
    let json: Value =
        serde_json::from_str(&compare(&[file, "--output", "json"]).exits(0).stdout).expect("JSON");
    let run = &json["runs"][0];
    assert_eq!((&run["measured_by"], &run["formulas"]), (&json!("llmperf"), &json!("LLMPerf")));

    // Paths that were chosen stand as they were given.
    let runs: Vec<&str> = paths.iter().filter(|path| path.is_dir()).map(|path| text(path)).collect();
    let json: Value = serde_json::from_str(&compare(&[runs[0], runs[1], "--output", "json"]).exits(0).stdout)
        .expect("JSON");
    assert_eq!(json["runs"][0]["label"], "Qwen2.5 27B");
}

#[test]
fn a_gate_takes_the_newest_run_of_a_directory_and_names_those_of_different_plans() {
    let results = Results::new();
    let server = mock(&["--ttft", "5ms", "--itl", "1ms"]);
    measure(&server, "m:7b", &results, &[]);
    measure(&server, "m:7b", &results, &[]);
    let dir = text(results.path());
    let gate = ["--baseline", dir, "--candidate", dir, "--fail-if", "ttft.mean > +1000%"];
    let done = compare(&gate).exits(0);
    assert!(done.stderr.contains("holds 2 runs of one plan; the newest is compared: "), "{}", done.stderr);
    measure(&server, "n:7b", &results, &[]);
    let done = compare(&gate).exits(2);
    let named = done.stderr.split("name one of them: ").nth(1).expect("a hint").matches("-7b_load_").count();
    assert!(done.stderr.contains("holds 3 runs of different plans\nhint: ") && named == 3, "{}", done.stderr);
}

#[test]
fn a_change_that_may_be_beyond_its_limit_is_undecided() {
    let (base, slow) = runs([1.0, 1.1], 20);
    let gate = ["--baseline", text(&base), "--candidate", text(&slow), "--fail-if", "e2el.mean > +10%"];
    compare(&[&gate[..], &["--strict"]].concat()).exits(3);
    let done = compare(&gate).exits(0);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("UNDECIDED: e2el.mean > +10%")), "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with(" requests in each run would decide it)")), "{lines:?}");
    assert_eq!(lines[1], "gate UNDECIDED: 1 of 1 rules, none failed (--strict fails what is undecided)");
}

#[test]
fn a_report_fits_the_terminal_whatever_the_number_of_runs() {
    let (run, _) = runs([1.0, 1.0], 20);
    for (columns, count) in [("80", 1), ("80", 12), ("120", 6)] {
        let results: Vec<&str> = std::iter::repeat_n(text(&run), count).collect();
        let done = llmperf("compare").env("COLUMNS", columns).args(&results).done().exits(0);
        let widest = done.stdout.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= columns.parse().expect("a number"), "{widest}: {}", done.stdout);
    }
}

#[test]
fn what_cannot_be_compared_is_a_mistake_of_usage_with_a_remedy() {
    let (run, _) = runs([1.0, 1.0], 3);
    let run = text(&run);
    for args in [
        &[][..],
        &["/no/such/result"],
        &["--baseline", run],
        &["--baseline", run, "--candidate", run],
        &["--baseline", run, "--candidate", run, "--fail-if", "ttft > +1%"],
        &["--baseline", run, "--candidate", run, "--fail-if", "ttft.p50 > 1"],
        &["--baseline", run, "--candidate", run, "--fail-if", "ttft.max > +1%"],
        &["--baseline", run, "--candidate", run, "--fail-if", "ttft.p50 > +1%", "--output", "html"],
        &["--baseline", run, "--candidate", LEGACY, "--fail-if", "tpot.p50 > +1%"],
    ] {
        let done = compare(args).exits(2);
        assert!(done.stdout.is_empty() && done.stderr.contains("error: "), "{args:?}: {done:?}");
    }
}
