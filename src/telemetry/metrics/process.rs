//! Metrics of the process, under the names that every program with a Prometheus client uses. They are read from `/proc`
//! when somebody asks for the metrics, which takes some microseconds.

use std::fs;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const CPU: &str = "process_cpu_seconds_total";
const RESIDENT: &str = "process_resident_memory_bytes";
const VIRTUAL: &str = "process_virtual_memory_bytes";
const OPEN_FDS: &str = "process_open_fds";
const MAX_FDS: &str = "process_max_fds";
const THREADS: &str = "process_threads";
const START_TIME: &str = "process_start_time_seconds";

/// Ticks a second in `/proc`. Linux shows 100 to programs on every machine, whatever the kernel counts by.
const TICKS: f64 = 100.0;

/// Reads the state of this process and publishes it. What cannot be read keeps its last value.
pub fn publish() {
    if let Some(stat) = read("/proc/self/stat").as_deref().and_then(Stat::parse) {
        // The counter takes whole numbers only.
        counter!(CPU).absolute(stat.ticks / 100);
        gauge!(THREADS).set(stat.threads);
        if let Some(boot) = read("/proc/stat").as_deref().and_then(boot_time) {
            gauge!(START_TIME).set(boot + stat.started / TICKS);
        }
    }
    if let Some(status) = read("/proc/self/status") {
        let kib = |name| field(&status, name).map(|kib: f64| kib * 1024.0);
        if let Some(bytes) = kib("VmRSS:") {
            gauge!(RESIDENT).set(bytes);
        }
        if let Some(bytes) = kib("VmSize:") {
            gauge!(VIRTUAL).set(bytes);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        gauge!(OPEN_FDS).set(open.count() as f64);
    }
    if let Some(most) = read("/proc/self/limits").and_then(|text| field(&text, "Max open files")) {
        gauge!(MAX_FDS).set(most);
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The first number after `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Seconds since 1970 at which the machine started.
fn boot_time(text: &str) -> Option<f64> {
    field(text, "btime ")
}

/// The part of `/proc/self/stat` that is published.
#[derive(Debug, PartialEq)]
struct Stat {
    ticks: u64,
    threads: f64,
    started: f64,
}

impl Stat {
    /// The name of the program, in parentheses, may hold blanks and parentheses itself.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            ticks: number(11)? + number(12)?,
            threads: number(17)? as f64,
            started: number(19)? as f64,
        })
    }
}

pub(super) fn describe() {
    describe_counter!(CPU, Unit::Seconds, "CPU time of the process, user and system");
    describe_gauge!(RESIDENT, Unit::Bytes, "Memory of the process that is in RAM");
    describe_gauge!(VIRTUAL, Unit::Bytes, "Address space of the process");
    describe_gauge!(OPEN_FDS, Unit::Count, "Open file descriptors");
    describe_gauge!(MAX_FDS, Unit::Count, "Most file descriptors that may be open");
    describe_gauge!(THREADS, Unit::Count, "Threads of the process");
    describe_gauge!(
        START_TIME,
        Unit::Seconds,
        "Time at which the process started, in seconds since 1970"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_process_is_read_behind_its_name() {
        let text = "12 (a) b) S 1 12 12 0 -1 4194304 900 0 0 0 150 50 0 0 20 0 7 0 4242 1000000 300 18446744073709551615";
        assert_eq!(Stat::parse(text), Some(Stat { ticks: 200, threads: 7.0, started: 4242.0 }));
        assert_eq!(Stat::parse("12 (a) S 1"), None);
        assert_eq!(field("VmRSS:\t  1024 kB\n", "VmRSS:"), Some(1024.0));
        assert_eq!(boot_time("cpu 1\nbtime 1700000000\n"), Some(1_700_000_000.0));
    }

    #[test]
    fn this_process_has_a_state() {
        let stat = Stat::parse(&read("/proc/self/stat").unwrap()).unwrap();
        assert!(stat.threads >= 1.0 && stat.started > 0.0, "{stat:?}");
        assert!(field(&read("/proc/self/limits").unwrap(), "Max open files").is_some());
    }
}
