//! Answers that end quietly or say nothing. Each API has a row of the few events that its streams are of, and its answers are
//! made of them.

use llmperf::plugin::bundled;
use llmperf::record::{FailureKind, Outcome, RequestRecord};
use llmperf::units::Span;
use serde_json::json;

use super::table::Case;
use crate::support::{Done, Results, SMALL, Server, in_parallel, llmperf, say};

pub(crate) const CASES: &[Case] = &[
    Case {
        exit: Some(5),
        failure: "truncated",
        says: &["the answer ended without its end marker ([DONE]) and without a finish reason"],
        ..Case::new("every stream ends with neither sign of its end", || {
            ask("openai-chat", &[], &[&answer(SSE, CHUNK)])
        })
    },
    Case {
        says: &["1 of 1 streamed answers gave a finish reason"],
        ..Case::new("a stream without its end marker", || ask("openai-chat", &[], &[&answer(SSE, STOPPED)]))
    },
    Case::new("a stream of an API that has no sign of its end", || {
        ask("triton", &[], &[&answer(SSE, "data: {\"text_output\":\"Hi\"}\n\n")])
    }),
    Case {
        exit: Some(5),
        failure: "truncated",
        ..Case::new("the first of several lines, of a type that does not tell", || {
            ask(
                "ollama",
                &[],
                &[&answer("text/plain", "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n")],
            )
        })
    },
    Case::new("a body of JSON without a word about its end", || {
        ask("gemini", &[], &[&answer(JSON, r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}"#)])
    }),
    Case {
        says: &["1 of 1 streamed answers ended with neither an end marker nor a finish"],
        ..Case::new("a plugin of which it is not known how its streams end", || {
            let (plugin, directory) = bundled()
                .find(|plugin| plugin.name == "openai-chat")
                .zip(tempfile::tempdir().ok())
                .expect("both");
            let file = directory.path().join("strange.wasm");
            std::fs::write(&file, plugin.wasm).expect("a file");
            ask("", &["--plugin", file.to_str().expect("a path in UTF-8")], &[&answer(SSE, CHUNK)])
        })
    },
    Case {
        exit: Some(5),
        failure: "server_error",
        says: &["the server ended the answer with an error"],
        ..Case::new("a finish reason that is an error", || {
            let erred = STOPPED.replace("stop", "error") + "data: [DONE]\n\n";
            ask("openai-chat", &[], &[&answer(SSE, &erred)])
        })
    },
    Case {
        exit: Some(5),
        failure: "empty_response",
        ..Case::new("an end marker and nothing else", || {
            ask("openai-chat", &[], &[&answer(SSE, "data: [DONE]\n\n")])
        })
    },
    Case {
        exit: Some(5),
        failure: "empty_response",
        ..Case::new("sglang: what a health check says", || {
            ask("sglang", &[], &[&answer(JSON, "{}"), &answer(JSON, HEALTHY)])
        })
    },
    Case {
        exit: Some(5),
        failure: "empty_response",
        ..Case::new("triton: what a health check says", || {
            ask("triton", &[], &[&answer(JSON, "{}"), &answer(JSON, HEALTHY)])
        })
    },
];

const CHUNK: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const STOPPED: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n";
const HEALTHY: &str = r#"{"status":"healthy"}"#;

/// The events that an API's streams are of.
struct Stream {
    api: &'static str,
    mime: &'static str,
    text: &'static str,
    /// The event with the finish reason, `WORD`; empty where the API has none.
    reason: &'static str,
    /// The end marker; empty where the API has none.
    marker: &'static str,
    /// What is said of a run with an answer that has the one and an answer that has the other.
    notes: &'static [&'static str],
}

const SSE: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";
const JSON: &str = "application/json";

const NO_MARKER: &str = "1 of 2 streamed answers gave a finish reason";
const NO_REASON: &str = "1 of 2 streamed answers had their end marker";

const STREAMS: &[Stream] = &[
    Stream {
        api: "openai-chat",
        mime: SSE,
        text: "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n",
        reason: "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"WORD\"}]}\n\n",
        marker: "data: [DONE]\n\n",
        notes: &[NO_MARKER, NO_REASON],
    },
    Stream {
        api: "openai-completions",
        mime: SSE,
        text: "data: {\"choices\":[{\"index\":0,\"text\":\"Hi\"}]}\n\n",
        reason: "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"WORD\"}]}\n\n",
        marker: "data: [DONE]\n\n",
        notes: &[NO_MARKER, NO_REASON],
    },
    Stream {
        api: "openai-responses",
        mime: SSE,
        text: "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n",
        reason: "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"WORD\"}}\n\n",
        marker: "data: {\"type\":\"response.completed\",\"response\":{}}\n\n",
        notes: &[NO_REASON],
    },
    Stream {
        api: "anthropic-messages",
        mime: SSE,
        text: "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
        reason: "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"WORD\"}}\n\n",
        marker: "data: {\"type\":\"message_stop\"}\n\n",
        notes: &[NO_MARKER, NO_REASON],
    },
    Stream {
        api: "anthropic-complete",
        mime: SSE,
        text: "data: {\"type\":\"completion\",\"completion\":\"Hi\",\"stop_reason\":null}\n\n",
        reason: "data: {\"type\":\"completion\",\"completion\":\"\",\"stop_reason\":\"WORD\"}\n\n",
        marker: "",
        notes: &[],
    },
    Stream {
        api: "cloudflare",
        mime: SSE,
        text: "data: {\"response\":\"Hi\"}\n\n",
        reason: "data: {\"response\":\"\",\"finish_reason\":\"WORD\"}\n\n",
        marker: "data: [DONE]\n\n",
        notes: &[NO_MARKER],
    },
    Stream {
        api: "cohere-chat",
        mime: SSE,
        text: "data: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}\n\n",
        reason: "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"WORD\"}}\n\n",
        marker: "data: {\"type\":\"message-end\",\"delta\":{}}\n\n",
        notes: &[NO_REASON],
    },
    Stream {
        api: "echo",
        mime: LINES,
        text: "{\"word\":\"Hi\"}\n",
        reason: "",
        marker: "{\"done\":true}\n",
        notes: &[],
    },
    Stream {
        api: "gemini",
        mime: SSE,
        text: "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n",
        reason: "data: {\"candidates\":[{\"finishReason\":\"WORD\"}]}\n\n",
        marker: "",
        notes: &[],
    },
    Stream {
        api: "llamacpp",
        mime: SSE,
        text: "data: {\"content\":\"Hi\",\"stop\":false}\n\n",
        reason: "data: {\"content\":\"\",\"stop\":false,\"stop_type\":\"WORD\"}\n\n",
        marker: "data: {\"content\":\"\",\"stop\":true}\n\n",
        notes: &[NO_MARKER, NO_REASON],
    },
    Stream {
        api: "ollama",
        mime: LINES,
        text: "{\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n",
        reason: "{\"message\":{\"content\":\"\"},\"done\":false,\"done_reason\":\"WORD\"}\n",
        marker: "{\"message\":{\"content\":\"\"},\"done\":true}\n",
        notes: &[NO_MARKER, NO_REASON],
    },
    Stream {
        api: "replicate",
        mime: SSE,
        text: "event: output\ndata: Hi\n\n",
        reason: "event: done\ndata: {\"reason\":\"WORD\"}\n\n",
        marker: "event: done\ndata: {}\n\n",
        notes: &[],
    },
    Stream {
        api: "sglang",
        mime: SSE,
        text: "data: {\"text\":\"Hi\"}\n\n",
        reason: "data: {\"text\":\"Hi\",\"meta_info\":{\"finish_reason\":{\"type\":\"WORD\"}}}\n\n",
        marker: "data: [DONE]\n\n",
        notes: &[NO_MARKER, NO_REASON],
    },
    Stream {
        api: "tgi",
        mime: SSE,
        text: "data:{\"token\":{\"id\":1,\"text\":\"Hi\",\"special\":false}}\n\n",
        reason: "data:{\"details\":{\"finish_reason\":\"WORD\"}}\n\n",
        marker: "data:{\"token\":{\"id\":2,\"text\":\"\",\"special\":true},\"generated_text\":\"Hi\"}\n\n",
        notes: &[NO_MARKER],
    },
    Stream {
        api: "watsonx",
        mime: SSE,
        text: "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n",
        reason: "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"WORD\"}]}\n\n",
        marker: "",
        notes: &[],
    },
];

/// The answers of a server that speaks the API, and what must become of each.
fn answers(stream: &Stream) -> Vec<(String, Option<FailureKind>)> {
    let Stream { mime, text, reason, marker, .. } = *stream;
    let streamed = |end: &str| answer(mime, &format!("{text}{end}"));
    let mut answers = vec![(streamed(""), Some(FailureKind::Truncated))];
    if !reason.is_empty() {
        answers.push((streamed(&reason.replace("WORD", "stop")), None));
        answers.push((streamed(&reason.replace("WORD", "error")), Some(FailureKind::ServerError)));
    }
    if !marker.is_empty() {
        answers.push((streamed(marker), None));
    }
    if marker.contains("[DONE]") {
        answers.push((answer(mime, marker), Some(FailureKind::EmptyResponse)));
    }
    answers.push((answer(JSON, "{}"), Some(FailureKind::EmptyResponse)));
    answers.push((answer(JSON, r#"{"ok":true}"#), Some(FailureKind::EmptyResponse)));
    answers
}

#[test]
fn an_answer_that_lacks_both_signs_of_its_end_has_failed_and_one_that_lacks_one_is_noted() {
    in_parallel(STREAMS, |stream| {
        let (api, answers) = (stream.api, answers(stream));
        let bodies: Vec<&str> = answers.iter().map(|(answer, _)| answer.as_str()).collect();
        let (done, results) = ask(api, &[], &bodies);
        assert_eq!(done.code, Some(0), "{api}: {done:?}");
        let records = results.records();
        assert_eq!(records.len(), answers.len(), "{api}");
        for ((answer, expected), record) in answers.iter().zip(&records) {
            assert_eq!(kind(record), *expected, "{api}: {answer}\n{record:?}");
        }
        let said = results.summary()["notes"].to_string();
        for note in [NO_MARKER, NO_REASON] {
            assert_eq!(said.contains(note), stream.notes.contains(&note), "{api}: {said}");
        }
        assert!(stream.notes.iter().all(|note| done.stdout.contains(note)), "{api}: {}", done.stdout);
    });
}

#[test]
fn answers_that_lack_a_sign_of_their_end_are_counted() {
    let both = format!("{STOPPED}data: [DONE]\n\n");
    let half = answer(SSE, STOPPED);
    let (done, results) = ask("openai-chat", &[], &[&answer(SSE, &both), &half, &half]);
    done.exits(0);
    let endings = json!({"streamed": 3, "without_end_marker": 2, "without_finish_reason": 0});
    assert_eq!(results.summary()["endings"], endings);
    let (done, results) = ask(
        "gemini",
        &[],
        &[&answer(SSE, STREAMS[8].text), &answer(SSE, &format!("{}{}", STREAMS[8].text, STREAMS[8].reason))],
    );
    done.exits(0);
    let endings = json!({"streamed": 1, "without_end_marker": null, "without_finish_reason": 0});
    assert_eq!(results.summary()["endings"], endings);
}

#[test]
fn a_server_may_name_the_instant_to_come_back_at() {
    let refusal = |headers: &str| {
        format!("HTTP/1.1 429 Later\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")
    };
    let dated = "date: Wed, 21 Oct 2026 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2026 07:28:37 GMT\r\n";
    let over = "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    let (done, results) = ask("openai-chat", &[], &[&refusal(dated), &refusal(over), &refusal("")]);
    done.exits(5);
    let waits: Vec<Option<Span>> = results
        .records()
        .iter()
        .map(|record| match &record.outcome {
            Outcome::Failed(failure) => failure.retry_after,
            outcome => panic!("{outcome:?}"),
        })
        .collect();
    assert_eq!(waits, [Some(Span::from_secs(37)), Some(Span(0)), None]);
}

#[test]
fn a_model_behind_sagemaker_has_failed_by_sagemakers_own_word() {
    let body = r#"{"ErrorCode":"CLIENT_ERROR_FROM_MODEL","Message":"Received client error (400)","OriginalStatusCode":400}"#;
    let answer = format!(
        "HTTP/1.1 424 Failed\r\ncontent-type: {JSON}\r\nx-amzn-errortype: ModelError\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let (done, results) = ask("sagemaker", &[], &[&answer]);
    done.exits(5);
    let record = &results.records()[0];
    assert!(
        matches!(&record.outcome, Outcome::Failed(failure) if failure.code == "CLIENT_ERROR_FROM_MODEL"),
        "{record:?}"
    );
}

/// A whole response with this body.
fn answer(mime: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {mime}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Asks once for each of these answers, one after the other.
fn ask(api: &str, flags: &[&str], answers: &[&str]) -> (Done, Results) {
    let served: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
    let server = Server::start(move |asked, socket| {
        if let Some(answer) = usize::try_from(asked.n).ok().and_then(|n| served.get(n)) {
            say(socket, answer);
        }
    });
    run(&server, api, flags, answers.len())
}

fn run(server: &Server, api: &str, flags: &[&str], requests: usize) -> (Done, Results) {
    let results = Results::new();
    let api: &[&str] = if api.is_empty() { &[] } else { &["--llm-api", api] };
    let load = llmperf("load").args(["--base-url", &server.base]).args(SMALL).args(api).args(results.flag());
    let load = load.args(["--requests", &requests.to_string(), "--concurrency", "1"]).args(flags);
    (load.done(), results)
}

fn kind(record: &RequestRecord) -> Option<FailureKind> {
    match &record.outcome {
        Outcome::Failed(failure) => Some(failure.kind),
        _ => None,
    }
}
