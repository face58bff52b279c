//! Every format as a file of it gives requests, and what is wrong with a row as people read it.

use std::path::{Path, PathBuf};

use super::*;
use crate::units::Tokens;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/datasets").join(name)
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rows");
    std::fs::write(&path, text).expect("a file");
    (dir, path)
}

/// A turn in one line: its messages or length, its output, its time to think.
fn line(turn: &Turn) -> String {
    let asked = match &turn.asked {
        Asked::Messages(messages) => {
            let said: Vec<_> = messages.iter().map(|m| format!("{}: {}", m.role, m.text)).collect();
            said.join(" / ")
        }
        Asked::Length { tokens, blocks } => format!("{tokens} tokens {blocks:?}"),
    };
    let output = match &turn.output {
        OutputLength::Tokens(tokens) => tokens.to_string(),
        OutputLength::Of(text) => format!("of {text:?}"),
        OutputLength::Unsaid => "unsaid".to_owned(),
    };
    let think =
        if turn.think == Span(0) { String::new() } else { format!(" after {} ms", turn.think.as_ms()) };
    format!("{asked} -> {output}{think}")
}

fn open(name: &str) -> Dataset {
    Dataset::open(&fixture(name), None).expect("a dataset")
}

/// Checks format, rows as lines (turns joined by ` + `) and due times in milliseconds.
#[track_caller]
fn check(dataset: &Dataset, format: DatasetFormat, rows: &[&str], due_ms: &[f64]) {
    assert_eq!(dataset.format(), format);
    let found: Vec<String> = (0..usize::try_from(dataset.rows()).expect("few"))
        .map(|row| dataset.read(row).expect("a row").turns.iter().map(line).collect::<Vec<_>>().join(" + "))
        .collect();
    assert_eq!(found, rows);
    let due: Vec<f64> = dataset.index().due().iter().map(|due| due.as_ms()).collect();
    assert_eq!(due, due_ms);
}

#[test]
fn plain_lines_are_prompts() {
    let rows = [
        "user: Tell me a story. -> unsaid",
        "user: [short] What is 2 + 2? -> unsaid",
        "user: End. -> unsaid",
    ];
    check(&open("plain.txt"), DatasetFormat::Plain, &rows, &[]);
}

#[test]
fn an_openai_batch_keeps_roles_and_tells_what_it_leaves_out() {
    let dataset = open("openai-batch.jsonl");
    let rows = [
        "system: Be brief. / user: Hello there -> 32",
        "user: Once upon a time -> unsaid",
        "system: Be kind. / user: Good morning -> 8",
    ];
    check(&dataset, DatasetFormat::OpenaiBatch, &rows, &[]);
    let [note] = dataset.notes() else { panic!("{:?}", dataset.notes()) };
    assert!(note.contains("temperature, top_p of its rows have no effect"), "{note}");
    assert!(note.contains("--additional-sampling-params"), "{note}");
}

#[test]
fn sharegpt_is_first_questions_or_whole_sessions() {
    let dataset = open("sharegpt.json");
    let rows = [
        "user: What is a sonnet? -> of \"A poem of fourteen lines.\"",
        "system: Speak like a pirate. / user: Hello -> of \"Ahoy!\"",
    ];
    check(&dataset, DatasetFormat::Sharegpt, &rows, &[]);
    assert!(dataset.notes()[0].ends_with("rows that hold no question with an answer are left out: 1"));
    let sessions = Dataset::open(&fixture("sharegpt.json"), Some(DatasetFormat::SharegptSessions));
    let first = format!("{} + user: Who wrote the best? -> of \"Shakespeare.\"", rows[0]);
    let sessions = sessions.expect("a dataset");
    check(&sessions, DatasetFormat::SharegptSessions, &[&first, rows[1]], &[]);
    assert_eq!((sessions.rows(), sessions.requests(), sessions.has_sessions()), (2, 3, true));
}

#[test]
fn vllms_own_rows_may_say_their_output() {
    let rows = [
        "user: What is the capital of India? -> 10",
        "user: What is the capital of Iran? -> unsaid",
        "user: What is the capital of China? -> unsaid",
    ];
    check(&open("vllm.jsonl"), DatasetFormat::Vllm, &rows, &[]);
}

