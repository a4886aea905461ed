//! Every setting, read once and checked before anything is bound or started.
//!
//! One file per section; each declares its settings as constants, a plain struct, and how the one becomes the other.
//! A setting has one name, `OPEN_REGISTRY_…`, and a flag made of it: `OPEN_REGISTRY_DB_HOST` is `--db-host`. A flag
//! wins over the environment, an empty variable counts as not set (compose files pass those for settings left out).
//! Nothing here reads the process environment: the caller hands it in, so a test needs no `set_var`.

mod accepted;
mod access;
mod acme;
mod data_dir;
mod error;
mod host_port;
mod kubo;
mod limits;
mod listen;
mod log;
mod network;
mod postgres;
mod proxies;
mod read;
mod secret;
mod server_address;
mod tls;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, Command};

pub use access::{Access, Login};
pub use acme::Acme;
pub use error::ConfigError;
pub use host_port::HostPort;
pub use kubo::{Kubo, KuboLogin};
pub use limits::Limits;
pub use listen::{Domain, Listen};
pub use log::Log;
pub use network::{Network, NetworkError, Networks};
pub use postgres::{Postgres, SslMode};
pub use proxies::Proxies;
pub use secret::Secret;
pub use server_address::ServerAddress;
pub use tls::{CertificateFiles, ClientUser, Tls};

use read::{Group, Source, command};

/// All sections in the order of `--help`.
const GROUPS: [&Group; 11] = [
    &listen::GROUP,
    &tls::GROUP,
    &acme::GROUP,
    &proxies::GROUP,
    &access::GROUP,
    &data_dir::GROUP,
    &postgres::GROUP,
    &kubo::GROUP,
    &limits::GROUP,
    &log::GROUP,
    &accepted::GROUP,
];

/// What the program was called to do.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// With which settings; those of a command stand before its name.
    pub config: Config,
    /// Name and arguments of a command; `None` to serve.
    pub command: Option<(String, ArgMatches)>,
}

impl Invocation {
    /// Reads and checks all settings and the arguments of one of `commands`, if one is named.
    ///
    /// `args` begins with the program's name, as [`std::env::args_os`] does; `env` is what [`std::env::vars_os`] gives.
    ///
    /// # Errors
    /// The first argument or setting that is not valid, or [`ConfigError::Asked`] when `--help` or `--version` was given.
    pub fn read<A, E, T>(
        args: A,
        env: E,
        commands: impl IntoIterator<Item = Command>,
    ) -> Result<Self, ConfigError>
    where
        A: IntoIterator<Item: Into<OsString> + Clone>,
        E: IntoIterator<Item = (T, T)>,
        T: Into<OsString>,
    {
        let parser = command::command(&GROUPS).subcommands(commands);
        let mut flags = parser.try_get_matches_from(args)?;
        let command = flags.remove_subcommand();
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into()));
        let config = Config::read(Source::new(flags, env))?;
        Ok(Self { config, command })
    }
}

/// The whole configuration, valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen, and the name clients know.
    pub listen: Listen,
    /// How clients reach it by https.
    pub tls: Tls,
    /// The certificate to order for it; `None` orders none.
    pub acme: Option<Acme>,
    /// The proxies before it.
    pub proxies: Proxies,
    /// Sizes, times and counts that bound what a client may do.
    pub limits: Limits,
    /// The PostgreSQL to use; `None` starts a private one.
    pub postgres: Option<Postgres>,
    /// The Kubo to use; `None` starts a private one.
    pub kubo: Option<Kubo>,
    /// Absolute path below which private partners keep their data.
    pub data_dir: PathBuf,
    /// Who may do what.
    pub access: Access,
    /// How the log is written.
    pub log: Log,
    /// What the operator should know although it stops nothing; one line each, for the log once it stands.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads and checks all settings, where no command is known.
    ///
    /// # Errors
    /// As [`Invocation::read`].
    pub fn load<A, E, T>(args: A, env: E) -> Result<Self, ConfigError>
    where
        A: IntoIterator<Item: Into<OsString> + Clone>,
        E: IntoIterator<Item = (T, T)>,
        T: Into<OsString>,
    {
        Invocation::read(args, env, []).map(|invocation| invocation.config)
    }

    fn read(mut source: Source) -> Result<Self, ConfigError> {
        source.warn_of_unknown(&GROUPS);
        let (listen, postgres) = (Listen::read(&source)?, Postgres::read(&mut source)?);
        let access = Access::read(&mut source, postgres.is_none(), listen.is_loopback())?;
        let tls = Tls::read(&source)?;
        Ok(Self {
            listen,
            acme: Acme::read(&mut source, &tls)?,
            tls,
            proxies: Proxies::read(&source)?,
            limits: Limits::read(&source)?,
            postgres,
            kubo: Kubo::read(&mut source)?,
            data_dir: data_dir::read(&source)?,
            access,
            log: Log::read(&source)?,
            warnings: source.warnings,
        })
    }
}

#[cfg(test)]
mod tests;
