//! What other tools would say, for people: a block for each, labelled, in its own names.

use super::table::grouped;
use super::{MAX_WIDTH, MIN_WIDTH, Page, wrap};
use crate::metrics::{Block, Figure, Statistic, Value};

const COLUMNS: [(&str, Statistic); 4] = [
    ("mean", Statistic::Mean),
    ("p50", Statistic::Percentile(500)),
    ("p99", Statistic::Percentile(990)),
    ("max", Statistic::Max),
];
const COLUMN_WIDTH: usize = 12;

/// The blocks in lines of at most `width` columns (within 80 and 100), each with a blank line before it.
pub fn render_dialects(blocks: &[Block], width: usize, color: bool) -> String {
    let page = Page { width: width.clamp(MIN_WIDTH, MAX_WIDTH), color };
    blocks.iter().map(|block| format!("\n{}\n", lines(page, block).join("\n"))).collect()
}

fn lines(page: Page, block: &Block) -> Vec<String> {
    let is_table = |figure: &&Figure| matches!(figure.value, Value::Statistics { .. });
    let (rows, numbers): (Vec<&Figure>, Vec<&Figure>) = block.figures.iter().partition(is_table);
    // Columns that a tool has no word for are not there.
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|(_, wanted)| rows.iter().any(|row| row.statistic(*wanted).is_some()))
        .collect();
    let name = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let unit = rows.iter().map(|row| row.unit.len()).max().unwrap_or(0);
    let mut lines = vec![page.bold(&format!("As {} counts", block.dialect.tool()))];
    if !columns.is_empty() {
        let head: String = columns.iter().map(|(name, _)| format!("{name:>COLUMN_WIDTH$}")).collect();
        lines.push(page.bold(&format!("  {:name$}  {:unit$}{head}", "", "")));
        for row in rows {
            let cells: String = columns
                .iter()
                .map(|(_, wanted)| format!("{:>COLUMN_WIDTH$}", amount(row.statistic(*wanted))))
                .collect();
            lines.push(format!("  {:name$}  {}{cells}", row.name, page.dim(&format!("{:unit$}", row.unit))));
        }
    }
    let numbers: Vec<String> = numbers.iter().map(|figure| number(figure)).collect();
    lines.extend(wrap(&numbers.join(", "), page.width - 2).iter().map(|line| format!("  {line}")));
    lines
}

fn number(figure: &Figure) -> String {
    let Value::Number(value) = figure.value else { return String::new() };
    let unit = match figure.unit {
        // The name says it.
        "requests" | "share" | "tokens" => String::new(),
        unit => format!(" {unit}"),
    };
    format!("{} {}{unit}", figure.name, amount(value))
}

/// About four digits, or `-` for what is undefined.
fn amount(value: Option<f64>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    let decimals = match value.abs() {
        whole if whole.fract() == 0.0 => 0,
        ..1.0 => 4,
        ..100.0 => 2,
        ..10_000.0 => 1,
        _ => 0,
    };
    grouped(value, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Dialect, Dialects, TokenBasis};

    #[test]
    fn each_tool_has_a_labelled_block_of_its_own_names() {
        let mut dialects = Dialects::new(&Dialect::ALL, TokenBasis::Local);
        dialects.add(&record(0, &[52, 62, 82]));
        let blocks = dialects.finish();
        let text = render_dialects(&blocks, 100, false);
        for words in [
            "\nAs LLMPerf (2024-12) counts\n",
            "\nAs vLLM bench serve 0.33 counts\n",
            "  time_to_first_token               ms                       50          50          50          50\n",
            "output_throughput 37.04 tokens/s",
            "num_requests_started 1, num_completed_requests 1",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert_eq!(render_dialects(&[], 100, true), "");
    }
}
