//! Formats of single prompts: plain lines, and vLLM's custom dataset.

use super::row::{Asked, Row, RowError, object, output_tokens, text};

/// One prompt a line.
pub(super) fn plain(bytes: &[u8]) -> Result<Row, RowError> {
    let line = std::str::from_utf8(bytes).map_err(|_| RowError::new("", "is not UTF-8"))?;
    Ok(Row::of(Asked::text(line), super::row::OutputLength::Unsaid))
}

/// `{"prompt", "output_tokens"?}` (vLLM, `--dataset-name custom`).
pub(super) fn vllm(bytes: &[u8]) -> Result<Row, RowError> {
    let row = object(bytes)?;
    let prompt = text(&row, "prompt", "prompt")?;
    // vLLM writes -1 for "not said".
    let unsaid = row.get("output_tokens").is_some_and(|value| value.as_i64() == Some(-1));
    let keys: &[&str] = if unsaid { &[] } else { &["output_tokens"] };
    Ok(Row::of(Asked::text(prompt), output_tokens(&row, keys, "")?))
}
