//! One response as it comes over the wire: an event, an element of the array, or the whole answer.

use llmperf_sdk::Usage;
use llmperf_sdk::lenient::{List, Number, Object, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// `GenerateContentResponse`, or an error in its place.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Response<'a> {
    #[serde(borrow)]
    candidates: List<Object<Candidate<'a>>>,
    pub(crate) prompt_feedback: Object<PromptFeedback<'a>>,
    pub(crate) usage_metadata: Object<UsageMetadata>,
    error: Option<&'a RawValue>,
    /// Of a flat error.
    message: Option<&'a RawValue>,
}

impl<'a> Response<'a> {
    pub(crate) fn is_error(&self) -> bool {
        let nested = self.error.is_some_and(|error| !matches!(error.get(), "\"\"" | "{}" | "false"));
        nested || (self.candidates.0.is_empty() && self.message.is_some_and(|raw| raw.get().starts_with('"')))
    }

    /// The candidate with index 0, which the field leaves out; the others are not measured.
    pub(crate) fn take_candidate(&mut self) -> Option<Candidate<'a>> {
        let candidates = std::mem::take(&mut self.candidates.0).into_iter();
        candidates
            .filter_map(|candidate| candidate.0)
            .find(|candidate| candidate.index.count().unwrap_or(0) == 0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Candidate<'a> {
    index: Number,
    #[serde(borrow)]
    content: Object<Content<'a>>,
    pub(crate) finish_reason: Text<'a>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn take_parts(&mut self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let parts = std::mem::take(&mut self.content).0.unwrap_or_default().parts.0;
        parts.into_iter().filter_map(|part| part.0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: List<Object<Part<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Part<'a> {
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    thought: Option<&'a RawValue>,
    function_call: Option<&'a RawValue>,
}

impl<'a> Part<'a> {
    pub(crate) fn is_thought(&self) -> bool {
        self.thought.is_some_and(|raw| raw.get() == "true")
    }

    pub(crate) fn function_call(&self) -> Option<FunctionCall<'a>> {
        serde_json::from_str::<Object<FunctionCall<'a>>>(self.function_call?.get()).ok()?.0
    }
}

/// A call comes whole. It has no index.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionCall<'a> {
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    pub(crate) args: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub(crate) block_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct UsageMetadata {
    prompt_token_count: Number,
    candidates_token_count: Number,
    cached_content_token_count: Number,
    thoughts_token_count: Number,
}

impl UsageMetadata {
    /// Token counts. Those of thoughts are not among the candidates', and stay apart.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.prompt_token_count.count(),
            output_tokens: self.candidates_token_count.count(),
            cached_input_tokens: self.cached_content_token_count.count(),
            cache_write_tokens: None,
            reasoning_tokens: self.thoughts_token_count.count(),
        }
    }
}
