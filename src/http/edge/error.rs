//! Every way in which a request can fail, with its status, error code and message.

use std::sync::Arc;

use hyper::header::{ALLOW, HeaderValue, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use thiserror::Error;

use super::body::Body;
use super::respond;
use crate::auth::AuthError;
use crate::oci::{ErrorCode, ManifestError, MediaTypeError, Path, received_range};
use crate::registry::{Fault, RegistryError};
use crate::telemetry::metrics::Cause;

/// Seconds until a client should try again when the server is overloaded, or PostgreSQL or Kubo is down.
const RETRY_SECONDS: &str = "5";

/// Why a request failed.
#[derive(Debug, Error)]
pub enum HttpError {
    /// A part of the request is malformed or not allowed.
    #[error("{message}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Request { status: StatusCode, code: ErrorCode, message: String },
    /// This server does not have the path.
    #[error("no such path")]
    PathUnknown,
    /// The path does not have this method. The field lists the methods that it has.
    #[error("this path allows only {0}")]
    MethodNotAllowed(&'static str),
    /// The push has more tags than this maximum.
    #[error("a push takes at most {0} tags")]
    TooManyTags(usize),
    /// The request body exceeds the limit of what it holds.
    #[error("a {what} has at most {most} bytes")]
    TooLarge {
        /// Noun for the message, as in "manifest".
        what: &'static str,
        /// The limit in bytes.
        most: usize,
    },
    /// The range lies outside of the blob, which has this many bytes.
    #[error("the range lies outside of the blob, which has {0} bytes")]
    RangeUnsatisfiable(u64),
    /// The caller is refused.
    #[error("{error}")]
    Refused {
        /// Reason of the refusal.
        error: AuthError,
        /// WWW-Authenticate of a response with status 401.
        challenge: Option<String>,
    },
    /// The registry failed or refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A partner does not answer.
    #[error("not ready: {error}")]
    NotReady {
        /// Which one, and why.
        error: Arc<RegistryError>,
        /// The warnings that an answer of `/readyz` has in any case.
        warnings: Value,
    },
}

impl HttpError {
    pub(in crate::http) fn bad_request(code: ErrorCode, message: String) -> Self {
        Self::Request { status: StatusCode::BAD_REQUEST, code, message }
    }

    pub(in crate::http) fn not_found(code: ErrorCode, message: String) -> Self {
        Self::Request { status: StatusCode::NOT_FOUND, code, message }
    }

    pub(in crate::http) fn name(message: String) -> Self {
        Self::bad_request(ErrorCode::NameInvalid, message)
    }

    pub(in crate::http) fn unsupported(message: String) -> Self {
        Self::bad_request(ErrorCode::Unsupported, message)
    }

    /// The response to the request.
    pub(in crate::http) fn render(&self) -> Response<Body> {
        let (status, code) = self.status_and_code();
        let mut document = json!({ "errors": self.errors(code) });
        if let Self::NotReady { warnings, .. } = self {
            document["status"] = json!("not ready");
            document["warnings"] = warnings.clone();
        }
        let mut response = respond::json(status, &document);
        let headers = response.headers_mut();
        match self {
            Self::MethodNotAllowed(verbs) => {
                headers.insert(ALLOW, HeaderValue::from_static(verbs));
            }
            Self::RangeUnsatisfiable(size) => {
                respond::content_range(headers, &crate::oci::unsatisfied_range(*size))
            }
            // A client resumes the upload at this Location, after this Range.
            Self::Registry(RegistryError::OutOfOrder { key, received }) => {
                respond::insert(headers, LOCATION, &Path::upload(&key.repository, key.id));
                respond::insert(headers, RANGE, &received_range(*received));
            }
            Self::Refused { error: AuthError::TooMany { retry }, .. } => {
                respond::insert(headers, RETRY_AFTER, &retry.as_secs().max(1).to_string());
            }
            Self::Refused { challenge: Some(challenge), .. } => {
                respond::insert(headers, WWW_AUTHENTICATE, challenge);
                // `docker manifest` logs in only where this header is set.
                respond::version(headers);
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
            }
            _ => {}
        }
        response
    }

    /// The errors of the response body. There is one, except for a manifest that names unknown digests, which has one for
    /// each. A 5xx does not explain its cause to the client.
    fn errors(&self, code: ErrorCode) -> Vec<Value> {
        let message = match self.status_and_code().0 {
            StatusCode::SERVICE_UNAVAILABLE => {
                "the registry is temporarily unavailable; try again later".into()
            }
            status if status.is_server_error() => "the registry failed; its log has the reason under the x-request-id of this response".into(),
            // The reason would help an attacker who forges tokens.
            _ if matches!(self, Self::Refused { error: AuthError::Token(_), .. }) => {
                "the token is not valid".into()
            }
            _ => self.to_string(),
        };
        match self {
            Self::Registry(RegistryError::ReferencesUnknown(digests)) => digests
                .iter()
                .map(|digest| json!({ "code": code.as_str(), "message": message, "detail": { "digest": digest } }))
                .collect(),
            _ => vec![json!({ "code": code.as_str(), "message": message })],
        }
    }

    fn status_and_code(&self) -> (StatusCode, ErrorCode) {
        match self {
            Self::Request { status, code, .. } => (*status, *code),
            Self::PathUnknown => (StatusCode::NOT_FOUND, ErrorCode::Unsupported),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported),
            Self::TooManyTags(_) => (StatusCode::URI_TOO_LONG, ErrorCode::Unsupported),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
            Self::RangeUnsatisfiable(_) => {
                (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::BlobUploadInvalid)
            }
            Self::Refused { error, .. } => auth_status(error),
            Self::Registry(error) => registry_status(error),
            Self::NotReady { error, .. } => registry_status(error),
        }
    }

    /// The code in the response's body.
    pub(in crate::http) fn code(&self) -> ErrorCode {
        self.status_and_code().1
    }

    /// The cause of a failure of the server, for the metrics. `None` if the request caused it.
    pub(in crate::http) fn cause(&self) -> Option<Cause> {
        let cause = match self {
            _ if !self.status_and_code().0.is_server_error() => return None,
            Self::Registry(error) => error.cause(),
            Self::NotReady { error, .. } => error.cause(),
            Self::Refused { error: AuthError::Busy, .. } => Cause::Login,
            Self::Refused { error: AuthError::Unavailable(_), .. } => Cause::PostgresUnavailable,
            _ => Cause::Other,
        };
        Some(cause)
    }

    /// Whether the server caused the failure, so that its log must say why.
    pub(in crate::http) fn is_ours(&self) -> bool {
        // A flood of logins is counted, and must not flood the log as well.
        let busy = matches!(self, Self::Refused { error: AuthError::Busy, .. });
        self.status_and_code().0.is_server_error() && !busy
    }
}

fn auth_status(error: &AuthError) -> (StatusCode, ErrorCode) {
    use AuthError as E;
    match error {
        E::Login | E::Credentials | E::Token(_) | E::Scope => {
            (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized)
        }
        E::Denied => (StatusCode::FORBIDDEN, ErrorCode::Denied),
        E::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests),
        E::Malformed(_) => (StatusCode::BAD_REQUEST, ErrorCode::Unsupported),
        E::Busy | E::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
        E::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
    }
}

