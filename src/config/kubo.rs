//! The Kubo to use.

use super::endpoint::Endpoint;
use super::error::ConfigError;
use super::setting::{Group, Kind, Setting};
use super::source::Source;
use super::value;

const ENABLED: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_ENABLED",
    kind: Kind::Switch,
    default: Some("true"),
    help: "Accepted for existing deployments; IPFS is the only storage.",
};
const API_URL: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_URL",
    kind: Kind::Value("URL"),
    default: None,
    help: "RPC API of Kubo or of an IPFS Cluster proxy, as in http://kubo:5001. Without it the registry starts a \
           private Kubo.",
};
const GATEWAY_URL: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL",
    kind: Kind::Value("URL"),
    default: None,
    help: "Gateway of the same Kubo, as in http://kubo:8080; pulls are several times faster through it.",
};

pub(super) const GROUP: Group =
    Group { title: "IPFS", settings: &[&API_URL, &GATEWAY_URL, &ENABLED] };

/// How to reach a Kubo.
#[derive(Clone, Debug)]
pub struct Kubo {
    /// The RPC API.
    pub api: Endpoint,
    /// The gateway, which reads faster than the API.
    pub gateway: Option<Endpoint>,
}

impl Kubo {
    pub(super) fn read(source: &mut Source) -> Result<Option<Self>, ConfigError> {
        if !source.read(&ENABLED, value::switch)? {
            let reason = "`false`: the registry keeps its bytes in IPFS and has no other storage; remove the setting";
            return Err(ConfigError::bad(ENABLED.env, reason));
        }
        let gateway = source.read_optional(&GATEWAY_URL, Endpoint::parser(8080))?;
        match source.read_optional(&API_URL, Endpoint::parser(5001))? {
            Some(api) => Ok(Some(Self { api, gateway })),
            None => {
                if gateway.is_some() {
                    source.warnings.push(format!(
                        "{} has no effect without {}: a private Kubo is used",
                        GATEWAY_URL.env, API_URL.env
                    ));
                }
                Ok(None)
            }
        }
    }
}
