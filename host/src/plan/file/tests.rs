//! Plan files, read with a few keys of every kind.

use super::*;

fn keys() -> Vec<FileKey> {
    let key = |name: &str, aliases: &[&str], kind, repeats| FileKey {
        name: name.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        kind,
        repeats,
        help: "What it is".to_owned(),
    };
    let words = KeyKind::Word(vec!["local".to_owned(), "server".to_owned()]);
    vec![
        key("model", &[], KeyKind::Text, false),
        key("base-url", &[], KeyKind::Text, false),
        key("results-dir", &[], KeyKind::Text, false),
        key("num-concurrent-requests", &["concurrency"], KeyKind::Count, false),
        key("request-rate", &[], KeyKind::Number, false),
        key("header", &[], KeyKind::Text, true),
        key("save-text", &[], KeyKind::Switch, false),
        key("additional-sampling-params", &["sampling"], KeyKind::Object, false),
        key("tokens", &[], words, false),
        key("output", &[], KeyKind::NoKey("say it beside"), false),
    ]
}

fn parse(text: &str) -> Result<PlanFile> {
    PlanFile::parse("p.toml", text, &keys())
}

fn names(text: &str) -> Vec<String> {
    parse(text).expect("a plan").runs.into_iter().map(|run| run.name).collect()
}

#[test]
fn lists_multiply_and_the_first_of_the_file_varies_slowest() {
    let text = "concurrency = [1, 4]\n[[run]]\nmodel = ['a', 'b']\n[[run]]\nname = 'last'\nconcurrency = 2\nmodel = 'c'";
    let expected = [
        "a num-concurrent-requests=1",
        "b num-concurrent-requests=1",
        "a num-concurrent-requests=4",
        "b num-concurrent-requests=4",
        "last",
    ];
    assert_eq!(names(text), expected);
}

#[test]
fn a_file_without_tables_is_runs_too_and_runs_of_one_name_are_numbered() {
    assert_eq!(names("model = 'a'"), ["a"]);
    assert_eq!(names("request-rate = [1, 2.5]"), ["run 1 request-rate=1", "run 1 request-rate=2.5"]);
    assert_eq!(names("[[run]]\nmodel = 'a'\n[[run]]\nmodel = 'a'"), ["a", "a (2)"]);
}

