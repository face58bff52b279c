use llmperf_sdk::{Event, Failure, Input, Piece, Plugin, RequestSpec, Usage, decode, testing};
use serde_json::Value;

use super::reader::EmbeddingsDecoder;
use super::{ENCODING, OpenAiEmbeddings};

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<OpenAiEmbeddings>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(texts: &[&str], sampling: &str) -> RequestSpec {
    RequestSpec {
        task: "embedding".to_owned(),
        input: Input::Texts(texts.iter().map(|&text| text.to_owned()).collect()),
        max_tokens: Some(16),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("text-embedding-3-small", "")
    }
}

#[test]
fn the_request_is_what_other_clients_send() {
    let check = |spec: RequestSpec, expected: &str| {
        let request =
            OpenAiEmbeddings::build_request(&spec.with_defaults(&OpenAiEmbeddings::describe())).unwrap();
        assert_eq!(request.path, ["embeddings"]);
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
    };
    check(
        call(&["a", "b"], r#"{"dimensions":3}"#),
        r#"{"input":["a","b"],"model":"text-embedding-3-small","dimensions":3,"encoding_format":"base64"}"#,
    );
    check(
        call(&["a"], r#"{"max_tokens":5}"#).with_option(ENCODING, "none"),
        r#"{"input":["a"],"model":"text-embedding-3-small"}"#,
    );
    let input = Input::Prompt("a".to_owned());
    check(
        RequestSpec { input, ..call(&[], "") }.with_option(ENCODING, "float"),
        r#"{"input":["a"],"model":"text-embedding-3-small","encoding_format":"float"}"#,
    );
    let error = OpenAiEmbeddings::build_request(&RequestSpec::chat("m", "Hi")).unwrap_err();
    assert!(error.contains("chat"), "{error}");
    let error = OpenAiEmbeddings::build_request(&call(&["a"], "").with_option(ENCODING, "int8")).unwrap_err();
    assert!(error.contains("base64, float or none"), "{error}");
}

fn check(body: &str, expected: &[Piece]) {
    let deltas = decode(&mut EmbeddingsDecoder, &[Event::new("", body)]);
    let got: Vec<_> = deltas.into_iter().map(|delta| delta.piece).collect();
    assert_eq!(got, expected, "{body}");
}

#[test]
fn the_numbers_of_each_vector_are_counted_in_both_encodings() {
    check(
        r#"{"object":"list","data":[{"index":0,"embedding":[0.5,-1e-3,2]},{"index":1,"embedding":"AACAPwAAAEAAAEBA"}],"usage":{"prompt_tokens":2,"total_tokens":2,"completion_tokens":0}}"#,
        &[
            Piece::Embedding(3),
            Piece::Embedding(3),
            Piece::Usage(Usage { input_tokens: Some(2), ..Usage::default() }),
            Piece::End,
        ],
    );
    check(r#"{"data":[{"embedding":"AACAPwAAAEA="}]}"#, &[Piece::Embedding(2), Piece::End]);
    check(r#"{"data":[7,{"embedding":null},{"embedding":{}},{"embedding":[]}],"usage":"soon"}"#, &[]);
}

#[test]
fn an_error_in_a_successful_answer_is_one() {
    let failure = |code: &str, message: &str| [Piece::Failure(Failure::new(code, message))];
    check(r#"{"error":{"message":"m","type":"t","code":null}}"#, &failure("t", "m"));
    check(r#"{"object":"error","message":"m","type":"t"}"#, &failure("t", "m"));
    check(r#"[{"error":{"code":429,"message":"m"}}]"#, &failure("429", "m"));
    for bad in ["{", "null", "[]"] {
        let deltas = decode(&mut EmbeddingsDecoder, &[Event::new("", bad)]);
        assert!(matches!(&deltas[0].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}
