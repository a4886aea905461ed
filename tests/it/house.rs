//! Holds the arrows of the house: which room may use which, how long a file may be, and that no SQL file is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that every room may use.
const FREE: [&str; 4] = ["ipld", "oci", "rights", "telemetry"];

/// What each room may use beside those and itself.
const ARROWS: [(&str, &[&str]); 21] = [
    ("accounts", &["config", "seal", "store", "stream"]),
    ("acme", &["config", "jobs", "net", "outbound", "seal", "store"]),
    (
        "app",
        &[
            "accounts", "acme", "auth", "config", "embedded", "http", "ipfs", "jobs", "net",
            "outbound", "registry", "seal", "store",
        ],
    ),
    ("auth", &["accounts", "config", "jobs", "seal", "store", "stream"]),
    (
        "cli",
        &[
            "accounts", "acme", "auth", "config", "embedded", "ipfs", "jobs", "outbound",
            "registry", "seal", "store",
        ],
    ),
    ("config", &[]),
    ("embedded", &["config"]),
    ("http", &["auth", "config", "net", "registry", "stream"]),
    ("ipfs", &["config", "outbound", "stream"]),
    ("ipld", &["stream"]),
    ("jobs", &["store"]),
    ("main", &["app", "cli", "config"]),
    ("net", &["config", "seal"]),
    ("oci", &[]),
    ("outbound", &["config"]),
    ("registry", &["ipfs", "jobs", "store", "stream"]),
    ("rights", &[]),
    ("seal", &["config"]),
    ("store", &["config", "outbound"]),
    ("stream", &[]),
    ("telemetry", &[]),
];

/// Crates that only some rooms may name.
const CONFINED: [(&str, &[&str]); 6] = [
    ("hyper", &["acme", "http", "ipfs", "net", "outbound"]),
    ("ring", &["auth", "seal", "stream"]),
    ("rustls", &["net", "outbound", "store"]),
    ("tokio_rustls", &["net", "outbound"]),
    ("tokio_postgres", &["store"]),
    ("bb8", &["store"]),
];

/// Most lines of a source file, its tests not counted.
const LINES: usize = 400;

#[test]
fn rooms_use_only_the_rooms_that_they_may() {
    let mut broken = Vec::new();
    for (room, path, code) in sources() {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} is no room"));
        for used in used_rooms(&code) {
            let may =
                used == room || FREE.contains(&used.as_str()) || allowed.contains(&used.as_str());
            if !may {
                broken.push(format!("{} uses {used}", path.display()));
            }
        }
        for (name, rooms) in CONFINED {
            let named =
                code.contains(&format!("use {name}::")) || code.contains(&format!(" {name}::"));
            if named && !rooms.contains(&room.as_str()) {
                broken.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "arrows against the plan:\n{}", broken.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(_, path, code)| (code.lines().count(), path))
        .filter(|(lines, _)| *lines > LINES)
        .collect();
    assert!(long.is_empty(), "files over {LINES} lines: {long:?}");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let mute: Vec<_> = sources()
        .into_iter()
        .filter(|(_, _, code)| !code.starts_with("//!"))
        .map(|(_, p, _)| p)
        .collect();
    assert!(mute.is_empty(), "files without a door-plate: {mute:?}");
}

#[test]
fn every_statement_is_used() {
    let code: String = sources().into_iter().map(|(_, _, code)| code).collect();
    let unused: Vec<_> = files(&root().join("sql/queries"), "sql")
        .into_iter()
        .map(|path| path.strip_prefix(root().join("sql/queries")).unwrap().display().to_string())
        .filter(|name| !code.contains(name.trim_end_matches(".sql")))
        .collect();
    assert!(unused.is_empty(), "statements without a function: {unused:?}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Room, path and code (inline tests cut off) of each source file.
fn sources() -> Vec<(String, PathBuf, String)> {
    let src = root().join("src");
    files(&src, "rs")
        .into_iter()
        .filter(|path| !path.file_stem().is_some_and(|stem| stem == "lib" || is_tests(stem)))
        .map(|path| {
            let inside = path.strip_prefix(&src).unwrap();
            let first = inside.iter().next().unwrap();
            let room = Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned();
            let code = fs::read_to_string(&path).unwrap();
            let code = code.split("\n#[cfg(test)]").next().unwrap().to_owned();
            (room, path, code)
        })
        .collect()
}

fn is_tests(stem: &std::ffi::OsStr) -> bool {
    stem.to_str()
        .is_some_and(|stem| stem == "tests" || stem.ends_with("_tests") || stem == "testing")
}

/// Rooms named by `crate::` (or `af_registry::`, as main does) in lines that are not comments.
fn used_rooms(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for root in ["crate::", "af_registry::"] {
            for rest in line.split(root).skip(1) {
                if let Some(group) = rest.strip_prefix('{') {
                    let names = group.split(['}', '{']).next().unwrap_or_default().split(',');
                    rooms.extend(names.map(|name| word(name.trim())));
                } else {
                    rooms.insert(word(rest));
                }
            }
        }
    }
    rooms.remove("");
    rooms
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
