//! Line charts as SVG, without scripts and without styles of their own: the page's style sheet colours the classes.

use std::fmt::Write;

/// Size of a chart, in the units of its view box, and the room for the labels at its edges.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 10.0;

/// One line of a chart.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// A value for each slot; `None` where there is none.
    pub(super) values: Vec<Option<f64>>,
}

/// How the values of a chart are written.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    /// Writes a value.
    pub(super) show: fn(f64) -> String,
    /// The axis ends at a round number of what this returns for the largest value.
    pub(super) unit: fn(f64) -> f64,
}

/// A chart of the last `minutes`, with a legend that has the newest value of each line.
pub(super) fn chart(title: &str, minutes: u64, axis: Axis, series: &[Series]) -> String {
    let largest = series.iter().flat_map(|line| line.values.iter().flatten()).copied();
    let Axis { show, unit } = axis;
    let largest = largest.fold(0.0, f64::max);
    let top = rounded_up(largest / unit(largest)) * unit(largest);
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
    for part in [0.0, 0.5, 1.0] {
        let (y, label) = (height(part), show(top * part));
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.1}\">{minutes} min ago</text><text class=\"end\" x=\"{WIDTH}\" y=\"{:.1}\">now</text>",
        HEIGHT - 4.0,
        HEIGHT - 4.0
    );
    for (number, line) in series.iter().enumerate() {
        let _ = write!(svg, "<path class=\"line s{number}\" d=\"{}\"/>", path(&line.values, top));
    }
    svg.push_str("</svg><p class=\"legend\">");
    for (number, line) in series.iter().enumerate() {
        let newest = line.values.iter().rev().flatten().next();
        let newest = newest.map_or_else(|| "none yet".to_owned(), |value| show(*value));
        let _ = write!(svg, "<span class=\"s{number}\">{} <b>{newest}</b></span> ", line.name);
    }
    svg.push_str("</p></figure>");
    svg
}

/// The commands of a path through the values. It is broken where there is none; a lone value is a dot.
fn path(values: &[Option<f64>], top: f64) -> String {
    let step = (WIDTH - LEFT) / (values.len().max(2) - 1) as f64;
    let mut path = String::new();
    let mut drawing = false;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else {
            drawing = false;
            continue;
        };
        let (x, y) = (LEFT + step * at as f64, height(value / top));
        let _ = match drawing {
            true => write!(path, "L{x:.1} {y:.1}"),
            false => write!(path, "M{x:.1} {y:.1}h.1"),
        };
        drawing = true;
    }
    path
}

fn height(part: f64) -> f64 {
    TOP + (1.0 - part) * (HEIGHT - TOP - BOTTOM)
}

/// The next 1, 2 or 5 of a power of ten.
fn rounded_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis = Axis { show: |value| format!("{value} s"), unit: |_| 1.0 };

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (value, top) in
            [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (4.9, 5.0), (5.1, 10.0), (12.0, 20.0)]
        {
            assert!((rounded_up(value) - top).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn a_line_is_broken_where_there_is_no_value() {
        let drawn = path(&[Some(1.0), Some(1.0), None, Some(0.0)], 1.0);
        assert_eq!((drawn.matches('M').count(), drawn.matches('L').count()), (2, 1), "{drawn}");
        let series = [Series { name: "p50", values: vec![None, Some(2.0)] }];
        let text = chart("Pull", 60, AXIS, &series);
        assert!(text.contains("p50 <b>2 s</b>") && !text.contains("style="), "{text}");
        assert!(
            chart("Pull", 60, AXIS, &[Series { name: "x", values: vec![] }]).contains("none yet")
        );
    }
}
