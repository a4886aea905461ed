//! Metrics of refused requests and connections.

use metrics::{Unit, counter, describe_counter};

const HTTP_REFUSED: &str = "registry_http_refused_total";

/// Why a request or a connection was refused.
#[allow(missing_docs, reason = "the variants are the values of the label")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Connections,
    AddressConnections,
    GaveWay,
    ProxyHeader,
    ProxyHeaderTime,
    NotTls,
    Handshake,
    HandshakeTime,
    Forwarded,
    Host,
    CrossSite,
    NoLogin,
    Credentials,
    Token,
    Scope,
    Denied,
    Malformed,
    LoginQueue,
    LoginRate,
    TokenRate,
    Uploads,
    OpenUploads,
    Pulls,
}

impl Refusal {
    /// The value of the label `reason`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::AddressConnections => "address_connections",
            Self::GaveWay => "gave_way",
            Self::ProxyHeader => "proxy_header",
            Self::ProxyHeaderTime => "proxy_header_time",
            Self::NotTls => "not_tls",
            Self::Handshake => "handshake",
            Self::HandshakeTime => "handshake_time",
            Self::Forwarded => "forwarded",
            Self::Host => "host",
            Self::CrossSite => "cross_site",
            Self::NoLogin => "no_login",
            Self::Credentials => "credentials",
            Self::Token => "token",
            Self::Scope => "scope",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::LoginQueue => "login_queue",
            Self::LoginRate => "login_rate",
            Self::TokenRate => "token_rate",
            Self::Uploads => "uploads",
            Self::OpenUploads => "open_uploads",
            Self::Pulls => "pulls",
        }
    }
}

/// Counts a request or connection that was refused.
pub fn refused(refusal: Refusal) {
    counter!(HTTP_REFUSED, "reason" => refusal.label()).increment(1);
}

pub(super) fn describe() {
    describe_counter!(
        HTTP_REFUSED,
        Unit::Count,
        "Requests and connections that were refused, by reason"
    );
}
