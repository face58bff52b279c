//! What is the same for every response of a run: the plugin, the tokenizer, the secrets to cross out, and how a record
//! is made of what a response amounted to.

use std::borrow::Cow;

use http::HeaderMap;

use super::plugin_log::PluginLog;
use super::turns::Answers;
use super::understand::unasked;
use crate::metrics::{Context, TokenBasis};
use crate::plugin::Plugin;
use crate::provider::Secrets;
use crate::record::{
    Completion, Failure, FailureKind, Head, Outcome, Output, RequestRecord, Trace, Transfer, Unsent,
};
use crate::tokens::Tokenizer;
use crate::transport::until_retry_date;
use crate::units::{Span, Tokens};

/// What a record keeps of a message.
const MAX_MESSAGE_CHARS: usize = 1000;
/// Names under which servers say which response this was.
const RESPONSE_ID_HEADERS: &[&str] = &["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"];

/// APIs whose count of input tokens leaves out what was read from a cache and written to it; that of all others is the whole
/// prompt.
const CACHE_APART: &[&str] = &["anthropic-messages", "bedrock-converse", "bedrock-invoke"];

/// What decoding needs beside the response.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) plugin: Plugin,
    pub(super) tokenizer: Tokenizer,
    /// Crossed out of everything a server sends back.
    pub(super) secrets: Secrets,
    pub(super) save_text: bool,
    pub(super) log: PluginLog,
    /// Whom the text of an answer goes to, where a session goes on with it.
    pub(super) answers: Answers,
}

impl Reader {
    /// What a summary of the run has to know beside its records.
    pub(super) fn context(&self, token_basis: TokenBasis, measured: Option<Span>) -> Context {
        let (chat_template, ending) = (self.has_chat_template(), self.plugin.ending());
        Context { dropped: 0, token_basis, measured, chat_template, ending }
    }

    /// Whether the server puts what is asked into a chat template: it is asked for a chat, and not with one text that the
    /// plugin made of it.
    pub(super) fn has_chat_template(&self) -> bool {
        let description = self.plugin.description();
        description.task() == "chat"
            && !description.options.iter().any(|option| option.name == "prompt-format")
    }

    /// The record of a request that has ended without a response head.
    pub(super) fn without_head(&self, trace: &Trace) -> RequestRecord {
        let outcome = match &trace.transfer {
            Transfer::Failed(failure) => Outcome::Failed(self.clean(failure.clone())),
            Transfer::Cancelled => Outcome::Cancelled,
            Transfer::Complete | Transfer::Abandoned => {
                Outcome::Failed(Failure::new(FailureKind::Protocol, "the response ended before it began"))
            }
        };
        self.record(trace, None, Completion::default(), outcome, 0)
    }

    /// The record of a request that could not be built.
    pub(super) fn unsent(&self, unsent: Unsent) -> RequestRecord {
        let Unsent { info, start, sent, failure } = unsent;
        RequestRecord {
            id: info.id,
            session: info.session,
            warmup: start.warmup,
            response_id: None,
            status: None,
            due: start.due,
            sent,
            connected: None,
            headers: None,
            token_events: vec![],
            first_output: None,
            end: sent,
            events: 0,
            body_bytes: 0,
            isl_target: info.isl_target,
            isl: info.isl,
            osl: Tokens(0),
            reasoning: Tokens(0),
            max_tokens: info.max_tokens,
            usage: Default::default(),
            finish: None,
            terminated: false,
            outcome: Outcome::Failed(self.clean(failure)),
            output: None,
        }
    }

