//! The log, the metrics, traces, and the last hour. All rooms may use this one; it uses none of them.

mod causes;
pub mod log;
pub mod metrics;
pub mod recent;
pub mod trace;

pub use causes::with_causes;
