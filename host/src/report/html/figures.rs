//! The charts of the page, each with what it shows in words.

use anyhow::Result;

use super::chart::{self, Words};
use crate::metrics::{Cloud, Course, DRAWN, Metric, Portrait};
use crate::report::console::grouped;

/// All of them; nothing where no request succeeded.
pub(super) fn figures(portrait: &Portrait) -> Result<String> {
    let blocks = [
        block("Distribution", "charts", spreads(portrait)?),
        block("Over time", "charts", courses(portrait)?),
        block("Against the length of prompt and answer", "charts two", by_length(portrait)?),
    ];
    Ok(blocks.concat())
}

fn block(title: &str, class: &str, figures: Vec<String>) -> String {
    if figures.is_empty() {
        return String::new();
    }
    format!(
        "<section class=\"charts-section\"><h2>{title}</h2><div class=\"{class}\">{}</div></section>\n",
        figures.concat()
    )
}

/// The word for a metric that is drawn, and what its values are counted by.
fn words(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::Ttft => ("TTFT", "requests"),
        Metric::Itl => ("ITL", "gaps"),
        _ => ("E2EL", "requests"),
    }
}

fn spreads(portrait: &Portrait) -> Result<Vec<String>> {
    let drawn = DRAWN.iter().zip(&portrait.spreads);
    let drawn = drawn.filter_map(|(metric, spread)| Some((words(*metric), spread.as_ref()?)));
    drawn
        .map(|((word, counted), spread)| {
            let name = format!("Histogram and cumulative share of {word}");
            let labels = Words { name: &name, x: "ms", y: counted, second: "share below" };
            let keys = format!("{}{}", key("bar", counted), key("second", "share below"));
            Ok(figure(word, &chart::spread(&labels, spread)?, &keys, beyond(spread.beyond(), spread.n())))
        })
        .collect()
}

fn courses(portrait: &Portrait) -> Result<Vec<String>> {
    let in_flight: Vec<(f64, f64)> = portrait.in_flight().collect();
    let drawn = DRAWN.iter().zip(&portrait.courses).zip(&portrait.clouds);
    let drawn = drawn.filter_map(|((metric, course), cloud)| Some((words(*metric), course.as_ref()?, cloud)));
    drawn
        .map(|((word, counted), course, cloud)| {
            let name = format!("{word} over time, and requests in flight");
            let labels =
                Words { name: &name, x: "s from the first request", y: "ms", second: "requests in flight" };
            let svg = chart::course(&labels, (course, cloud.as_ref()), &in_flight, portrait.seconds)?;
            let dots = cloud.as_ref().map_or(String::new(), |_| key("dot", counted));
            let keys = [key("", "p50"), key("second", "p95"), dots, key("flight", "in flight")].concat();
            let of = cloud.as_ref().map_or_else(|| course.n(), Cloud::n);
            let remark = format!("{}{}", beyond(chart::top(course, cloud.as_ref()).1, of), bins());
            Ok(figure(word, &svg, &keys, remark))
        })
        .collect()
}

fn by_length(portrait: &Portrait) -> Result<Vec<String>> {
    let words = [("TTFT", "input tokens"), ("E2EL", "output tokens")];
    let drawn = words.into_iter().zip(&portrait.by_length);
    let drawn =
        drawn.filter_map(|(words, cloud)| Some((words, cloud.as_ref().filter(|cloud| cloud.n() > 0)?)));
    drawn
        .map(|((word, length), cloud)| {
            let name = format!("{word} of each request against its {length}");
            let labels = Words { name: &name, x: length, y: "ms", second: "" };
            let svg = chart::scatter(&labels, cloud)?;
            let title = format!("{word} against {length}");
            Ok(figure(&title, &svg, &key("dot", "requests"), beyond(cloud.beyond(), cloud.n())))
        })
        .collect()
}

fn figure(title: &str, svg: &str, keys: &str, remark: String) -> String {
    format!("<figure><h3>{title}</h3>{svg}<figcaption>{keys}{remark}</figcaption></figure>")
}

fn key(class: &str, word: &str) -> String {
    format!("<span><i class=\"key {class}\"></i>{word}</span>")
}

/// Says how exact the lines of a course are.
fn bins() -> String {
    format!(
        "<span class=\"remark\">lines: p50 and p95 of each step, within {:.1} %</span>",
        Course::relative_error() * 100.0
    )
}

/// Says what a chart leaves out.
fn beyond(count: u64, of: u64) -> String {
    if count == 0 {
        return String::new();
    }
    let number = |n: u64| grouped(n as f64, 0);
    format!("<span class=\"remark\">{} of {} beyond the axis</span>", number(count), number(of))
}
