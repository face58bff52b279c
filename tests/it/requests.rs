//! What is asked, beside what client libraries ask: the same call, with the same environment, must come to the same method, URL,
//! headers and body. `tests/fixtures/requests` has the calls and what they sent: LLMPerf's own through LiteLLM
//! (`litellm-*-llmperf`), with everything a user may set (`-full`), and those of the providers' own clients.
//! The first request of a run is built as it would be sent; nothing is sent.

mod exception;
mod golden;

use std::io::Write;

use crate::support::in_parallel;
use exception::{ALL, EXCEPTIONS};
use golden::{Golden, differences, goldens};
use llmperf::plan::{LoadInput, resolve};
use llmperf::plugin::bundled;
use llmperf::record::PreparedRequest;
use llmperf::run::Setup;
use serde_json::{Map, Value, json};

/// A call in llmperf's words.
struct Ask {
    llm_api: String,
    model: String,
    base_url: Option<String>,
    messages: Value,
    max_tokens: u64,
    sampling: Value,
    options: Vec<String>,
    env: Vec<(String, String)>,
}

/// A call of a client that is not LiteLLM, in llmperf's words.
struct Other {
    golden: &'static str,
    llm_api: &'static str,
    model: &'static str,
    /// Its system message, where it has one, and what is asked.
    system: Option<&'static str>,
    user: &'static str,
    max_tokens: u64,
    /// JSON.
    sampling: &'static str,
    options: &'static [&'static str],
    /// Beside those of the golden: what the call was given in its arguments.
    env: &'static [(&'static str, &'static str)],
}

const OTHERS: &[Other] = &[
    Other {
        golden: "anthropic/sdk-messages-stream",
        llm_api: "anthropic",
        model: "claude-sonnet-4-5",
        system: Some("You are terse."),
        user: "Name a river — any.",
        max_tokens: 16,
        sampling: "{}",
        options: &[],
        env: &[],
    },
    Other {
        golden: "bedrock/boto3-converse-stream-arn",
        llm_api: "bedrock",
        model: "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/abc123",
        system: Some("You are terse."),
        user: "Hi — there",
        max_tokens: 16,
        sampling: r#"{"temperature": 0.5}"#,
        options: &[],
        env: &[("AWS_REGION_NAME", "us-west-2")],
    },
    Other {
        golden: "bedrock/boto3-converse-stream-session-token",
        llm_api: "bedrock",
        model: "anthropic.claude-3-5-sonnet-20240620-v1:0",
        system: Some("You are terse."),
        user: "Hi — there",
        max_tokens: 16,
        // In the API's own words.
        sampling: r#"{"inferenceConfig": {"maxTokens": 16, "temperature": 0.5}}"#,
        options: &[],
        env: &[("AWS_REGION_NAME", "us-east-1")],
    },
    Other {
        golden: "openai/sdk-chat-base-env",
        llm_api: "openai",
        model: "m",
        system: Some(""),
        user: "Randomly stream lines: Shall I compare thee?",
        max_tokens: 16,
        sampling: "{}",
        // This client does not ask for it.
        options: &["stream-usage=false"],
        env: &[],
    },
    Other {
        golden: "openai/sdk-chat-stream",
        llm_api: "openai",
        model: "gpt-4o-mini",
        system: Some("You are terse."),
        user: "Name a river — any.",
        max_tokens: 16,
        sampling: r#"{"temperature": 0}"#,
        options: &["max-tokens-field=max_completion_tokens"],
        env: &[],
    },
    Other {
        golden: "openai/sdk-embeddings",
        llm_api: "openai-embeddings",
        model: "text-embedding-3-small",
        system: None,
        user: "a",
        max_tokens: 16,
        sampling: r#"{"dimensions": 3}"#,
        options: &[],
        env: &[],
    },
    Other {
        golden: "sagemaker/boto3-invoke-endpoint",
        llm_api: "sagemaker",
        model: "my.endpoint-1",
        system: None,
        user: "Hi",
        max_tokens: 32,
        sampling: "{}",
        options: &["payload=tgi", "stream=false", "inference-component=ic-1", "target-variant=v1"],
        env: &[("AWS_REGION_NAME", "us-west-2")],
    },
    // LLMPerf's own.
    Other {
        golden: "sagemaker/boto3-response-stream-no-token",
        llm_api: "sagemaker",
        model: "llama-2-7b",
        system: Some(""),
        user: "Say hi",
        max_tokens: 150,
        sampling: "{}",
        options: &[],
        env: &[("AWS_REGION_NAME", "us-west-2")],
    },
    Other {
        golden: "tgi/hfhub-chat-completion-stream",
        llm_api: "openai",
        model: "meta-llama/Llama-3.1-8B-Instruct",
        system: Some("You are terse."),
        user: "Name a river — any.",
        max_tokens: 16,
        sampling: r#"{"stream_options": {"include_usage": true}}"#,
        options: &[],
        env: &[("OPENAI_API_BASE", "http://127.0.0.1:8080/v1"), ("OPENAI_API_KEY", "test-key")],
    },
    // LLMPerf's own.
    Other {
        golden: "vertex/aiplatform-predict-rest",
        llm_api: "vertexai",
        model: "chat-bison",
        system: None,
        user: "Say hi",
        max_tokens: 16,
        // Not LLMPerf's word for the length, but the API's.
        sampling: r#"{"temperature": 0.2, "max_tokens": null, "max_new_tokens": 16}"#,
        options: &[],
        env: &[
            ("GCLOUD_ACCESS_TOKEN", "test-token"),
            ("GCLOUD_PROJECT_ID", "test-proj"),
            ("GCLOUD_REGION", "us-central1"),
            ("VERTEXAI_ENDPOINT_ID", "1234567890"),
        ],
    },
    Other {
        golden: "vertex/authsession-streamrawpredict",
        llm_api: "vertex-anthropic",
        model: "claude-sonnet-4-5@20250929",
        system: None,
        user: "Hi",
        max_tokens: 32,
        sampling: "{}",
        options: &[],
        env: &[
            ("GCLOUD_ACCESS_TOKEN", "test-token"),
            ("VERTEXAI_PROJECT", "test-proj"),
            ("VERTEXAI_LOCATION", "us-east5"),
        ],
    },
];

