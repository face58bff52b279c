//! Reading a request specification.

use std::str::FromStr;

use crate::{Description, Input, JsonBody, Message, Part, RequestSpec};

impl RequestSpec {
    /// A streamed chat with one user message, no options and no limits, for tests.
    ///
    /// ```
    /// # use llmperf_sdk::RequestSpec;
    /// let spec = RequestSpec::chat("m", "Say hi");
    /// assert_eq!(spec.prompt_text().unwrap(), "Say hi");
    /// ```
    pub fn chat(model: &str, prompt: &str) -> RequestSpec {
        RequestSpec {
            task: "chat".to_owned(),
            model: model.to_owned(),
            stream: true,
            input: Input::Messages(vec![Message::text("user", prompt)]),
            max_tokens: None,
            sampling: "{}".to_owned(),
            options: Vec::new(),
        }
    }

    /// Sets an option, for tests; what is set first counts.
    ///
    /// ```
    /// # use llmperf_sdk::RequestSpec;
    /// let spec = RequestSpec::chat("m", "Say hi").with_option("seed", "7");
    /// assert_eq!(spec.option("seed"), Some("7"));
    /// ```
    pub fn with_option(mut self, name: &str, value: &str) -> RequestSpec {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Fills in the defaults of the options that are not set, as the host does before it hands a spec over.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let description = Description {
    ///     options: vec![OptionSpec::boolean("verbose", true, "ask for more")],
    ///     ..Description::new("shout", "0.1.0", "a made-up API")
    /// };
    /// let spec = RequestSpec::chat("m", "Say hi").with_defaults(&description);
    /// assert_eq!(spec.option("verbose"), Some("true"));
    /// ```
    pub fn with_defaults(mut self, description: &Description) -> RequestSpec {
        for option in &description.options {
            if let Some(default) = option.default.as_deref().filter(|_| self.option(&option.name).is_none()) {
                self.options.push((option.name.clone(), default.to_owned()));
            }
        }
        self
    }

    /// The value of an option; `None` where it is not set and has no default.
    /// [`with_option`](Self::with_option) has an example.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The value of an option, read as a number or a `bool`; `None` as for [`option`](Self::option).
    ///
    /// ```
    /// # use llmperf_sdk::RequestSpec;
    /// let spec = RequestSpec::chat("m", "Say hi").with_option("seed", "7").with_option("fast", "very");
    /// assert_eq!(spec.option_as("seed"), Ok(Some(7)));
    /// assert_eq!(spec.option_as::<bool>("other"), Ok(None));
    /// assert!(spec.option_as::<bool>("fast").is_err());
    /// ```
    ///
    /// # Errors
    /// Names the option and its value where that is not a `T`.
    pub fn option_as<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, String> {
        self.option(name)
            .map(|value| value.parse().map_err(|e| format!("option {name} is {value:?}: {e}")))
            .transpose()
    }

    /// The limit and the sampling parameters, for APIs with names of their own: the limit under the name given, the others
    /// as they came.
    ///
    /// ```
    /// # use llmperf_sdk::RequestSpec;
    /// let check = |sampling: &str, expected: &str| {
    ///     let spec = RequestSpec { max_tokens: Some(5), sampling: sampling.into(), ..RequestSpec::chat("m", "Hi") };
    ///     assert_eq!(String::from_utf8(spec.parameters("limit").build().unwrap()).unwrap(), expected);
    /// };
    /// check("{}", r#"{"limit":5}"#);
    /// check(r#"{"top_p":1.0,"max_completion_tokens":6}"#, r#"{"limit":6,"top_p":1.0}"#);
    /// check(r#"{"max_tokens":6,"limit":7}"#, r#"{"limit":7}"#);
    /// check(r#"{"max_tokens":null}"#, "{}");
    /// ```
    pub fn parameters(&self, limit: &str) -> JsonBody {
        let mut parameters = JsonBody::new();
        parameters.set("max_tokens", self.max_tokens).merge(&self.sampling);
        if let Some(tokens) = parameters.take("max_completion_tokens") {
            parameters.set("max_tokens", tokens);
        }
        parameters.rename("max_tokens", limit);
        parameters
    }

    /// Whether the answer is to be streamed, by the sampling parameters or else by the plan; takes the word out of them,
    /// and `stream_options`, which only OpenAI's API has.
    ///
    /// ```
    /// # use llmperf_sdk::RequestSpec;
    /// let spec = RequestSpec { sampling: r#"{"stream":false}"#.into(), ..RequestSpec::chat("m", "Hi") };
    /// let mut parameters = spec.parameters("limit");
    /// assert!(!spec.take_stream(&mut parameters));
    /// assert_eq!(parameters.build().unwrap(), b"{}");
    /// ```
    pub fn take_stream(&self, parameters: &mut JsonBody) -> bool {
        parameters.take("stream_options");
        parameters.take("stream").map_or(self.stream, |said| said.get() == "true")
    }

    /// Refuses any other task than these, by name.
    ///
    /// ```
    /// # use llmperf_sdk::RequestSpec;
    /// let spec = RequestSpec::chat("m", "Hi");
    /// assert!(spec.only("shout", &["chat"]).is_ok());
    /// assert_eq!(spec.only("shout", &["rerank"]).unwrap_err(), "task \"chat\": shout speaks rerank only");
    /// ```
    ///
    /// # Errors
    /// The task is none of them.
    pub fn only(&self, api: &str, tasks: &[&str]) -> Result<(), String> {
        match tasks.contains(&&*self.task) {
            true => Ok(()),
            false => Err(format!("task {:?}: {api} speaks {} only", self.task, tasks.join(" and "))),
        }
    }

    /// The input as one text: the prompt, or the text of all messages, joined by line breaks. For APIs that
    /// know no roles.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let mut spec = RequestSpec::chat("m", "");
    /// spec.input = Input::Messages(vec![Message::text("system", ""), Message::text("user", "Say hi")]);
    /// assert_eq!(spec.prompt_text().unwrap(), "Say hi");
    /// ```
    ///
    /// # Errors
    /// The input is not text.
    pub fn prompt_text(&self) -> Result<String, String> {
        let messages = match &self.input {
            Input::Prompt(prompt) => return Ok(prompt.clone()),
            Input::Messages(messages) => messages,
            Input::TokenIds(_) | Input::Texts(_) => {
                return Err("the input must be a prompt or messages".into());
            }
        };
        let mut texts = Vec::new();
        for part in messages.iter().flat_map(|message| &message.parts) {
            match part {
                Part::Text(text) if text.is_empty() => {}
                Part::Text(text) => texts.push(text.as_str()),
                _ => return Err("the messages must be text".into()),
            }
        }
        Ok(texts.join("\n"))
    }
}

impl Message {
    /// A message of one text.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// assert_eq!(Message::text("user", "Say hi").parts, [Part::Text("Say hi".into())]);
    /// ```
    pub fn text(role: &str, text: &str) -> Message {
        Message { role: role.to_owned(), parts: vec![Part::Text(text.to_owned())] }
    }
}
