//! SGLang's own `/generate`. (Its OpenAI routes are `openai-chat`'s.)

mod answer;

use llmperf_sdk::{Description, Framing, HttpRequest, JsonBody, Plugin, RequestSpec, prompt};

/// Fields of a request that are no sampling parameters.
const FIELDS: &[&str] = &[
    "text",
    "input_ids",
    "input_embeds",
    "image_data",
    "video_data",
    "audio_data",
    "rid",
    "return_logprob",
    "logprob_start_len",
    "top_logprobs_num",
    "token_ids_logprob",
    "return_text_in_logprobs",
    "log_metrics",
    "modalities",
    "session_params",
    "lora_path",
    "lora_id",
    "custom_logit_processor",
    "return_hidden_states",
    "bootstrap_host",
    "bootstrap_port",
    "bootstrap_room",
    "data_parallel_rank",
    "priority",
    "extra_key",
];

/// The plugin `sglang`.
#[derive(Debug)]
pub struct Sglang;

impl Plugin for Sglang {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![prompt::option("lines")],
            ..Description::new(
                "sglang",
                env!("CARGO_PKG_VERSION"),
                "SGLang's own API (POST generate), whose stream repeats the text so far",
            )
        }
    }

    /// The server has one model: the name is a label only.
    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        spec.only("sglang", &["chat", "completion"])?;
        let mut parameters = spec.parameters("max_new_tokens");
        let stream = spec.take_stream(&mut parameters);
        let mut body = JsonBody::new();
        body.set("text", prompt::render(spec)?).adopt(&mut parameters, FIELDS);
        // Either is the input.
        if body.get("input_ids").is_some() || body.get("input_embeds").is_some() {
            body.take("text");
        }
        let given = parameters.take("sampling_params");
        body.nest("sampling_params", parameters, given).set("stream", stream);
        let framing = if stream { Framing::Sse } else { Framing::Body };
        Ok(HttpRequest::post_json(["generate"], body.build()?, framing))
    }
}

llmperf_sdk::export!(Sglang);

#[cfg(test)]
mod tests;
