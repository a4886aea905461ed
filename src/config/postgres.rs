//! Settings of the connection to PostgreSQL.

use std::path::PathBuf;

use super::error::ConfigError;
use super::host_port::is_loopback;
use super::read::{Group, Kind, Setting, Source, value};
use super::secret::Secret;

const HOST: Setting = Setting {
    env: "OPEN_REGISTRY_DB_HOST",
    kind: Kind::Value("HOST"),
    default: None,
    help: "Host of PostgreSQL, or the directory of its Unix socket. Without it the registry starts a private PostgreSQL.",
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
    help: "PostgreSQL user, who must own the database.",
};
const PASSWORD: Setting = Setting {
    env: "OPEN_REGISTRY_DB_PASSWORD",
    kind: Kind::Secret,
    default: None,
    help: "Password of the PostgreSQL user.",
};
const NAME: Setting = Setting {
    env: "OPEN_REGISTRY_DB_NAME",
    kind: Kind::Value("NAME"),
    default: Some("af_registry"),
    help: "Name of the database.",
};
const POOL_SIZE: Setting = Setting {
    env: "OPEN_REGISTRY_DB_POOL_SIZE",
    kind: Kind::Value("N"),
    default: Some("8"),
    help: "Connections in the pool. Two more are opened for short reads.",
};

const SSLMODE: Setting = Setting {
    env: "OPEN_REGISTRY_DB_SSLMODE",
    kind: Kind::Value("MODE"),
    default: None,
    help: "TLS to PostgreSQL. disable: no TLS. prefer: TLS if the server offers it, without verifying the server. require: \
           always TLS, without verifying the server, which protects against eavesdroppers but not against an active \
           attacker. verify-full: always TLS, and the certificate of the server must be trusted and match its name. The \
           default is disable for a server on this machine, and prefer for any other. Without TLS a server elsewhere never \
           gets the password in clear text or as MD5, only SCRAM.",
};
const SSLROOTCERT: Setting = Setting {
    env: "OPEN_REGISTRY_DB_SSLROOTCERT",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the certificate authorities that verify-full trusts. Without it those of the system are trusted.",
};

pub(super) const GROUP: Group = Group {
    title: "PostgreSQL",
    settings: &[&HOST, &PORT, &USER, &PASSWORD, &NAME, &POOL_SIZE, &SSLMODE, &SSLROOTCERT],
};

/// TLS of the connection to PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// The connection has no TLS.
    Disable,
    /// TLS if the server offers it. The server is not verified.
    Prefer,
    /// Always TLS. The server is not verified.
    Require,
    /// Always TLS. The certificate of the server must be trusted and match its name.
    VerifyFull {
        /// PEM file with the trusted authorities. `None` trusts those of the system.
        authorities: Option<PathBuf>,
    },
}

/// Settings of the connection to PostgreSQL.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// Name, IP address, or the absolute path of the directory with the Unix socket.
    pub host: String,
    /// TCP port, or the number in the name of the socket.
    pub port: u16,
    /// Name of the PostgreSQL user.
    pub user: String,
    /// Password of the user; empty for none.
    pub password: Secret,
    /// Name of the database.
    pub name: String,
    /// Connections in the pool.
    pub pool_size: u32,
    /// TLS of the connection.
    pub ssl: SslMode,
}

impl Postgres {
    pub(super) fn read(source: &mut Source) -> Result<Option<Self>, ConfigError> {
        // Read even if no host is set: a wrong value is reported either way.
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
                    "{} has no effect without {}: the registry starts a private PostgreSQL",
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

/// Combines mode and authorities for this host.
fn ssl(
    host: &str,
    mode: Option<SslMode>,
    authorities: Option<PathBuf>,
) -> Result<SslMode, ConfigError> {
    let socket = host.starts_with('/');
    match mode {
        Some(SslMode::Require | SslMode::VerifyFull { .. }) if socket => {
            let reason =
                "a connection through a Unix socket has no TLS and needs none; remove the setting";
            Err(ConfigError::bad(SSLMODE.env, reason))
        }
        Some(SslMode::VerifyFull { .. }) => Ok(SslMode::VerifyFull { authorities }),
        // An operator who names authorities expects that they are used.
        _ if authorities.is_some() => {
            let reason = format!("has an effect only with {}=verify-full", SSLMODE.env);
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
            Err("verify-ca would accept any server with a certificate of the authority; write verify-full"
                .to_owned())
        }
        _ => Err("not a mode; write disable, prefer, require or verify-full".to_owned()),
    }
}

fn host(text: &str) -> Result<String, String> {
    if text.contains("://") || text.contains([' ', '@', ',']) {
        return Err(
            "not a host; write a name, an IP address, or the directory of a Unix socket".into()
        );
    }
    Ok(text.to_owned())
}
