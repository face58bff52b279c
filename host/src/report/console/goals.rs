//! The objectives of a run, each with its outcome.

use super::table::grouped;
use super::{Page, rate};
use crate::metrics::{Attainment, Metric, Summary, Unit};

/// The lines of the block; none where there are no objectives.
pub(super) fn goals(page: Page, summary: &Summary) -> Vec<String> {
    let Some(slo) = &summary.slo else { return Vec::new() };
    let width = slo.attainments.iter().map(|a| a.slo.to_string().len()).max().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    for attainment in &slo.attainments {
        let label = if lines.is_empty() { "Objectives" } else { "" };
        lines.push(page.labelled(label, &line(page, attainment, width)));
    }
    if let Some(goodput) = slo.goodput {
        let share = slo.good_share().map_or(String::new(), |share| {
            format!(", {} % of {} due", grouped(share * 100.0, 2), grouped(slo.due as f64, 0))
        });
        lines.push(page.labelled("Goodput", &format!("{} requests/s{share}", rate(goodput))));
    }
    lines
}

fn line(page: Page, attainment: &Attainment, width: usize) -> String {
    let verdict = if attainment.met { "ok    ".to_owned() } else { page.red("MISSED") };
    let percent = |share: f64| grouped(share * 100.0, 2);
    let what = if attainment.slo.metric == Metric::Itl { "gaps" } else { "requests" };
    let share = attainment.share().map_or("nothing was due".to_owned(), |share| {
        format!("{} % of {} {what}", percent(share), grouped(attainment.of as f64, 0))
    });
    let interval = attainment.ci95.map_or(String::new(), |(low, high)| {
        format!(" (95 % interval {} to {})", percent(low), percent(high))
    });
    let unit = match attainment.slo.metric.definition().unit {
        Unit::Ms => "ms",
        _ => "tok/s",
    };
    let worst =
        attainment.worst.map_or(String::new(), |worst| format!(", worst {} {unit}", grouped(worst, 1)));
    format!("{verdict} {:<width$}  {share}{interval}{worst}", attainment.slo.to_string())
}
