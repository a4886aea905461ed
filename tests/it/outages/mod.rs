//! PostgreSQL that restarts, fails over, falls silent, has no connection left or no disk, under requests of clients.

mod crowded;
mod failover;
mod full;
mod silent;
