//! How long a repository keeps manifests that have no tag.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// The rules for untagged manifests of all repositories. Without a rule a repository keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention(Vec<Rule>);

/// The rule for the repositories that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A repository, `prefix/*`, or `*`.
    pub pattern: Covering,
    /// How long they keep untagged manifests.
    pub keep: Keep,
}

/// A pattern of repositories: `*`, all below a prefix, or one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covering(String);

/// How long untagged manifests stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Until somebody deletes them.
    Always,
    /// For this time after the loss of the last tag.
    For(Duration),
}

/// Everything that the rule decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Name of the repository.
    pub repository: &'a str,
    /// Whether a tag names the manifest.
    pub tagged: bool,
    /// Whether an index of the repository names it.
    pub indexed: bool,
    /// Whether another manifest of the repository refers to it as its subject.
    pub referred: bool,
    /// Whether it refers to a manifest of the repository.
    pub refers: bool,
    /// Time since the last of these was true, or since its last push.
    pub quiet: Duration,
}

/// What shall become of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays for this reason.
    Keep(Reason),
    /// It stays for this time.
    Wait(Duration),
    /// Nothing keeps it any longer.
    Remove,
}

/// Why a manifest stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A tag names it.
    Tag,
    /// An index names it.
    Index,
    /// Another manifest refers to it.
    Referrer,
    /// It refers to another manifest, and lives as long as that.
    Subject,
    /// The repository keeps untagged manifests.
    Rule,
}

/// A pattern that is neither of the three forms.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a pattern; write a repository, prefix/*, or *")]
pub struct RuleError;

impl Retention {
    /// The rules in any order: of those that cover a repository, the one with the longest pattern counts.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Decides about one manifest.
    pub fn judge(&self, facts: &Facts<'_>) -> Verdict {
        if facts.tagged {
            return Verdict::Keep(Reason::Tag);
        }
        if facts.indexed {
            return Verdict::Keep(Reason::Index);
        }
        if facts.referred {
            return Verdict::Keep(Reason::Referrer);
        }
        if facts.refers {
            return Verdict::Keep(Reason::Subject);
        }
        match self.keep(facts.repository) {
            Keep::Always => Verdict::Keep(Reason::Rule),
            Keep::For(time) if facts.quiet < time => {
                Verdict::Wait(time.saturating_sub(facts.quiet))
            }
            Keep::For(_) => Verdict::Remove,
        }
    }

    /// How long a repository keeps untagged manifests.
    pub fn keep(&self, repository: &str) -> Keep {
        let covering = self.0.iter().filter(|rule| rule.pattern.covers(repository));
        let closest = covering.max_by_key(|rule| rule.pattern.0.len());
        closest.map_or(Keep::Always, |rule| rule.keep)
    }

    /// Beginnings of the names of all repositories that may lose untagged manifests. Empty if none may.
    pub fn prefixes(&self) -> Vec<&str> {
        let removing = self.0.iter().filter(|rule| rule.keep != Keep::Always);
        removing.map(|rule| rule.pattern.0.trim_end_matches('*')).collect()
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Rule { pattern, keep }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}={keep}", pattern.0)?;
        }
        Ok(())
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("keep"),
            Self::For(time) => humantime::format_duration(*time).fmt(f),
        }
    }
}

impl Covering {
    fn covers(&self, repository: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => repository.starts_with(prefix),
            None => repository == self.0,
        }
    }
}

impl FromStr for Covering {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let name = text.strip_suffix("/*").unwrap_or(text);
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
        let named = !name.is_empty() && name.chars().all(fits) && !name.contains("//");
        if text == "*" || (named && !name.starts_with('/') && !name.ends_with('/')) {
            return Ok(Self(text.to_owned()));
        }
        Err(RuleError)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tag => "a tag names it",
            Self::Index => "an index names it",
            Self::Referrer => "another manifest refers to it",
            Self::Subject => "it refers to a manifest that is kept",
            Self::Rule => "the repository keeps untagged manifests",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn rules(rules: &[(&str, Keep)]) -> Retention {
        let rule = |(pattern, keep): &(&str, Keep)| Rule {
            pattern: pattern.parse().unwrap(),
            keep: *keep,
        };
        Retention::new(rules.iter().map(rule).collect())
    }

    fn untagged(repository: &str, quiet: Duration) -> Facts<'_> {
        let (tagged, indexed, referred, refers) = (false, false, false, false);
        Facts { repository, tagged, indexed, referred, refers, quiet }
    }

    #[test]
    fn the_closest_rule_counts_and_without_one_everything_stays() {
        let retention = rules(&[
            ("*", Keep::For(HOUR * 100)),
            ("acme/*", Keep::For(HOUR)),
            ("acme/site", Keep::Always),
            ("acme/site/*", Keep::For(HOUR * 2)),
        ]);
        for (repository, keep) in [
            ("other", Keep::For(HOUR * 100)),
            ("acme", Keep::For(HOUR * 100)),
            ("acme2/web", Keep::For(HOUR * 100)),
            ("acme/web", Keep::For(HOUR)),
            ("acme/site", Keep::Always),
            ("acme/site/docs", Keep::For(HOUR * 2)),
            ("acme/site2", Keep::For(HOUR)),
        ] {
            assert_eq!(retention.keep(repository), keep, "{repository}");
        }
        assert_eq!(Retention::default().keep("acme/web"), Keep::Always);
        assert_eq!(retention.prefixes(), ["", "acme/", "acme/site/"]);
        assert!(rules(&[("acme/*", Keep::Always)]).prefixes().is_empty());
    }

    #[test]
    fn what_something_names_stays() {
        let retention = rules(&[("*", Keep::For(HOUR))]);
        let old = untagged("a", HOUR * 1000);
        for (facts, verdict) in [
            (Facts { tagged: true, ..old }, Verdict::Keep(Reason::Tag)),
            (Facts { indexed: true, ..old }, Verdict::Keep(Reason::Index)),
            (Facts { referred: true, ..old }, Verdict::Keep(Reason::Referrer)),
            (Facts { refers: true, ..old }, Verdict::Keep(Reason::Subject)),
            (old, Verdict::Remove),
            (untagged("a", HOUR), Verdict::Remove),
            (untagged("a", HOUR / 4), Verdict::Wait(HOUR * 3 / 4)),
        ] {
            assert_eq!(retention.judge(&facts), verdict, "{facts:?}");
            let kept = Retention::default().judge(&facts);
            assert!(matches!(kept, Verdict::Keep(_)), "{facts:?}: {kept:?}");
        }
    }

    #[test]
    fn patterns_are_names_prefixes_and_a_star() {
        for good in ["*", "acme", "acme/*", "acme/web-1", "a.b/c_d/*"] {
            assert!(good.parse::<Covering>().is_ok(), "{good}");
        }
        for bad in ["", "/", "/*", "acme*", "acme/", "/acme", "a//b", "ACME", "**", "a b"] {
            assert!(bad.parse::<Covering>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_are_printed_as_they_are_written() {
        let retention = rules(&[("acme/*", Keep::For(HOUR * 48)), ("*", Keep::Always)]);
        assert_eq!(retention.to_string(), "acme/*=2days,*=keep");
    }
}
