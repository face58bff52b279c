//! Samples from elsewhere: which API each is an answer of, by its family or by the path that was asked.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fixture::{Fixture, dirs, json};

/// The API of a family of samples.
const FAMILIES: &[(&str, &str)] = &[
    ("anthropic", "anthropic-messages"),
    ("anthropic-complete", "anthropic-complete"),
    ("bedrock-converse", "bedrock-converse"),
    ("bedrock-invoke-anthropic", "bedrock-invoke"),
    ("bedrock-invoke-cohere", "bedrock-invoke"),
    ("bedrock-invoke-deepseek", "bedrock-invoke"),
    ("bedrock-invoke-llama", "bedrock-invoke"),
    ("bedrock-invoke-mistral", "bedrock-invoke"),
    ("bedrock-invoke-nova", "bedrock-invoke"),
    ("bedrock-invoke-openai", "bedrock-invoke"),
    ("bedrock-invoke-titan", "bedrock-invoke"),
    ("cloudflare-ai", "cloudflare"),
    ("cohere-v1", "cohere-chat"),
    ("cohere-v2", "cohere-chat"),
    ("gemini", "gemini"),
    ("llamacpp-completion", "llamacpp"),
    ("ollama-chat", "ollama"),
    ("ollama-generate", "ollama"),
    ("openai-chat", "openai-chat"),
    ("openai-completions", "openai-completions"),
    ("openai-embeddings", "openai-embeddings"),
    ("openai-responses", "openai-responses"),
    ("replicate", "replicate"),
    ("sagemaker-djl", "sagemaker"),
    ("sagemaker-json", "sagemaker"),
    ("sagemaker-llmperf", "sagemaker"),
    ("sagemaker-openai", "sagemaker"),
    ("sagemaker-tgi", "sagemaker"),
    ("sglang-generate", "sglang"),
    ("tgi-generate", "tgi"),
    ("triton-generate", "triton"),
    ("vertex-predict", "vertex-predict"),
    ("watsonx-text", "watsonx"),
];

/// The API that is asked at paths of this end; the first that fits counts.
const PATHS: &[(&str, &str)] = &[
    ("/chat/completions", "openai-chat"),
    ("/completions", "openai-completions"),
    ("/responses", "openai-responses"),
    ("/embeddings", "openai-embeddings"),
    ("/messages", "anthropic-messages"),
    (":rawPredict", "anthropic-messages"),
    (":streamRawPredict", "anthropic-messages"),
    ("/complete", "anthropic-complete"),
    ("/converse", "bedrock-converse"),
    ("/converse-stream", "bedrock-converse"),
    ("/invoke", "bedrock-invoke"),
    ("/invoke-with-response-stream", "bedrock-invoke"),
    ("/invocations", "sagemaker"),
    ("/invocations-response-stream", "sagemaker"),
    (":generateContent", "gemini"),
    (":streamGenerateContent", "gemini"),
    (":predict", "vertex-predict"),
    ("/api/chat", "ollama"),
    ("/api/generate", "ollama"),
    ("/text/chat", "watsonx"),
    ("/text/chat_stream", "watsonx"),
    ("/text/generation", "watsonx"),
    ("/text/generation_stream", "watsonx"),
    ("/v1/chat", "cohere-chat"),
    ("/v2/chat", "cohere-chat"),
    ("/completion", "llamacpp"),
    ("/predictions", "replicate"),
    ("/generate_stream", "tgi"),
];

/// All samples below a directory.
///
/// # Errors
/// Names each directory whose API is not known, and why.
pub(crate) fn read(root: &Path) -> Result<Vec<Fixture>, String> {
    let (mut fixtures, mut unknown) = (Vec::new(), Vec::new());
    for case in cases(root) {
        let name = case.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        match api(&case) {
            Ok(api) => fixtures.extend(Fixture::read(&case, name, api, &[])),
            Err(why) => unknown.push(format!("{}: {why}", case.display())),
        }
    }
    if unknown.is_empty() { Ok(fixtures) } else { Err(unknown.join("\n")) }
}

/// The directories that hold an answer.
fn cases(dir: &Path) -> Vec<PathBuf> {
    let own = dir.join("response.bin").is_file().then(|| dir.to_owned());
    own.into_iter().chain(dirs(dir).iter().flat_map(|dir| cases(dir))).collect()
}

fn api(case: &Path) -> Result<&'static str, String> {
    let family = json(&case.join("expected.json"))["family"].clone();
    if let Some((_, api)) = FAMILIES.iter().find(|(known, _)| family == *known) {
        return Ok(api);
    }
    let request = case.join("request.json");
    let request = if request.is_file() { json(&request) } else { Value::Null };
    // A plugin's own fixtures have the path in segments.
    let path = match &request["path"] {
        Value::Array(segments) => {
            segments.iter().filter_map(Value::as_str).fold(String::new(), |path, s| path + "/" + s)
        }
        path => path.as_str().unwrap_or_default().split('?').next().unwrap_or_default().to_owned(),
    };
    match path.as_str() {
        path if path.contains("/ai/run/") => return Ok("cloudflare"),
        path if path.contains("/v2/models/") => return Ok("triton"),
        // Two servers have this path, and each its own word for the prompt.
        path if path.ends_with("/generate") && !path.ends_with("/api/generate") => {
            return Ok(if request["body"]["inputs"].is_null() { "sglang" } else { "tgi" });
        }
        _ => {}
    }
    let found = PATHS.iter().find(|(end, _)| path.ends_with(end));
    found.map(|(_, api)| *api).ok_or_else(|| {
        format!("neither its family ({family}) nor its path ({path:?}) says which API it is of\nhint: add it to FAMILIES or PATHS in tests/it/conformance/samples.rs")
    })
}

#[test]
fn samples_are_found_at_any_depth_and_told_apart_by_family_or_path() {
    let root = tempfile::tempdir().expect("a directory");
    let put = |dir: &str, family: &str, path: &str| {
        let dir = root.path().join(dir);
        std::fs::create_dir_all(&dir).expect("a directory");
        let write = |file: &str, text: String| std::fs::write(dir.join(file), text).expect("a file");
        write("response.bin", "{}".to_owned());
        write("response.meta.json", r#"{"status": 200}"#.to_owned());
        write("expected.json", format!(r#"{{"family": "{family}"}}"#));
        write("request.json", format!(r#"{{"path": "{path}", "body": {{"inputs": "Hi"}}}}"#));
    };
    put("one", "gemini", "/x");
    put("a/two", "new-family", "/openai/v1/chat/completions?a=b");
    put("a/b/c/three", "", "/v2/models/m/generate_stream");
    put("a/b/four", "", "/generate");
    let apis = read(root.path())
        .expect("all are known")
        .into_iter()
        .map(|found| (found.name.clone(), found.ask.api.clone()));
    let expected =
        [("a/b/c/three", "triton"), ("a/b/four", "tgi"), ("a/two", "openai-chat"), ("one", "gemini")];
    assert_eq!(apis.collect::<Vec<_>>(), expected.map(|(name, api)| (name.to_owned(), api.to_owned())));

    put("a/five", "new-family", "/v9/ask");
    let error = read(root.path()).expect_err("one is not known");
    for word in ["a/five", "new-family", "/v9/ask", "samples.rs"] {
        assert!(error.contains(word), "{error}");
    }
}
