//! Every setting, read once and checked before anything is bound or started.
//!
//! Each section has a file, which declares its settings as constants and reads them into a plain struct. A setting
//! has one name, such as `OPEN_REGISTRY_DB_HOST`, and a flag made from it, `--db-host`. The flag wins over the
//! environment. An empty variable counts as not set, because compose files pass settings that are left out that way.
//! Nothing here reads the environment of the process: the caller passes it in, so that a test needs no `set_var`.

mod accepted;
mod access;
mod acme;
mod cache;
mod collection;
mod data_dir;
mod error;
mod exposure;
mod host_port;
mod kubo;
mod limits;
mod listen;
mod log;
mod login;
mod network;
mod postgres;
mod proxies;
mod read;
mod review;
mod scrub;
mod secret;
mod server_address;
mod tls;
mod traces;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, Command};

pub use access::Access;
pub use acme::Acme;
pub use collection::Collection;
pub use error::ConfigError;
pub use exposure::{Exposure, ExposureFacts};
pub use host_port::{HostPort, is_loopback};
pub use kubo::{Kubo, KuboLogin};
pub use limits::Limits;
pub use listen::{Domain, Listen};
pub use log::Log;
pub use login::Login;
pub use network::{Network, NetworkError, Networks};
pub use postgres::{Postgres, PostgresServer, SslMode};
pub use proxies::Proxies;
pub use review::Review;
pub use scrub::Scrub;
pub use secret::Secret;
pub use server_address::ServerAddress;
pub use tls::{CertificateFiles, ClientFiles, ClientUser, Tls};
pub use traces::Traces;

use login::Facts;
use read::{Group, Source, command};

/// All sections in the order of `--help`.
const GROUPS: [&Group; 16] = [
    &listen::GROUP,
    &tls::GROUP,
    &acme::GROUP,
    &proxies::GROUP,
    &access::GROUP,
    &data_dir::GROUP,
    &cache::GROUP,
    &postgres::GROUP,
    &kubo::GROUP,
    &collection::GROUP,
    &limits::GROUP,
    &scrub::GROUP,
    &review::GROUP,
    &log::GROUP,
    &traces::GROUP,
    &accepted::GROUP,
];

/// The command line with all settings and `commands`. Manual pages and completions of shells are made from it too.
pub fn command_line(commands: impl IntoIterator<Item = Command>) -> Command {
    command::command(&GROUPS).subcommands(commands)
}

/// The command line and the environment, parsed.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The settings. On the command line they stand before the name of a command.
    pub config: Config,
    /// Name and arguments of a command. Without one the program serves.
    pub command: Option<(String, ArgMatches)>,
}

impl Invocation {
    /// Reads and checks all settings and the arguments of one of `commands`, if one is named.
    ///
    /// `args` begins with the program's name, as [`std::env::args_os`] does; `env` is what [`std::env::vars_os`] gives.
    ///
    /// # Errors
    /// The first argument or setting that is not valid, or [`ConfigError::Asked`] for `--help` and `--version`.
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
        let mut flags = command_line(commands).try_get_matches_from(args)?;
        let command = flags.remove_subcommand();
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into()));
        let config = Config::read(Source::new(flags, env))?;
        Ok(Self { config, command })
    }
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to listen on, and the name that clients use.
    pub listen: Listen,
    /// TLS for clients.
    pub tls: Tls,
    /// The certificate to order by ACME, if any.
    pub acme: Option<Acme>,
    /// The proxies in front of this server.
    pub proxies: Proxies,
    /// Bounds on what a client may do: sizes, times and counts.
    pub limits: Limits,
    /// What a review removes, and when.
    pub review: Review,
    /// The PostgreSQL to use. Without one the program starts a private PostgreSQL.
    pub postgres: Option<Postgres>,
    /// The Kubo to use. Without one the program starts a private Kubo.
    pub kubo: Option<Kubo>,
    /// When the garbage of Kubo is collected, and by whom.
    pub collection: Collection,
    /// Absolute path of the directory for a private PostgreSQL and Kubo.
    pub data_dir: PathBuf,
    /// Bytes that stay free on its disk when a partner is private; 0 for none.
    pub data_dir_free: u64,
    /// Most bytes of copies of layers in the data directory; 0 for none, `None` for as many as suit its disk.
    pub cache_bytes: Option<u64>,
    /// Comparing stored bytes with their digests.
    pub scrub: Scrub,
    /// Login, tokens and the first administrator.
    pub access: Access,
    /// Form and level of the log.
    pub log: Log,
    /// Where traces are sent, if anywhere.
    pub traces: Option<Traces>,
    /// Whether Kubo may be public, if the operator said so.
    pub kubo_may_be_public: Option<bool>,
    /// Settings whose files with keys or secrets every user of this machine can read.
    pub readable_secrets: Vec<String>,
    /// Warnings for the operator, one line each. They are logged once the log is set up.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads and checks all settings. No command is accepted.
    ///
    /// # Errors
    /// The same as for [`Invocation::read`].
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
        let (tls, proxies) = (Tls::read(&source)?, Proxies::read(&source)?);
        let acme = Acme::read(&mut source, &tls)?;
        let kubo = Kubo::read(&mut source)?;
        let clustered = kubo.as_ref().is_some_and(|kubo| kubo.cluster.is_some());
        let facts = Facts {
            asked: None,
            anonymous: false,
            admin: false,
            own_postgres: postgres.is_none(),
            loopback: listen.is_loopback(),
            domain: listen.domain.as_ref().is_some_and(|domain| !domain.is_loopback()),
            proxies: !proxies.trusted.is_empty(),
            proxy_protocol: proxies.protocol,
            tls: tls.is_wanted(),
            acme: acme.is_some(),
        };
        let mut readable_secrets = source.readable_secrets(&GROUPS);
        let key = tls.files.as_ref().filter(|files| exposure::others_may_read(&files.key));
        readable_secrets.extend(key.map(|_| tls::KEY_FILE.env.to_owned()));
        Ok(Self {
            access: Access::read(&mut source, facts)?,
            listen,
            acme,
            tls,
            proxies,
            limits: Limits::read(&source)?,
            review: Review::read(&source)?,
            postgres,
            kubo,
            collection: Collection::read(&source, clustered)?,
            kubo_may_be_public: kubo::may_be_public(&source)?,
            readable_secrets,
            data_dir: data_dir::read(&source)?,
            data_dir_free: data_dir::free(&source)?,
            cache_bytes: cache::read(&source)?,
            scrub: Scrub::read(&source)?,
            log: Log::read(&source)?,
            traces: Traces::read(&source)?,
            warnings: source.warnings,
        })
    }
}

impl Config {
    /// What the settings say about what others can read. The partners add what they show.
    pub fn exposure_facts(&self) -> ExposureFacts {
        let https = self.listen.domain.as_ref().and_then(|domain| domain.https);
        ExposureFacts {
            login: self.access.login.is_required(),
            loopback: self.listen.is_loopback(),
            tls: self.tls.files.is_some() || self.acme.is_some(),
            https_domain: https == Some(true),
            proxy: !self.proxies.trusted.is_empty(),
            kubo_may_be_public: self.kubo_may_be_public,
            readable_secrets: !self.readable_secrets.is_empty(),
            ..ExposureFacts::default()
        }
    }
}

#[cfg(test)]
mod tests;
