//! What the operator sees: the log and the metrics. Free to all rooms, knows none.

pub mod log;
pub mod metrics;
