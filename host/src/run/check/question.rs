//! What a plugin is asked to ask for: that of a fixture, and a few that no plugin should stumble over.

use serde_json::Value;

use super::fixture::{Fixture, text};
use crate::plugin::{Context, Description, Fault, OptionKind, OptionSpec, Session};
use crate::record::{BuiltRequest, Message, RequestSpec};
use crate::units::{RequestId, Tokens};

/// Some 60,000 tokens: what a long context asks of a plugin's memory and time.
const LONG_PROMPT_BYTES: usize = 256 << 10;

/// One question, as `spec.json` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// `None` is the plugin's own first choice.
    pub task: Option<String>,
    pub model: String,
    pub messages: Vec<Message>,
    pub stream: bool,
    pub max_tokens: Option<u64>,
    /// JSON object text.
    pub sampling: String,
    pub options: Vec<(String, String)>,
}

impl Question {
    /// Of `spec.json`, over a plain streamed chat.
    pub fn of_json(spec: &Value) -> Question {
        let messages = match spec["messages"].as_array() {
            Some(messages) => {
                let content = |m: &Value| m["content"].as_str().unwrap_or_default().to_owned();
                let role = |m: &Value| m["role"].as_str().unwrap_or("user").to_owned();
                messages.iter().map(|m| Message { role: role(m), text: content(m) }).collect()
            }
            None => vec![from_user(spec["prompt"].as_str().unwrap_or("Say hi"))],
        };
        let options = spec["options"].as_object().into_iter().flatten();
        Question {
            task: spec["task"].as_str().map(str::to_owned),
            model: spec["model"].as_str().unwrap_or("m").to_owned(),
            messages,
            stream: spec["stream"].as_bool().unwrap_or(true),
            max_tokens: spec["max_tokens"].as_u64(),
            sampling: if spec["sampling"].is_object() {
                spec["sampling"].to_string()
            } else {
                "{}".to_owned()
            },
            options: options.map(|(name, value)| (name.clone(), text(value))).collect(),
        }
    }

    /// What the workload would have asked.
    pub(super) fn spec(&self) -> RequestSpec {
        RequestSpec {
            id: RequestId(0),
            session: None,
            messages: self.messages.clone(),
            isl_target: Tokens(0),
            isl: Tokens(0),
            max_tokens: self.max_tokens.map(Tokens),
        }
    }

    /// The task that a plugin of this description is asked for.
    pub(super) fn task<'a>(&'a self, description: &'a Description) -> &'a str {
        self.task.as_deref().unwrap_or(description.task())
    }

    /// Has the plugin build the request for it, with its defaults for options that are not given.
    pub(super) fn build(
        &self,
        session: &mut Session,
        description: &Description,
    ) -> Result<BuiltRequest, Fault> {
        let is_given = |option: &&OptionSpec| self.options.iter().all(|(name, _)| *name != option.name);
        let defaults = description.options.iter().filter(is_given);
        let defaults = defaults.filter_map(|option| Some((option.name.clone(), option.default.clone()?)));
        let options: Vec<(String, String)> = self.options.iter().cloned().chain(defaults).collect();
        let context = Context {
            task: self.task(description),
            model: &self.model,
            stream: self.stream,
            sampling: &self.sampling,
            options: &options,
        };
        session.build_request(&self.spec(), &context)
    }
}

/// The questions of the checks' own, each with what it is about.
pub(super) fn common(options: &[(String, String)]) -> Vec<(&'static str, Question)> {
    let plain =
        || Question { options: options.to_vec(), max_tokens: Some(16), ..Question::of_json(&Value::Null) };
    let said = |role: &str, text: &str| Message { role: role.to_owned(), text: text.to_owned() };
    vec![
        ("a plain chat", plain()),
        (
            "a conversation with sampling",
            Question {
                messages: vec![
                    said("system", "Be \"brief\".\n"),
                    said("user", "Grüße, 世界 \u{1f600}\t\\"),
                    said("assistant", ""),
                    said("user", "\u{0}\u{7f}\u{2028}"),
                ],
                sampling: r#"{"temperature":0.5,"seed":7,"stop":["\n"],"unknown-\u0000":{"a":[null,1e300]}}"#
                    .to_owned(),
                ..plain()
            },
        ),
        ("an answer that is not streamed", Question { stream: false, max_tokens: None, ..plain() }),
        ("a model with signs in its name", Question { model: "org/model:tag@1 é?#&=".to_owned(), ..plain() }),
        (
            "a long prompt",
            Question {
                messages: vec![from_user(&"Shall I compare ".repeat(LONG_PROMPT_BYTES / 16))],
                ..plain()
            },
        ),
    ]
}

/// What options the checks' own questions are asked with: those of the first fixture that gives any, and something of the
/// right kind for each that must be given.
pub(super) fn options(description: &Description, fixtures: &[Fixture]) -> Vec<(String, String)> {
    let given = fixtures.iter().map(|fixture| &fixture.question.options).find(|options| !options.is_empty());
    let mut options = given.cloned().unwrap_or_default();
    let needed = description.options.iter().filter(|option| option.required && option.default.is_none());
    for option in needed {
        if options.iter().all(|(name, _)| *name != option.name) {
            options.push((option.name.clone(), some_value(option.kind).to_owned()));
        }
    }
    options
}

fn some_value(kind: OptionKind) -> &'static str {
    match kind {
        OptionKind::String => "x",
        OptionKind::Integer | OptionKind::Number => "1",
        OptionKind::Boolean => "true",
        OptionKind::Json => "{}",
    }
}

fn from_user(text: &str) -> Message {
    Message { role: "user".to_owned(), text: text.to_owned() }
}
