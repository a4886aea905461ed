//! Settings of the connection to Kubo.

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
    help: "Accepted for existing deployments. It must be true, because IPFS is the only storage.",
};
const API_URL: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_URL",
    kind: Kind::Value("URL"),
    default: None,
    help: "RPC API of Kubo, such as http://kubo:5001, https://kubo.example behind a proxy that terminates TLS, or \
           unix:///path of a socket. Beside an IPFS Cluster it is the Kubo of one of its peers, not the proxy. Without a URL \
           the registry starts a private Kubo.",
};
const CLUSTER_URL: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_CLUSTER_URL",
    kind: Kind::Value("URL"),
    default: None,
    help: "Proxy of the IPFS Cluster that your Kubo belongs to, such as http://127.0.0.1:9095, preferably of the same peer. \
           Pins are set, dropped and listed through it, so that the cluster keeps every blob on several nodes. All else goes \
           to your Kubo, which may then fetch blocks from the others.",
};
const GATEWAY_URL: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL",
    kind: Kind::Value("URL"),
    default: None,
    help: "Gateway of the same Kubo, such as http://kubo:8080. Pulls through it are several times faster than through \
           the API.",
};
const REPO_DIR: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_REPO_DIR",
    kind: Kind::Value("DIRECTORY"),
    default: None,
    help: "Directory of the repository of the same Kubo (its IPFS_PATH), if this server can read the files in it. Pulls then \
           read blocks from these files, which takes two thirds of the time of the gateway, and ask Kubo for whatever \
           cannot be read there. Nothing is written. The repository of a private Kubo is known without this setting.",
};
const CA_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_CA_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the certificate authorities that are trusted for a Kubo behind https://. Without it those of \
           the system are trusted.",
};
const API_TOKEN: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_TOKEN",
    kind: Kind::Secret,
    default: None,
    help: "Bearer token for the RPC API, as in API.Authorizations of Kubo's configuration. It is sent to the gateway \
           only if that has the same address as the API.",
};
const API_USER: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_USER",
    kind: Kind::Value("NAME"),
    default: None,
    help: "User name for HTTP Basic authentication at the RPC API, instead of a token.",
};
const PUBLIC: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_PUBLIC",
    kind: Kind::Switch,
    default: None,
    help: "Whether your Kubo may have peers in its swarm or a public gateway, where everyone who knows a CID can read its \
           content. true: the registry does not warn. false: the registry does not start beside peers. Without it the \
           registry warns.",
};
const API_PASSWORD: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_API_PASSWORD",
    kind: Kind::Secret,
    default: None,
    help: "Password for HTTP Basic authentication at the RPC API.",
};

pub(super) const GROUP: Group = Group {
    title: "IPFS",
    settings: &[
        &API_URL,
        &CLUSTER_URL,
        &GATEWAY_URL,
        &REPO_DIR,
        &CA_FILE,
        &API_TOKEN,
        &API_USER,
        &API_PASSWORD,
        &PUBLIC,
        &ENABLED,
    ],
};

/// Credentials for the RPC API of Kubo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KuboLogin {
    /// An `Authorization: Bearer` header.
    Token(Secret),
    /// HTTP Basic authentication.
    #[allow(missing_docs, reason = "the fields are their names")]
    Basic { user: String, password: Secret },
}

/// Settings of the connection to Kubo.
#[derive(Clone, Debug)]
pub struct Kubo {
    /// Address of the RPC API.
    pub api: ServerAddress,
    /// Address of the proxy of the IPFS Cluster that the node belongs to, if any.
    pub cluster: Option<ServerAddress>,
    /// Address of the gateway, which reads faster than the API.
    pub gateway: Option<ServerAddress>,
    /// Directory of its repository, if that is on this host and may be read.
    pub repository: Option<PathBuf>,
    /// PEM file with the authorities trusted for `https://`. `None` trusts those of the system.
    pub authorities: Option<PathBuf>,
    /// Credentials for the RPC API.
    pub login: Option<KuboLogin>,
}

