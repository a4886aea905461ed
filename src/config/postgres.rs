//! The PostgreSQL to use.

use std::path::PathBuf;

use super::error::ConfigError;
use super::host_port::is_loopback;
use super::read::{Group, Kind, Setting, Source, value};
use super::secret::Secret;

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

const SSLMODE: Setting = Setting {
    env: "OPEN_REGISTRY_DB_SSLMODE",
    kind: Kind::Value("MODE"),
    default: None,
    help: "TLS to PostgreSQL. disable: none; prefer: when the server has it, and without asking who it is; require: \
           always, and without asking who it is, so only who listens is kept out, not who stands between; \
           verify-full: always, and the server must prove its name. Default: disable on this machine, else prefer.",
};
const SSLROOTCERT: Setting = Setting {
    env: "OPEN_REGISTRY_DB_SSLROOTCERT",
    kind: Kind::Value("FILE"),
    default: None,
    help: "Certificate authorities, in PEM form, one of which must have certified PostgreSQL under verify-full. \
           Without it those of the system.",
};

pub(super) const GROUP: Group = Group {
    title: "PostgreSQL",
    settings: &[&HOST, &PORT, &USER, &PASSWORD, &NAME, &POOL_SIZE, &SSLMODE, &SSLROOTCERT],
};

/// Whether the connection is encrypted, and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// It is not.
    Disable,
    /// It is when the server can; nobody is verified.
    Prefer,
    /// It is; nobody is verified.
    Require,
    /// It is, to a server whose chain and name are verified.
    VerifyFull {
        /// A PEM file of authorities; `None` for those of the system.
        authorities: Option<PathBuf>,
    },
}

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
    /// Whether the connection is encrypted, and whom it trusts.
    pub ssl: SslMode,
}

impl Postgres {
    pub(super) fn read(source: &mut Source) -> Result<Option<Self>, ConfigError> {
        // Read before asking for the host: a wrong value is wrong either way.
        let port = source.read(&PORT, value::count(1..=u16::MAX))?;
        let user = source.read(&USER, value::text)?;
        let password = source.read_secret(&PASSWORD)?;
        let name = source.read(&NAME, value::text)?;
        let pool_size = source.read(&POOL_SIZE, value::count(1..=1000))?;
        let mode = source.read_optional(&SSLMODE, mode)?;
        let authorities = source.read_optional(&SSLROOTCERT, value::text)?.map(PathBuf::from);
        let Some(host) = source.read_optional(&HOST, host)? else {
            let idle = [&PORT, &USER, &PASSWORD, &NAME, &POOL_SIZE, &SSLMODE, &SSLROOTCERT];
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
        let ssl = ssl(&host, mode, authorities)?;
        Ok(Some(Self { host, port, user, password, name, pool_size, ssl }))
    }
}

/// Puts mode and authorities together for this host.
fn ssl(
    host: &str,
    mode: Option<SslMode>,
    authorities: Option<PathBuf>,
) -> Result<SslMode, ConfigError> {
    let socket = host.starts_with('/');
    match mode {
        Some(SslMode::Require | SslMode::VerifyFull { .. }) if socket => {
            let reason = "a unix socket is not encrypted and need not be; remove the setting";
            Err(ConfigError::bad(SSLMODE.env, reason))
        }
        Some(SslMode::VerifyFull { .. }) => Ok(SslMode::VerifyFull { authorities }),
        // Who names authorities must not believe that they are asked when they are not.
        _ if authorities.is_some() => {
            let reason = format!("only {}=verify-full asks authorities", SSLMODE.env);
            Err(ConfigError::bad(SSLROOTCERT.env, reason))
        }
        Some(_) if socket => Ok(SslMode::Disable),
        Some(mode) => Ok(mode),
        None if socket || is_loopback(host) => Ok(SslMode::Disable),
        None => Ok(SslMode::Prefer),
    }
}

fn mode(text: &str) -> Result<SslMode, String> {
    match text {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" => Ok(SslMode::Require),
        "verify-full" => Ok(SslMode::VerifyFull { authorities: None }),
        "verify-ca" => {
            Err("whoever holds any certificate of the authority would pass for the server; \
                            write verify-full"
                .to_owned())
        }
        _ => Err("not a mode; write disable, prefer, require or verify-full".to_owned()),
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
