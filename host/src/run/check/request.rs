//! Whether a plugin builds the same request for the same question, wherever it is asked, and one that the host sends.

use anyhow::Result;
use serde_json::Value;

use super::cost::Meter;
use super::question::{Question, common};
use super::{Checks, Subject, fresh};
use crate::plugin::{Fault, Plugin};
use crate::provider::{Credential, Provider};
use crate::record::{BuiltRequest, PreparedRequest};

/// Nobody answers there.
const BASE: &str = "https://check.invalid/v1";

/// A provider to put requests under.
pub(super) fn provider() -> Result<Provider, String> {
    let base = BASE.parse().map_err(|error| format!("{BASE}: {error}"))?;
    let (path, query, headers) = (vec![], vec![], vec![]);
    Ok(Provider { name: "check".to_owned(), base, path, query, credential: Credential::None, headers })
}

pub(super) fn check(subject: &Subject<'_>, meter: &mut Meter, checks: &mut Checks) {
    let own = common(&subject.options);
    let own = own.into_iter().map(|(about, question)| (about.to_owned(), question, true));
    let recorded = subject.fixtures.iter();
    let recorded = recorded.map(|fixture| (fixture.name.clone(), fixture.question.clone(), false));
    let (mut unlike, mut unsent, mut refused, mut built) = (vec![], vec![], vec![], vec![]);
    for (about, question, is_own) in own.chain(recorded) {
        match ask_everywhere(subject.plugin, &question, meter) {
            Ok(Ok(request)) => {
                match prepare(&question, request) {
                    Ok(prepared) => built.push(format!("{} {}", prepared.method, prepared.url.path())),
                    Err(refusal) => unsent.push(format!("{about}: {refusal}")),
                };
            }
            // An API need not be able to ask anything; what is recorded it must have asked.
            Ok(Err(why)) if is_own => refused.push(why),
            Ok(Err(why)) => unlike.push(format!("{about}: {why}")),
            Err(problem) => {
                unlike.push(format!("{about}: {problem}"));
                // A call that burns all it may takes a second; one tells enough.
                if problem.contains("limit") {
                    break;
                }
            }
        }
    }
    let asked = built.len() + unsent.len();
    if asked == 0 && unlike.is_empty() {
        unlike.push(format!("it builds no request at all: {}", refused.first().map_or("", String::as_str)));
    }
    let refusals =
        if refused.is_empty() { String::new() } else { format!(", {} refused with a reason", refused.len()) };
    let same =
        format!("{asked} questions, each the same request in two fresh instances and a used one{refusals}");
    checks.judge("requests", if unlike.is_empty() { Ok(same) } else { Err(unlike) });
    built.sort_unstable();
    built.dedup();
    let under = format!(
        "{asked} requests, all under the base URL and with headers of their own: {}",
        built.join(", ")
    );
    checks.judge("urls and headers", if unsent.is_empty() { Ok(under) } else { Err(unsent) });
}

/// The request that is built for a question in a fresh instance, in another one, and in the first once more; or the plugin's
/// reason for refusing.
fn ask_everywhere(
    plugin: &Plugin,
    question: &Question,
    meter: &mut Meter,
) -> Result<Result<BuiltRequest, String>, String> {
    let description = plugin.description();
    let (mut first, mut second) = (fresh(plugin).map_err(text)?, fresh(plugin).map_err(text)?);
    let mut answers = Vec::new();
    for session in [&mut first, &mut second] {
        answers.push(question.build(session, description));
        meter.take("build-request", session);
        if let Some(Err(fault @ (Fault::Trap(_) | Fault::Limit(_)))) = answers.last() {
            return Err(fault.to_string());
        }
    }
    answers.push(question.build(&mut first, description));
    meter.keep_log(&first.take_log());
    meter.keep_log(&second.take_log());
    match &answers[..] {
        [Ok(one), Ok(two), Ok(three)] if one == two && one == three => Ok(Ok(one.clone())),
        [Err(one), Err(two), Err(three)] if one == two && one == three => Ok(Err(one.to_string())),
        [one, two, _] if one != two => Err("two fresh instances build different requests".to_owned()),
        [_, _, Err(fault)] => Err(format!("asked again, the same instance fails: {fault}")),
        _ => Err("asked again, the same instance builds another request: it keeps something".to_owned()),
    }
}

fn text(fault: Fault) -> String {
    fault.to_string()
}

/// Puts a request together as for the wire.
pub(super) fn prepare(question: &Question, built: BuiltRequest) -> Result<PreparedRequest, String> {
    provider()?.prepare(&question.spec(), built).map_err(|refusal| refusal.to_string())
}

/// What differs between a request and `request.json`: the path that it must end in, the headers that it names (the host adds
/// credentials), and the body, field by field.
pub(super) fn differences(got: &BuiltRequest, expected: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if expected["method"] != got.method.as_str() {
        found.push(format!("request: method {}, expected {}", got.method, expected["method"]));
    }
    let path = format!("/{}", got.path.join("/"));
    if !expected["path"].as_str().is_some_and(|expected| expected.ends_with(&path)) {
        found.push(format!("request: path {path}, expected {}", expected["path"]));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let header = got.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, known)) = header.filter(|(_, known)| *value != known.as_str()) {
            found.push(format!("request: header {name} {known:?}, expected {value}"));
        }
    }
    match serde_json::from_slice::<Value>(&got.body) {
        Ok(body) if body == expected["body"] => {}
        Ok(body) => found.push(format!("request: body {body}, expected {}", expected["body"])),
        Err(error) => found.push(format!("request: the body is no JSON: {error}")),
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_held_to_what_the_fixture_names() {
        let got = BuiltRequest {
            method: "POST".to_owned(),
            path: vec!["chat".to_owned(), "completions".to_owned()],
            query: vec![],
            headers: vec![("Accept".to_owned(), "text/event-stream".to_owned())],
            body: br#"{"a":1}"#.to_vec(),
            framing: vec![],
        };
        let same = json!({
            "method": "POST", "path": "/v1/chat/completions", "body": {"a": 1},
            "headers": {"accept": "text/event-stream", "authorization": "Bearer x"},
        });
        assert_eq!(differences(&got, &same), [""; 0]);
        let other = json!({
            "method": "PUT", "path": "/v1/chat", "body": {"a": 2}, "headers": {"accept": "*/*"},
        });
        assert_eq!(differences(&got, &other).len(), 4);
    }
}
