//! Declares settings, finds them among flags and environment, and parses them. No single setting may live here.

pub(super) mod command;
mod setting;
mod source;
pub(super) mod value;

pub(super) use setting::{Group, Kind, Setting};
pub(super) use source::Source;
