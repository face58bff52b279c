use super::*;
use crate::plan::{Plan, resolve};

fn plan(input: LoadInput, vars: &[(&str, &str)]) -> Result<Plan> {
    let find = |name: &str| vars.iter().find(|(known, _)| *known == name);
    resolve(input, &|name| find(name).map(|(_, value)| (*value).to_owned()))
}

fn asked(llm_api: &str, model: &str) -> LoadInput {
    LoadInput { llm_api: Some(llm_api.to_owned()), model: Some(model.to_owned()), ..LoadInput::default() }
}

fn provider(plan: Plan) -> Provider {
    match plan.target {
        Target::Provider(provider) => *provider,
        Target::BuiltIn => panic!("the built-in target"),
    }
}

#[test]
fn a_base_url_comes_from_the_command_line_then_the_environment_then_the_provider() {
    let base = |input: LoadInput, vars: &[(&str, &str)]| {
        provider(plan(input, vars).expect("a plan")).base.to_string()
    };
    let key = ("GROQ_API_KEY", "gsk-0123456789");
    assert_eq!(base(asked("groq", "m"), &[key]), "https://api.groq.com/openai/v1");
    let env = ("GROQ_API_BASE", " http://localhost:1/v1/ ");
    assert_eq!(base(asked("groq", "m"), &[key, env]), "http://localhost:1/v1/");
    let given = LoadInput { base_url: Some("http://127.0.0.1:2".to_owned()), ..asked("groq", "m") };
    assert_eq!(base(given, &[key, env]), "http://127.0.0.1:2/");
}

#[test]
fn a_word_that_nobody_knows_is_refused_with_those_like_it() {
    let error = |word| plan(asked(word, "m"), &[]).expect_err(word).to_string();
    assert!(error("antropic").contains("hint: near are anthropic, "), "{}", error("antropic"));
    assert!(error("zzzzzzzz").ends_with("hint: llmperf providers lists all"), "{}", error("zzzzzzzz"));
}

#[test]
fn variables_of_an_address_are_filled_in_and_missing_ones_named() {
    let token = ("GCLOUD_ACCESS_TOKEN", "ya29.0123456789");
    let vertex = asked("litellm", "vertex_ai/gemini-2.5-flash");
    let got = provider(plan(vertex.clone(), &[token, ("VERTEXAI_PROJECT", "p")]).expect("a plan")).base;
    assert_eq!(
        got.as_str(),
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google"
    );
    let error = plan(vertex, &[token]).expect_err("no project").to_string();
    assert!(
        error.contains("VERTEXAI_PROJECT or GCLOUD_PROJECT_ID") && error.contains("--base-url"),
        "{error}"
    );
    let keys = [("AWS_ACCESS_KEY_ID", "AKIA0123456789"), ("AWS_SECRET_ACCESS_KEY", "secret-0123456789")];
    let error = plan(asked("bedrock", "m"), &keys).expect_err("no region").to_string();
    assert!(error.contains("AWS_REGION_NAME"), "{error}");
    let project = [token, ("GCLOUD_PROJECT_ID", "p"), ("GCLOUD_REGION", "r")];
    let error = plan(asked("vertexai", "m"), &project).expect_err("no endpoint").to_string();
    assert!(error.contains("VERTEXAI_ENDPOINT_ID is not set") && error.contains("endpoint-id=…"), "{error}");
    let arn = asked("bedrock", "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/abc");
    let got = provider(plan(arn, &keys).expect("a plan")).base;
    assert_eq!(got.as_str(), "https://bedrock-runtime.us-west-2.amazonaws.com/");
}

#[test]
fn what_a_provider_wants_in_a_request_goes_below_what_the_user_says() {
    let mistral = LoadInput {
        base_url: Some("http://localhost:1".to_owned()),
        additional_sampling_params: Some(
            r#"{"stream_options":{"include_usage":true},"top_p":0.5}"#.to_owned(),
        ),
        ..asked("mistral", "m")
    };
    let plan_of = |input: &LoadInput| plan(input.clone(), &[]).expect("a plan");
    let got = plan_of(&mistral);
    assert_eq!(got.sampling, serde_json::json!({"top_p": 0.5}).as_object().cloned().expect("an object"));
    assert!(
        got.notes[0].contains("mistral refuses the sampling parameter stream_options"),
        "{:?}",
        got.notes
    );
    assert!(got.plugin_options.contains(&("stream-usage".to_owned(), "false".to_owned())));
    let own = LoadInput { plugin_options: vec!["stream-usage=true".to_owned()], ..mistral };
    let options = plan_of(&own).plugin_options;
    assert_eq!(options.iter().filter(|(name, _)| name == "stream-usage").count(), 1);

    let openrouter =
        LoadInput { base_url: Some("http://localhost:1".to_owned()), ..asked("openrouter", "m") };
    assert_eq!(plan_of(&openrouter).sampling["usage"]["include"], true);
}

#[test]
fn the_model_is_sent_as_the_provider_knows_it() {
    let sent = |llm_api: &str, model: &str| {
        let input = LoadInput { base_url: Some("http://localhost:1".to_owned()), ..asked(llm_api, model) };
        let plan = plan(input, &[]).expect(model);
        assert_eq!(plan.model, model);
        plan.sent_model
    };
    assert_eq!(sent("litellm", "groq/llama-3"), "llama-3");
    assert_eq!(sent("litellm", "fireworks_ai/llama-v3"), "accounts/fireworks/models/llama-v3");
    assert_eq!(sent("fireworks", "accounts/mine/models/x"), "accounts/mine/models/x");
    assert_eq!(sent("litellm", "huggingface/together/meta-llama/L"), "meta-llama/L:together");
    assert_eq!(sent("litellm", "huggingface/meta-llama/L"), "meta-llama/L");
}
