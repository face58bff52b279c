//! Every number that is compared, one a line, and what is recommended, for spreadsheets and data frames (RFC 4180). Columns
//! and names are the same in every language, as programs read them; only the title is for people.

use super::super::report::advised;
use super::super::words::Language;
use super::{ComparedRun, WIDTH};
use crate::metrics::{Estimate, Metric, Moment, Quantity};
use crate::report::inert;

const HEADER: &str =
    "run,model,family,size,quantisation,metric,statistic,title,unit,value,ci95_low,ci95_high\n";

pub(super) fn render(runs: &[ComparedRun], language: Language) -> String {
    let mut out = HEADER.to_owned();
    for run in runs {
        for metric in Metric::ALL {
            for moment in Moment::all() {
                line(run, Quantity::Of(metric, moment), moment.name(), language, &mut out);
            }
            if let Some(of) = run.distributions.get(&metric) {
                for (name, value) in [("min", of.min), ("max", of.max)] {
                    let quantity = Quantity::Of(metric, Moment::Mean);
                    put(run, quantity, name, Estimate { value, ci95: None }, language, &mut out);
                }
            }
        }
        for &rate in run.rates.keys() {
            line(run, rate, "", language, &mut out);
        }
    }
    recommendations(runs, language, &mut out);
    out
}

/// What is recommended: a line for each run, with 1 where there is no number to it.
fn recommendations(runs: &[ComparedRun], language: Language, out: &mut String) {
    for item in advised(runs, language).items() {
        for (run, cell) in &item.recommends {
            let (statistic, unit, value) = match cell {
                Some(cell) => (cell.number.name(), cell.number.unit(), cell.value),
                None => ("recommended".to_owned(), "", 1.0),
            };
            let metric = format!("advice.{}", item.topic);
            let title =
                item.heading.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
            let names = [&metric, &*statistic, title, unit];
            fields(&runs[*run], names, Estimate { value, ci95: None }, out);
        }
    }
}

fn line(run: &ComparedRun, quantity: Quantity, statistic: &str, language: Language, out: &mut String) {
    if let Some(estimate) = run.estimates.get(quantity) {
        put(run, quantity, statistic, estimate, language, out);
    }
}

fn put(
    run: &ComparedRun,
    quantity: Quantity,
    statistic: &str,
    estimate: Estimate,
    language: Language,
    out: &mut String,
) {
    let definition = quantity.definition();
    let names = [definition.name, statistic, title(quantity, language), definition.unit.name()];
    fields(run, names, estimate, out);
}

/// A line; `names` are metric, statistic, title and unit.
fn fields(run: &ComparedRun, names: [&str; 4], estimate: Estimate, out: &mut String) {
    let traits = &run.traits;
    let size = traits.size.as_ref().map_or("", |size| &size.text);
    let quantisation = traits.quantisation.as_deref().unwrap_or("");
    let of_run = [run.label.as_str(), &run.model, &traits.family, size, quantisation];
    let texts = of_run.into_iter().chain(names);
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let (low, high) = estimate.ci95.unzip();
    let mut fields: Vec<String> = texts.map(quoted).collect();
    fields.extend([number(Some(estimate.value)), number(low), number(high)]);
    out.push_str(&fields.join(","));
    out.push('\n');
}

fn title(quantity: Quantity, language: Language) -> &'static str {
    let (words, definition) = (language.words(), quantity.definition());
    match definition.name {
        "ttft" => words.ttft,
        "itl" => words.itl,
        "e2el" => words.e2el,
        "output_throughput_per_request" => words.per_request,
        "output_throughput" => words.output_throughput,
        "request_throughput" => words.request_rate_s,
        _ => definition.title,
    }
}

/// A text in quotes. What a spreadsheet would take for a formula gets an apostrophe in front, which it shows as text.
fn quoted(text: &str) -> String {
    let text = inert(text, WIDTH);
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_formulas_are_texts() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("a \"b\", c", "\"a \"\"b\"\", c\"");
        check("=1+1", "\"'=1+1\"");
        check("@SUM(A1)", "\"'@SUM(A1)\"");
        check("\t=1", "\"'=1\"");
    }
}
