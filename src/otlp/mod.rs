//! Sends traces to a collector of OpenTelemetry: OTLP over http, as protobuf.
//!
//! One task takes spans that have ended, gathers them for a second, and sends them. No request waits for it: while the
//! collector is slow or gone, spans wait in their bounded queue and then are lost and counted.

mod collector;
mod encode;
mod exporter;
mod wire;

pub use exporter::Exporter;
