//! Connections to PostgreSQL: opening them, sharing them, migrating the schema, and sending statements over them.

pub(crate) mod connection;
pub(crate) mod database;
pub(crate) mod gate;
pub(crate) mod gathered;
pub(crate) mod lease;
pub(crate) mod migrate;
mod negotiate;
pub(crate) mod opener;
pub(crate) mod others;
pub(crate) mod pool;
pub(crate) mod reads;
pub(crate) mod retry;
mod rounds;
pub(crate) mod row;
pub(crate) mod settings;
pub(crate) mod statements;
pub(crate) mod tls;
