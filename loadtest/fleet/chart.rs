//! The report as a page that needs no other file: a table, and two charts in SVG.

use std::fmt::Write;

use crate::client::{Log, Sample, Step};
use crate::report::Report;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
/// Space for the labels of the axes.
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 30.0;
/// Intervals of the chart of throughput.
const BINS: usize = 120;
const COLOURS: [&str; 8] =
    ["#888888", "#1f77b4", "#9467bd", "#2ca02c", "#17becf", "#d62728", "#ff7f0e", "#8c564b"];
/// Percentiles of the chart of latencies.
const PERCENTS: [f64; 9] = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 100.0];

/// The page of a report.
pub(crate) fn page(report: &Report, log: &Log) -> String {
    let style = "body{font:14px sans-serif;max-width:900px;margin:2em auto;color:#222;background:#fff}\
                 svg{width:100%}text{font:12px sans-serif;fill:#444}pre{background:#f4f4f4;padding:1em;overflow:auto}";
    let title = "Load of a fleet";
    let mut page =
        format!("<!doctype html><meta charset=utf-8><title>{title}</title><style>{style}</style>");
    let _ = write!(page, "<h1>{title}</h1><pre>{}</pre>", escaped(&report.to_string()));
    let _ = write!(page, "<h2>Latency by percentile</h2>{}", latencies(report));
    let _ = write!(page, "<h2>Throughput over time</h2>{}", throughput(report, log));
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A line for each step. The vertical axis is logarithmic.
fn latencies(report: &Report) -> String {
    let all = report.steps.iter().flat_map(|it| PERCENTS.map(|percent| it.percentile(percent)));
    let (least, most) =
        all.fold((f64::MAX, f64::MIN), |(least, most), it| (least.min(it), most.max(it)));
    let low = least.max(0.001).log10().floor();
    let high = most.max(0.01).log10().ceil().max(low + 1.0);
    let x = |at: usize| LEFT + (WIDTH - LEFT - 10.0) * at as f64 / (PERCENTS.len() - 1) as f64;
    let y = |ms: f64| (HEIGHT - BOTTOM) * (high - ms.max(0.001).log10()) / (high - low);
    let mut svg = begin();
    for power in low as i32..=high as i32 {
        let ms = 10f64.powi(power);
        axis(&mut svg, y(ms), &format!("{ms} ms"));
    }
    for (at, percent) in PERCENTS.iter().enumerate() {
        let _ = write!(svg, "<text x={:.0} y={HEIGHT} text-anchor=middle>{percent}</text>", x(at));
    }
    for (row, it) in report.steps.iter().enumerate() {
        let points = PERCENTS.iter().enumerate();
        let points = points.map(|(at, percent)| (x(at), y(it.percentile(*percent)))).collect();
        let colour = Step::ALL.iter().position(|step| *step == it.step).unwrap_or_default();
        line(&mut svg, points, row, colour, it.step.name());
    }
    svg + "</svg>"
}

/// Bytes a second of pulls and of pushes. A blob counts evenly over its time.
fn throughput(report: &Report, log: &Log) -> String {
    let width = report.elapsed.as_secs_f64() / BINS as f64;
    let series = [(Step::PullBlob, 3), (Step::PushBlob, 5)];
    let rates = series.map(|(step, _)| {
        let mut bins = vec![0.0; BINS];
        let of_step = log.samples.iter().filter(|sample| sample.step == step);
        of_step.for_each(|sample| spread(sample, &mut bins, width));
        bins.iter_mut().for_each(|bytes| *bytes /= width * 1048576.0);
        bins
    });
    let most = rates.iter().flatten().fold(1.0, |most: f64, rate| most.max(*rate));
    let x = |at: usize| LEFT + (WIDTH - LEFT - 10.0) * at as f64 / (BINS - 1) as f64;
    let y = |rate: f64| 10.0 + (HEIGHT - BOTTOM - 10.0) * (1.0 - rate / most);
    let mut svg = begin();
    for part in 0..=4 {
        let rate = most * f64::from(part) / 4.0;
        axis(&mut svg, y(rate), &format!("{rate:.0} MiB/s"));
    }
    for part in 0..=4u8 {
        let at = usize::from(part) * (BINS - 1) / 4;
        let seconds = report.elapsed.as_secs_f64() * f64::from(part) / 4.0;
        let _ =
            write!(svg, "<text x={:.0} y={HEIGHT} text-anchor=middle>{seconds:.1} s</text>", x(at));
    }
    for (row, ((step, colour), bins)) in series.iter().zip(&rates).enumerate() {
        if bins.iter().any(|rate| *rate > 0.0) {
            let points = bins.iter().enumerate().map(|(at, rate)| (x(at), y(*rate))).collect();
            line(&mut svg, points, row, *colour, step.name());
        }
    }
    svg + "</svg>"
}

/// Adds the bytes of a sample to the bins that its time covers.
fn spread(sample: &Sample, bins: &mut [f64], width: f64) {
    let (from, took) = (sample.at.as_secs_f64(), sample.took.as_secs_f64().max(1e-6));
    let first = (from / width) as usize;
    let last = (((from + took) / width) as usize).min(BINS - 1);
    for (at, bin) in bins.iter_mut().enumerate().take(last + 1).skip(first) {
        let (begin, end) = (at as f64 * width, (at + 1) as f64 * width);
        let shared = (end.min(from + took) - begin.max(from)).max(0.0);
        *bin += sample.bytes as f64 * shared / took;
    }
}

fn begin() -> String {
    format!("<svg viewBox='0 -20 {WIDTH} {}'>", HEIGHT + 30.0)
}

fn axis(svg: &mut String, y: f64, label: &str) {
    let right = WIDTH - 10.0;
    let _ = write!(svg, "<line x1={LEFT} x2={right} y1={y:.1} y2={y:.1} stroke='#ddd'/>");
    let _ =
        write!(svg, "<text x={:.0} y={:.1} text-anchor=end>{label}</text>", LEFT - 6.0, y + 4.0);
}

/// Draws a line, and its name above the chart, where the names of all lines stand in a row.
fn line(svg: &mut String, points: Vec<(f64, f64)>, row: usize, colour: usize, name: &str) {
    let colour = COLOURS[colour % COLOURS.len()];
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (points, x) = (points.join(" "), LEFT + row as f64 * 98.0);
    let _ =
        write!(svg, "<polyline points='{points}' fill=none stroke='{colour}' stroke-width=2 />");
    let _ = write!(svg, "<text x={x:.0} y=-8 style='fill:{colour}'>{name}</text>");
}