#[test]
fn values_become_what_the_command_line_would_have() {
    let text = "header = ['A: 1', 'B: 2']\nsave-text = true\nsampling = { temperature = 0.5, stop = ['x'] }\nrequest-rate = 2\n\
                results-dir = 'r'\ncool-down = 1.5";
    let plan = parse(text).expect("a plan");
    assert_eq!((plan.results_dir, plan.cool_down), (Some("r".into()), Span::from_millis(1500)));
    let of = |key: &str| {
        plan.runs[0].settings.iter().find(|setting| setting.key == key).expect("it").values.clone()
    };
    assert_eq!(of("header"), ["A: 1", "B: 2"]);
    assert_eq!(of("save-text"), ["true"]);
    assert_eq!(of("additional-sampling-params"), [r#"{"temperature":0.5,"stop":["x"]}"#]);
    assert_eq!(of("request-rate"), ["2"]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases: &[(&str, &[&str])] = &[
        ("model = 'a'\nmodle = 'b'", &["p.toml:2: modle is not known", "hint: there is model"]),
        ("num_concurrent_requests = 4", &["p.toml:1", "there is num-concurrent-requests"]),
        ("zzz = 1", &["p.toml:1", "long flags"]),
        ("model = 'a'\n\nmodel = 'b'", &["p.toml:3: duplicate key"]),
        ("model = 'a", &["p.toml:1: "]),
        ("concurrency = 1\nnum-concurrent-requests = 2", &["p.toml:2", "by another name", "line 1"]),
        ("concurrency = 'four'", &["p.toml:1: concurrency takes a whole number", "the text \"four\""]),
        ("concurrency = -1", &["p.toml:1", "the number -1"]),
        ("concurrency = [1, 2.5]", &["p.toml:1", "the number 2.5"]),
        ("request-rate = true", &["p.toml:1: request-rate takes a number, and this is a boolean"]),
        ("model = 3", &["p.toml:1: model takes a text in quotes"]),
        ("model = []", &["p.toml:1: model is an empty list"]),
        ("save-text = 'yes'", &["p.toml:1: save-text takes true or false"]),
        ("tokens = 'mine'", &["p.toml:1: tokens takes one of local, server"]),
        ("sampling = 1", &["p.toml:1: sampling takes a table"]),
        ("output = 'json'", &["p.toml:1: output is no key", "hint: say it beside"]),
        ("unset = ['model']", &["p.toml:1: unset belongs to a run"]),
        ("model = 'a'\n[[run]]\nunset = ['modle']", &["p.toml:3: modle is not known", "there is model"]),
        ("[[run]]\nunset = ['model']", &["p.toml:2: unset names model", "no line above"]),
        (
            "model = 'a'\n[[run]]\nmodel = 'b'\nunset = 'model'",
            &["p.toml:4: unset takes model away", "line 3"],
        ),
        ("model = 'a'\n[[run]]\nunset = 1", &["p.toml:3: unset takes a text"]),
        ("cool-down = -1", &["p.toml:1: cool-down is -1"]),
        ("name = 'x'", &["p.toml:1: name belongs to a run"]),
        ("[run]\nmodel = 'a'", &["p.toml:1: run is no list of tables"]),
        ("[[run]]\nresults-dir = 'x'", &["p.toml:2: results-dir is for all runs"]),
        ("[[run]]\nname = 'x'\n[[run]]\nname = 'x'", &["p.toml:4", "line 1", "too"]),
        ("[[run]]\nname = ' '", &["p.toml:2: \"\" is no name"]),
        (
            "header = ['A: b', 'Authorization: Bearer hush']",
            &["p.toml:1: header", "secret (Authorization)", "key-env"],
        ),
        ("base-url = 'http://h/v1?api_key=hush'", &["p.toml:1: base-url", "secret (api_key)"]),
    ];
    for (text, words) in cases {
        let error = format!("{:#}", parse(text).expect_err(text));
        for word in *words {
            assert!(error.contains(word), "{word:?} is not in {error:?}");
        }
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn a_run_does_without_what_the_others_share() {
    let text = "model = 'a'\nconcurrency = [1, 4]\nsave-text = true\n[[run]]\n[[run]]\nunset = ['concurrency', 'save-text']\nrequest-rate = 2";
    let plan = parse(text).expect("a plan");
    assert_eq!(plan.runs.len(), 3);
    let keys: Vec<&str> = plan.runs[2].settings.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(keys, ["model", "request-rate"]);
}

#[test]
fn a_product_without_measure_is_refused() {
    let list = format!("[{}]", vec!["1"; 40].join(", "));
    let error = parse(&format!("concurrency = {list}\nrequest-rate = {list}")).expect_err("1600 runs");
    assert!(error.to_string().contains("more than 1000 runs"), "{error}");
}

#[test]
fn the_schema_has_every_key_and_its_aliases() {
    let schema = plan_schema(&keys());
    let (top, run) = (&schema["properties"], &schema["properties"]["run"]["items"]["properties"]);
    for (key, in_top, in_run) in [
        ("model", true, true),
        ("concurrency", true, true),
        ("output", false, false),
        ("unset", false, true),
        ("results-dir", true, false),
    ] {
        assert_eq!((top.get(key).is_some(), run.get(key).is_some()), (in_top, in_run), "{key}");
    }
    assert_eq!(top["tokens"]["anyOf"][0]["enum"], serde_json::json!(["local", "server"]));
    assert_eq!(schema["additionalProperties"], false);
}
