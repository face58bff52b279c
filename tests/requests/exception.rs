//! Where a request of ours is otherwise than in the golden, and why that is right. An exception that is not needed fails the test.

/// A golden, and the fields of it that differ.
pub(crate) struct Exception {
    pub(crate) golden: &'static str,
    /// [`ALL`] where it is another request altogether, or none that can be asked for.
    pub(crate) fields: &'static [&'static str],
    pub(crate) why: &'static str,
}

/// Every field.
pub(crate) const ALL: &[&str] = &["all"];

const fn exception(golden: &'static str, fields: &'static [&'static str], why: &'static str) -> Exception {
    Exception { golden, fields, why }
}

/// APIs whose plugins are not here yet; a golden that needs one is passed over until it is.
pub(crate) const AWAITED: &[&str] = &[
    "bedrock-converse",
    "bedrock-invoke",
    "cloudflare",
    "cohere-chat",
    "gemini",
    "llamacpp",
    "ollama",
    "openai-completions",
    "openai-embeddings",
    "replicate",
    "sagemaker",
    "tgi",
    "vertex-predict",
    "watsonx",
];

/// Differences that the provider table and the credentials are about to take away: whether they are there does not matter yet.
pub(crate) const PENDING: &[(&str, &str)] = &[
    ("anthropic/litellm-claude2-llmperf", "header x-api-key"),
    ("anthropic/litellm-claude2-v1.53.1-llmperf", "header x-api-key"),
    ("anthropic/litellm-thinking-full", "header x-api-key"),
    ("anthropic/sdk-messages-stream", "header authorization"),
    ("azure/litellm-chat-full", "header api-key"),
    // AWS's own clients write the colon of a model's name as %3A.
    ("bedrock/boto3-converse-stream-arn", "path"),
    ("bedrock/boto3-converse-stream-session-token", "path"),
    ("bedrock/litellm-converse-arn-llmperf", "path"),
    ("bedrock/litellm-converse-nova-full", "path"),
    ("bedrock/litellm-default-llmperf", "path"),
    ("gemini/litellm-chat-full", "header x-goog-api-key"),
    ("gemini/litellm-thinking-full", "header x-goog-api-key"),
    // Predibase's table must say `form = "model"`.
    ("predibase/litellm-chat-llmperf", "body.stream"),
    ("replicate/litellm-chat-llmperf", "header authorization"),
    ("replicate/litellm-chat-v1.53.1-llmperf", "header authorization"),
    ("vertex/litellm-mistral-full", "build"),
    ("vertex/litellm-mistral-llmperf", "build"),
];

const OLD: &str = "LiteLLM 1.53.1, of LLMPerf's time; what 1.106.2 sends is what llmperf sends";
const MESSAGES: &str =
    "the same content in the API's other form: texts as blocks, which is what LiteLLM sends";
const NO_KEY: &str = "LiteLLM makes up a key where none is set; llmperf sends none";

pub(crate) const EXCEPTIONS: &[Exception] = &[
    exception(
        "anthropic/litellm-claude2-v1.53.1-llmperf",
        &["body.max_tokens", "body.max_tokens_to_sample"],
        OLD,
    ),
    exception("anthropic/sdk-messages-stream", &["body.messages", "body.system"], MESSAGES),
    exception(
        "anthropic/sdk-messages-stream",
        &["header anthropic-version"],
        "the SDK's own version of the API, where LiteLLM and llmperf send the one all servers know",
    ),
    exception("fireworks/litellm-chat-v1.53.1-llmperf", &["body.stream_options"], OLD),
    // `--llm-api tgi` asks this way.
    exception("huggingface/litellm-tgi-v1.53.1-llmperf", ALL, OLD),
    exception("misc-hosted_vllm/litellm-chat-llmperf", &["header authorization"], NO_KEY),
    exception("misc-llamafile/litellm-chat-llmperf", &["header authorization"], NO_KEY),
    exception(
        "misc-llamafile/litellm-chat-llmperf",
        &["host"],
        "the same machine by its name, which finds servers on IPv6 too",
    ),
    exception("openai/sdk-embeddings", &["body.input"], "llmperf asks for one text with each request"),
    exception("together/litellm-chat-v1.53.1-full", &["host"], OLD),
    exception(
        "vertex/aiplatform-predict-rest",
        &["query", "header authorization"],
        "that client asks for enums as numbers, of which no answer has any, and signs a token itself",
    ),
    exception("vertex/authsession-streamrawpredict", &["body.messages"], MESSAGES),
];
