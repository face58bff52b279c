//! What a chunk holds. The families share no field that means different things, so one struct reads them all.

use llmperf_sdk::Usage;
use llmperf_sdk::lenient::{List, Number, Object, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// AWS' wrapping of a chunk. (`p` is padding.)
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wrapped<'a> {
    #[serde(borrow)]
    pub(crate) bytes: Option<Text<'a>>,
}

/// A chunk of a family's stream, or its whole answer.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    /// Llama.
    #[serde(borrow)]
    generation: Text<'a>,
    prompt_token_count: Number,
    generation_token_count: Number,
    /// Titan's stream; its whole answer has `results`.
    #[serde(rename = "outputText")]
    output_text: Text<'a>,
    #[serde(rename = "completionReason")]
    completion_reason: Text<'a>,
    #[serde(rename = "inputTextTokenCount")]
    input_text_token_count: Number,
    #[serde(rename = "totalOutputTextTokenCount")]
    total_output_text_token_count: Number,
    results: List<Object<Item<'a>>>,
    /// Mistral.
    outputs: List<Object<Item<'a>>>,
    /// Cohere: its whole answers, then its stream and Command R.
    generations: List<Object<Item<'a>>>,
    text: Text<'a>,
    event_type: Text<'a>,
    /// AI21's Jurassic.
    completions: List<Object<Completion<'a>>>,
    /// Mistral's and DeepSeek's later models, and all who speak as OpenAI does.
    choices: List<Object<Choice<'a>>>,
    stop_reason: Text<'a>,
    finish_reason: Text<'a>,
    /// Anthropic.
    #[serde(rename = "type")]
    kind: Text<'a>,
    completion: Option<&'a RawValue>,
    /// Nova.
    #[serde(rename = "messageStart")]
    message_start: Option<&'a RawValue>,
    #[serde(rename = "contentBlockStart")]
    content_block_start: Option<&'a RawValue>,
    #[serde(rename = "contentBlockDelta")]
    content_block_delta: Option<&'a RawValue>,
    output: Option<&'a RawValue>,

    /// Bedrock's own, on the last chunk.
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    pub(crate) invocation: Object<Invocation>,
    error: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(rename = "outputText")]
    output_text: Text<'a>,
    #[serde(rename = "tokenCount")]
    token_count: Number,
    stop_reason: Text<'a>,
    #[serde(rename = "completionReason")]
    completion_reason: Text<'a>,
    finish_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Completion<'a> {
    #[serde(borrow)]
    data: Object<Item<'a>>,
    #[serde(rename = "finishReason")]
    finish_reason: Object<Reason<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reason<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    index: Number,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    message: Object<Message<'a>>,
    text: Text<'a>,
    stop_reason: Text<'a>,
    finish_reason: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    reasoning_content: Text<'a>,
}

/// `amazon-bedrock-invocationMetrics`. Times are in milliseconds.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Invocation {
    input_token_count: Number,
    output_token_count: Number,
    cache_read_input_token_count: Number,
    cache_write_input_token_count: Number,
    invocation_latency: Number,
    first_byte_latency: Number,
}

impl Invocation {
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.input_token_count.count(),
            output_tokens: self.output_token_count.count(),
            cached_input_tokens: self.cache_read_input_token_count.count(),
            cache_write_tokens: self.cache_write_input_token_count.count(),
            reasoning_tokens: None,
        }
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let times = [
            ("invocation_latency_ms", self.invocation_latency),
            ("first_byte_latency_ms", self.first_byte_latency),
        ];
        times.into_iter().filter_map(|(name, number)| Some((name, number.0?)))
    }
}

/// What a chunk says in words of its family alone.
#[derive(Default)]
pub(crate) struct Said<'a> {
    pub(crate) text: Vec<Text<'a>>,
    pub(crate) reasoning: Text<'a>,
    pub(crate) finish: Text<'a>,
    pub(crate) usage: Usage,
}

impl<'a> Chunk<'a> {
    pub(crate) fn is_anthropics(&self) -> bool {
        !self.kind.is_empty() || self.completion.is_some()
    }

    /// OpenAI's stream has deltas; other families took over its choices and not those.
    pub(crate) fn is_openais(&self, whole: bool) -> bool {
        let choice = self.choices.0.first().and_then(|choice| choice.0.as_ref());
        choice.is_some_and(|choice| choice.delta.is_some() || (whole && choice.message.0.is_some()))
    }

    pub(crate) fn is_novas(&self) -> bool {
        self.message_start.or(self.content_block_start).or(self.content_block_delta).or(self.output).is_some()
    }

    /// Whether this is nothing but an error.
    pub(crate) fn is_error(&self) -> bool {
        let says =
            |raw: Option<&RawValue>| raw.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "{}" | "false"));
        says(self.error) || self.message.is_some_and(|raw| raw.get().starts_with('"') && raw.get() != "\"\"")
    }

    pub(crate) fn said(self) -> Said<'a> {
        let mut said = Said::default();
        said.usage.input_tokens = self.prompt_token_count.count().or(self.input_text_token_count.count());
        said.usage.output_tokens =
            self.generation_token_count.count().or(self.total_output_text_token_count.count());
        said.text.extend([self.generation, self.output_text]);
        let mut reasons = vec![self.stop_reason, self.completion_reason, self.finish_reason];
        // Of several answers the first one is measured.
        for item in [first(self.results), first(self.outputs), first(self.generations)].into_iter().flatten()
        {
            said.text.extend([item.output_text, item.text]);
            said.usage.output_tokens = said.usage.output_tokens.or(item.token_count.count());
            reasons.extend([item.completion_reason, item.stop_reason, item.finish_reason]);
        }
        if let Some(completion) = first(self.completions) {
            said.text.push(completion.data.0.unwrap_or_default().text);
            reasons.push(completion.finish_reason.0.unwrap_or_default().reason);
        }
        let choices = self.choices.0.into_iter().filter_map(|choice| choice.0);
        if let Some(choice) = choices.into_iter().find(|choice| choice.index.count().unwrap_or(0) == 0) {
            let message = choice.message.0.unwrap_or_default();
            said.reasoning = message.reasoning_content;
            said.text.extend([message.content, choice.text]);
            reasons.extend([choice.stop_reason, choice.finish_reason]);
        }
        // Command R repeats the text of its stream in other events.
        if matches!(&*self.event_type, "" | "text-generation") {
            said.text.push(self.text);
        }
        said.finish = reasons.into_iter().find(|reason| !reason.is_empty()).unwrap_or_default();
        said
    }
}

fn first<T>(list: List<Object<T>>) -> Option<T> {
    list.0.into_iter().next()?.0
}
