//! Settings that existing deployments have and that do nothing here. They are accepted without a warning.

use super::read::{Group, Kind, Setting};

const ENVIRONMENT: Setting = Setting {
    env: "OPEN_REGISTRY_ENVIRONMENT",
    kind: Kind::Value("NAME"),
    default: None,
    help: "Has no effect yet.",
};
const SUPPORTED_SERVICES: Setting = Setting {
    env: "OPEN_REGISTRY_SUPPORTED_SERVICES",
    kind: Kind::Value("NAMES"),
    default: None,
    help: "Has no effect yet.",
};

pub(super) const GROUP: Group = Group {
    title: "Accepted for existing deployments",
    settings: &[&ENVIRONMENT, &SUPPORTED_SERVICES],
};
