//! `/token`, which issues tokens to users, robots and anonymous callers, and `/.well-known/jwks.json`.
//!
//! GET follows Docker's token protocol, POST its use of OAuth 2. containerd and BuildKit try POST first, the other clients
//! use GET.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use serde_json::json;

use crate::auth::{Credentials, Login, TokenRequest};
use crate::http::HttpError;
use crate::http::edge::answer::Answer;
use crate::http::edge::request::Request;
use crate::http::edge::respond;
use crate::oci::{ErrorCode, Query};
use crate::rights::Scope;

/// Maximum size of a form in bytes. It fits two hundred scopes with long names.
const FORM_BYTES: usize = 64 << 10;

/// Time for a form to arrive. A form is read before its sender is known.
const FORM_TIME: Duration = Duration::from_secs(10);

/// Maximum number of scopes in one request. The rest is ignored.
const SCOPES: usize = 200;

/// The name of a client that gives none.
const UNNAMED: &str = "unknown";

/// Issues a token for `GET /token?service=&scope=&offline_token=`, with or without Basic credentials.
pub(in crate::http) async fn get(request: Request) -> Result<Answer, HttpError> {
    let query = parse_form(request.query())?;
    let login = match request.credentials()? {
        Credentials::None => Login::Anonymous,
        Credentials::Basic { user, password } => Login::Password { user, password },
        Credentials::Bearer(_) => {
            let message = "log in with a user name and a password to get a token".to_owned();
            return Err(HttpError::unsupported(message));
        }
    };
    let offline = query.first("offline_token").is_some_and(|text| text == "true" || text == "1");
    issue(&request, login, &query, offline).await
}

/// Issues a token for a form: `grant_type=password` or `refresh_token`, or just `username` and `password`.
pub(in crate::http) async fn post(mut request: Request) -> Result<Answer, HttpError> {
    let form = request.read("form", FORM_BYTES, FORM_TIME, ErrorCode::Unsupported).await?;
    let form = std::str::from_utf8(&form)
        .map_err(|_| HttpError::unsupported("the form is not UTF-8".to_owned()))?;
    let form = parse_form(form)?;
    let field = |name: &str| form.first(name).unwrap_or_default().to_owned();
    let login = match form.first("grant_type") {
        Some("refresh_token") => Login::Refresh(field("refresh_token").into()),
        Some("password") | None if field("username").is_empty() => Login::Anonymous,
        Some("password") | None => {
            Login::Password { user: field("username"), password: field("password").into() }
        }
        Some(_) => {
            let message = "grant_type must be password or refresh_token".to_owned();
            return Err(HttpError::unsupported(message));
        }
    };
    let offline = form.first("access_type") == Some("offline");
    issue(&request, login, &form, offline).await
}

/// The public keys (RFC 7517), with which other servers can verify tokens.
pub(in crate::http) fn keys(request: &Request) -> Answer {
    respond::json(StatusCode::OK, &request.edge.auth().jwks()).into()
}

async fn issue(
    request: &Request,
    login: Login,
    form: &Query,
    offline: bool,
) -> Result<Answer, HttpError> {
    let scopes = form.all("scope").flat_map(Scope::parse_all).take(SCOPES).collect();
    let name = |field: &str, otherwise: &str| {
        let given = form.first(field).filter(|text| !text.is_empty()).unwrap_or(otherwise);
        given.chars().take(128).collect::<String>()
    };
    let client_id = name("client_id", UNNAMED);
    let asked = TokenRequest { login, scopes, offline, client_id };
    let issued = request.edge.auth().tokens()?.issue(asked, request.client).await?;
    let mut answer = json!({
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in.as_secs(),
        "issued_at": issued.issued_at,
        "scope": issued.scope,
        "token_type": "Bearer",
    });
    if let Some(refresh) = issued.refresh_token {
        answer["refresh_token"] = refresh.into();
    }
    let mut response = respond::json(StatusCode::OK, &answer);
    // RFC 6749, 5.1 asks for it.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response.into())
}

fn parse_form(text: &str) -> Result<Query, HttpError> {
    Query::form(text).map_err(|error| HttpError::unsupported(error.to_string()))
}
