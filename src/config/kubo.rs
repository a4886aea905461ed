//! The Kubo to use.

use std::path::PathBuf;

use super::error::ConfigError;
use super::host_port::is_loopback;
use super::read::{Group, Kind, Setting, Source, value};
use super::secret::Secret;
use super::server_address::ServerAddress;

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
    help: "RPC API of Kubo or of an IPFS Cluster proxy, as in http://kubo:5001, or https://kubo.example behind a \
           proxy that ends TLS. Without it the registry starts a private Kubo.",
};
const GATEWAY_URL: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL",
    kind: Kind::Value("URL"),
    default: None,
    help: "Gateway of the same Kubo, as in http://kubo:8080; pulls are several times faster through it.",
};
const CA_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_CA_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "Certificate authorities, in PEM form, one of which must have certified an https:// Kubo. Without it those \
           of the system.",
};
const API_TOKEN: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_TOKEN",
    kind: Kind::Secret,
    default: None,
    help: "Bearer token for the RPC API, as Kubo's API.Authorizations names it. The gateway gets it only when it has \
           the very address of the API.",
};
const API_USER: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_USER",
    kind: Kind::Value("NAME"),
    default: None,
    help: "User for the RPC API, by HTTP Basic, instead of a token.",
};
const API_PASSWORD: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_PASSWORD",
    kind: Kind::Secret,
    default: None,
    help: "Password of that user.",
};

pub(super) const GROUP: Group = Group {
    title: "IPFS",
    settings: &[&API_URL, &GATEWAY_URL, &CA_FILE, &API_TOKEN, &API_USER, &API_PASSWORD, &ENABLED],
};

/// What shows Kubo that this registry may use its RPC API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KuboLogin {
    /// A bearer token.
    Token(Secret),
    /// HTTP Basic.
    Basic {
        /// The user.
        user: String,
        /// Its password.
        password: Secret,
    },
}

/// How to reach a Kubo.
#[derive(Clone, Debug)]
pub struct Kubo {
    /// The RPC API.
    pub api: ServerAddress,
    /// The gateway, which reads faster than the API.
    pub gateway: Option<ServerAddress>,
    /// A PEM file of authorities for `https://`; `None` for those of the system.
    pub authorities: Option<PathBuf>,
    /// What the RPC API asks for.
    pub login: Option<KuboLogin>,
}

impl Kubo {
    pub(super) fn read(source: &mut Source) -> Result<Option<Self>, ConfigError> {
        if !source.read(&ENABLED, value::switch)? {
            let reason = "`false`: the registry keeps its bytes in IPFS and has no other storage; remove the setting";
            return Err(ConfigError::bad(ENABLED.env, reason));
        }
        let gateway = source.read_optional(&GATEWAY_URL, ServerAddress::parser(8080))?;
        let authorities = source.read_optional(&CA_FILE, value::text)?.map(PathBuf::from);
        let login = login(source)?;
        let Some(api) = source.read_optional(&API_URL, ServerAddress::parser(5001))? else {
            let idle = [&GATEWAY_URL, &CA_FILE, &API_TOKEN, &API_USER, &API_PASSWORD];
            let idle = idle.iter().filter(|setting| source.is_given(setting));
            let idle: Vec<&str> = idle.map(|setting| setting.env).collect();
            if !idle.is_empty() {
                source.warnings.push(format!(
                    "{} has no effect without {}: a private Kubo is used",
                    idle.join(", "),
                    API_URL.env
                ));
            }
            return Ok(None);
        };
        if login.is_some() && !api.https && !is_loopback(&api.host) {
            let reason = format!(
                "a token or password would go to {api} where everyone on the way can read it; write https://"
            );
            return Err(ConfigError::bad(API_URL.env, reason));
        }
        let plain = !api.https && gateway.as_ref().is_none_or(|gateway| !gateway.https);
        if plain && authorities.is_some() {
            let reason = "neither the API nor the gateway is https://, so nobody would be asked";
            return Err(ConfigError::bad(CA_FILE.env, reason));
        }
        Ok(Some(Self { api, gateway, authorities, login }))
    }
}

fn login(source: &Source) -> Result<Option<KuboLogin>, ConfigError> {
    let token = source.read_secret(&API_TOKEN)?;
    let user = source.read_optional(&API_USER, name)?;
    let password = source.read_secret(&API_PASSWORD)?;
    // What cannot stand in a header would be lost on the way there.
    for (setting, secret) in [(&API_TOKEN, &token), (&API_PASSWORD, &password)] {
        if !secret.expose().chars().all(|c| matches!(c, ' '..='~')) {
            return Err(ConfigError::bad(
                setting.env,
                "holds more than printable ASCII characters",
            ));
        }
    }
    match (token.is_empty(), user, password.is_empty()) {
        (true, None, true) => Ok(None),
        (false, None, true) => Ok(Some(KuboLogin::Token(token))),
        (true, Some(user), false) => Ok(Some(KuboLogin::Basic { user, password })),
        (false, ..) => {
            let reason = format!("{} or its password is set as well; keep one", API_USER.env);
            Err(ConfigError::bad(API_TOKEN.env, reason))
        }
        (true, Some(_), true) => Err(ConfigError::bad(API_PASSWORD.env, "the user needs one")),
        (true, None, false) => Err(ConfigError::bad(API_USER.env, "the password needs one")),
    }
}

fn name(text: &str) -> Result<String, String> {
    if text.contains(':') || !text.chars().all(|c| matches!(c, ' '..='~')) {
        return Err("not a user name; printable ASCII characters without a colon".to_owned());
    }
    Ok(text.to_owned())
}
