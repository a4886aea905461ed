//! The PostgreSQL to use.

use super::error::ConfigError;
use super::secret::Secret;
use super::setting::{Group, Kind, Setting};
use super::source::Source;
use super::value;

const HOST: Setting = Setting {
    env: "OPEN_REGISTRY_DB_HOST",
    kind: Kind::Value("HOST"),
    default: None,
    help: "Host of PostgreSQL, or the directory of its unix socket. Without it the registry starts a private one.",
};
const PORT: Setting = Setting {
    env: "OPEN_REGISTRY_DB_PORT",
    kind: Kind::Value("PORT"),
    default: Some("5432"),
    help: "Port of PostgreSQL.",
};
const USER: Setting = Setting {
    env: "OPEN_REGISTRY_DB_USER",
    kind: Kind::Value("NAME"),
    default: Some("af_registry"),
    help: "User to connect as; it must own the database.",
};
const PASSWORD: Setting = Setting {
    env: "OPEN_REGISTRY_DB_PASSWORD",
    kind: Kind::Secret,
    default: None,
    help: "Password of that user.",
};
const NAME: Setting = Setting {
    env: "OPEN_REGISTRY_DB_NAME",
    kind: Kind::Value("NAME"),
    default: Some("af_registry"),
    help: "Database to use.",
};
const POOL_SIZE: Setting = Setting {
    env: "OPEN_REGISTRY_DB_POOL_SIZE",
    kind: Kind::Value("N"),
    default: Some("8"),
    help: "Connections of the pool; two more serve point reads.",
};

pub(super) const GROUP: Group =
    Group { title: "PostgreSQL", settings: &[&HOST, &PORT, &USER, &PASSWORD, &NAME, &POOL_SIZE] };

/// How to reach a PostgreSQL.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// Name, IP address, or the absolute path of a directory with the unix socket.
    pub host: String,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
    /// User to connect as.
    pub user: String,
    /// Its password; empty for none.
    pub password: Secret,
    /// Database.
    pub name: String,
    /// Connections of the pool.
    pub pool_size: u32,
}

impl Postgres {
    pub(super) fn read(source: &mut Source) -> Result<Option<Self>, ConfigError> {
        // Read before asking for the host: a wrong value is wrong either way.
        let port = source.read(&PORT, value::count(1..=u16::MAX))?;
        let user = source.read(&USER, value::text)?;
        let password = source.read_secret(&PASSWORD)?;
        let name = source.read(&NAME, value::text)?;
        let pool_size = source.read(&POOL_SIZE, value::count(1..=1000))?;
        let Some(host) = source.read_optional(&HOST, host)? else {
            let idle = [&PORT, &USER, &PASSWORD, &NAME, &POOL_SIZE];
            let idle = idle.iter().filter(|setting| source.is_given(setting));
            let idle: Vec<&str> = idle.map(|setting| setting.env).collect();
            if !idle.is_empty() {
                source.warnings.push(format!(
                    "{} has no effect without {}: a private PostgreSQL is used",
                    idle.join(", "),
                    HOST.env
                ));
            }
            return Ok(None);
        };
        Ok(Some(Self { host, port, user, password, name, pool_size }))
    }
}

fn host(text: &str) -> Result<String, String> {
    if text.contains("://") || text.contains([' ', '@', ',']) {
        return Err(
            "not a host; write a name, an IP address, or the directory of a unix socket".into()
        );
    }
    Ok(text.to_owned())
}
