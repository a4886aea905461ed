//! The setting of the cache of layers.

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const SIZE: Setting = Setting {
    env: "OPEN_REGISTRY_CACHE_SIZE",
    kind: Kind::Value("SIZE"),
    default: None,
    help: "Space for copies of layers in the data directory, in the folder `cache`. The first pull of a layer fills it, and \
           later ones do not ask Kubo. Each instance has copies of its own. Without it, it is 10GiB or a tenth of the disk, \
           whichever is less. 0 turns the cache off.",
};

pub(super) const GROUP: Group = Group { title: "Cache", settings: &[&SIZE] };

/// The most bytes in the cache of layers; 0 for no cache. `None` leaves it to the size of the disk.
pub(super) fn read(source: &Source) -> Result<Option<u64>, ConfigError> {
    let size = value::size_or_off(
        1 << 20..=1 << 50,
        "out of bounds; write at least 1MiB, or 0 to turn the cache off",
    );
    source.read_optional(&SIZE, size)
}
