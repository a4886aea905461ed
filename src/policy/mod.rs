//! Rules that decide. Pure: a rule gets facts that were read anyway and returns a verdict; it reads and changes nothing.

mod retention;

pub use retention::{Covering, Facts, Keep, Reason, Retention, Rule, RuleError, Verdict};
