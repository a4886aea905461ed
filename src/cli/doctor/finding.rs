//! What a look finds.

use std::borrow::Cow;

use serde::Serialize;

use crate::config::Exposure;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Nothing is wrong.
    Fine,
    /// Something is not as it should be, and the registry works.
    Warning,
    /// The registry does not work, or loses data sooner or later.
    Broken,
}

impl Level {
    /// The word in answers.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Broken => "broken",
        }
    }

    /// The exit code. 1 stays for a command that fails itself.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Warning => 3,
            Self::Broken => 2,
        }
    }
}

/// Something that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    level: Level,
    area: &'static str,
    says: Cow<'static, str>,
    /// Empty for what is fine.
    means: Cow<'static, str>,
    todo: Cow<'static, str>,
}

impl Finding {
    /// Adds what it means, and what to do.
    pub(super) fn means(
        &mut self,
        means: impl Into<Cow<'static, str>>,
        todo: impl Into<Cow<'static, str>>,
    ) {
        (self.means, self.todo) = (means.into(), todo.into());
    }
}

/// All findings of a look, in the order in which they were made.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding. Say what it means, too.
    pub(super) fn add(
        &mut self,
        level: Level,
        area: &'static str,
        says: impl Into<Cow<'static, str>>,
    ) -> &mut Finding {
        let empty = Cow::Borrowed("");
        let finding = Finding { level, area, says: says.into(), means: empty.clone(), todo: empty };
        self.0.push_mut(finding)
    }

    /// Notes that something was looked at and is fine.
    pub(super) fn fine(&mut self, area: &'static str, says: impl Into<Cow<'static, str>>) {
        self.add(Level::Fine, area, says);
    }

    /// Adds what others can read. Its message says what that means and what to do.
    pub(super) fn exposed(&mut self, exposure: Exposure) {
        let message = exposure.message();
        let (means, todo) = message.split_once("; ").unwrap_or((message, ""));
        self.add(Level::Warning, "exposure", exposure.code().replace('_', " ")).means(means, todo);
    }

    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }

    pub(super) fn worst(&self) -> Level {
        self.0.iter().map(|finding| finding.level).max().unwrap_or(Level::Fine)
    }

    /// Lines for people, the worst last, where a terminal shows them.
    pub(super) fn text(&self) -> String {
        let mut sorted: Vec<&Finding> = self.0.iter().collect();
        sorted.sort_by_key(|finding| finding.level);
        let mut text = String::new();
        for finding in sorted {
            let Finding { level, area, says, means, todo } = finding;
            text += &format!("{:8} {area:10} {says}\n", level.word());
            for (word, line) in [("means", means), ("do", todo)] {
                if !line.is_empty() {
                    text += &format!("{:8} {word:>9}: {line}\n", "");
                }
            }
        }
        text.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides_and_stands_last() {
        let mut findings = Findings::default();
        assert_eq!(findings.worst(), Level::Fine);
        findings
            .add(Level::Broken, "kubo", "it does not answer")
            .means("nothing works", "start it");
        findings.fine("settings", "all are valid");
        findings.add(Level::Warning, "disk", "little is free").means("it fills", "make room");
        assert_eq!((findings.worst(), findings.worst().code()), (Level::Broken, 2));
        let text = findings.text();
        assert!(text.starts_with("fine     settings   all are valid\nwarning  disk"), "{text}");
        assert!(text.ends_with("means: nothing works\n                do: start it"), "{text}");
    }
}
