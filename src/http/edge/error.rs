//! Every way a request can fail, and the one mapping to status, code and sentence.

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

/// Seconds after which a client may try again when we are overloaded or a partner is down.
const RETRY_SECONDS: &str = "5";

/// Why a request is not answered as it hoped.
#[derive(Debug, Error)]
pub enum HttpError {
    /// Something in the request does not parse or does not hold.
    #[error("{message}")]
    Request {
        /// 400 or 404, or what the specification says.
        status: StatusCode,
        /// One of the specification's codes.
        code: ErrorCode,
        /// One sentence.
        message: String,
    },
    /// Not a path of this server.
    #[error("no such path")]
    PathUnknown,
    /// A path that does not have this verb; it has these.
    #[error("this path answers {0} only")]
    MethodNotAllowed(&'static str),
    /// More tags in one push than are taken.
    #[error("a push takes at most {0} tags")]
    TooManyTags(usize),
    /// A request body that is read whole and exceeds its limit.
    #[error("a {what} has at most {most} bytes")]
    TooLarge {
        /// What the body holds.
        what: &'static str,
        /// The limit in bytes.
        most: usize,
    },
    /// A range outside the blob, whose size this is.
    #[error("the range lies outside of the blob, which has {0} bytes")]
    RangeUnsatisfiable(u64),
    /// The caller is not let through.
    #[error("{error}")]
    Refused {
        /// Why.
        error: AuthError,
        /// The WWW-Authenticate value of a 401.
        challenge: Option<String>,
    },
    /// The registry could not do it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A partner does not answer.
    #[error("not ready: {0}")]
    NotReady(Arc<RegistryError>),
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

    /// The answer.
    pub(in crate::http) fn render(&self) -> Response<Body> {
        let (status, code) = self.status_and_code();
        let mut response = respond::json(status, &json!({ "errors": self.errors(code) }));
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
                // `docker manifest` logs in to nothing that does not say so.
                respond::version(headers);
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
            }
            _ => {}
        }
        response
    }

    /// One entry for most; one for each digest that a manifest names in vain. A 5xx does not explain itself.
    fn errors(&self, code: ErrorCode) -> Vec<Value> {
        let message = match self.status_and_code().0 {
            StatusCode::SERVICE_UNAVAILABLE => {
                "the registry cannot do this right now; try again".into()
            }
            status if status.is_server_error() => "the registry failed; its log says why".into(),
            // Why a token does not hold helps who forges one.
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
            Self::NotReady(error) => registry_status(error),
        }
    }

    /// Whether the cause belongs into the log: it is ours, not the client's.
    pub(in crate::http) fn is_ours(&self) -> bool {
        self.status_and_code().0.is_server_error()
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
        E::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
        E::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
    }
}

fn registry_status(error: &RegistryError) -> (StatusCode, ErrorCode) {
    use RegistryError as E;
    match error {
        E::BlobReferenced(_) => (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported),
        E::BlobUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
        E::Body(_) => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
        E::Denied => (StatusCode::FORBIDDEN, ErrorCode::Denied),
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
        E::UploadUnknown => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
        E::Cut(_) | E::Ipfs(_) | E::Overloaded | E::Quarantined(_) | E::Store(_) => {
            match error.fault() {
                Some(Fault::Unavailable) => {
                    (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable)
                }
                Some(Fault::Internal) | None => {
                    (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown)
                }
            }
        }
    }
}

impl From<AuthError> for HttpError {
    fn from(error: AuthError) -> Self {
        Self::Refused { error, challenge: None }
    }
}
