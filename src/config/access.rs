//! Who may do what, as far as settings say it.

use super::error::ConfigError;
use super::setting::{Group, Kind, Setting};
use super::source::Source;
use super::value;

const INSECURE_ANONYMOUS: Setting = Setting {
    env: "OPEN_REGISTRY_INSECURE_ANONYMOUS",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Let everyone who reaches the port read, write and delete everything.",
};
const ALLOW_SPARSE_INDEX: Setting = Setting {
    env: "OPEN_REGISTRY_ALLOW_SPARSE_INDEX",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Accept manifests that name manifests and layers which are not in the repository, as partial mirrors need.",
};

pub(super) const GROUP: Group =
    Group { title: "Access", settings: &[&INSECURE_ANONYMOUS, &ALLOW_SPARSE_INDEX] };

pub(super) struct Access {
    pub(super) insecure_anonymous: bool,
    pub(super) allow_sparse_index: bool,
}

impl Access {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        Ok(Self {
            insecure_anonymous: source.read(&INSECURE_ANONYMOUS, value::switch)?,
            allow_sparse_index: source.read(&ALLOW_SPARSE_INDEX, value::switch)?,
        })
    }
}
