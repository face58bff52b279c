//! How the answers of each bundled plugin's API end. What an event means is the plugin's to say; that an API has no end marker
//! at all no plugin can say, and without knowing it the host could not tell such an answer from one that was cut off.

use crate::record::Ending;
use crate::record::Sign::{Always, Never, Sometimes};

/// The APIs by name: the end marker, then the field of the finish reason.
const ENDINGS: &[(&str, Ending)] = &[
    // Its last event has the reason, and is the last by that.
    ("anthropic-complete", Ending { marker: Never, reason: Always("stop_reason") }),
    ("anthropic-messages", Ending { marker: Always("message_stop"), reason: Always("stop_reason") }),
    ("bedrock-converse", Ending { marker: Always("messageStop"), reason: Always("stopReason") }),
    // Each family has its own; Bedrock's metrics come with the last chunk of most.
    (
        "bedrock-invoke",
        Ending {
            marker: Sometimes("amazon-bedrock-invocationMetrics"),
            reason: Always("the model's stop reason"),
        },
    ),
    // Newer models answer in OpenAI's chunks.
    ("cloudflare", Ending { marker: Always("[DONE]"), reason: Sometimes("finish_reason") }),
    ("cohere-chat", Ending { marker: Always("message-end"), reason: Always("finish_reason") }),
    ("echo", Ending { marker: Always("done"), reason: Never }),
    ("gemini", Ending { marker: Never, reason: Always("finishReason") }),
    ("llamacpp", Ending { marker: Always("stop"), reason: Always("stop_type") }),
    ("ollama", Ending { marker: Always("done"), reason: Always("done_reason") }),
    ("openai-chat", Ending { marker: Always("[DONE]"), reason: Always("finish_reason") }),
    ("openai-completions", Ending { marker: Always("[DONE]"), reason: Always("finish_reason") }),
    ("openai-embeddings", Ending { marker: Never, reason: Never }),
    ("openai-responses", Ending { marker: Always("response.completed"), reason: Always("status") }),
    ("replicate", Ending { marker: Always("done"), reason: Sometimes("reason") }),
    // The container decides.
    (
        "sagemaker",
        Ending {
            marker: Sometimes("the container's own, such as [DONE] or generated_text"),
            reason: Sometimes("finish_reason"),
        },
    ),
    ("sglang", Ending { marker: Always("[DONE]"), reason: Always("meta_info.finish_reason") }),
    // The reason is among the details, which need not be asked for.
    ("tgi", Ending { marker: Always("generated_text"), reason: Sometimes("details.finish_reason") }),
    // A stream ends with its body.
    ("triton", Ending { marker: Never, reason: Never }),
    // Nothing is streamed.
    ("vertex-predict", Ending { marker: Never, reason: Never }),
    ("watsonx", Ending { marker: Never, reason: Always("finish_reason or stop_reason") }),
];

/// How the answers of a bundled plugin's API end; `None` where nobody wrote that down.
pub fn ending_of(plugin: &str) -> Option<Ending> {
    ENDINGS.iter().find(|(name, _)| *name == plugin).map(|(_, ending)| *ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_plugin_has_a_row_and_every_row_a_plugin() {
        let bundled: Vec<&str> = crate::plugin::bundled().map(|plugin| plugin.name).collect();
        let rows: Vec<&str> = ENDINGS.iter().map(|(name, _)| *name).collect();
        assert_eq!(rows, bundled);
    }
}
