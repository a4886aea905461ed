//! What the papers must say: the table of ARCHITECTURE.md, the help text, and the help of metrics.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::source::{Source, files, root};

/// Variants of the enums of endpoints that no row of the table names, as `Enum::Variant`.
pub(super) fn missing_endpoints(endpoint: &str, finder: &str) -> Vec<String> {
    let rows: String = finder.lines().filter(|line| line.starts_with('|')).collect();
    let mut missing = Vec::new();
    for block in endpoint.split("\npub enum ").skip(1) {
        let name = block.split([' ', '<', '{']).next().unwrap_or_default();
        let body = block.split("\n}").next().unwrap_or_default();
        for line in body.lines().skip(1) {
            let Some(line) = line.strip_prefix("    ") else { continue };
            let variant: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
            let capital = variant.starts_with(|c: char| c.is_ascii_uppercase());
            // A variant of `Endpoint` that carries an enum of its own is named by that enum's variants.
            let carries = endpoint.contains(&format!("\npub enum {variant} "));
            if capital && !carries && !rows.contains(&format!("`{name}::{variant}`")) {
                missing.push(format!("{name}::{variant}"));
            }
        }
    }
    missing
}

/// Statements in the last column of the table. An entry without a noun takes the noun of the entry before it.
pub(super) fn statements_of_the_finder(finder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for row in finder.lines().filter(|line| line.starts_with("| ") && line.contains("::")) {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let mut noun = "";
        for entry in cell.split('`').skip(1).step_by(2) {
            let verb = match entry.split_once('/') {
                Some((own, verb)) => {
                    noun = own;
                    verb
                }
                None => entry,
            };
            found.push(format!("{noun}/{verb}"));
        }
    }
    found
}

/// The Markdown files that people read, by path. The changelog may name what no longer exists.
pub(super) fn papers() -> Vec<(String, String)> {
    let own = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "RELEASE.md", "SECURITY.md"]
        .map(|name| root().join(name));
    let folders = ["deploy", "loadtest", "flamegraphs"].map(|name| files(&root().join(name), "md"));
    let paths = own.into_iter().chain(folders.into_iter().flatten());
    paths
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root()).unwrap().display().to_string(), text)
        })
        .collect()
}

/// Targets of links to files of the repository, without the part after `#`.
pub(super) fn relative_links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .filter_map(|target| target.split('#').next())
        .collect()
}

/// What `--help` prints.
pub(super) fn help() -> String {
    let program = env!("CARGO_BIN_EXE_af-registry");
    let output = Command::new(program).arg("--help").env_clear().output().unwrap();
    assert!(output.status.success(), "`--help` fails");
    String::from_utf8(output.stdout).unwrap()
}

/// Names of the settings that `config` declares.
pub(super) fn declared_settings(sources: &[Source]) -> BTreeSet<String> {
    let config = sources.iter().filter(|source| source.room == "config");
    config
        .flat_map(|source| source.code.split("env: \"").skip(1))
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .filter(|name| name.starts_with("OPEN_REGISTRY_"))
        .collect()
}

/// Names of settings in a text.
pub(super) fn settings_in(text: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
        format!("OPEN_REGISTRY_{}", &rest[..end.unwrap_or(rest.len())])
    };
    text.split("OPEN_REGISTRY_").skip(1).map(name).collect()
}

/// How many metrics the file names, and the constants that its functions `describe` leave out.
pub(super) fn undescribed_metrics(metrics: &str) -> (usize, Vec<String>) {
    let functions = metrics.split("fn describe").skip(1);
    let describe: String =
        functions.map(|rest| rest.split("\n}").next().unwrap_or_default()).collect();
    let constants: Vec<String> = metrics
        .split("const ")
        .skip(1)
        .filter(|rest| {
            let line = rest.split('\n').next().unwrap_or_default();
            line.contains("&str = \"registry_") || line.contains("&str = \"process_")
        })
        .map(|rest| rest.split(':').next().unwrap_or_default().to_owned())
        .collect();
    let words: BTreeSet<&str> =
        describe.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let missing = constants.iter().filter(|name| !words.contains(name.as_str())).cloned().collect();
    (constants.len(), missing)
}

/// Names of metrics that the constants of a file hold.
pub(super) fn metrics_in(source: &str) -> Vec<String> {
    let values = source.split("&str = \"").skip(1);
    let values = values.filter_map(|rest| rest.split('"').next());
    values.filter(|name| is_metric(name)).map(str::to_owned).collect()
}

/// Words of a text that look like names of metrics, each as far as it has no braces or brackets.
pub(super) fn metrics_named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    words.filter(|word| is_metric(word)).collect()
}

fn is_metric(name: &str) -> bool {
    ["registry_", "process_"].iter().any(|start| name.starts_with(start))
}

/// A command of the program that a paper names: its words, and the flags that stand behind them.
#[derive(Debug)]
pub(super) struct Typed<'p> {
    pub(super) words: Vec<&'p str>,
    pub(super) flags: Vec<&'p str>,
}

/// Commands of the program in a text, in the form that a reader types them.
pub(super) fn commands_in(text: &str) -> Vec<Typed<'_>> {
    // `af` is the function that the papers of the unit define.
    let begins = ["af-registry ", "\naf ", "`af "];
    let found = begins.iter().flat_map(|begin| text.match_indices(begin));
    found.filter_map(|(at, begin)| command(&text[at + begin.len()..])).collect()
}

/// The command at the start of a text. `None` where the name of the program is no command.
fn command(rest: &str) -> Option<Typed<'_>> {
    let end = rest.find(['\n', '`', '#', '|', ';', '&', '<', '\'']).unwrap_or(rest.len());
    let typed: Vec<&str> = rest[..end].split(' ').filter(|word| !word.is_empty()).collect();
    let name = |word: &&str| {
        !word.starts_with('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    let words: Vec<&str> = typed.iter().copied().take_while(name).take(2).collect();
    let flags: Vec<&str> = typed.iter().copied().filter(|word| word.starts_with("--")).collect();
    // Behind the name of the user of the unit stands the program itself.
    let first = words.first().filter(|first| **first != "af-registry");
    first.is_some().then_some(Typed { words, flags })
}

/// What a command of the program prints for `--help`, or nothing if there is no such command.
pub(super) fn help_of(words: &[&str]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_af-registry");
    let output = Command::new(program).args(words).arg("--help").env_clear().output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}
