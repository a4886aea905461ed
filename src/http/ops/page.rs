//! The page for an operator without Grafana: the last hour of this process as charts, drawn by the server. It loads its style
//! sheet and nothing else, runs no script, and asks nobody anything.

use std::fmt::Write;
use std::time::Duration;

use super::chart::{Axis, Series, chart};
use crate::telemetry::recent::{Durations, Hour, JobState, SLOT, Slot};

/// The style sheet, which is served beside the page.
pub(super) const STYLE: &str = include_str!("page.css");

/// What the page may load: its own style sheet.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, as HTML.
pub(super) fn page(hour: &Hour, ready: &str) -> String {
    let slots = &hour.slots;
    let minutes = slots.len() as u64 * SLOT.as_secs() / 60;
    let minutes = minutes.max(1);
    let line = |name, value: fn(&Slot) -> Option<f64>| Series {
        name,
        values: slots.iter().map(value).collect(),
    };
    let charts = [
        chart(
            "Pulls of blobs and manifests, to the last byte",
            minutes,
            Axis { show: seconds, unit: whole },
            &percentiles(slots, |slot| &slot.pulls),
        ),
        chart(
            "Pushes of blobs, from opening the upload",
            minutes,
            Axis { show: seconds, unit: whole },
            &percentiles(slots, |slot| &slot.pushes),
        ),
        chart(
            "Requests, and answers with a 5xx",
            minutes,
            Axis { show: rate, unit: whole },
            &[
                rates("requests", slots, |slot| slot.requests),
                rates("5xx", slots, |slot| slot.failures),
            ],
        ),
        chart(
            "Storage",
            minutes,
            Axis { show: bytes, unit: binary },
            &[
                line("Kubo", |slot| slot.kubo.map(|bytes| bytes as f64)),
                line("PostgreSQL", |slot| slot.database.map(|bytes| bytes as f64)),
            ],
        ),
    ];
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"refresh\" content=\"30\"><title>af-registry</title><link rel=\"stylesheet\" href=\"/page.css\"></head>\
         <body><header><h1>af-registry</h1><p>version {}, up for {}, <b class=\"{ready}\">{ready}</b></p></header>\
         <main>{}</main>{}<footer><p>The last hour of this process, and no other instance's. \
         <a href=\"/metrics\">Metrics</a> · <a href=\"/readyz\">Readiness</a></p></footer></body></html>",
        env!("CARGO_PKG_VERSION"),
        time(hour.uptime),
        charts.concat(),
        jobs(&hour.jobs)
    )
}

/// What happened each second. The newest slot is not over yet, and would look like a fall.
fn rates(name: &'static str, slots: &[Slot], of: fn(&Slot) -> u64) -> Series {
    let rate = |slot| Some(of(slot) as f64 / SLOT.as_secs_f64());
    let mut values: Vec<_> = slots.iter().map(rate).collect();
    if let [_, .., newest] = values.as_mut_slice() {
        *newest = None;
    }
    Series { name, values }
}

fn percentiles(slots: &[Slot], of: fn(&Slot) -> &Durations) -> [Series; 3] {
    [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)].map(|(name, share)| Series {
        name,
        values: slots.iter().map(|slot| of(slot).quantile(share)).collect(),
    })
}

fn jobs(jobs: &[(&'static str, JobState)]) -> String {
    let mut table = "<table><caption>Background jobs</caption><thead><tr><th>Job</th><th>Last run</th><th>Ended</th><th>Took</th>\
                     <th>Waiting</th><th>Oldest</th></tr></thead><tbody>"
        .to_owned();
    for (name, job) in jobs {
        let outcome = job.outcome.unwrap_or("–");
        let (ended, took) = job.run.map_or(("–".to_owned(), "–".to_owned()), |(at, took)| {
            (format!("{} ago", time(at.elapsed())), seconds(took.as_secs_f64()))
        });
        let (waiting, oldest) =
            job.backlog.map_or(("–".to_owned(), "–".to_owned()), |(items, age)| {
                (items.to_string(), time(age))
            });
        let _ = write!(
            table,
            "<tr><td>{name}</td><td class=\"{outcome}\">{outcome}</td><td>{ended}</td><td>{took}</td><td>{waiting}</td><td>{oldest}</td></tr>"
        );
    }
    table + "</tbody></table>"
}

/// A number of seconds in a unit that fits.
fn seconds(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        _ if value < 0.0001 => "under 0.1 ms".to_owned(),
        _ if value < 0.01 => format!("{:.1} ms", value * 1000.0),
        _ if value < 1.0 => format!("{:.0} ms", value * 1000.0),
        _ if value < 10.0 => format!("{value:.1} s"),
        _ => format!("{value:.0} s"),
    }
}

fn whole(_: f64) -> f64 {
    1.0
}

/// The largest power of 1024 that is not above the value.
fn binary(value: f64) -> f64 {
    1024_f64.powf(value.max(1.0).log(1024.0).floor())
}

fn rate(value: f64) -> String {
    match value {
        0.0 => "0/s".to_owned(),
        _ if value < 10.0 => format!("{value:.2}/s"),
        _ => format!("{value:.0}/s"),
    }
}

fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 && unit > 0 {
        format!("{value:.1} {}", units[unit])
    } else {
        format!("{value:.0} {}", units[unit])
    }
}

/// A time in its two largest units.
fn time(time: Duration) -> String {
    let whole = Duration::from_secs(time.as_secs());
    let text = humantime::format_duration(whole).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units_that_fit() {
        assert_eq!(
            [seconds(0.00004), seconds(0.0052), seconds(0.25), seconds(2.5), seconds(75.0)],
            ["under 0.1 ms", "5.2 ms", "250 ms", "2.5 s", "75 s"]
        );
        assert_eq!([rate(0.0), rate(0.5), rate(14.2)], ["0/s", "0.50/s", "14/s"]);
        assert_eq!([bytes(100.0), bytes(1536.0), bytes(5e9)], ["100 B", "1.5 KiB", "4.7 GiB"]);
        assert_eq!(time(Duration::from_secs(90_061)), "1day 1h");
    }
}