fn registry_status(error: &RegistryError) -> (StatusCode, ErrorCode) {
    use RegistryError as E;
    match error {
        E::BlobReferenced(_) => (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported),
        E::BlobUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
        E::BlobTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
        E::Body(_) => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
        // Clients show the text of a 403 to their users, and not that of a 507.
        E::Denied | E::DiskFull { .. } | E::NamespaceFull(_) => {
            (StatusCode::FORBIDDEN, ErrorCode::Denied)
        }
        E::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
        E::ManifestInvalid(ManifestError::MediaType(MediaTypeError::Schema1)) => {
            (StatusCode::BAD_REQUEST, ErrorCode::Unsupported)
        }
        E::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid),
        E::ManifestUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
        E::OutOfOrder { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::BlobUploadInvalid),
        E::ReferencesUnknown(_) => (StatusCode::BAD_REQUEST, ErrorCode::ManifestBlobUnknown),
        E::RepositoryUnknown => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
        E::SizeMismatch => (StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid),
        E::TooManyUploads { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests),
        E::UploadUnknown => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
        E::Claimed(_)
        | E::Collecting
        | E::Cut(_)
        | E::Ipfs(_)
        | E::Overloaded
        | E::Quarantined(_)
        | E::Store(_) => match error.fault() {
            Some(Fault::Unavailable) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
            Some(Fault::Internal) | None => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
        },
    }
}

impl From<AuthError> for HttpError {
    fn from(error: AuthError) -> Self {
        Self::Refused { error, challenge: None }
    }
}
