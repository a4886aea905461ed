//! Settings of the connection to PostgreSQL.

use std::fmt;
use std::path::PathBuf;

use super::error::ConfigError;
use super::host_port::is_loopback;
use super::read::{Group, Kind, Setting, Source, value};
use super::secret::Secret;

const HOST: Setting = Setting {
    env: "OPEN_REGISTRY_DB_HOST",
    kind: Kind::Value("HOST"),
    default: None,
    help: "Host of PostgreSQL, or the directory of its Unix socket. Several servers that replicate each other are separated by \
           commas, each with a port if it has its own, as in db1,db2:5433. The first one that accepts writes is used; a \
           standby is not, until it is promoted. Without a host the registry starts a private PostgreSQL.",
};
const PORT: Setting = Setting {
    env: "OPEN_REGISTRY_DB_PORT",
    kind: Kind::Value("PORT"),
    default: Some("5432"),
    help: "Port of PostgreSQL. One for all hosts, or as many as there are hosts, separated by commas.",
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
    help: "Connections in the pool for requests. Two more are opened for short reads, and up to three for background jobs.",
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

/// One server of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresServer {
    /// Name, IP address, or the absolute path of the directory with the Unix socket.
    pub host: String,
    /// TCP port, or the number in the name of the socket.
    pub port: u16,
}

impl PostgresServer {
    /// Whether it is reached through a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

impl fmt::Display for PostgresServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Settings of the connection to PostgreSQL.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// The server that is asked first.
    pub server: PostgresServer,
    /// Servers that are asked when those before them are gone or accept no writes.
    pub others: Vec<PostgresServer>,
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
        let ports = source.read(&PORT, ports)?;
        let user = source.read(&USER, value::text)?;
        let password = source.read_secret(&PASSWORD)?;
        let name = source.read(&NAME, value::text)?;
        let pool_size = source.read(&POOL_SIZE, value::count(1..=1000))?;
        let mode = source.read_optional(&SSLMODE, mode)?;
        let authorities = source.read_optional(&SSLROOTCERT, value::text)?.map(PathBuf::from);
        let Some(hosts) = source.read_optional(&HOST, hosts)? else {
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
        let mut servers = servers(hosts, &ports)?;
        let ssl = ssl(&servers, mode, authorities)?;
        let server = servers.remove(0);
        Ok(Some(Self { server, others: servers, user, password, name, pool_size, ssl }))
    }

    /// Where the database is, for messages: `db1:5432,db2:5432/af_registry`.
    pub fn address(&self) -> String {
        let others: String = self.others.iter().map(|server| format!(",{server}")).collect();
        format!("{}{others}/{}", self.server, self.name)
    }
}

/// Gives each host its port: its own, the one that stands at its place in the list of ports, or the only one.
fn servers(hosts: Vec<Host>, ports: &[u16]) -> Result<Vec<PostgresServer>, ConfigError> {
    if ports.len() > 1 && ports.len() != hosts.len() {
        let (ports, hosts) = (ports.len(), hosts.len());
        let reason = format!("{ports} ports for {hosts} hosts; write one, or as many as hosts");
        return Err(ConfigError::bad(PORT.env, reason));
    }
    let ports = ports.iter().copied().cycle();
    let server =
        |(Host { name, port }, other)| PostgresServer { host: name, port: port.unwrap_or(other) };
    Ok(hosts.into_iter().zip(ports).map(server).collect())
}

/// Combines mode and authorities for these servers.
fn ssl(
    servers: &[PostgresServer],
    mode: Option<SslMode>,
    authorities: Option<PathBuf>,
) -> Result<SslMode, ConfigError> {
    let socket = servers.iter().any(|server| server.is_socket());
    let here = servers.iter().all(|server| server.is_socket() || is_loopback(&server.host));
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
        Some(mode) => Ok(mode),
        None if here => Ok(SslMode::Disable),
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

/// A host of the list, and its port if it names one.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    name: String,
    port: Option<u16>,
}

fn hosts(text: &str) -> Result<Vec<Host>, String> {
    text.split(',').map(|entry| host(entry.trim())).collect()
}

fn host(text: &str) -> Result<Host, String> {
    let wrong = "not a host; write a name, an IP address, or the directory of a Unix socket, and \
                 commas between several";
    if text.is_empty() || text.contains("://") || text.contains([' ', '@']) {
        return Err(wrong.to_owned());
    }
    // A path has no port of its own, and neither has an IPv6 address without brackets.
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port))
            if !text.starts_with('/') && (!name.contains(':') || name.ends_with(']')) =>
        {
            (name, Some(value::count(1..=u16::MAX)(port)?))
        }
        _ => (text, None),
    };
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    if bare.is_empty() { Err(wrong.to_owned()) } else { Ok(Host { name: bare.to_owned(), port }) }
}

fn ports(text: &str) -> Result<Vec<u16>, String> {
    text.split(',').map(|port| value::count(1..=u16::MAX)(port.trim())).collect()
}
