//! The `dialects` of `summary.json`: a block for each tool, in its own names and units, every number with its formula.

use serde_json::{Map, Value, json};

use crate::metrics::{Block, Figure, Value as Measured};

/// Adds the blocks to a summary, under `dialects`; nothing where there are none.
pub fn add_dialects(summary: &mut Value, blocks: &[Block]) {
    if blocks.is_empty() {
        return;
    }
    let block = |block: &Block| {
        let mut map = Map::from_iter([("tool".to_owned(), json!(block.dialect.tool()))]);
        map.extend(block.figures.iter().map(|figure| (figure.name.to_owned(), described(figure))));
        (block.dialect.name().to_owned(), Value::Object(map))
    };
    summary["dialects"] = blocks.iter().map(block).collect();
}

fn described(figure: &Figure) -> Value {
    let mut map = Map::from_iter([
        ("unit".to_owned(), json!(figure.unit)),
        ("formula".to_owned(), json!(figure.formula)),
    ]);
    match &figure.value {
        Measured::Number(number) => {
            map.insert("value".to_owned(), json!(number));
        }
        Measured::Statistics { n, statistics } => {
            map.insert("n".to_owned(), json!(n));
            map.extend(statistics.iter().map(|(name, _, value)| (name.clone(), json!(value))));
        }
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Dialect, Dialects, TokenBasis};

    #[test]
    fn every_tool_has_a_block_in_its_own_names() {
        let mut dialects = Dialects::new(&Dialect::ALL, TokenBasis::Local);
        dialects.add(&record(0, &[52]));
        let mut summary = json!({});
        add_dialects(&mut summary, &dialects.finish());
        let check = |pointer: &str, expected: Value| {
            assert_eq!(summary.pointer(pointer), Some(&expected), "{pointer}");
        };
        check("/dialects/llmperf/tool", json!("LLMPerf (2024-12)"));
        check("/dialects/llmperf/ttft_s/mean", json!(0.05));
        check("/dialects/llmperf/ttft_s/stddev", Value::Null);
        check("/dialects/aiperf/time_to_first_token/avg", json!(50.0));
        check("/dialects/guidellm/time_to_first_token_ms/std_dev", json!(0.0));
        check("/dialects/vllm/itl_ms/n", json!(0));
        check("/dialects/vllm/itl_ms/p99_itl_ms", Value::Null);
        check(
            "/dialects/vllm/completed",
            json!({"unit": "requests", "formula": "successful requests", "value": 1.0}),
        );
    }

    #[test]
    fn without_a_dialect_nothing_is_added() {
        let mut summary = json!({});
        add_dialects(&mut summary, &[]);
        assert_eq!(summary, json!({}));
    }
}
