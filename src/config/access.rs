//! Who may do what, as far as settings say it.

use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};
use super::secret::Secret;

pub(super) const AUTH: Setting = Setting {
    env: "OPEN_REGISTRY_AUTH",
    kind: Kind::Value("token|none"),
    default: None,
    help: "Whether clients log in. Default: token; none for a registry with its own PostgreSQL on a loopback address.",
};
const INSECURE_ANONYMOUS: Setting = Setting {
    env: "OPEN_REGISTRY_INSECURE_ANONYMOUS",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Let everyone who reaches the port read, write and delete everything, also on an address that is not \
           loopback: what OPEN_REGISTRY_AUTH=none needs there.",
};
const ADMIN_USER: Setting = Setting {
    env: "OPEN_REGISTRY_ADMIN_USER",
    kind: Kind::Value("NAME"),
    default: Some("admin"),
    help: "Name of the first administrator, made when there is no user yet.",
};
const ADMIN_PASSWORD: Setting = Setting {
    env: "OPEN_REGISTRY_ADMIN_PASSWORD",
    kind: Kind::Secret,
    default: None,
    help: "Password of the first administrator. Without it a random one is made and printed once.",
};
const SIGNING_SECRET: Setting = Setting {
    env: "OPEN_REGISTRY_SIGNING_SECRET",
    kind: Kind::Secret,
    default: None,
    help: "Seals the keys that sign tokens: the same for every instance on one database, and at least 16 characters. \
           Without it a random one is kept in the data directory.",
};
const TOKEN_LIFE: Setting = Setting {
    env: "OPEN_REGISTRY_TOKEN_LIFE",
    kind: Kind::Value("TIME"),
    default: Some("15m"),
    help: "How long a token is good for, from 1m to 24h.",
};
const LOGIN_FAILURES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_LOGIN_FAILURES",
    kind: Kind::Value("N"),
    default: Some("10"),
    help: "Failed logins a minute for one user name, from any address.",
};
const ADDRESS_FAILURES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_ADDRESS_FAILURES",
    kind: Kind::Value("N"),
    default: Some("60"),
    help: "Failed logins a minute from one address (IPv6: one /64), for any user name.",
};
const TOKENS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_TOKENS",
    kind: Kind::Value("N"),
    default: Some("6000"),
    help: "Tokens a minute for one user, and for one address that asks without login. A fleet shares an address.",
};
const ALLOW_SPARSE_INDEX: Setting = Setting {
    env: "OPEN_REGISTRY_ALLOW_SPARSE_INDEX",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Accept manifests that name manifests and layers which are not in the repository, as partial mirrors need.",
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
        &LOGIN_FAILURES,
        &ADDRESS_FAILURES,
        &TOKENS,
        &ALLOW_SPARSE_INDEX,
    ],
};

/// Whether clients log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// They do; what is not public is nobody's but theirs.
    Token,
    /// They do not: whoever reaches the port may do everything.
    None,
}

/// Who may do what, as far as settings say it.
#[derive(Clone, Debug)]
pub struct Access {
    /// Whether clients log in.
    pub login: Login,
    /// Whether an address that is not loopback may do without login.
    pub insecure_anonymous: bool,
    /// Name of the first administrator.
    pub admin_user: String,
    /// Their password; empty for a random one.
    pub admin_password: Secret,
    /// What seals the signing keys; empty for a random one in the data directory.
    pub signing_secret: Secret,
    /// How long a token is good for.
    pub token_life: Duration,
    /// Failed logins a minute for one user name.
    pub login_failures: u32,
    /// Failed logins a minute from one address.
    pub address_failures: u32,
    /// Tokens a minute for one user or nameless address.
    pub tokens: u32,
    /// Whether an index may name children that are not there.
    pub allow_sparse_index: bool,
}

impl Access {
    /// `private` says that the registry brings its own PostgreSQL, `loopback` that nobody but this machine reaches it.
    pub(super) fn read(
        source: &mut Source,
        private: bool,
        loopback: bool,
    ) -> Result<Self, ConfigError> {
        let insecure_anonymous = source.read(&INSECURE_ANONYMOUS, value::switch)?;
        let login = match source.read_optional(&AUTH, login)? {
            Some(login) => login,
            None if insecure_anonymous || (private && loopback) => Login::None,
            None => Login::Token,
        };
        if login == Login::None && !loopback && !insecure_anonymous {
            let reason = "whoever reaches OPEN_REGISTRY_HOST, which is not loopback, could read and write everything; \
                          say so with OPEN_REGISTRY_INSECURE_ANONYMOUS=true, or set it to token";
            return Err(ConfigError::bad(AUTH.env, reason.to_owned()));
        }
        if login == Login::Token && insecure_anonymous {
            let idle =
                format!("{} has no effect beside {}=token", INSECURE_ANONYMOUS.env, AUTH.env);
            source.warnings.push(idle);
        }
        let signing_secret = source.read_secret(&SIGNING_SECRET)?;
        if login == Login::Token && !signing_secret.is_empty() && signing_secret.expose().len() < 16
        {
            let reason = "too short; 16 characters at least, as from `openssl rand -hex 32`";
            return Err(ConfigError::bad(SIGNING_SECRET.env, reason.to_owned()));
        }
        Ok(Self {
            login,
            insecure_anonymous,
            admin_user: source.read(&ADMIN_USER, value::text)?,
            admin_password: source.read_secret(&ADMIN_PASSWORD)?,
            signing_secret,
            token_life: source.read(&TOKEN_LIFE, life)?,
            login_failures: source.read(&LOGIN_FAILURES, value::count(1..=1_000_000))?,
            address_failures: source.read(&ADDRESS_FAILURES, value::count(1..=1_000_000))?,
            tokens: source.read(&TOKENS, value::count(1..=10_000_000))?,
            allow_sparse_index: source.read(&ALLOW_SPARSE_INDEX, value::switch)?,
        })
    }
}

fn login(text: &str) -> Result<Login, String> {
    match text {
        "token" => Ok(Login::Token),
        "none" => Ok(Login::None),
        _ => Err("neither token nor none".to_owned()),
    }
}

fn life(text: &str) -> Result<Duration, String> {
    let life = value::time(text)?;
    let bounds = Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);
    if bounds.contains(&life) { Ok(life) } else { Err("not between 1m and 24h".to_owned()) }
}
