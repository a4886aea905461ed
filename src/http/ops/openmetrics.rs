//! Metrics as OpenMetrics 1.0, which has exemplars.
//!
//! The library that gathers the metrics writes Prometheus' text format. The two differ in the names of counters, in quotes in
//! help texts, in the bounds of buckets and in the last line. Source: the OpenMetrics specification, "Text format".

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use hyper::header::HeaderValue;

use crate::telemetry::metrics::exemplar::Exemplar;

/// The media type of what [`render`] writes.
pub(super) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether one of the `Accept` headers names OpenMetrics.
pub(super) fn accepted<'a>(mut accepts: impl Iterator<Item = &'a HeaderValue>) -> bool {
    accepts.any(|accept| {
        accept.to_str().is_ok_and(|accept| accept.contains("application/openmetrics-text"))
    })
}

/// Renders metrics that come in Prometheus' text format. `of` finds the exemplars of a series by the line of its buckets up to
/// the label `le`, and then that of a bucket by its bound.
pub(super) fn render<F: Fn(f64) -> Option<Exemplar>>(
    text: &str,
    of: impl Fn(&str) -> Option<F>,
) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    // The buckets of a series follow each other.
    let (mut last, mut exemplars) = ("", None);
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((series, bound, count)) = bucket(line) {
            // OpenMetrics wants 1.0 where the text format has 1.
            let point = if bound.bytes().all(|byte| byte.is_ascii_digit()) { ".0" } else { "" };
            for part in [series, "le=\"", bound, point, "\"} ", count] {
                out.push_str(part);
            }
            if series != last {
                (last, exemplars) = (series, of(series));
            }
            let exemplar = exemplars.as_ref().and_then(|exemplar| exemplar(bound.parse().ok()?));
            if let Some(exemplar) = exemplar {
                append(&mut out, exemplar);
            }
        } else if let Some((kind, name, rest)) = comment(line) {
            // The name of a counter's family lacks the suffix of its samples.
            let family = name.strip_suffix("_total").unwrap_or(name);
            let _ = match kind {
                "HELP" => write!(out, "# HELP {family} {}", rest.replace('"', "\\\"")),
                _ => write!(out, "# {kind} {family} {rest}"),
            };
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out.push_str("# EOF\n");
    out
}

/// Takes the line of a bucket apart: up to the label `le`, its bound, and its count.
fn bucket(line: &str) -> Option<(&str, &str, &str)> {
    let at = line.find("le=\"").filter(|_| !line.starts_with('#'))?;
    let (series, rest) = line.split_at(at);
    series.contains("_bucket{").then_some(())?;
    let (bound, count) = rest.strip_prefix("le=\"")?.split_once("\"} ")?;
    Some((series, bound, count))
}

/// Takes a comment apart: its kind, the name that it is about, and the rest.
fn comment(line: &str) -> Option<(&str, &str, &str)> {
    let mut words = line.strip_prefix("# ")?.splitn(3, ' ');
    Some((words.next()?, words.next()?, words.next()?))
}

fn append(out: &mut String, Exemplar { trace, value, at }: Exemplar) {
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let _ = write!(out, " # {{trace_id=\"{trace:032x}\"}} {value:?} {:.3}", at.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn counters_lose_their_suffix_and_buckets_get_their_exemplars() {
        let text = "# HELP pulls_total Pulls, by le=\"no label\"\n# TYPE pulls_total counter\npulls_total{a=\"b\"} 3\n\n\
            # TYPE took_seconds histogram\ntook_seconds_bucket{a=\"b\",le=\"0.5\"} 1\ntook_seconds_bucket{a=\"b\",le=\"1\"} 2\n\
            took_seconds_bucket{a=\"b\",le=\"+Inf\"} 2\ntook_seconds_sum{a=\"b\"} 1.2\ntook_seconds_count{a=\"b\"} 2\n\n";
        let at = UNIX_EPOCH + Duration::from_millis(1_500);
        let find = |series: &str| {
            assert_eq!(series, "took_seconds_bucket{a=\"b\",");
            Some(|bound| (bound == 1.0).then_some(Exemplar { trace: 0xabc, value: 0.75, at }))
        };
        let wanted = "# HELP pulls Pulls, by le=\\\"no label\\\"\n# TYPE pulls counter\npulls_total{a=\"b\"} 3\n\
            # TYPE took_seconds histogram\ntook_seconds_bucket{a=\"b\",le=\"0.5\"} 1\n\
            took_seconds_bucket{a=\"b\",le=\"1.0\"} 2 # {trace_id=\"00000000000000000000000000000abc\"} 0.75 1.500\n\
            took_seconds_bucket{a=\"b\",le=\"+Inf\"} 2\ntook_seconds_sum{a=\"b\"} 1.2\ntook_seconds_count{a=\"b\"} 2\n# EOF\n";
        assert_eq!(render(text, find), wanted);
    }

    #[test]
    fn only_a_caller_that_names_openmetrics_gets_it() {
        let accepts = |header: &'static str| accepted([HeaderValue::from_static(header)].iter());
        assert!(accepts(
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        ));
        assert!(!accepts("text/plain") && !accepts("*/*") && !accepted([].iter()));
    }
}
