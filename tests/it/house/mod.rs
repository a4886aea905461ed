//! The laws of the house, as tests: floors, cycles, unused arrows, files, statements, and the papers that must be whole.
//!
//! `src/lib.rs` describes the floors and rooms; `CONTRIBUTING.md` says how to add something to them.

mod papers;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use source::{arrows, before_tests, cycle, files, root, sources};

/// The floor of each room. A room may use rooms on lower floors.
const FLOORS: [(&str, u8); 24] = [
    ("config", 0),
    ("ipld", 0),
    ("oci", 0),
    ("policy", 0),
    ("rights", 0),
    ("seal", 0),
    ("stream", 0),
    ("telemetry", 0),
    ("embedded", 1),
    ("ipfs", 1),
    ("jobs", 1),
    ("net", 1),
    ("outbound", 1),
    ("store", 1),
    ("acme", 2),
    ("content", 2),
    ("accounts", 3),
    ("auth", 3),
    ("registry", 3),
    ("otlp", 4),
    ("cli", 5),
    ("http", 5),
    ("app", 6),
    ("main", 6),
];

/// Arrows between rooms on the same floor.
const SAME_FLOOR: [(&str, &str); 11] = [
    ("auth", "accounts"),
    ("config", "policy"),
    ("config", "telemetry"),
    ("ipfs", "outbound"),
    ("jobs", "store"),
    ("ipld", "stream"),
    ("main", "app"),
    ("rights", "oci"),
    ("seal", "config"),
    ("store", "outbound"),
    ("stream", "oci"),
];

/// Rooms and crates that only some rooms may name. Other lower rooms are open to all above them.
const CONFINED: [(&str, &[&str]); 11] = [
    ("crate::content", &["app", "cli", "registry"]),
    ("crate::embedded", &["app", "cli"]),
    ("crate::ipfs", &["app", "cli", "content", "registry"]),
    ("crate::net", &["acme", "app", "cli", "http"]),
    ("crate::store", &["accounts", "acme", "app", "auth", "cli", "jobs", "registry"]),
    ("bb8", &["store"]),
    ("hyper", &["acme", "http", "ipfs", "net", "otlp", "outbound"]),
    ("ring", &["auth", "seal", "stream"]),
    ("rustls", &["net", "outbound"]),
    ("tokio_postgres", &["store"]),
    ("tokio_rustls", &["net", "outbound"]),
];

/// Most lines of a source file, its tests not counted.
const LINES: usize = 400;

fn floor(room: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("the room {room} has no floor")).1
}

