//! Settings of login, tokens and the first administrator.

use std::time::Duration;

use super::error::ConfigError;
use super::login::{Asked, Facts, Login};
use super::read::{Group, Kind, Setting, Source, value};
use super::secret::Secret;

pub(super) const AUTH: Setting = Setting {
    env: "OPEN_REGISTRY_AUTH",
    kind: Kind::Value("token|none"),
    default: None,
    help: "Whether clients must log in. The default is token; it is none for a registry with a private PostgreSQL that \
           listens on a loopback address, if no domain other than localhost, no trusted proxy, no PROXY protocol, no \
           TLS, no ACME and no first administrator is set. none with one of these needs \
           OPEN_REGISTRY_INSECURE_ANONYMOUS=true. Without that, only direct requests to a loopback name are answered.",
};
const INSECURE_ANONYMOUS: Setting = Setting {
    env: "OPEN_REGISTRY_INSECURE_ANONYMOUS",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Let anyone who can reach the port read, write and delete everything, also from other machines and through \
           proxies.",
};
const ADMIN_USER: Setting = Setting {
    env: "OPEN_REGISTRY_ADMIN_USER",
    kind: Kind::Value("NAME"),
    default: Some("admin"),
    help: "Name of the first administrator. The registry creates this user when there is no user yet.",
};
const ADMIN_PASSWORD: Setting = Setting {
    env: "OPEN_REGISTRY_ADMIN_PASSWORD",
    kind: Kind::Secret,
    default: None,
    help: "Password of the first administrator. Without it the registry makes a random one and keeps it in \
           first-admin-password in the data directory.",
};
const SIGNING_SECRET: Setting = Setting {
    env: "OPEN_REGISTRY_SIGNING_SECRET",
    kind: Kind::Secret,
    default: None,
    help: "Secret that encrypts the keys that sign tokens. It has at least 16 characters and must be the same for all \
           instances on one database. Without it the registry keeps a random one in the data directory.",
};
const TOKEN_LIFE: Setting = Setting {
    env: "OPEN_REGISTRY_TOKEN_LIFE",
    kind: Kind::Value("TIME"),
    default: Some("15m"),
    help: "How long a token is valid, from 1m to 24h.",
};
const REFRESH_TOKEN_LIFE: Setting = Setting {
    env: "OPEN_REGISTRY_REFRESH_TOKEN_LIFE",
    kind: Kind::Value("TIME"),
    default: Some("90d"),
    help: "How long a refresh token, which a client keeps instead of the password, is good for without being used, from \
           1h to 3650d.",
};
const REFRESH_TOKENS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_REFRESH_TOKENS",
    kind: Kind::Value("N"),
    default: Some("1000"),
    help: "Most refresh tokens of one user or robot that one program, such as docker, may have; the one unused longest ends \
           first. Every docker login gets one, so this is the number of machines that share an account.",
};
const LOGIN_FAILURES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_LOGIN_FAILURES",
    kind: Kind::Value("N"),
    default: Some("10"),
    help: "Most failed logins per minute for one user name from one address (IPv6: one /64); ten times as many from all \
           addresses together. The right secret of a robot is never refused for its name.",
};
const ADDRESS_FAILURES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_ADDRESS_FAILURES",
    kind: Kind::Value("N"),
    default: Some("60"),
    help: "Most failed logins per minute from one address (IPv6: one /64), for all user names together; four times as \
           many from the /24 or /56 around it and sixteen times from its /48, which do not count for an address from \
           which somebody has logged in.",
};
const TOKENS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_TOKENS",
    kind: Kind::Value("N"),
    default: Some("6000"),
    help: "Most tokens per minute for one user, and for one address that asks without a login. Machines behind NAT share \
           an address.",
};
const ALLOW_SPARSE_INDEX: Setting = Setting {
    env: "OPEN_REGISTRY_ALLOW_SPARSE_INDEX",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Accept a manifest even if manifests and layers that it names are not in the repository. Partial mirrors need \
           this.",
};

