//! The setting of the data directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const DATA_DIR: Setting = Setting {
    env: "OPEN_REGISTRY_DATA_DIR",
    kind: Kind::Value("DIR"),
    default: None,
    help: "Directory for the data of the private PostgreSQL and Kubo, and for copies of layers. The default is $XDG_DATA_HOME/af-registry, or \
           ~/.local/share/af-registry. For root, for a user without a home and for one whose home it is, it is \
           /var/lib/af-registry: PostgreSQL does not run as root, and another user cannot enter root's home.",
};

const FREE: Setting = Setting {
    env: "OPEN_REGISTRY_DATA_DIR_FREE",
    kind: Kind::Value("SIZE"),
    default: Some("512MiB"),
    help: "Space that stays free on the disk of the data directory: an upload that begins when less is left is refused. 0 \
           refuses none. Without a private PostgreSQL or Kubo it has no effect.",
};

/// The data directory of a server that root or systemd started. The user of the unit has it as its home.
const OF_THE_SYSTEM: &str = "/var/lib/af-registry";

pub(super) const GROUP: Group = Group { title: "Data", settings: &[&DATA_DIR, &FREE] };

/// The bytes that stay free on the disk of the data directory; 0 for none.
pub(super) fn free(source: &Source) -> Result<u64, ConfigError> {
    Ok(source.read(&FREE, value::size(0..=usize::MAX))? as u64)
}

/// Returns an absolute path. The directory need not exist yet.
pub(super) fn read(source: &Source) -> Result<PathBuf, ConfigError> {
    let given = source.read_optional(&DATA_DIR, |text| {
        std::path::absolute(text).map_err(|error| error.to_string())
    })?;
    let root = rustix::process::geteuid().is_root();
    Ok(given
        .unwrap_or_else(|| usual(root, source.foreign("XDG_DATA_HOME"), source.foreign("HOME"))))
}

fn usual(root: bool, xdg: Option<&OsString>, home: Option<&OsString>) -> PathBuf {
    // The XDG specification says to ignore relative paths.
    let absolute = |path: &&OsString| Path::new(path).is_absolute();
    let xdg = xdg.filter(absolute).map(PathBuf::from);
    let of_the_system = root || home.is_some_and(|home| home == OF_THE_SYSTEM);
    let share = xdg.or_else(|| Some(Path::new(home.filter(absolute)?).join(".local/share")));
    match share {
        Some(share) if !of_the_system => share.join("af-registry"),
        _ => PathBuf::from(OF_THE_SYSTEM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_place_depends_on_the_user() {
        let (xdg, home, odd) = (OsString::from("/x"), OsString::from("/home/me"), "x".into());
        let usual = |root, xdg, home| usual(root, xdg, home).to_string_lossy().into_owned();
        assert_eq!(usual(true, Some(&xdg), Some(&home)), "/var/lib/af-registry");
        assert_eq!(usual(false, Some(&xdg), Some(&home)), "/x/af-registry");
        assert_eq!(usual(false, None, Some(&home)), "/home/me/.local/share/af-registry");
        assert_eq!(usual(false, Some(&odd), Some(&home)), "/home/me/.local/share/af-registry");
        assert_eq!(usual(false, None, None), "/var/lib/af-registry");
        // By `sudo -u af-registry` a command finds the data of the unit.
        let state = OsString::from("/var/lib/af-registry");
        assert_eq!(usual(false, None, Some(&state)), "/var/lib/af-registry");
    }
}
