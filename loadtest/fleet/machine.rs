//! CPU and memory of the server and of this driver, read from `/proc`.

use std::time::Instant;

use af_registry::stream::hashing::sha256;

/// Bytes that are hashed to learn what hashing costs here.
const SAMPLE: usize = 64 << 20;
/// Clock ticks of `/proc` in a second, on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// Readings at the start of a run.
pub(crate) struct Machine {
    pid: Option<u32>,
    server: f64,
    driver: f64,
}

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU seconds of the server, without PostgreSQL and Kubo.
    pub(crate) server: Option<f64>,
    /// Largest resident memory of the server since it started, in MiB.
    pub(crate) peak: Option<f64>,
    /// CPU seconds of this driver.
    pub(crate) driver: f64,
    /// CPU seconds that it takes to hash a GiB.
    pub(crate) hashing: f64,
}

impl Machine {
    pub(crate) fn begin(pid: Option<u32>) -> Self {
        let server = pid.and_then(|pid| cpu(&pid.to_string())).unwrap_or_default();
        Self { pid, server, driver: cpu("self").unwrap_or_default() }
    }

    pub(crate) fn end(self) -> Cost {
        let server = self.pid.and_then(|pid| cpu(&pid.to_string())).map(|now| now - self.server);
        let driver = cpu("self").unwrap_or_default() - self.driver;
        Cost { server, peak: self.pid.and_then(peak), driver, hashing: hashing() }
    }
}

/// User and system seconds of a process so far (proc(5), stat).
fn cpu(process: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS)
}

/// VmHWM of a process, in MiB.
fn peak(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

fn hashing() -> f64 {
    let bytes = vec![7; SAMPLE];
    let began = Instant::now();
    std::hint::black_box(sha256(&bytes));
    began.elapsed().as_secs_f64() * (1 << 30) as f64 / SAMPLE as f64
}
