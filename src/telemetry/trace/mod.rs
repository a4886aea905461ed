//! Traces: what was done for one request, and how long each part took, as spans for a collector of OpenTelemetry.
//!
//! Nothing is recorded unless [`start`] was called. The span of a request begins with its head ([`Root::begin`]). Work for the
//! request finds the span that it belongs to in [`current`], which [`within`] and [`enter`] set; a task of its own takes it
//! along. A span that has ended waits in a bounded queue for whoever sends it away ([`Ended`]). If the queue is full, the span
//! is lost and counted; nobody waits.

mod context;
mod current;
mod ended;
mod id;
mod record;
mod sampler;
mod span;

pub use context::Context;
pub use current::{Within, current, enter, within};
pub use ended::Ended;
pub use record::{Asked, Record, Work};
pub use sampler::Sampler;
pub use span::{Root, Span, start};
