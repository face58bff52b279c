//! The table of the summary: one row a metric, its unit once, percentiles that the count does not support marked.

use super::Page;
use crate::metrics::{Distribution, Level, Metric, Summary};

const COLUMNS: [&str; 6] = ["mean", "p50", "p90", "p95", "p99", "max"];

/// The 95 % interval of each, shown behind the other columns as far as there is room.
const INTERVALS: [(Level, &str); 2] = [(Level::P50, "p50 95 %"), (Level::P99, "p99 95 %")];

/// Below this many columns of numbers the eye loses the row.
const GAP: usize = 2;

/// The lines of the table; none where no request succeeded.
pub(super) fn table(page: Page, summary: &Summary, open_loop: bool) -> Vec<String> {
    let rows: Vec<Row> =
        shown(summary, open_loop).into_iter().filter_map(|row| Row::of(row, summary)).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let width = |pick: &dyn Fn(&Row) -> usize| rows.iter().map(pick).max().unwrap_or(0);
    let title = width(&|row| row.title.len());
    let unit = width(&|row| row.unit.len());
    let columns: Vec<usize> = (0..COLUMNS.len())
        .map(|i| width(&|row| row.cells[i].text.len()).max(COLUMNS[i].len() + GAP))
        .collect();

    let used = title + GAP + unit + columns.iter().map(|width| GAP + width).sum::<usize>();
    let intervals = intervals_that_fit(&rows, page.width.saturating_sub(used));

    let names = COLUMNS.iter().zip(columns.iter().copied());
    let names = names.chain(intervals.iter().map(|&(index, width)| (&INTERVALS[index].1, width)));
    let header: String = names.map(|(name, width)| format!("{:GAP$}{name:>width$}", "")).collect();
    let mut lines = vec![page.bold(&format!("{:1$}{header}", "", title + GAP + unit))];
    for row in &rows {
        let mut cells: String =
            row.cells.iter().zip(&columns).map(|(cell, width)| cell.render(page, *width)).collect();
        for &(index, width) in &intervals {
            cells += &page.dim(&format!("{:GAP$}{:>width$}", "", row.intervals[index]));
        }
        let cells = cells.trim_end();
        let name = format!("{:title$}", row.title);
        lines.push(format!(
            "{}{:GAP$}{}{cells}",
            page.bold(&name),
            "",
            page.dim(&format!("{:unit$}", row.unit))
        ));
    }
    if rows.iter().any(|row| row.cells.iter().any(|cell| !cell.supported)) {
        lines.push(page.dim("~ too few values for a 95 % interval (p50 needs 6, p90 36, p95 72, p99 368)"));
    }
    lines.extend(rough(summary, &rows).map(|line| page.dim(&line)));
    lines
}

/// Which of [`INTERVALS`] have room, the last before the first, and their widths. One that a row does not support is left
/// out: its gaps would be taken for numbers.
fn intervals_that_fit(rows: &[Row], room: usize) -> Vec<(usize, usize)> {
    let mut fitting = Vec::new();
    let mut left = room;
    for (index, (_, name)) in INTERVALS.iter().enumerate().rev() {
        let lengths = || rows.iter().map(|row| row.intervals[index].chars().count());
        let width = lengths().max().unwrap_or(0).max(name.len());
        if lengths().all(|length| length > 0) && GAP + width <= left {
            left -= GAP + width;
            fitting.push((index, width));
        }
    }
    fitting.reverse();
    fitting
}

/// Says which percentiles are not those of the values themselves, and how near they are.
fn rough(summary: &Summary, rows: &[Row]) -> Option<String> {
    let rows = || rows.iter().filter_map(|row| Some((row, summary.distributions.get(&row.metric)?)));
    let rough = || rows().filter(|(_, distribution)| distribution.relative_error > 0.0);
    let error = rough().map(|(_, distribution)| distribution.relative_error).fold(0.0, f64::max);
    let titles: Vec<&str> = rough().map(|(row, _)| row.title).collect();
    let titles = titles.join(", ");
    (error > 0.0).then(|| {
        format!("percentiles of {titles} within {:.2} %: too many values to keep each", error * 100.0)
    })
}

