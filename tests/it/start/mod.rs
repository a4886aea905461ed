//! How a server starts: errors that keep it from starting, private partners, and sockets that it is given.

mod activated;
mod alone;
mod refused;
