//! How a server starts: errors that keep it from starting, and private partners.

mod alone;
mod refused;
