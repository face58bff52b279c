//! The charts, as inline SVG: axes and marks by plotters, one size for all, so that letters are as large in each.
//! Colours are names: a chart is drawn in those of the light page, and the style sheet gives each another in the dark.

use anyhow::{Result, anyhow};
use plotters::chart::DualCoordChartContext;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::text::escaped;
use crate::metrics::{Cloud, Course, Mark, Spread};

/// Columns of the page are so wide, more or less: then a letter has the size that was meant.
const SIZE: (u32, u32) = (430, 260);
/// plotters draws letters smaller by its factor of 1.24.
const LETTERS: f64 = 15.0;
/// Air above the highest mark.
const HEADROOM: f64 = 1.06;

/// What is drawn, in the colours of the light page; `style.css` knows each of them too.
const INK: RGBColor = RGBColor(0x55, 0x5e, 0x6d);
const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xec);
const BAR: RGBColor = RGBColor(0x8f, 0xb4, 0xe8);
const FIRST: RGBColor = RGBColor(0x1c, 0x5f, 0xc4);
const SECOND: RGBColor = RGBColor(0xc9, 0x55, 0x12);
const FLIGHT: RGBColor = RGBColor(0xd9, 0xde, 0xe6);

/// The words of one chart.
pub(super) struct Labels<'a> {
    /// Read out in place of the picture.
    pub(super) name: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// On the right.
    pub(super) second: &'a str,
}

type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type TwoPlanes<'a, 'b> = DualCoordChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<RangedCoordf64, RangedCoordf64>,
    Cartesian2d<RangedCoordf64, RangedCoordf64>,
>;

/// How values are spread: counts as bars, the share below as a curve.
pub(super) fn spread(words: &Labels<'_>, spread: &Spread) -> Result<String> {
    let most = spread.bars().map(|(.., count)| count).max().unwrap_or(0).max(1) as f64;
    draw(words, spread.range(), most * HEADROOM, 1.0, |chart| {
        let bars = spread.bars().filter(|(.., count)| *count > 0);
        let bars =
            bars.map(|(from, to, count)| Rectangle::new([(from, 0.0), (to, count as f64)], BAR.filled()));
        chart.draw_series(bars).map_err(problem)?;
        let curve = PathElement::new(spread.cumulative().collect::<Vec<_>>(), SECOND.stroke_width(2));
        chart.draw_secondary_series([curve]).map_err(problem)?;
        Ok(())
    })
}

/// How values went over time: percentiles as lines and requests as points, before what was in flight.
pub(super) fn course(
    words: &Labels<'_>,
    (course, cloud): (&Course, Option<&Cloud>),
    in_flight: &[(f64, f64)],
    seconds: f64,
) -> Result<String> {
    let steps: Vec<_> = course.steps().collect();
    let most = in_flight.iter().map(|(_, mean)| *mean).fold(1.0, f64::max);
    draw(words, (0.0, seconds), top(course, cloud).0, most * HEADROOM, |chart| {
        let edge = [(0.0, 0.0)].into_iter().chain(in_flight.iter().copied()).chain([(seconds, 0.0)]);
        let area = Polygon::new(edge.collect::<Vec<_>>(), FLIGHT.filled());
        chart.draw_secondary_series([area]).map_err(problem)?;
        if let Some(cloud) = cloud {
            marks(chart, cloud)?;
        }
        let line = |value: fn(&crate::metrics::CourseStep) -> f64, colour: RGBColor| {
            let points: Vec<_> = steps.iter().map(|step| (step.at, value(step))).collect();
            PathElement::new(points, colour.stroke_width(2))
        };
        chart.draw_series([line(|step| step.p95, SECOND), line(|step| step.p50, FIRST)]).map_err(problem)?;
        Ok(())
    })
}

/// Where the axis of a course ends, and how many values lie beyond it.
pub(super) fn top(course: &Course, cloud: Option<&Cloud>) -> (f64, u64) {
    let highest = course.steps().map(|step| step.p95).fold(0.0, f64::max);
    match cloud {
        Some(cloud) => (highest.max(cloud.y().1).max(1e-6) * HEADROOM, cloud.beyond()),
        // Its values are not drawn one by one, and what lies above the lines is not to go unsaid.
        None => course.beyond(highest.max(1e-6) * HEADROOM),
    }
}

/// One value against another, a mark a request.
pub(super) fn scatter(words: &Labels<'_>, cloud: &Cloud) -> Result<String> {
    let (low, high) = cloud.x();
    // Points at the ends stand off the frame.
    let margin = ((high - low) * 0.02).max(0.5);
    draw(words, (low - margin, high + margin), cloud.y().1.max(1e-6) * HEADROOM, 0.0, |chart| {
        marks(chart, cloud)
    })
}