pub(super) const GROUP: Group = Group {
    title: "Access",
    settings: &[
        &AUTH,
        &INSECURE_ANONYMOUS,
        &ADMIN_USER,
        &ADMIN_PASSWORD,
        &SIGNING_SECRET,
        &TOKEN_LIFE,
        &REFRESH_TOKEN_LIFE,
        &REFRESH_TOKENS,
        &LOGIN_FAILURES,
        &ADDRESS_FAILURES,
        &TOKENS,
        &ALLOW_SPARSE_INDEX,
    ],
};

/// Settings of login, tokens and the first administrator.
#[derive(Clone, Debug)]
pub struct Access {
    /// Whether clients must log in.
    pub login: Login,
    /// Name of the first administrator.
    pub admin_user: String,
    /// Password of the first administrator; empty for a random one.
    pub admin_password: Secret,
    /// Secret that encrypts the signing keys; empty for a random one in the data directory.
    pub signing_secret: Secret,
    /// How long a token is valid.
    pub token_life: Duration,
    /// Time after its last use until a refresh token expires.
    pub refresh_token_life: Duration,
    /// Most refresh tokens of one account that one program may have.
    pub refresh_tokens: u32,
    /// Most failed logins per minute for one user name from one address.
    pub login_failures: u32,
    /// Most failed logins per minute from one address.
    pub address_failures: u32,
    /// Most tokens per minute for one user, or for one address without a login.
    pub tokens: u32,
    /// Whether a manifest may name content that is not in the repository.
    pub allow_sparse_index: bool,
}

impl Access {
    /// `facts` gives what the other settings say about who reaches the registry.
    pub(super) fn read(source: &mut Source, facts: Facts) -> Result<Self, ConfigError> {
        let anonymous = source.read(&INSECURE_ANONYMOUS, value::switch)?;
        let asked = source.read_optional(&AUTH, asked)?;
        let admin = source.is_given(&ADMIN_USER) || source.is_given(&ADMIN_PASSWORD);
        let decided = Facts { asked, anonymous, admin, ..facts }.login();
        let login = decided.map_err(|reason| ConfigError::bad(AUTH.env, reason))?;
        if login.is_required() && anonymous {
            let idle = format!("{} has no effect with {}=token", INSECURE_ANONYMOUS.env, AUTH.env);
            source.warnings.push(idle);
        }
        let signing_secret = source.read_secret(&SIGNING_SECRET)?;
        let short = !signing_secret.is_empty() && signing_secret.expose().len() < 16;
        if login.is_required() && short {
            let reason = "too short; write at least 16 characters, such as the output of `openssl rand -hex 32`";
            return Err(ConfigError::bad(SIGNING_SECRET.env, reason.to_owned()));
        }
        Ok(Self {
            login,
            admin_user: source.read(&ADMIN_USER, value::text)?,
            admin_password: source.read_secret(&ADMIN_PASSWORD)?,
            signing_secret,
            token_life: source.read(&TOKEN_LIFE, life)?,
            refresh_token_life: source.read(&REFRESH_TOKEN_LIFE, refresh_life)?,
            refresh_tokens: source.read(&REFRESH_TOKENS, value::count(1..=1_000_000))?,
            login_failures: source.read(&LOGIN_FAILURES, value::count(1..=1_000_000))?,
            address_failures: source.read(&ADDRESS_FAILURES, value::count(1..=1_000_000))?,
            tokens: source.read(&TOKENS, value::count(1..=10_000_000))?,
            allow_sparse_index: source.read(&ALLOW_SPARSE_INDEX, value::switch)?,
        })
    }
}

fn asked(text: &str) -> Result<Asked, String> {
    match text {
        "token" => Ok(Asked::Token),
        "none" => Ok(Asked::None),
        _ => Err("not a kind of login; write token or none".to_owned()),
    }
}

fn life(text: &str) -> Result<Duration, String> {
    let life = value::time(text)?;
    let bounds = Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);
    if bounds.contains(&life) {
        Ok(life)
    } else {
        Err("out of bounds; a token is valid for 1m to 24h".to_owned())
    }
}

fn refresh_life(text: &str) -> Result<Duration, String> {
    let life = value::time(text)?;
    let bounds = Duration::from_secs(60 * 60)..=Duration::from_secs(3650 * 24 * 60 * 60);
    if bounds.contains(&life) { Ok(life) } else { Err("not between 1h and 3650d".to_owned()) }
}
