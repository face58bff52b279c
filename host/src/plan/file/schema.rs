//! The JSON schema of a plan file, made of the flags there are: editors complete and check with it.

use serde_json::{Map, Value, json};

use super::{FileKey, KeyKind};

/// The schema of a plan file with these keys.
pub fn plan_schema(keys: &[FileKey]) -> Value {
    let keys = || keys.iter().filter(|key| !matches!(key.kind, KeyKind::NoKey(_)));
    let mut run = Map::new();
    run.insert("name".to_owned(), json!({ "type": "string", "description": "What the run is called" }));
    let unset = "Keys that stand above for all runs, and not for this one";
    run.insert(
        "unset".to_owned(),
        json!({ "type": "array", "items": { "type": "string" }, "description": unset }),
    );
    run.extend(keys().filter(|key| key.name != "results-dir").flat_map(properties));
    let mut top = Map::new();
    let cool_down = "Seconds to wait between two runs";
    top.insert("cool-down".to_owned(), json!({ "type": "number", "minimum": 0, "description": cool_down }));
    top.insert(
        "results-dir".to_owned(),
        json!({ "type": "string", "description": "Directory for all results" }),
    );
    top.extend(keys().filter(|key| key.name != "results-dir").flat_map(properties));
    top.insert(
        "run".to_owned(),
        json!({
            "type": "array",
            "minItems": 1,
            "description": "The runs, one after the other; what stands above the first is for all of them",
            "items": { "type": "object", "additionalProperties": false, "properties": run },
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A plan file of llmperf load",
        "description": "Keys are the long flags of llmperf load. A list makes a run of each of its values.",
        "type": "object",
        "additionalProperties": false,
        "properties": top,
    })
}

fn properties(key: &FileKey) -> Vec<(String, Value)> {
    let one = match &key.kind {
        KeyKind::Switch => json!({ "type": "boolean" }),
        KeyKind::Count => json!({ "type": "integer", "minimum": 0 }),
        KeyKind::CountOr(word) => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": word }] })
        }
        KeyKind::Number => json!({ "type": "number" }),
        KeyKind::Text | KeyKind::NoKey(_) => json!({ "type": "string" }),
        KeyKind::Object => json!({ "type": ["string", "object"] }),
        KeyKind::Word(words) => json!({ "enum": words }),
    };
    let list = json!({ "type": "array", "minItems": 1, "items": one });
    let property = |help: String| json!({ "description": help, "anyOf": [one, list] });
    let mut all = vec![(key.name.clone(), property(key.help.clone()))];
    all.extend(
        key.aliases.iter().map(|alias| (alias.clone(), property(format!("The same as {}", key.name)))),
    );
    all
}