impl Kubo {
    /// A Kubo of which nothing but its RPC API is known.
    pub fn at(api: ServerAddress) -> Self {
        Self { api, cluster: None, gateway: None, repository: None, authorities: None, login: None }
    }

    pub(super) fn read(source: &mut Source) -> Result<Option<Self>, ConfigError> {
        if !source.read(&ENABLED, value::switch)? {
            let reason = "`false`: IPFS is the only storage of the registry; remove the setting";
            return Err(ConfigError::bad(ENABLED.env, reason));
        }
        let cluster = source.read_optional(&CLUSTER_URL, ServerAddress::parser(9095))?;
        let gateway = source.read_optional(&GATEWAY_URL, ServerAddress::parser(8080))?;
        let repository = source.read_optional(&REPO_DIR, value::text)?.map(PathBuf::from);
        let authorities = source.read_optional(&CA_FILE, value::text)?.map(PathBuf::from);
        let login = login(source)?;
        let Some(api) = source.read_optional(&API_URL, ServerAddress::parser(5001))? else {
            let idle = [
                &CLUSTER_URL,
                &GATEWAY_URL,
                &REPO_DIR,
                &CA_FILE,
                &API_TOKEN,
                &API_USER,
                &API_PASSWORD,
            ];
            let idle = idle.iter().filter(|setting| source.is_given(setting));
            let idle: Vec<&str> = idle.map(|setting| setting.env).collect();
            if !idle.is_empty() {
                source.warnings.push(format!(
                    "{} has no effect without {}: the registry starts a private Kubo",
                    idle.join(", "),
                    API_URL.env
                ));
            }
            return Ok(None);
        };
        let local = api.socket().is_some() || is_loopback(&api.host);
        if login.is_some() && !api.https && !local {
            let reason = format!(
                "the credentials would be sent to {api} without encryption; use an https:// address"
            );
            return Err(ConfigError::bad(API_URL.env, reason));
        }
        let others = [&cluster, &gateway];
        let plain = !api.https && others.into_iter().flatten().all(|address| !address.https);
        if plain && authorities.is_some() {
            let reason = "none of the API, the gateway and the cluster is https://, so no certificate would be verified; remove the setting";
            return Err(ConfigError::bad(CA_FILE.env, reason));
        }
        Ok(Some(Self { api, cluster, gateway, repository, authorities, login }))
    }
}

/// Reads whether Kubo may be public.
pub(super) fn may_be_public(source: &Source) -> Result<Option<bool>, ConfigError> {
    source.read_optional(&PUBLIC, value::switch)
}

fn login(source: &Source) -> Result<Option<KuboLogin>, ConfigError> {
    let token = source.read_secret(&API_TOKEN)?;
    let user = source.read_optional(&API_USER, name)?;
    let password = source.read_secret(&API_PASSWORD)?;
    // A header cannot hold other characters.
    for (setting, secret) in [(&API_TOKEN, &token), (&API_PASSWORD, &password)] {
        if !secret.expose().chars().all(|c| matches!(c, ' '..='~')) {
            return Err(ConfigError::bad(
                setting.env,
                "contains a character that is not printable ASCII",
            ));
        }
    }
    match (token.is_empty(), user, password.is_empty()) {
        (true, None, true) => Ok(None),
        (false, None, true) => Ok(Some(KuboLogin::Token(token))),
        (true, Some(user), false) => Ok(Some(KuboLogin::Basic { user, password })),
        (false, ..) => {
            let reason = format!(
                "{} or its password is set as well; use a token or a user, not both",
                API_USER.env
            );
            Err(ConfigError::bad(API_TOKEN.env, reason))
        }
        (true, Some(_), true) => {
            Err(ConfigError::bad(API_PASSWORD.env, "must be set, because a user is set"))
        }
        (true, None, false) => {
            Err(ConfigError::bad(API_USER.env, "must be set, because a password is set"))
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    if text.contains(':') || !text.chars().all(|c| matches!(c, ' '..='~')) {
        return Err("not a user name; write printable ASCII characters without a colon".to_owned());
    }
    Ok(text.to_owned())
}