fn marks(chart: &mut TwoPlanes<'_, '_>, cloud: &Cloud) -> Result<()> {
    for mark in cloud.marks() {
        match mark {
            Mark::Point { x, y } => chart.draw_series([Circle::new((x, y), 2, FIRST.mix(0.45).filled())]),
            Mark::Cell { from, to, fullness } => {
                // The root, or one full cell would leave all others unseen; in steps of a hundredth, to be short.
                let depth = (fullness.sqrt() * 50.0 + 10.0).round() / 100.0;
                let corners = [(from.0, to.1), (to.0, from.1)];
                chart.draw_series([Rectangle::new(corners, FIRST.mix(depth).filled())])
            }
        }
        .map_err(problem)?;
    }
    Ok(())
}

/// A chart with its frame. Where `second` is 0 there is no axis on the right.
fn draw(
    words: &Labels<'_>,
    (from, to): (f64, f64),
    high: f64,
    second: f64,
    content: impl FnOnce(&mut TwoPlanes<'_, '_>) -> Result<()>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let plane: Plane<'_, '_> = ChartBuilder::on(&root)
            .margin(6)
            .margin_top(22)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .right_y_label_area_size(if second > 0.0 { 44 } else { 8 })
            .build_cartesian_2d(from..to, 0.0..high)
            .map_err(problem)?;
        let mut chart = plane.set_secondary_coord(from..to, 0.0..second.max(1.0));
        frame(&mut chart, words, (to - from, high, second))?;
        content(&mut chart)?;
        titles(&root, words)?;
        root.present().map_err(problem)?;
    }
    Ok(named(&svg, words.name))
}

fn frame(
    chart: &mut TwoPlanes<'_, '_>,
    words: &Labels<'_>,
    (wide, high, second): (f64, f64, f64),
) -> Result<()> {
    let letters = ("sans-serif", LETTERS).into_font().color(&INK);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(6)
        .y_labels(5)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK.mix(0.5))
        .label_style(letters.clone())
        .x_label_formatter(&|value| label(*value, wide))
        .y_label_formatter(&|value| label(*value, high))
        .x_desc(words.x)
        .axis_desc_style(letters.clone())
        .draw()
        .map_err(problem)?;
    if second > 0.0 {
        let share = second <= 1.0;
        chart
            .configure_secondary_axes()
            .y_labels(if share { 6 } else { 5 })
            .axis_style(INK.mix(0.5))
            .label_style(letters)
            .y_label_formatter(&|value| {
                if share { format!("{:.0} %", value * 100.0) } else { label(*value, second) }
            })
            .draw()
            .map_err(problem)?;
    }
    Ok(())
}

/// What the axes at the sides are of, above them: turned by a quarter they would be hard to read, and cost width.
fn titles(root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, words: &Labels<'_>) -> Result<()> {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    let letters = ("sans-serif", LETTERS).into_font().color(&INK);
    root.draw_text(words.y, &letters.pos(Pos::new(HPos::Left, VPos::Top)), (6, 4)).map_err(problem)?;
    let right = letters.pos(Pos::new(HPos::Right, VPos::Top));
    root.draw_text(words.second, &right, (SIZE.0 as i32 - 4, 4)).map_err(problem)
}

/// A tick of an axis of this length: no digit that the next tick does not need.
fn label(value: f64, length: f64) -> String {
    let decimals = (1.0 - length.max(1e-9).log10().floor()).clamp(0.0, 6.0) as usize;
    let decimals = if length >= 6.0 { 0 } else { decimals };
    crate::report::console::grouped(value, decimals)
}

/// The SVG with a name for who cannot see it, and without a size of its own.
fn named(svg: &str, name: &str) -> String {
    let (width, height) = SIZE;
    let own_size = format!("<svg width=\"{width}\" height=\"{height}\" ");
    let opening = format!("<svg role=\"img\" aria-label=\"{}\" ", escaped(name));
    // A third of the text of a page of charts, and what it says holds without it.
    svg.replacen(&own_size, &opening, 1).replace(" opacity=\"1\"", "").replace(" stroke=\"none\"/>", "/>")
}

fn problem(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a chart cannot be drawn: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_a_chart_is_text() {
        let hostile = "</svg><script>alert('1')</script>\"&";
        let words = Labels { name: hostile, x: hostile, y: hostile, second: hostile };
        let svg = draw(&words, (0.0, 1.0), 1.0, 1.0, |_| Ok(())).unwrap();
        assert!(!svg.contains("<script"), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1);
        assert_eq!(svg.matches("&lt;script&gt;").count(), 4);
    }

    #[test]
    fn ticks_have_the_digits_they_need() {
        let check = |value, length, expected: &str| assert_eq!(label(value, length), expected);
        check(1500.0, 3000.0, "1,500");
        check(2.5, 5.0, "2.5");
        check(0.05, 0.2, "0.05");
        check(20.0, 40.0, "20");
    }

    #[test]
    fn every_colour_is_known_to_the_style_sheet() {
        for RGBColor(red, green, blue) in [INK, GRID, BAR, FIRST, SECOND, FLIGHT] {
            let colour = format!("#{red:02X}{green:02X}{blue:02X}");
            assert!(include_str!("style.css").contains(&colour), "{colour}");
        }
    }
}
