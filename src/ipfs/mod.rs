//! The client of Kubo: its RPC and its gateway, and the dag-pb trees that it stores.

pub mod dag;
