//! The log and the metrics. All rooms may use this one; it uses none of them.

mod causes;
pub mod log;
pub mod metrics;

pub use causes::with_causes;
