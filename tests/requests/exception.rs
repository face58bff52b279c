//! Where a request of ours is otherwise than in the golden, and why that is right. An exception that is not needed fails the test.

/// A golden, and the fields of it that differ.
pub(crate) struct Exception {
    pub(crate) golden: &'static str,
    /// `all` where no such request can be asked for.
    pub(crate) fields: &'static [&'static str],
    #[allow(dead_code, reason = "it is for the reader")]
    pub(crate) why: &'static str,
}

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

pub(crate) const EXCEPTIONS: &[Exception] = &[exception(
    "anthropic/litellm-claude2-v1.53.1-llmperf",
    &["body.max_tokens", "body.max_tokens_to_sample"],
    "that LiteLLM sent a parameter the API does not know, and left its own 256 where LLMPerf asked for a length",
)];
