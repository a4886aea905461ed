//! What this set-up shows to others: passwords that travel in clear, a public Kubo, secrets that others can read. Each of
//! these is a warning and keeps nothing from starting.

use std::path::Path;

/// Something that others on the network or on this machine can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Clients send their passwords over plain HTTP from other machines.
    Passwords,
    /// PostgreSQL runs on another machine and is reached without TLS.
    Postgres,
    /// Kubo has peers, or a gateway with a public address.
    Kubo,
    /// Files with keys and secrets can be read by every user of this machine.
    Secrets,
}

/// What is known about this set-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExposureFacts {
    /// Clients log in.
    pub login: bool,
    /// The registry listens on a loopback address.
    pub loopback: bool,
    /// The registry terminates TLS itself.
    pub tls: bool,
    /// The domain begins with `https://`.
    pub https_domain: bool,
    /// There is a trusted proxy.
    pub proxy: bool,
    /// A connection to PostgreSQL on another machine came up in clear text.
    pub postgres_in_clear: bool,
    /// `OPEN_REGISTRY_DFS_IPFS_PUBLIC`, if it is set.
    pub kubo_may_be_public: Option<bool>,
    /// Kubo has peers in its swarm.
    pub kubo_has_peers: bool,
    /// The gateway has a public address.
    pub gateway_is_public: bool,
    /// Others can read a key file or a file with a secret.
    pub readable_secrets: bool,
}

impl ExposureFacts {
    /// What these facts expose, each kind once.
    pub fn exposures(self) -> Vec<Exposure> {
        let encrypted = self.tls || self.https_domain || self.proxy;
        let public = self.kubo_has_peers || self.gateway_is_public;
        let found = [
            (Exposure::Passwords, self.login && !self.loopback && !encrypted),
            (Exposure::Postgres, self.postgres_in_clear),
            (Exposure::Kubo, public && self.kubo_may_be_public != Some(true)),
            (Exposure::Secrets, self.readable_secrets),
        ];
        found.into_iter().filter(|(_, is_so)| *is_so).map(|(exposure, _)| exposure).collect()
    }
}

impl Exposure {
    /// Name in `/readyz`, and of the event in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Passwords => "passwords_in_clear",
            Self::Postgres => "postgres_in_clear",
            Self::Kubo => "kubo_is_public",
            Self::Secrets => "secrets_are_readable",
        }
    }

    /// What is exposed and what to set, without a name or path of this set-up.
    pub fn message(self) -> &'static str {
        match self {
            Self::Passwords => {
                "clients send passwords over plain HTTP, and everyone on the way can read them; set \
                 OPEN_REGISTRY_TLS_CERT_FILE or OPEN_REGISTRY_ACME_DOMAIN, or, behind a proxy that terminates TLS, an \
                 https:// OPEN_REGISTRY_DOMAIN and OPEN_REGISTRY_TRUSTED_PROXIES"
            }
            Self::Postgres => {
                "the connection to PostgreSQL on another machine has no TLS, and everyone on the way can read and change \
                 it; turn TLS on at the server and set OPEN_REGISTRY_DB_SSLMODE=verify-full"
            }
            Self::Kubo => {
                "Kubo has peers or a public gateway, and everyone who knows a CID can read its content without a login; run \
                 Kubo with --offline or in a private network, or accept this with OPEN_REGISTRY_DFS_IPFS_PUBLIC=true"
            }
            Self::Secrets => {
                "every user of the machine can read files with keys or secrets of the registry; take the right to read away \
                 from others (chmod o-r)"
            }
        }
    }
}

/// Whether every user of this machine may read a file, by the mode of the file itself. A file that cannot be looked at is
/// not found readable: whoever opens it reports the error.
pub(super) fn others_may_read(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::Exposure::{Kubo, Passwords, Postgres, Secrets};
    use super::*;
    use crate::config::{Config, ConfigError};

    fn load(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(["af-registry"], env.iter().copied())
    }

    /// A registry that asks for a login on all addresses, without anything that encrypts.
    const OPEN: ExposureFacts = ExposureFacts {
        login: true,
        loopback: false,
        tls: false,
        https_domain: false,
        proxy: false,
        postgres_in_clear: false,
        kubo_may_be_public: None,
        kubo_has_peers: false,
        gateway_is_public: false,
        readable_secrets: false,
    };
    /// The same with TLS.
    const CLOSED: ExposureFacts = ExposureFacts { tls: true, ..OPEN };

    #[test]
    fn every_fact_exposes_what_it_should() {
        let peers = ExposureFacts { kubo_has_peers: true, ..CLOSED };
        let gateway = ExposureFacts { gateway_is_public: true, ..CLOSED };
        let clear = ExposureFacts { postgres_in_clear: true, ..CLOSED };
        let readable = ExposureFacts { readable_secrets: true, ..CLOSED };
        for (facts, exposed) in [
            (OPEN, vec![Passwords]),
            (CLOSED, vec![]),
            (ExposureFacts { login: false, ..OPEN }, vec![]),
            (ExposureFacts { loopback: true, ..OPEN }, vec![]),
            (ExposureFacts { https_domain: true, ..OPEN }, vec![]),
            (ExposureFacts { proxy: true, ..OPEN }, vec![]),
            (clear, vec![Postgres]),
            (peers, vec![Kubo]),
            (gateway, vec![Kubo]),
            (ExposureFacts { kubo_has_peers: true, ..gateway }, vec![Kubo]),
            (ExposureFacts { kubo_may_be_public: Some(true), ..peers }, vec![]),
            (ExposureFacts { kubo_may_be_public: Some(true), ..gateway }, vec![]),
            (ExposureFacts { kubo_may_be_public: Some(false), ..peers }, vec![Kubo]),
            (readable, vec![Secrets]),
            (
                ExposureFacts { tls: false, kubo_has_peers: true, ..readable },
                vec![Passwords, Kubo, Secrets],
            ),
        ] {
            assert_eq!(facts.exposures(), exposed, "{facts:?}");
        }
    }

    #[test]
    fn a_file_is_readable_by_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, readable) in [(0o600, false), (0o640, false), (0o604, true), (0o444, true)] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(others_may_read(file.path()), readable, "{mode:o}");
        }
        assert!(!others_may_read(Path::new("/nonexistent")));
    }

    #[test]
    fn the_settings_say_what_others_can_read() {
        let exposed = |env: &[(&str, &str)]| load(env).unwrap().exposure_facts().exposures();
        let open = ("OPEN_REGISTRY_HOST", "0.0.0.0");
        assert_eq!(exposed(&[]), []);
        assert_eq!(exposed(&[open]), [Passwords]);
        for closed in [
            ("OPEN_REGISTRY_DOMAIN", "https://registry.example"),
            ("OPEN_REGISTRY_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("OPEN_REGISTRY_ACME_DOMAIN", "registry.example"),
            ("OPEN_REGISTRY_INSECURE_ANONYMOUS", "true"),
        ] {
            assert_eq!(exposed(&[open, closed]), [], "{closed:?}");
        }
        assert_eq!(exposed(&[open, ("OPEN_REGISTRY_DOMAIN", "registry.example")]), [Passwords]);
        let public =
            |text| load(&[("OPEN_REGISTRY_DFS_IPFS_PUBLIC", text)]).unwrap().kubo_may_be_public;
        assert_eq!((public("true"), public("false"), public("")), (Some(true), Some(false), None));
        assert!(load(&[("OPEN_REGISTRY_DFS_IPFS_PUBLIC", "maybe")]).is_err());
    }
}
