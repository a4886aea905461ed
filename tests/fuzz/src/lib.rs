//! Shared by the targets: how an input is split, and the grammars of the specifications.
//!
//! People can read and write the inputs by hand: lines of text first, then the bytes for the parser.

use std::sync::LazyLock;

use regex::Regex;

/// Splits off the first line without its line break. `None` when it is not UTF-8.
pub fn line(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let rest = input.get(end + 1..).unwrap_or_default();
    Some((std::str::from_utf8(&input[..end]).ok()?, rest))
}

/// A grammar as a specification prints it.
pub struct Grammar(LazyLock<Regex>);

impl Grammar {
    /// Whether the whole of `text` matches.
    pub fn holds(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// A repository name (distribution specification, "Pulling manifests").
pub static NAME: Grammar = Grammar(LazyLock::new(|| {
    whole(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
}));

/// A tag (distribution specification, "Pulling manifests").
pub static TAG: Grammar = Grammar(LazyLock::new(|| whole(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")));

/// A digest of any algorithm (image specification, descriptor.md, "Digests").
pub static DIGEST: Grammar =
    Grammar(LazyLock::new(|| whole(r"[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")));

/// A digest of a registered algorithm (image specification, descriptor.md, "Registered algorithms").
pub static REGISTERED: Grammar =
    Grammar(LazyLock::new(|| whole("sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")));

/// The name of an upload session: a UUID in groups.
pub static UPLOAD: Grammar =
    Grammar(LazyLock::new(|| whole("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")));

/// Position of a chunk in its blob (distribution specification, "Pushing a blob in chunks").
pub static CHUNK: Grammar = Grammar(LazyLock::new(|| whole("[0-9]+-[0-9]+")));

fn whole(grammar: &str) -> Regex {
    // `$` would also match before a line break at the end.
    Regex::new(&format!(r"\A(?:{grammar})\z")).expect("the grammar is a regular expression")
}