/// What a token is fetched with, and the variable that holds a token: nothing is fetched here.
const TOKENS: &[(&str, &str)] =
    &[("GOOGLE_APPLICATION_CREDENTIALS", "GCLOUD_ACCESS_TOKEN"), ("WATSONX_APIKEY", "WATSONX_TOKEN")];

/// LiteLLM makes each message a prompt of its own; llmperf does so where it is told to.
const COMPLETION: &str = "openai/litellm-textcompletion-llmperf";

#[test]
fn what_is_asked_is_what_client_libraries_ask() {
    let goldens = goldens();
    assert_eq!(goldens.len(), 81, "the goldens are where this test looks for them");
    let mut found: Vec<String> = in_parallel(&goldens, check).into_iter().flatten().collect();
    found.sort();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

/// Options that make a plugin write another body.
const FORMS: &[(&str, &[&str])] = &[
    ("anthropic-messages", &["form=vertex"]),
    (
        "bedrock-invoke",
        &[
            "family=anthropic",
            "family=llama3",
            "family=titan",
            "family=nova",
            "family=mistral",
            "family=cohere",
            "family=command-r",
            "family=j2",
        ],
    ),
    ("cohere-chat", &["version=v1"]),
    ("ollama", &["form=generate"]),
    ("sagemaker", &["payload=tgi", "payload=openai"]),
    ("tgi", &["form=base"]),
    ("triton", &["parameters=flat"]),
    ("vertex-predict", &["payload=chat"]),
    ("watsonx", &["form=generation"]),
];

#[test]
fn null_among_the_sampling_parameters_removes_the_object_or_list_it_names_in_every_plugin() {
    let forms = |api: &str| FORMS.iter().find(|(known, _)| *known == api).map_or(&[][..], |(_, forms)| forms);
    let cases: Vec<(&str, Vec<String>)> = bundled()
        .flat_map(|plugin| {
            let others = forms(plugin.name).iter().map(|&form| vec![form.to_owned()]);
            std::iter::once(vec![]).chain(others).map(move |options| (plugin.name, options))
        })
        .collect();
    let body = |(api, options): &(&str, Vec<String>), sampling: Value| {
        let messages = json!([{ "role": "system", "content": "S" }, { "role": "user", "content": "Hi" }]);
        let ask = Ask {
            llm_api: (*api).to_owned(),
            model: "m".to_owned(),
            base_url: Some("http://127.0.0.1:9/v1".to_owned()),
            messages,
            max_tokens: 16,
            sampling,
            options: options.clone(),
            env: vec![],
        };
        let request = build(&ask).unwrap_or_else(|why| panic!("{api} {options:?}: {why}"));
        serde_json::from_slice::<Map<String, Value>>(&request.body).expect("an object")
    };
    let found = in_parallel(&cases, |case| {
        let sampling = json!({ "temperature": 0.5, "top_k": 5, "stop": ["END"] });
        let whole = body(case, sampling.clone());
        let containers = whole.iter().filter(|(_, value)| value.is_object() || value.is_array());
        let stays = containers.filter(|(name, _)| {
            let mut sampling = sampling.clone();
            sampling[name.as_str()] = Value::Null;
            body(case, sampling).contains_key(*name)
        });
        stays.map(|(name, _)| format!("{case:?}: {name} stays")).collect::<Vec<_>>()
    });
    let found: Vec<String> = found.into_iter().flatten().collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The request of `llm_api` for a plain chat.
fn plain(
    llm_api: &str,
    model: &str,
    base_url: Option<&str>,
    env: &[(&str, &str)],
) -> std::sync::Arc<PreparedRequest> {
    let ask = Ask {
        llm_api: llm_api.to_owned(),
        model: model.to_owned(),
        base_url: base_url.map(str::to_owned),
        messages: json!([{ "role": "user", "content": "Hi" }]),
        max_tokens: 16,
        sampling: json!({}),
        options: vec![],
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    build(&ask).unwrap_or_else(|why| panic!("{llm_api} {model}: {why}"))
}

#[test]
fn openai_is_told_organisation_and_project_by_each_of_its_apis() {
    let env = [("OPENAI_API_KEY", "k-0123456789"), ("OPENAI_ORG_ID", "org-1"), ("OPENAI_PROJECT", "proj-1")];
    for api in ["openai", "openai-completions", "openai-responses", "openai-embeddings"] {
        let headers = &plain(api, "m", None, &env).headers;
        assert_eq!(
            (&headers["openai-organization"], &headers["openai-project"]),
            (&"org-1".parse().expect("a value"), &"proj-1".parse().expect("a value")),
            "{api}"
        );
    }
}

#[test]
fn litellm_asks_openai_for_token_counts_and_no_other_server_of_its_api() {
    let asks = |base: Option<&str>| {
        let request = plain("litellm", "openai/gpt-4o-mini", base, &[("OPENAI_API_KEY", "k-0123456789")]);
        serde_json::from_slice::<Map<String, Value>>(&request.body)
            .expect("an object")
            .contains_key("stream_options")
    };
    assert!(asks(None));
    assert!(asks(Some("https://api.openai.com/v1")));
    assert!(!asks(Some("http://127.0.0.1:9/v1")));
}

#[test]
fn litellms_addresses_go_where_it_sends_them() {
    let url = |model: &str, base: Option<&str>| {
        plain("litellm", model, base, &[("GRADIENT_AI_API_KEY", "k-0123456789")]).url.to_string()
    };
    let triton = "http://127.0.0.1:9/v2/models/ensemble/generate";
    assert_eq!(url("triton/llama", Some(triton)), format!("{triton}_stream"));
    assert_eq!(url("gradient_ai/m", None), "https://inference.do-ai.run/v1/chat/completions");
}

/// What is wrong with our request, and with the exceptions that are made for it.
fn check(golden: &Golden) -> Vec<String> {
    let name = &golden.name;
    let exceptions: Vec<_> = EXCEPTIONS.iter().filter(|exception| exception.golden == *name).collect();
    let is_another = exceptions.iter().any(|exception| exception.fields == ALL);
    let differences = match build(&ask(golden)) {
        Ok(request) => differences(&request, golden),
        Err(_) if is_another => return vec![],
        Err(why) => return vec![format!("{name}: {why}")],
    };
    if is_another && !differences.is_empty() {
        return vec![];
    }
    let excused = |field: &str| exceptions.iter().any(|exception| exception.fields.contains(&field));
    let differs = |field: &str| differences.iter().any(|difference| difference.field == field);
    let unexcused = differences.iter().filter(|difference| !excused(&difference.field));
    let mut found: Vec<String> = unexcused.map(|difference| format!("{name}: {difference}")).collect();
    for exception in &exceptions {
        let stale = exception.fields.iter().filter(|field| !differs(field));
        found.extend(
            stale.map(|field| format!("{name}: {field} is as it should be, but excused: {}", exception.why)),
        );
    }
    found
}

fn ask(golden: &Golden) -> Ask {
    let mut env: Vec<(String, String)> = Vec::new();
    for (variable, value) in &golden.env {
        env.push(match TOKENS.iter().find(|(key, _)| key == variable) {
            Some((_, token)) => ((*token).to_owned(), "test-token".to_owned()),
            None => (variable.clone(), text(value)),
        });
    }
    match OTHERS.iter().find(|other| other.golden == golden.name) {
        Some(other) => other_ask(other, env),
        None => litellm_ask(golden, env),
    }
}

fn other_ask(other: &Other, mut env: Vec<(String, String)>) -> Ask {
    env.extend(other.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let system = other.system.map(|text| json!({ "role": "system", "content": text }));
    let user = json!({ "role": "user", "content": other.user });
    Ask {
        llm_api: other.llm_api.to_owned(),
        model: other.model.to_owned(),
        base_url: None,
        messages: system.into_iter().chain([user]).collect(),
        max_tokens: other.max_tokens,
        sampling: serde_json::from_str(other.sampling).expect("JSON"),
        options: other.options.iter().map(|&option| option.to_owned()).collect(),
        env,
    }
}

/// `litellm.completion(…)` as `--llm-api litellm`: what is no field of the request but one of the call is left out.
fn litellm_ask(golden: &Golden, env: Vec<(String, String)>) -> Ask {
    const OF_THE_CALL: [&str; 6] = ["model", "messages", "stream", "max_tokens", "drop_params", "api_base"];
    assert_eq!(golden.call.function, "litellm.completion", "{} is in no row of OTHERS", golden.name);
    let args = &golden.call.args;
    let sampling = args.iter().filter(|(name, value)| !OF_THE_CALL.contains(&&***name) && !value.is_null());
    let sampling: Map<String, Value> = sampling.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ask {
        llm_api: "litellm".to_owned(),
        model: text(&args["model"]),
        base_url: args.get("api_base").map(text),
        messages: args["messages"].clone(),
        max_tokens: args["max_tokens"].as_u64().expect("a number"),
        sampling: Value::Object(sampling),
        options: if golden.name == COMPLETION { vec!["prompt=list".to_owned()] } else { vec![] },
        env,
    }
}

/// The first request of a run that asks this.
fn build(ask: &Ask) -> Result<std::sync::Arc<PreparedRequest>, String> {
    let mut dataset = tempfile::NamedTempFile::new().expect("a file");
    let body = json!({ "messages": ask.messages, "max_tokens": ask.max_tokens });
    let row = json!({ "custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body });
    writeln!(dataset, "{row}").expect("it is written");
    let input = LoadInput {
        llm_api: Some(ask.llm_api.clone()),
        model: Some(ask.model.clone()),
        base_url: ask.base_url.clone(),
        dataset: Some(dataset.path().to_owned()),
        additional_sampling_params: Some(ask.sampling.to_string()),
        plugin_options: ask.options.clone(),
        ..LoadInput::default()
    };
    let env = |name: &str| ask.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let plan = resolve(input, &env).map_err(|error| format!("{error:#}"))?;
    let setup = Setup::with_env(plan, &env).map_err(|error| error.to_string())?;
    setup.first_request().map_err(|failure| failure.message)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