#[test]
fn rooms_use_lower_floors_only() {
    let mut broken = Vec::new();
    for source in sources() {
        for used in source.rooms().into_iter().filter(|used| *used != source.room) {
            let listed = SAME_FLOOR.contains(&(source.room.as_str(), used.as_str()));
            if floor(&used) >= floor(&source.room) && !listed {
                broken.push(format!("{} uses {used}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "arrows that do not lead down:\n{}", broken.join("\n"));
}

#[test]
fn confined_rooms_and_crates_are_named_where_they_may_be() {
    let mut broken = Vec::new();
    for source in sources() {
        for (name, rooms) in CONFINED {
            let own = name == format!("crate::{}", source.room);
            if !own && names(&source.code, name) && !rooms.contains(&source.room.as_str()) {
                broken.push(format!("{} names {name}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "names out of place:\n{}", broken.join("\n"));
}

#[test]
fn every_permission_of_the_lists_is_used() {
    let sources = sources();
    let rooms: BTreeSet<&str> = sources.iter().map(|source| source.room.as_str()).collect();
    let mut unused: Vec<String> = FLOORS
        .iter()
        .filter(|(room, _)| !rooms.contains(room))
        .map(|(r, _)| format!("room {r}"))
        .collect();
    for (from, to) in SAME_FLOOR {
        if !sources.iter().any(|source| source.room == from && source.rooms().contains(to)) {
            unused.push(format!("{from} -> {to}"));
        }
    }
    for (name, allowed) in CONFINED {
        for room in allowed {
            if !sources.iter().any(|source| source.room == *room && names(&source.code, name)) {
                unused.push(format!("{room} -> {name}"));
            }
        }
    }
    assert!(unused.is_empty(), "allowed, and used by nobody:\n{}", unused.join("\n"));
}

#[test]
fn no_room_has_a_cycle_of_files() {
    let arrows = arrows(&sources());
    let cycles: Vec<_> = FLOORS.iter().filter_map(|(room, _)| cycle(&arrows, room)).collect();
    assert!(cycles.is_empty(), "these files use each other in a circle: {cycles:#?}");
}

#[test]
fn files_stay_short() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|source| (before_tests(&source.text).lines().count(), source.path))
        .filter(|(lines, _)| *lines > LINES)
        .collect();
    assert!(long.is_empty(), "files over {LINES} lines: {long:?}");
}

#[test]
fn every_source_file_says_what_it_holds() {
    let sources = sources().into_iter();
    let mute: Vec<_> = sources
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert!(mute.is_empty(), "files without a first line of `//!`: {mute:?}");
}

/// `sql/queries/blob/quarantine.sql` is sent by a function `quarantine` in a file or folder `blob` of `store`.
#[test]
fn every_statement_has_a_function_of_its_name() {
    let sources: Vec<_> = sources().into_iter().filter(|source| source.room == "store").collect();
    let mut lost = Vec::new();
    for path in files(&root().join("sql/queries"), "sql") {
        let noun = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let verb = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let function = format!("fn {verb}");
        let found = sources.iter().filter(|source| source.module.contains(&noun)).any(|source| {
            let after = source.code.split(&function).skip(1);
            after.into_iter().any(|rest| rest.starts_with(['(', '<']))
        });
        if !found {
            lost.push(format!("{noun}/{verb}"));
        }
    }
    assert!(lost.is_empty(), "statements without a function of their name: {lost:?}");
}

/// One or two words only say again what the name beside them says.
#[test]
fn no_comment_of_the_docs_is_two_words_long() {
    let mut thin = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().map(str::trim_start).collect();
        let doc = |line: &str| line.strip_prefix("///").map(|text| text.trim().to_owned());
        for (at, line) in lines.iter().enumerate() {
            let Some(text) = doc(line) else { continue };
            let alone = (at == 0 || doc(lines[at - 1]).is_none_or(|before| before.is_empty()))
                && lines.get(at + 1).and_then(|next| doc(next)).is_none_or(|next| next.is_empty());
            // A path or a grammar in backticks is more than its name says.
            let heading = text.starts_with(['#', '`']) || text.is_empty();
            if alone && !heading && text.split_whitespace().count() <= 2 {
                thin.push(format!("{}:{}: {text}", source.path.display(), at + 1));
            }
        }
    }
    assert!(thin.is_empty(), "{} thin comments:\n{}", thin.len(), thin.join("\n"));
}

/// Whether the code names a crate or, as `crate::…`, a room.
fn names(code: &str, name: &str) -> bool {
    let grouped = name.strip_prefix("crate::").is_some_and(|room| {
        code.split("use crate::{").skip(1).any(|rest| {
            let group = rest.split(';').next().unwrap_or_default();
            let mut words = group.split([',', '{', '}', ' ', '\n']);
            words.any(|word| word == room || word.starts_with(&format!("{room}::")))
        })
    });
    let plain = [format!("use {name}::"), format!("use {name};"), format!(" {name}::")];
    grouped || plain.iter().any(|path| code.contains(path.as_str()))
}

#[test]
fn the_finder_names_every_endpoint() {
    let finder = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let endpoint = fs::read_to_string(root().join("src/http/v2/endpoint.rs")).unwrap();
    let missing = papers::missing_endpoints(&endpoint, &finder);
    assert!(missing.is_empty(), "endpoints without a row in ARCHITECTURE.md: {missing:?}");
    let statements = papers::statements_of_the_finder(&finder);
    assert!(statements.len() > 20, "the search for statements finds few: {statements:?}");
    let stale: Vec<_> = statements
        .iter()
        .filter(|name| !root().join(format!("sql/queries/{name}.sql")).exists())
        .collect();
    assert!(stale.is_empty(), "ARCHITECTURE.md names statements that do not exist: {stale:?}");
}

#[test]
fn the_help_text_names_every_setting() {
    let help = papers::help();
    let declared = papers::declared_settings(&sources());
    assert!(declared.len() > 50, "the search for declared settings finds few: {declared:?}");
    let missing: Vec<_> = declared.iter().filter(|name| !help.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "settings that `--help` does not name: {missing:?}");
}

#[test]
fn the_papers_name_no_setting_that_does_not_exist() {
    let declared = papers::declared_settings(&sources());
    let mut stale = Vec::new();
    for (paper, text) in papers::papers() {
        for name in papers::settings_in(&text) {
            let secret = name.strip_suffix("_FILE").unwrap_or(&name);
            let known = declared.contains(&name) || declared.contains(secret);
            // `OPEN_REGISTRY_DB_*` stands for all that begin so.
            let prefix = name.ends_with('_') && declared.iter().any(|full| full.starts_with(&name));
            if !known && !prefix {
                stale.push(format!("{paper}: {name}"));
            }
        }
    }
    assert!(stale.is_empty(), "no such setting: {stale:?}");
}

#[test]
fn the_papers_name_no_metric_that_does_not_exist() {
    let folder = files(&root().join("src/telemetry/metrics"), "rs");
    let known: Vec<String> = folder
        .iter()
        .flat_map(|file| papers::metrics_in(&fs::read_to_string(file).unwrap()))
        .collect();
    let mut found = 0;
    for (paper, text) in papers::papers() {
        for named in papers::metrics_named(&text) {
            found += 1;
            // A histogram has suffixes, and a pattern for grep names the start only.
            let known = known.iter().any(|name| name.starts_with(named) || named.starts_with(name));
            assert!(known, "{paper}: no metric begins with {named}");
        }
    }
    assert!(found > 20, "the search for metrics finds only {found}");
}

#[test]
fn the_papers_name_no_command_that_does_not_exist() {
    let mut helps = BTreeMap::new();
    let mut found = 0;
    for (paper, text) in papers::papers() {
        for typed in papers::commands_in(&text) {
            found += 1;
            let words = typed.words.join(" ");
            let help = helps.entry(words.clone()).or_insert_with(|| papers::help_of(&typed.words));
            let Some(help) = help else {
                panic!("{paper}: no such command: af-registry {words}");
            };
            for flag in typed.flags {
                assert!(help.contains(flag), "{paper}: af-registry {words} has no {flag}");
            }
        }
    }
    assert!(found > 40, "the search for commands finds only {found}");
}

#[test]
fn links_in_the_papers_lead_to_files() {
    let mut found = 0;
    for (paper, text) in papers::papers() {
        let folder = root().join(&paper).parent().unwrap().to_owned();
        let links = papers::relative_links(&text);
        found += links.len();
        let broken: Vec<_> = links.iter().filter(|link| !folder.join(link).exists()).collect();
        assert!(broken.is_empty(), "{paper} links to files that do not exist: {broken:?}");
    }
    assert!(found > 20, "the search for links finds only {found}");
}

#[test]
fn every_metric_is_described() {
    let mut found = 0;
    for file in files(&root().join("src/telemetry/metrics"), "rs") {
        let metrics = fs::read_to_string(&file).unwrap();
        let (named, missing) = papers::undescribed_metrics(&metrics);
        found += named;
        assert!(missing.is_empty(), "metrics without a help text in {file:?}: {missing:?}");
    }
    assert!(found > 60, "the search for metrics finds only {found}");
}
