//! Finds PostgreSQL and Kubo on this system. Errors say how to install them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::child::{self, OnDeath};
use super::error::EmbeddedError;

/// Time limit for a program to print its version: milliseconds usually, seconds on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);
const OLDEST_POSTGRES: u32 = 15;
const OLDEST_KUBO: (u32, u32) = (0, 39);
/// Directories in which Debian and Red Hat install each major version. They are not in PATH.
const POSTGRES_HOMES: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];
const GET_POSTGRES: &str = "install it with: apt-get install postgresql; or set OPEN_REGISTRY_DB_HOST to use another server";
const USE_ANOTHER: &str = "mend that (under systemd, look at the sandbox of the unit), or set OPEN_REGISTRY_DB_HOST to use another server";
const GET_KUBO: &str =
    "`make run` builds it; or set OPEN_REGISTRY_DFS_IPFS_API_URL to use another server";

/// The directory that contains the programs of PostgreSQL: those of major version `cluster`, or, if there is no cluster yet,
/// those in PATH or the newest ones.
pub(super) async fn postgres(path: &Path, cluster: Option<&str>) -> Result<PathBuf, EmbeddedError> {
    choose(postgres_directories(), path, cluster).await
}

/// The first of the directories that fits the cluster at `path`.
async fn choose(
    directories: Vec<PathBuf>,
    path: &Path,
    cluster: Option<&str>,
) -> Result<PathBuf, EmbeddedError> {
    let (mut found, mut broken) = (Vec::new(), None);
    for directory in directories {
        match postgres_major(&directory).await {
            Ok(Some(major)) if found.iter().all(|(known, _)| *known != major) => {
                found.push((major, directory));
            }
            Ok(_) => {}
            Err(error @ EmbeddedError::Ended { .. }) => broken = Some((directory, error)),
            Err(error) => return Err(error),
        }
    }
    // The version in PATH comes first, then the newest. An existing cluster needs its own major version.
    let fit = match cluster {
        Some(cluster) => found.iter().find(|(major, _)| major.to_string() == cluster),
        None => found.iter().find(|(major, _)| *major >= OLDEST_POSTGRES),
    };
    if let Some((_, directory)) = fit {
        return Ok(directory.clone());
    }
    if let (true, Some((path, error))) = (found.is_empty(), broken) {
        // A sandbox that forbids too much looks like this, and so does a library that is missing.
        let reason =
            format!("PostgreSQL is installed here and does not run: {error}; {USE_ANOTHER}");
        return Err(EmbeddedError::Unusable { path, reason });
    }
    let names: Vec<String> = found.iter().map(|(major, _)| major.to_string()).collect();
    let names = names.join(", ");
    match cluster {
        Some(cluster) if !found.is_empty() => Err(EmbeddedError::OtherMajor {
            path: path.to_owned(),
            cluster: cluster.to_owned(),
            found: names,
        }),
        _ if found.is_empty() => Err(EmbeddedError::Missing {
            what: format!("PostgreSQL {OLDEST_POSTGRES} or newer is not installed"),
            mend: GET_POSTGRES,
        }),
        _ => Err(EmbeddedError::Missing {
            what: format!("PostgreSQL {names} is installed, {OLDEST_POSTGRES} or newer is needed"),
            mend: GET_POSTGRES,
        }),
    }
}

/// The program `ipfs` of Kubo, from PATH.
pub(super) async fn kubo() -> Result<PathBuf, EmbeddedError> {
    let (major, minor) = OLDEST_KUBO;
    let Some(program) = in_path("ipfs") else {
        let what = format!("Kubo {major}.{minor} or newer is not installed (no ipfs in PATH)");
        return Err(EmbeddedError::Missing { what, mend: GET_KUBO });
    };
    let mut command = child::command(&program, None, OnDeath::Kill);
    // To print its version it reads the repository, and fails if that is damaged. So it gets none.
    command.args(["version", "-n"]).env("IPFS_PATH", "/nonexistent");
    let lines = child::run("ipfs version", command, PATIENCE).await?;
    let version = lines.iter().find_map(|line| kubo_version(line));
    if version.is_some_and(|version| version >= OLDEST_KUBO) {
        return Ok(program);
    }
    let said = lines.join(" ");
    let what =
        format!("{} is version `{said}`, {major}.{minor} or newer is needed", program.display());
    Err(EmbeddedError::Missing { what, mend: GET_KUBO })
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn postgres_directories() -> Vec<PathBuf> {
    let in_path = in_path("initdb").and_then(|program| program.parent().map(Path::to_owned));
    let mut homes: Vec<(u32, PathBuf)> = Vec::new();
    for (home, prefix) in POSTGRES_HOMES {
        for entry in fs::read_dir(home).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let major = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            homes.extend(major.map(|major| (major, entry.path().join("bin"))));
        }
    }
    homes.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    let directories = in_path.into_iter().chain(homes.into_iter().map(|(_, directory)| directory));
    directories
        .filter(|d| is_program(&d.join("initdb")) && is_program(&d.join("postgres")))
        .collect()
}

/// The major version of the programs in a directory. `None` if they print something else.
async fn postgres_major(directory: &Path) -> Result<Option<u32>, EmbeddedError> {
    let mut command = child::command(&directory.join("postgres"), None, OnDeath::Kill);
    command.arg("--version");
    let lines = child::run("postgres --version", command, PATIENCE).await?;
    Ok(lines.iter().find_map(|line| postgres_version(line)))
}

/// Reads the major version from a line such as `postgres (PostgreSQL) 15.20 (Debian …)` or `… 18beta1`.
fn postgres_version(line: &str) -> Option<u32> {
    let version = line.strip_prefix("postgres (PostgreSQL) ")?;
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

/// Reads the major and minor version from a line such as `0.43.0` or `0.44.0-dev`.
fn kubo_version(line: &str) -> Option<(u32, u32)> {
    let mut numbers = line.trim().split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let debian = "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)";
        assert_eq!(postgres_version(debian), Some(15));
        assert_eq!(postgres_version("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(postgres_version("psql"), None);
        assert_eq!(kubo_version("0.43.0"), Some((0, 43)));
        assert_eq!(kubo_version("0.44.0-dev"), Some((0, 44)));
        assert_eq!(kubo_version("Error: no"), None);
        assert!(kubo_version("1.0.0").unwrap() > OLDEST_KUBO);
    }

    #[tokio::test]
    async fn a_postgres_that_does_not_run_is_not_called_missing() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("postgres");
        fs::write(&program, "#!/bin/sh\necho no such library; exit 127\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let error = choose(vec![directory.path().to_owned()], Path::new("/none"), None).await;
        let message = error.unwrap_err().to_string();
        assert!(
            message.contains("does not run") && message.contains("no such library"),
            "{message}"
        );
        let nothing = choose(Vec::new(), Path::new("/none"), None).await.unwrap_err().to_string();
        assert!(nothing.contains("not installed"), "{nothing}");
    }
}