#[test]
fn traces_give_lengths_and_times_from_their_first_row() {
    let rows = ["1300 tokens [0, 1, 2] -> 52", "1100 tokens [0, 1, 3] -> 26", "40 tokens [] -> 5"];
    check(&open("mooncake.jsonl"), DatasetFormat::Mooncake, &rows, &[0.0, 100.0, 400.0]);
    let rows = ["472 tokens [] -> 18", "1087 tokens [] -> 230", "417 tokens [] -> 276"];
    let burst = open("burstgpt.csv");
    check(&burst, DatasetFormat::Burstgpt, &rows, &[0.0, 40_500.0, 113_000.0]);
    assert!(
        burst.notes()[0]
            .contains("rows without tokens on one side, as requests that failed, are left out: 1"),
        "{:?}",
        burst.notes()
    );
    let rows = ["374 tokens [] -> 44", "396 tokens [] -> 109", "879 tokens [] -> 55"];
    check(&open("azure.csv"), DatasetFormat::Azure, &rows, &[0.0, 52.0, 98.189]);
}

#[test]
fn aiperf_rows_are_turns_and_sessions() {
    let rows = ["user: What is deep learning? -> unsaid", "user: Summarise this.\nIt is short. -> 12"];
    check(&open("aiperf-single-turn.jsonl"), DatasetFormat::AiperfSingleTurn, &rows, &[0.0, 250.5]);
    let rows = [
        "user: Hello -> unsaid + user: How are you? -> 7 after 150 ms + user: Goodbye -> unsaid after 50 ms",
        "user: One question only -> unsaid",
    ];
    check(&open("aiperf-multi-turn.jsonl"), DatasetFormat::AiperfMultiTurn, &rows, &[]);
}

#[test]
fn a_trace_that_is_repeated_goes_on_one_mean_interval_later() {
    let trace = open("mooncake.jsonl");
    let due: Vec<f64> = (0..7).map(|row| trace.due(row).as_ms()).collect();
    assert_eq!(due, [0.0, 100.0, 400.0, 600.0, 700.0, 1000.0, 1200.0]);
}

#[test]
fn a_dataset_knows_its_digest_and_its_mean_prompt() {
    let (_dir, path) = written("abc\nabcde\n");
    let dataset = Dataset::open(&path, None).expect("a dataset");
    assert_eq!(dataset.digest(), "e0b865cdb2ba04b105ef255815e2f8ffb9066e523c2b8ae824ee271094059583");
    assert_eq!(dataset.mean_prompt_bytes(), 4);
}

