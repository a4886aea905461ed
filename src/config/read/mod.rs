//! How a setting is declared, given by flag or environment, and parsed. Knows no setting by name.

pub(super) mod command;
mod setting;
mod source;
pub(super) mod value;

pub(super) use setting::{Group, Kind, Setting};
pub(super) use source::Source;
