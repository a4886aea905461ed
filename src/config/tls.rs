//! How clients reach the registry by https.

use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const CERT_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_CERT_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "Certificate in PEM, the server's own first, then those that lead to its root. With it the registry speaks \
           https only. Read again when it changes and on SIGHUP.",
};
const KEY_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_KEY_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "Private key of the certificate in PEM (PKCS#8, SEC1 or PKCS#1), not encrypted.",
};
const CLIENT_CA_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_CLIENT_CA_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "Roots in PEM for certificates of clients. A client may then show one; one that does not lead to a root is \
           refused.",
};
const CLIENT_USER: Setting = Setting {
    env: "OPEN_REGISTRY_TLS_CLIENT_USER",
    kind: Kind::Value("cn|dns|email"),
    default: Some("cn"),
    help: "Which name in a client's certificate is the user: the common name, the DNS name or the mail address.",
};
const HTTP2: Setting = Setting {
    env: "OPEN_REGISTRY_HTTP2",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Offer HTTP/2 over TLS. HTTP/1.1 moves large layers faster.",
};
const HANDSHAKE_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_HANDSHAKE_TIME",
    kind: Kind::Value("TIME"),
    default: Some("10s"),
    help: "Longest wait for a whole TLS handshake, and for a PROXY header.",
};
const REDIRECT_PORT: Setting = Setting {
    env: "OPEN_REGISTRY_HTTP_REDIRECT_PORT",
    kind: Kind::Value("PORT"),
    default: None,
    help: "Port that answers without TLS and sends browsers that ask for / to https. Everything else is refused there, \
           so that no client sends its password twice, once readably.",
};

pub(super) const GROUP: Group = Group {
    title: "TLS",
    settings: &[
        &CERT_FILE,
        &KEY_FILE,
        &CLIENT_CA_FILE,
        &CLIENT_USER,
        &HTTP2,
        &HANDSHAKE_TIME,
        &REDIRECT_PORT,
    ],
};

/// How clients reach the registry by https.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate's files; `None` without one.
    pub files: Option<CertificateFiles>,
    /// Roots of client certificates; `None` asks for none.
    pub client_ca: Option<PathBuf>,
    /// Which name in a client's certificate is the user.
    pub client_user: ClientUser,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Longest wait for a handshake.
    pub handshake_time: Duration,
    /// Port without TLS that redirects; 0 lets the system choose.
    pub redirect_port: Option<u16>,
}

/// A certificate and its key, each in a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Which name in a client's certificate is the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientUser {
    /// The common name of the subject.
    CommonName,
    /// The first DNS name among the alternative names.
    Dns,
    /// The first mail address among the alternative names.
    Email,
}

impl Tls {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let certificate = source.read_optional(&CERT_FILE, path)?;
        let key = source.read_optional(&KEY_FILE, path)?;
        let alone = |set: &Setting, missing: &Setting| {
            Err(ConfigError::bad(missing.env, format!("must be set beside {}", set.env)))
        };
        let files = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (Some(_), None) => return alone(&CERT_FILE, &KEY_FILE),
            (None, Some(_)) => return alone(&KEY_FILE, &CERT_FILE),
            (None, None) => None,
        };
        Ok(Self {
            files,
            client_ca: source.read_optional(&CLIENT_CA_FILE, path)?,
            client_user: source.read(&CLIENT_USER, client_user)?,
            http2: source.read(&HTTP2, value::switch)?,
            handshake_time: source.read(&HANDSHAKE_TIME, value::time)?,
            redirect_port: source.read_optional(&REDIRECT_PORT, value::count(0..=u16::MAX))?,
        })
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
        _ => Err("none of cn, dns and email".to_owned()),
    }
}
