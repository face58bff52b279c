//! An object to be written as JSON: the reply must parse, and have the fields and types of a small schema.

use rand::{Rng, RngExt};
use serde_json::{Value, json};

use super::Question;
use crate::record::Grade;

const BEFORE: &str = "Write the following order as one JSON object with the keys \"item\" (a string), \"count\" (an \
                      integer), \"price\" (a number), \"paid\" (true or false) and \"tags\" (an array of strings). \
                      Print the object only.\n\n";

/// Whether a value is one of its type.
type IsOf = fn(&Value) -> bool;

/// The keys that must be there, and what makes a value of each right. Others may stand beside them.
const SCHEMA: [(&str, IsOf); 5] = [
    ("item", Value::is_string),
    // As JSON Schema has it, 3.0 is an integer.
    ("count", |value| value.as_f64().is_some_and(|number| number.fract() == 0.0)),
    ("price", Value::is_number),
    ("paid", Value::is_boolean),
    ("tags", |value| value.as_array().is_some_and(|tags| tags.iter().all(Value::is_string))),
];

const ITEMS: [&str; 8] = ["lamp", "chair", "kettle", "mirror", "ladder", "basket", "clock", "carpet"];
const TAGS: [&str; 8] = ["garden", "sale", "heavy", "fragile", "blue", "used", "gift", "urgent"];

pub(super) fn question(rng: &mut impl Rng) -> Question {
    let count = rng.random_range(2..100);
    let item = ITEMS[rng.random_range(0..ITEMS.len())];
    let cents = rng.random_range(100..100_000);
    let paid = if rng.random() { "They are paid." } else { "They are not paid yet." };
    let tags = [rng.random_range(0..4), rng.random_range(4..8)].map(|n: usize| TAGS[n]);
    let prompt = format!(
        "{BEFORE}The customer orders {count} of the item \"{item}\" at {}.{:02} each. {paid} The tags are {} and {}.",
        cents / 100,
        cents % 100,
        tags[0],
        tags[1],
    );
    Question::of(prompt, vec![("item", json!(item)), ("count", json!(count))])
}

pub(super) fn grade(reply: &str) -> Grade {
    match fault(reply) {
        None => Grade::Right,
        Some(fault) => Grade::Wrong { expected: fault },
    }
}

pub(super) fn right_reply(prompt: &str) -> Option<String> {
    prompt.starts_with(BEFORE).then(|| {
        "```json\n{\"item\": \"lamp\", \"count\": 3, \"price\": 4.5, \"paid\": true, \"tags\": [\"sale\"]}\n```"
            .to_owned()
    })
}

/// What a reply lacks; `None` where it is as it should be.
fn fault(reply: &str) -> Option<String> {
    let value: Value = match serde_json::from_str(unfenced(reply)) {
        Ok(value) => value,
        Err(_) => return Some("a JSON object".to_owned()),
    };
    let Some(object) = value.as_object() else { return Some("a JSON object".to_owned()) };
    let wrong = |(key, is_right): &&(&str, IsOf)| !object.get(*key).is_some_and(is_right);
    SCHEMA.iter().find(wrong).map(|(key, _)| format!("a JSON object with \"{key}\" of its type"))
}

/// The text without the code fence that models like to put around JSON.
fn unfenced(reply: &str) -> &str {
    let reply = reply.trim();
    let Some((_, inner)) = reply.strip_prefix("```").and_then(|rest| rest.split_once('\n')) else {
        return reply;
    };
    inner.trim_end().strip_suffix("```").unwrap_or(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_must_parse_and_have_the_fields_and_types() {
        let check = |reply: &str, expected: Option<&str>| {
            let found = fault(reply);
            assert_eq!(found.is_none(), expected.is_none(), "{reply}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{reply}");
        };
        let good = r#"{"item":"a","count":1,"price":2,"paid":false,"tags":[],"more":null}"#;
        check(good, None);
        check(&format!(" \n{good}\n"), None);
        check(&format!("```json\n{good}\n```\n"), None);
        check(&format!("```\n{good}```"), None);
        check(&format!("Here it is: {good}"), Some("a JSON object"));
        check(&format!("{good}{good}"), Some("a JSON object"));
        check(&good[..20], Some("a JSON object"));
        check(&format!("[{good}]"), Some("a JSON object"));
        check("", Some("a JSON object"));
        check("```", Some("a JSON object"));
        check(&good.replace(":1", ":1.0"), None);
        check(&good.replace(":1", ":1.5"), Some("\"count\""));
        check(&good.replace("false", "\"no\""), Some("\"paid\""));
        check(&good.replace("[]", "[1]"), Some("\"tags\""));
        check(&good.replace("price", "cost"), Some("\"price\""));
    }
}
