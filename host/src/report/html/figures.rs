//! The charts of the page, each with what it shows in words.

use anyhow::Result;

use super::chart::{self, Labels};
use super::words::Words;
use crate::metrics::{Cloud, Course, DRAWN, Metric, Portrait};
use crate::report::compare::fill;
use crate::report::console::grouped;

/// All of them; nothing where no request succeeded.
pub(super) fn figures(portrait: &Portrait, words: &Words) -> Result<String> {
    let blocks = [
        block(words.distribution, "charts", spreads(portrait, words)?),
        block(words.over_time, "charts", courses(portrait, words)?),
        block(words.by_length, "charts two", by_length(portrait, words)?),
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
fn named(metric: Metric, words: &Words) -> (&'static str, &'static str) {
    match metric {
        Metric::Ttft => ("TTFT", words.requests),
        Metric::Itl => ("ITL", words.gaps),
        _ => ("E2EL", words.requests),
    }
}

fn spreads(portrait: &Portrait, words: &Words) -> Result<Vec<String>> {
    let drawn = DRAWN.iter().zip(&portrait.spreads);
    let drawn = drawn.filter_map(|(metric, spread)| Some((named(*metric, words), spread.as_ref()?)));
    drawn
        .map(|((word, counted), spread)| {
            let name = fill(words.spread_name, &[("metric", word)]);
            let labels = Labels { name: &name, x: "ms", y: counted, second: words.share_below };
            let keys = format!("{}{}", key("bar", counted), key("second", words.share_below));
            let remark = beyond(spread.beyond(), spread.n(), words);
            Ok(figure(word, &chart::spread(&labels, spread)?, &keys, remark))
        })
        .collect()
}

fn courses(portrait: &Portrait, words: &Words) -> Result<Vec<String>> {
    let in_flight: Vec<(f64, f64)> = portrait.in_flight().collect();
    let drawn = DRAWN.iter().zip(&portrait.courses).zip(&portrait.clouds);
    let drawn =
        drawn.filter_map(|((metric, course), cloud)| Some((named(*metric, words), course.as_ref()?, cloud)));
    drawn
        .map(|((word, counted), course, cloud)| {
            let name = fill(words.course_name, &[("metric", word)]);
            let labels = Labels { name: &name, x: words.seconds, y: "ms", second: words.requests_in_flight };
            let svg = chart::course(&labels, (course, cloud.as_ref()), &in_flight, portrait.seconds)?;
            let dots = cloud.as_ref().map_or(String::new(), |_| key("dot", counted));
            let keys = [key("", "p50"), key("second", "p95"), dots, key("flight", words.in_flight)].concat();
            let of = cloud.as_ref().map_or_else(|| course.n(), Cloud::n);
            let remark =
                format!("{}{}", beyond(chart::top(course, cloud.as_ref()).1, of, words), bins(words));
            Ok(figure(word, &svg, &keys, remark))
        })
        .collect()
}

fn by_length(portrait: &Portrait, words: &Words) -> Result<Vec<String>> {
    let named = [("TTFT", words.input_tokens), ("E2EL", words.output_tokens)];
    let drawn = named.into_iter().zip(&portrait.by_length);
    let drawn =
        drawn.filter_map(|(named, cloud)| Some((named, cloud.as_ref().filter(|cloud| cloud.n() > 0)?)));
    drawn
        .map(|((word, length), cloud)| {
            let gaps = [("metric", word), ("length", length)];
            let name = fill(words.scatter_name, &gaps);
            let labels = Labels { name: &name, x: length, y: "ms", second: "" };
            let svg = chart::scatter(&labels, cloud)?;
            let title = fill(words.scatter, &gaps);
            let remark = beyond(cloud.beyond(), cloud.n(), words);
            Ok(figure(&title, &svg, &key("dot", words.requests), remark))
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
fn bins(words: &Words) -> String {
    let error = format!("{:.1}", Course::relative_error() * 100.0);
    format!("<span class=\"remark\">{}</span>", fill(words.lines, &[("error", &error)]))
}

/// Says what a chart leaves out.
fn beyond(count: u64, of: u64, words: &Words) -> String {
    if count == 0 {
        return String::new();
    }
    let number = |n: u64| grouped(n as f64, 0);
    let text = fill(words.beyond, &[("n", &number(count)), ("of", &number(of))]);
    format!("<span class=\"remark\">{text}</span>")
}
