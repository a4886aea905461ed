//! The files of `src`, and the paths that their code names.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its tests and comments.
pub(super) struct Source {
    /// Path below `src`.
    pub(super) path: PathBuf,
    /// First folder or file of the path: the room.
    pub(super) room: String,
    /// Module path, `["store", "db", "pool"]`.
    pub(super) module: Vec<String>,
    /// The whole text.
    pub(super) text: String,
    /// The text without unit tests and comments.
    pub(super) code: String,
}

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file but `lib.rs` and files of tests.
pub(super) fn sources() -> Vec<Source> {
    let src = root().join("src");
    files(&src, "rs")
        .into_iter()
        .map(|path| path.strip_prefix(&src).unwrap().to_owned())
        .filter(|path| !path.file_stem().is_some_and(|stem| stem == "lib" || is_tests(stem)))
        .map(|path| read(&src, path))
        .collect()
}

fn read(src: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(src.join(&path)).unwrap();
    let mut module: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    module.pop_if(|last| last == "mod");
    let code = before_tests(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    Source { room: module[0].clone(), path, module, text, code }
}

/// The text above an inline module of unit tests.
pub(super) fn before_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn is_tests(stem: &OsStr) -> bool {
    let stem = stem.to_str().unwrap_or_default();
    stem == "tests" || stem.ends_with("_tests") || stem == "testing"
}

/// Files below `folder` with this extension, sorted.
pub(super) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A path that code names, absolute, and whether `pub use` only passes it on.
struct Named {
    segments: Vec<String>,
    passed_on: bool,
}

impl Source {
    /// Rooms that this file names.
    pub(super) fn rooms(&self) -> BTreeSet<String> {
        let named = self.named().into_iter().filter_map(|named| named.segments.first().cloned());
        named.filter(|name| !name.is_empty()).collect()
    }

    fn named(&self) -> Vec<Named> {
        let mut named = Vec::new();
        let mut rest = self.code.as_str();
        let mut other = String::new();
        // `use` statements first, their groups flattened; what is left over holds paths in line.
        while let Some(at) = find_use(rest) {
            let (before, from) = rest.split_at(at);
            let end = from.find(';').unwrap_or(from.len());
            other.push_str(before);
            let passed_on = before.trim_end().rsplit('\n').next().is_some_and(|line| {
                let line = line.trim_start();
                line.starts_with("pub") && !line.contains(';') && !line.contains('{')
            });
            let tree = from[4..end].split_whitespace().collect::<Vec<_>>().join(" ");
            for path in flatten("", &tree) {
                named.extend(self.absolute(&path).map(|segments| Named { segments, passed_on }));
            }
            rest = &from[end..];
        }
        other.push_str(rest);
        for path in inline_paths(&other) {
            named.extend(self.absolute(&path).map(|segments| Named { segments, passed_on: false }));
        }
        named
    }

    /// The path from the crate's root, when it is one of this crate.
    fn absolute(&self, path: &str) -> Option<Vec<String>> {
        let path = path.split(" as ").next().unwrap_or_default();
        let mut segments: Vec<&str> = path.split("::").map(str::trim).collect();
        let mut base: Vec<String> = Vec::new();
        match *segments.first()? {
            "crate" | "af_registry" => {
                segments.remove(0);
            }
            "self" => {
                base.clone_from(&self.module);
                segments.remove(0);
            }
            "super" => {
                base.clone_from(&self.module);
                while segments.first() == Some(&"super") {
                    segments.remove(0);
                    base.pop()?;
                }
            }
            // A child of this module, named without `self::`.
            child if self.code.contains(&format!("mod {child};")) => {
                base.clone_from(&self.module);
            }
            _ => return None,
        }
        base.extend(segments.into_iter().map(str::to_owned));
        Some(base)
    }
}

/// Where the next `use` statement begins.
fn find_use(code: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = code[from..].find("use ") {
        let at = from + at;
        let line = code[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        if line.is_empty() || (line.starts_with("pub") && line.len() < 40 && line.ends_with(' ')) {
            return Some(at);
        }
        from = at + 4;
    }
    None
}

/// The single paths of a `use` tree.
fn flatten(prefix: &str, tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else { return vec![format!("{prefix}{}", tree.trim())] };
    let prefix = format!("{prefix}{}", tree[..open].trim());
    let inside = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut item, mut found) = (0, String::new(), Vec::new());
    for c in inside.chars().chain([',']) {
        match c {
            ',' if depth == 0 => {
                if !item.trim().is_empty() {
                    found.extend(flatten(&prefix, item.trim()));
                }
                item.clear();
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        item.push(c);
    }
    found
}

/// Paths of two segments or more.
fn inline_paths(code: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = code.split(|c| !is_path(c)).map(|path| path.trim_matches(':'));
    paths.filter(|path| path.contains("::")).map(str::to_owned).collect()
}

/// Which file of a room names which, `pub use` resolved to the file that defines the item.
pub(super) fn arrows(sources: &[Source]) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let by_module: BTreeMap<&[String], &Source> =
        sources.iter().map(|source| (source.module.as_slice(), source)).collect();
    let mut arrows: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for source in sources {
        for named in source.named().into_iter().filter(|named| !named.passed_on) {
            let Some(target) = defining(&by_module, &named.segments, 0) else { continue };
            if target.room == source.room && target.path != source.path {
                arrows.entry(source.path.clone()).or_default().insert(target.path.clone());
            }
        }
    }
    arrows
}

/// The file that defines what a path names.
fn defining<'a>(
    by_module: &BTreeMap<&[String], &'a Source>,
    path: &[String],
    depth: usize,
) -> Option<&'a Source> {
    let length = (1..=path.len()).rev().find(|n| by_module.contains_key(&path[..*n]))?;
    let source = by_module[&path[..length]];
    let Some(item) = path.get(length).filter(|_| depth < 8) else { return Some(source) };
    let passed = source.named().into_iter().find(|named| {
        named.passed_on
            && named.segments.last() == Some(item)
            && named.segments[..] != path[..=length]
    });
    match passed {
        Some(named) => defining(by_module, &named.segments, depth + 1),
        None => Some(source),
    }
}

/// A cycle among the files of a room, if there is one.
pub(super) fn cycle(
    arrows: &BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    room: &str,
) -> Option<Vec<PathBuf>> {
    fn visit(
        at: &Path,
        arrows: &BTreeMap<PathBuf, BTreeSet<PathBuf>>,
        done: &mut BTreeSet<PathBuf>,
        way: &mut Vec<PathBuf>,
    ) -> Option<Vec<PathBuf>> {
        if let Some(start) = way.iter().position(|passed| passed == at) {
            return Some(way[start..].to_vec());
        }
        if !done.insert(at.to_owned()) {
            return None;
        }
        way.push(at.to_owned());
        for next in arrows.get(at).into_iter().flatten() {
            if let Some(cycle) = visit(next, arrows, done, way) {
                return Some(cycle);
            }
        }
        way.pop();
        None
    }
    let mut done = BTreeSet::new();
    let files = arrows.keys().filter(|path| path.starts_with(room));
    files.into_iter().find_map(|from| visit(from, arrows, &mut done, &mut Vec::new()))
}