/// What is shown, in this order, under the name and unit that fit a narrow column.
fn shown(summary: &Summary, open_loop: bool) -> Vec<(Metric, &'static str, &'static str)> {
    let differ = summary.distributions.get(&Metric::Ttfo) != summary.distributions.get(&Metric::Ttft);
    let mut rows = vec![(Metric::Ttft, "TTFT", "ms")];
    if differ {
        rows.push((Metric::Ttfo, "TTFO", "ms"));
    }
    if open_loop {
        rows.push((Metric::TtftDue, "TTFT from due", "ms"));
    }
    rows.extend([
        (Metric::E2el, "E2EL", "ms"),
        (Metric::Itl, "ITL", "ms"),
        (Metric::TokensPerEvent, "Tokens/event", ""),
        (Metric::Tpot, "TPOT", "ms"),
        (Metric::OutputThroughputPerRequest, "Per request", "tok/s"),
        (Metric::Isl, "ISL", "tokens"),
        (Metric::Osl, "OSL", "tokens"),
    ]);
    rows
}

struct Row {
    metric: Metric,
    title: &'static str,
    unit: &'static str,
    cells: Vec<Cell>,
    /// In the order of [`INTERVALS`]; empty where the count supports none.
    intervals: [String; INTERVALS.len()],
}

struct Cell {
    text: String,
    /// Whether the count supports a confidence interval of it.
    supported: bool,
}

impl Row {
    /// `None` where the metric is undefined.
    fn of((metric, title, unit): (Metric, &'static str, &'static str), summary: &Summary) -> Option<Row> {
        let distribution = summary.distributions.get(&metric)?;
        let values = values(distribution);
        let decimals = decimals(&values);
        let cell = |(value, supported): (f64, bool)| {
            let mark = if supported { "" } else { "~" };
            Cell { text: format!("{mark}{}", grouped(value, decimals)), supported }
        };
        let interval = |(level, _): (Level, &str)| match distribution.at(level)?.ci95? {
            (low, high) if low == high => Some(grouped(low, decimals)),
            (low, high) => Some(format!("{}–{}", grouped(low, decimals), grouped(high, decimals))),
        };
        let intervals = INTERVALS.map(|level| interval(level).unwrap_or_default());
        Some(Row { metric, title, unit, cells: values.into_iter().map(cell).collect(), intervals })
    }
}

impl Cell {
    fn render(&self, page: Page, width: usize) -> String {
        let text = format!("{:GAP$}{:>width$}", "", self.text);
        if self.supported { text } else { page.dim(&text) }
    }
}

/// The values of the columns, and whether the count supports each.
fn values(distribution: &Distribution) -> Vec<(f64, bool)> {
    let quantiles = [Level::P50, Level::P90, Level::P95, Level::P99].into_iter();
    let quantiles = quantiles.filter_map(|level| distribution.at(level)).map(|q| (q.value, q.ci95.is_some()));
    std::iter::once((distribution.mean, true)).chain(quantiles).chain([(distribution.max, true)]).collect()
}

/// The same for a whole row, so that its points stand in line with the eye: about four digits of its largest value.
fn decimals(values: &[(f64, bool)]) -> usize {
    if values.iter().all(|(value, _)| value.fract() == 0.0) {
        return 0;
    }
    match values.iter().fold(0.0, |largest: f64, (value, _)| largest.max(value.abs())) {
        ..1.0 => 3,
        ..100.0 => 2,
        ..10_000.0 => 1,
        _ => 0,
    }
}

/// A number with its thousands set apart.
pub fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let point = text.find('.').unwrap_or(text.len());
    let (whole, fraction) = text.split_at(point);
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut out = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let check = |value: f64, decimals, expected: &str| assert_eq!(grouped(value, decimals), expected);
        check(0.0, 0, "0");
        check(999.0, 0, "999");
        check(1000.0, 0, "1,000");
        check(1234567.891, 2, "1,234,567.89");
        check(-1234.5, 1, "-1,234.5");
        check(999.99, 1, "1,000.0");
    }

    #[test]
    fn a_row_has_about_four_digits_of_its_largest_value() {
        let check = |values: &[f64], expected| {
            let values: Vec<(f64, bool)> = values.iter().map(|&value| (value, true)).collect();
            assert_eq!(decimals(&values), expected);
        };
        check(&[51.0, 1024.0], 0);
        check(&[0.1, 0.25], 3);
        check(&[0.1, 52.5], 2);
        check(&[0.1, 152.5], 1);
        check(&[0.1, 20_000.0], 0);
    }
}
