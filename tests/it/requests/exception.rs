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

const OLD: &str = "LiteLLM 1.53.1, of LLMPerf's time; what 1.106.2 sends is what llmperf sends";
const MESSAGES: &str =
    "the same content in the API's other form: texts as blocks, which is what LiteLLM sends";
const COLON: &str =
    "AWS's own clients write the colon of a model's name as %3A, as LiteLLM does elsewhere; AWS takes both";
const COHERE_V1: &str = "LiteLLM leaves the model out, so that another one than was asked for answers; an empty history says nothing";
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
        &["header anthropic-version", "header authorization"],
        "the SDK's own version of the API, and a key as a token; llmperf sends the version that all servers know, and x-api-key",
    ),
    exception("bedrock/litellm-invoke-claude-llmperf", &["path"], COLON),
    exception("bedrock/litellm-invoke-llama-full", &["path"], COLON),
    exception("cohere/litellm-cohere_chat-v1-llmperf", &["body.chat_history", "body.model"], COHERE_V1),
    // `--llm-api cohere-v1` asks this way.
    exception("cohere/litellm-cohere_chat-v1.53.1-llmperf", ALL, OLD),
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
