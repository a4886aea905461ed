//! Settings of the review, which removes what is needed no longer.

use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};
use crate::policy::{Keep, Retention, Rule};

const WINDOW: Setting = Setting {
    env: "OPEN_REGISTRY_GC_WINDOW",
    kind: Kind::Value("TIME"),
    default: Some("24h"),
    help: "How long a blob stays in a repository that no manifest there names, and how long content stays stored that no \
           repository holds. Deletions can be undone as long. 0 for none.",
};
const UNTAGGED: Setting = Setting {
    env: "OPEN_REGISTRY_GC_UNTAGGED",
    kind: Kind::Value("PATTERN=TIME,..."),
    default: None,
    help: "How long repositories keep manifests without a tag, by patterns of repositories such as acme/*=30d,acme/site=keep,*=90d; \
           the longest pattern counts. Manifests of an index, referrers, and what they refer to stay. Without a pattern \
           untagged manifests stay.",
};

pub(super) const GROUP: Group = Group { title: "Retention", settings: &[&WINDOW, &UNTAGGED] };

/// What a review removes, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// How long something is kept after it was needed last.
    pub window: Duration,
    /// How long repositories keep untagged manifests.
    pub retention: Retention,
}

impl Review {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        Ok(Self {
            window: source.read(&WINDOW, window)?,
            retention: source.read_optional(&UNTAGGED, retention)?.unwrap_or_default(),
        })
    }
}

fn window(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { value::time(text) }
}

fn retention(text: &str) -> Result<Retention, String> {
    let rules = text.split(',').map(|rule| rule_of(rule.trim()));
    rules.collect::<Result<Vec<_>, _>>().map(Retention::new)
}

fn rule_of(text: &str) -> Result<Rule, String> {
    let (pattern, keep) =
        text.split_once('=').ok_or("not a rule; write acme/*=30d or acme/*=keep")?;
    let keep = match keep.trim() {
        "keep" => Keep::Always,
        time => Keep::For(window(time)?),
    };
    let pattern = pattern.trim().parse().map_err(|error| format!("`{pattern}`: {error}"))?;
    Ok(Rule { pattern, keep })
}
