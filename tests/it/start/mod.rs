//! Starting: what keeps a server from it, said in one line, and what a server with partners of its own survives.

mod alone;
mod refused;
