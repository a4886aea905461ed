//! Every test that needs a real partner, in one binary that starts them once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod acme;
mod auth;
mod blink;
mod chaos;
mod cli;
mod clients;
mod cluster;
mod collect;
mod conformance;
mod edge;
mod exposed;
mod faults;
mod health;
mod history;
mod hot;
mod house;
mod hygiene;
mod instances;
mod ipfs;
mod jobs;
mod lists;
mod loads;
mod local;
mod manifest;
mod metrics;
mod outages;
mod pull;
mod quotas;
mod remote;
mod reviews;
mod rig;
mod slow;
mod start;
mod store;
mod strangers;
mod suspicion;
mod tls;
mod traces;
mod trickle;
mod truth;
mod upload;
