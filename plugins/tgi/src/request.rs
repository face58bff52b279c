//! The request: one text, and parameters in TGI's names.

use llmperf_sdk::{Framing, HttpRequest, JsonBody, RequestSpec, prompt};

/// Option: which URL, and what goes with it.
pub(crate) const FORM: &str = "form";
/// Option: ask for details.
pub(crate) const DETAILS: &str = "details";

/// Where the request goes. Each has its own way to say that the answer is to be streamed.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// TGI: `generate_stream` or `generate`.
    Generate,
    /// TGI and Hugging Face endpoints: the base URL itself; `stream` says which, in two places for older versions.
    Base,
    /// Predibase: the path alone says it.
    Path,
}

/// The request that asks `spec`.
///
/// # Errors
/// The task or the input has no form here, an option has no such value, or the sampling parameters are not an object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    spec.only("tgi", &["chat", "completion"])?;
    let form = form(spec)?;
    let mut parameters = spec.parameters("max_new_tokens");
    let stream = spec.take_stream(&mut parameters);
    let mut body = JsonBody::new();
    body.set("inputs", prompt::render(spec)?).adopt(&mut parameters, &["inputs", "options"]);
    let given = parameters.take("parameters");
    sampling(&mut parameters);
    for (name, value) in [("details", spec.option_as(DETAILS)?.unwrap_or(true)), ("return_full_text", false)]
    {
        if parameters.get(name).is_none() {
            parameters.set(name, value);
        }
    }
    if form == Form::Base {
        parameters.set("stream", stream);
    }
    body.nest("parameters", parameters, given);
    if form != Form::Path {
        body.set("stream", stream);
    }
    let generate = if stream { "generate_stream" } else { "generate" };
    let path = match form {
        Form::Generate | Form::Path => vec![generate],
        Form::Base => vec![],
    };
    let framing = if stream { Framing::Sse } else { Framing::Body };
    Ok(HttpRequest::post_json(path, body.build()?, framing))
}

fn form(spec: &RequestSpec) -> Result<Form, String> {
    match spec.option(FORM).unwrap_or("generate") {
        "generate" => Ok(Form::Generate),
        "base" => Ok(Form::Base),
        "path" => Ok(Form::Path),
        other => Err(format!("option {FORM} is {other:?}; it must be generate, base or path")),
    }
}

/// OpenAI's parameters as TGI takes them.
fn sampling(parameters: &mut JsonBody) {
    parameters.list("stop");
    // TGI refuses a temperature of 0: LiteLLM sends the least it takes for one.
    if matches!(parameters.get("temperature"), Some("0" | "0.0")) {
        parameters.set("temperature", 0.01);
    }
    if let Some(n) = parameters.take("n").filter(|n| n.get() != "null") {
        parameters.set("best_of", n).set("do_sample", true);
    }
}
