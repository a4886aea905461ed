//! Settings of TLS for clients.

use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const CERT_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_CERT_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the certificate of the server, followed by the intermediate certificates. The registry then \
           speaks https only. The file is read again when it changes and on SIGHUP.",
};
pub(super) const KEY_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_KEY_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the private key of the certificate (PKCS#8, SEC1 or PKCS#1), not encrypted.",
};
const CLIENT_CA_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_CLIENT_CA_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the certificate authorities for client certificates. A client may then log in with a certificate \
           that one of them issued. A client with any other certificate is refused. The file is read again when it \
           changes and on SIGHUP.",
};
const CLIENT_CRL_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_CLIENT_CRL_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the revocation lists of these authorities. A client with a revoked certificate is refused, and so \
           is one whose authority has no list here. The file is read again when it changes and on SIGHUP.",
};
const CLIENT_USER: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_CLIENT_USER",
    kind: Kind::Value("cn|dns|email"),
    default: Some("cn"),
    help: "Which name in a client certificate is the user: the common name, the DNS name or the mail address. A \
           certificate with two names of that kind names no user.",
};
const HTTP2: Setting = Setting {
    env: "OPEN_REGISTRY_HTTP2",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Offer HTTP/2 over TLS. HTTP/1.1 transfers large layers faster.",
};
const HANDSHAKE_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_HANDSHAKE_TIME",
    kind: Kind::Value("TIME"),
    default: Some("10s"),
    help: "Longest time for a TLS handshake, and for a PROXY header to arrive.",
};
const REDIRECT_PORT: Setting = Setting {
    env: "OPEN_REGISTRY_HTTP_REDIRECT_PORT",
    kind: Kind::Value("PORT"),
    default: None,
    help: "Port without TLS that redirects a request for / to https. Every other request is refused there, so that no \
           client gets used to sending its password without encryption.",
};

pub(super) const GROUP: Group = Group {
    title: "TLS",
    settings: &[
        &CERT_FILE,
        &KEY_FILE,
        &CLIENT_CA_FILE,
        &CLIENT_CRL_FILE,
        &CLIENT_USER,
        &HTTP2,
        &HANDSHAKE_TIME,
        &REDIRECT_PORT,
    ],
};

/// TLS for clients.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Files of the certificate, if it comes from files.
    pub files: Option<CertificateFiles>,
    /// Checks of client certificates. Without them clients are not asked for a certificate.
    pub clients: Option<ClientFiles>,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub http2: bool,
    /// Longest time for a TLS handshake or a PROXY header.
    pub handshake_time: Duration,
    /// Port without TLS that redirects to https. 0 takes a free port.
    pub redirect_port: Option<u16>,
}

/// A certificate and its key as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// File with the certificate of the server, followed by the intermediate certificates.
    pub certificate: PathBuf,
    /// File with the private key.
    pub key: PathBuf,
}

/// Checks of client certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// PEM file with the authorities.
    pub authorities: PathBuf,
    /// PEM file with their revocation lists.
    pub revocations: Option<PathBuf>,
    /// Which name in a client certificate is the user.
    pub user: ClientUser,
}

/// Which name in a client certificate is the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientUser {
    /// The common name of the subject.
    CommonName,
    /// The only DNS name among the alternative names.
    Dns,
    /// The only mail address among the alternative names.
    Email,
}

impl Tls {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let certificate = source.read_optional(&CERT_FILE, path)?;
        let key = source.read_optional(&KEY_FILE, path)?;
        let alone = |set: &Setting, missing: &Setting| {
            Err(ConfigError::bad(missing.env, format!("must be set together with {}", set.env)))
        };
        let files = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (Some(_), None) => return alone(&CERT_FILE, &KEY_FILE),
            (None, Some(_)) => return alone(&KEY_FILE, &CERT_FILE),
            (None, None) => None,
        };
        let user = source.read(&CLIENT_USER, client_user)?;
        let revocations = source.read_optional(&CLIENT_CRL_FILE, path)?;
        let clients = match (source.read_optional(&CLIENT_CA_FILE, path)?, revocations) {
            (Some(authorities), revocations) => {
                Some(ClientFiles { authorities, revocations, user })
            }
            (None, Some(_)) => return alone(&CLIENT_CRL_FILE, &CLIENT_CA_FILE),
            (None, None) => None,
        };
        Ok(Self {
            files,
            clients,
            http2: source.read(&HTTP2, value::switch)?,
            handshake_time: source.read(&HANDSHAKE_TIME, value::time)?,
            redirect_port: source.read_optional(&REDIRECT_PORT, value::count(0..=u16::MAX))?,
        })
    }

    /// Whether any setting says that clients are to come by https.
    pub(super) fn is_wanted(&self) -> bool {
        self.files.is_some() || self.clients.is_some() || self.redirect_port.is_some()
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

fn client_user(text: &str) -> Result<ClientUser, String> {
    match text {
        "cn" => Ok(ClientUser::CommonName),
        "dns" => Ok(ClientUser::Dns),
        "email" => Ok(ClientUser::Email),
        _ => Err("not a kind of name; write cn, dns or email".to_owned()),
    }
}