    pub(super) fn record(
        &self,
        trace: &Trace,
        head: Option<&Head>,
        completion: Completion,
        outcome: Outcome,
        body_bytes: u64,
    ) -> RequestRecord {
        let info = trace.request.info;
        let Completion { events, token_events, first_output, output, mut usage, finish, terminated, .. } =
            completion;
        let api = self.plugin.description().name.as_str();
        usage.settle(CACHE_APART.contains(&api), &output.server_timing);
        self.answers.tell(info.id, &outcome, &output.text);
        let count = |text: &str| if text.is_empty() { Tokens(0) } else { self.tokenizer.count(text) };
        let reasoning = count(&output.reasoning);
        let tool_calls: Tokens = output.tool_calls.iter().map(|call| count(&call.text())).sum();
        let osl = count(&output.text) + reasoning + tool_calls + count(&output.refusal);
        RequestRecord {
            id: info.id,
            session: info.session,
            warmup: trace.start.warmup,
            // Crossed out before it is cut: a part of the secret is no longer found.
            response_id: head.and_then(|head| response_id(&head.headers)).map(|id| trim(&self.redact(&id))),
            status: head.map(|head| head.status.as_u16()),
            due: trace.start.due,
            sent: trace.sent,
            connected: trace.connected,
            headers: trace.head.as_ref().map(|(at, _)| *at),
            token_events,
            first_output,
            end: trace.end,
            events,
            body_bytes,
            isl_target: info.isl_target,
            isl: info.isl,
            osl,
            reasoning,
            max_tokens: info.max_tokens,
            usage,
            finish: finish.map(|word| trim(&self.redact(&word))),
            terminated,
            outcome,
            output: self.save_text.then(|| self.redact_output(output)),
        }
    }

    /// Has the plugin explain an answer that is no success.
    pub(super) fn explain(&self, head: &Head, mut body: Vec<u8>) -> Failure {
        if head.status.is_redirection() {
            let to =
                head.headers.get(http::header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            let message =
                format!("the server redirects to {to}; redirects are not followed, name that address itself");
            return Failure {
                code: head.status.as_str().to_owned(),
                ..Failure::new(FailureKind::Redirect, message)
            };
        }
        for secret in self.secrets.all().iter() {
            secret.cross_out(&mut body);
        }
        let compression = head.compression().filter(|_| !body.is_empty());
        if compression.is_some() {
            body.clear();
        }
        let head = self.redact_head(head);
        let explained = self.plugin.session().and_then(|mut session| {
            let explained = session.explain(&head, &body);
            self.plugin.keep(session);
            explained
        });
        let mut failure = explained.unwrap_or_else(|_| {
            // The plugin's fault must not hide the server's: its body is shown as it is.
            Failure::new(FailureKind::HttpStatus, String::from_utf8_lossy(&body))
        });
        // A plugin has no clock, and a date only means something beside another.
        failure.retry_after = failure.retry_after.or_else(|| until_retry_date(&head.headers));
        if failure.code.trim().is_empty() {
            failure.code = head.status.as_str().to_owned();
        }
        if let Some(compression) = compression {
            failure.message = format!("HTTP {}; {}", head.status, unasked(compression));
        } else if failure.message.trim().is_empty() {
            failure.message = format!("HTTP {}", head.status);
        }
        failure
    }

    /// A failure with the secret crossed out and its texts at a bounded length.
    pub(super) fn clean(&self, mut failure: Failure) -> Failure {
        failure.message = trim(&self.redact(&failure.message));
        failure.code = trim(&self.redact(&failure.code));
        failure
    }

    fn redact(&self, text: &str) -> String {
        self.secrets.all().iter().fold(text.to_owned(), |text, secret| secret.redact(&text).into_owned())
    }

    fn redact_output(&self, mut output: Output) -> Output {
        let text = self.redact(&output.text);
        if text != output.text {
            output.piece_ends = vec![text.len()];
            output.text = text;
        }
        for text in [&mut output.reasoning, &mut output.refusal] {
            *text = self.redact(text);
        }
        for call in &mut output.tool_calls {
            (call.name, call.arguments) = (self.redact(&call.name), self.redact(&call.arguments));
            let joined = call.text();
            let clean = self.redact(&joined);
            if joined != clean {
                // It begins in the one and ends in the other.
                (call.name, call.arguments) = (String::new(), clean);
            }
        }
        output
    }

    /// A head whose values do not hold the secret, for the guest to see.
    pub(super) fn redact_head<'a>(&self, head: &'a Head) -> Cow<'a, Head> {
        let secrets = self.secrets.all();
        if secrets.is_empty() {
            return Cow::Borrowed(head);
        }
        let mut headers = HeaderMap::with_capacity(head.headers.len());
        for (name, value) in &head.headers {
            let mut bytes = value.as_bytes().to_vec();
            for secret in secrets.iter() {
                secret.cross_out(&mut bytes);
            }
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                headers.append(name, value);
            }
        }
        Cow::Owned(Head { status: head.status, headers })
    }
}

fn response_id(headers: &HeaderMap) -> Option<String> {
    let value = RESPONSE_ID_HEADERS.iter().find_map(|name| headers.get(*name))?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn trim(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
