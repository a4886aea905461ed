//! How far a command has come, shown while it works if standard error is a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two changes of the line.
const STEP: Duration = Duration::from_millis(200);

/// A line that changes. It is removed when this is dropped.
pub(super) struct Progress {
    /// `None` without a terminal. Otherwise the time of the last change, if there was one.
    shown: Option<Mutex<Option<Instant>>>,
}

impl Progress {
    /// Shows nothing yet.
    pub(super) fn new() -> Self {
        Self { shown: io::stderr().is_terminal().then(Mutex::default) }
    }

    /// Shows a line, unless one was shown a moment ago.
    pub(super) fn show(&self, line: impl FnOnce() -> String) {
        let Some(shown) = &self.shown else { return };
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_none_or(|at| at.elapsed() >= STEP) {
            *shown = Some(Instant::now());
            // A terminal that cannot be written to is no reason to fail.
            let _ = write!(io::stderr(), "\r\x1b[K{}", line());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// A number of bytes for people, such as `1.5 GiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_the_largest_unit_that_fits() {
        let sizes = [0, 1023, 1536, 5 << 20, 3 << 40, 5 << 50].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.5 KiB", "5.0 MiB", "3.0 TiB", "5120.0 TiB"]);
    }
}