#[test]
fn what_is_wrong_with_a_row_is_told_with_line_and_field() {
    let check = |text: &str, format: Option<&str>, expected: &str| {
        let (_dir, path) = written(text);
        let format = format.map(|word| DatasetFormat::of_word(word).expect("a format"));
        let error = format!("{:#}", Dataset::open(&path, format).expect_err("an error"));
        let named = format!("--dataset {} ", path.display());
        let found = error.strip_prefix(&named).unwrap_or_else(|| panic!("{error:?} does not name the file"));
        let (found, hint) = found.split_once("\nhint: ").unwrap_or((found, ""));
        assert_eq!(found, expected, "{text:?}");
        assert!(!hint.is_empty() || !found.starts_with("line 1:"), "{error}");
    };
    check("", None, "has no rows");
    check("\n \n", None, "has no rows");
    check("{\"prompt\": \"a\"}\n\n{\"prompt\": 7}", None, "line 3: prompt is a number, no text");
    check("{\"prompt\": \"a\"}\n{\"promt\": \"b\"}", None, "line 2: prompt is missing");
    check(
        "{\"prompt\": \"a\", \"output_tokens\": \"many\"}",
        None,
        "line 1: output_tokens is \"many\", no number of tokens",
    );
    check(
        "{\"prompt\": \"a\", \"output_tokens\": 0}",
        None,
        "line 1: output_tokens is 0, not 1 to 2000000 tokens",
    );
    check(
        "{\"prompt\": \"a\"}\n{\"prompt\"",
        None,
        "line 2: is no JSON: EOF while parsing an object (column 9)",
    );
    check("{\"prompt\": \"a\"}\nhello", None, "line 2: is no JSON: expected value (column 1)");
    check("{\"prompt\": \"a\"}\n[1]", None, "line 2: is a list, no JSON object");
    check("{\"prompt\"", None, "line 1: is no JSON: EOF while parsing an object (column 9)");
    check(
        "{\"question\": 1, \"x\": 2}",
        None,
        "line 1: an object with the keys question, x is in no format known here",
    );
    check("a", Some("vllm"), "line 1: is no JSON: expected value (column 1)");
    check("a,b\n1,2", Some("azure"), "line 1: TIMESTAMP is no column of the header");
    let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,374,44\n";
    check(
        &format!("{azure}noon,1,2"),
        None,
        "line 3: TIMESTAMP is \"noon\", no time like 2023-11-16 18:17:03.9799600",
    );
    check(
        &format!("{azure}2023-11-16 18:17:03,1.5,2"),
        None,
        "line 3: ContextTokens is \"1.5\", no number of tokens",
    );
    check(&format!("{azure}2023-11-16 18:17:03,1"), None, "line 3: GeneratedTokens is missing");
    check(
        "Timestamp,Model,Request tokens,Response tokens\nx,m,1,1",
        None,
        "line 2: Timestamp is \"x\", no time in seconds",
    );
    check(
        "{\"input_length\": 5, \"timestamp\": 0}\n{\"input_length\": 5, \"timestamp\": \"1s\"}",
        None,
        "line 2: timestamp is \"1s\", no time in milliseconds",
    );
    check(
        "{\"input_length\": 5, \"timestamp\": 0}\n{\"input_length\": 5}",
        None,
        "line 2: timestamp is missing, and line 1 has one",
    );
    check("{\"input_length\": 5, \"hash_ids\": [1, -2]}", None, "line 1: hash_ids[1] is -2, no whole number");
    check("{\"input_length\": 5}\n{\"output_length\": 5}", None, "line 2: input_length is missing");
    check(
        "{\"body\": {\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]}}",
        None,
        "line 1: body.messages[0].content[0] is of type \"image_url\"; only text is sent",
    );
    check(
        "{\"body\": {\"messages\": [{\"content\": \"a\"}]}}",
        None,
        "line 1: body.messages[0].role is missing",
    );
    check("{\"body\": {\"model\": \"m\"}}", None, "line 1: body has neither messages nor prompt nor input");
    check(
        "[{\"conversations\": [{\"from\": \"human\", \"value\": \"a\"}, {\"from\": \"gpt\", \"value\": \"b\"}]},\n\
         {\"conversations\":\n [{\"from\": \"alien\", \"value\": \"a\"}]}]",
        None,
        "line 2: conversations[0].from is \"alien\", not human, gpt or system",
    );
    check(
        "[{\"conversations\": []},\n{\"conversations\": [\n{}",
        None,
        "line 3: the file ends inside its JSON array",
    );
    check("{\"turns\": [{\"text\": \"a\"}, {\"delay\": 5}]}", None, "line 1: turns[1].text is missing");
    check(
        "{\"turns\": [{\"text\": \"a\", \"image\": \"x.png\"}]}",
        None,
        "line 1: turns[0].image is no text, and only text is sent",
    );
    check("{\"turns\": []}", None, "line 1: turns is empty");
}

#[test]
fn what_is_no_file_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = |path: &Path| format!("{:#}", Dataset::open(path, None).expect_err("an error"));
    assert!(error(dir.path()).contains("is no regular file\nhint:"), "{}", error(dir.path()));
    assert!(
        error(&dir.path().join("none")).contains("none: No such file"),
        "{}",
        error(&dir.path().join("none"))
    );
}

#[test]
fn a_file_that_changed_since_it_was_checked_is_an_error() {
    let (_dir, path) = written("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n");
    let dataset = Dataset::open(&path, None).expect("a dataset");
    std::fs::write(&path, "{\"prompt\": \"a\"}\nxx").expect("a file");
    assert_eq!(dataset.read(0).expect("a row").turns.len(), 1);
    let error = format!("{:#}", dataset.read(1).expect_err("an error"));
    assert!(error.contains("changed during the run"), "{error}");
}

#[test]
fn a_float_column_of_whole_numbers_is_read() {
    let (_dir, path) = written("{\"prompt\": \"a\", \"output_tokens\": 12.0}");
    let dataset = Dataset::open(&path, None).expect("a dataset");
    assert_eq!(dataset.read(0).expect("a row").turns[0].output, OutputLength::Tokens(Tokens(12)));
}
