//! What the operator sees: the log and the metrics. Free to all rooms, knows none.

mod causes;
pub mod log;
pub mod metrics;

pub use causes::with_causes;
