//! Issuing access tokens to accounts and to anonymous callers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::debug;
use uuid::Uuid;

use super::{Audience, Claims, Entry, Expectation, Tokens, sign, unix};
use crate::auth::AuthError;
use crate::config::Secret;
use crate::oci::RepositoryName;
use crate::rights::Grantee;
use crate::rights::Scope;
use crate::store::Account;
use crate::telemetry::metrics;

/// Most scopes in one token. With names of usual length, the token stays below the header size that proxies accept.
const SCOPES: usize = 50;

/// Seconds by which a token is valid before it is issued, because clocks differ.
const EARLY: i64 = 10;

/// The login of a caller who requests a token.
#[derive(Clone, Debug)]
pub enum Login {
    /// No login: the caller is anonymous.
    Anonymous,
    /// Name and password of a user, or name and secret of a robot.
    #[allow(missing_docs, reason = "the fields are their names")]
    Password { user: String, password: Secret },
    /// A refresh token that was issued before.
    Refresh(Secret),
}

/// A request for a token.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct TokenRequest {
    pub login: Login,
    pub scopes: Vec<Scope>,
    /// Whether the client wants a refresh token as well.
    pub offline: bool,
    /// Name that the client program gives itself.
    pub client_id: String,
}

/// An issued token. `Debug` prints neither the token nor the refresh token.
#[derive(Clone)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Issued {
    /// The access token, a JSON Web Token.
    pub token: String,
    /// Time until the access token expires.
    pub expires_in: Duration,
    /// Time at which it was issued, in RFC 3339 and UTC.
    pub issued_at: String,
    /// Granted scopes, separated by spaces.
    pub scope: String,
    /// Token to get another access token with, if the client asked for one.
    pub refresh_token: Option<String>,
    /// Name of the account; empty for an anonymous caller.
    pub subject: String,
}

impl Tokens {
    /// Issues a token to a caller at the address `client`. Requested actions without a grant are left out, and so are
    /// those in repositories that do not exist: a caller cannot tell the two apart.
    ///
    /// # Errors
    /// [`AuthError::Credentials`] for everything that may be wrong with the login, [`AuthError::TooMany`] and
    /// [`AuthError::Unavailable`].
    pub async fn issue(&self, request: TokenRequest, client: IpAddr) -> Result<Issued, AuthError> {
        let (account, successor) = match &request.login {
            Login::Anonymous => (None, None),
            Login::Password { user, password } => {
                (Some(self.logins.login_now(user, password, client).await?), None)
            }
            Login::Refresh(token) => {
                let (account, successor) = self.refresh(token, client).await?;
                (Some(Arc::new(account)), Some(successor))
            }
        };
        let account = account.as_deref();
        self.limits.issue(account.map(|account| &*account.name), client)?;
        let granted = self.grant(account, request.scopes).await?;
        let issued = self.sign(account, &granted)?;
        let refresh_token = match (account, successor) {
            _ if !request.offline => None,
            (_, Some(successor)) => Some(successor),
            (Some(account), None) => {
                Some(self.add_refresh_token(account, &request.client_id).await?)
            }
            (None, None) => None,
        };
        metrics::token_issued(match request.login {
            Login::Anonymous => "none",
            Login::Password { .. } => "password",
            Login::Refresh(_) => "refresh_token",
        });
        let refresh_token = refresh_token.map(|token| token.expose().to_owned());
        Ok(Issued { refresh_token, ..issued })
    }

    /// The part of `scopes` that is granted to `account`. Everyone may list repositories, because the list has only
    /// those that its reader may pull.
    async fn grant(
        &self,
        account: Option<&Account>,
        scopes: Vec<Scope>,
    ) -> Result<Vec<Scope>, AuthError> {
        let mut asked = merge(scopes);
        let names: Vec<RepositoryName> =
            asked.iter().filter_map(|scope| scope.kind.repository().cloned()).collect();
        if !names.is_empty() {
            let grantee = account.map_or(Grantee::Anonymous, |a| Grantee::Account(a.revision));
            let granted = self.store.access().granted(grantee, &names).await?;
            let repositories = asked.iter_mut().filter(|scope| scope.kind.repository().is_some());
            for (scope, granted) in repositories.zip(granted) {
                scope.actions.retain(|action| granted.contains(action));
            }
        }
        asked.retain(|scope| !scope.actions.is_empty());
        Ok(asked)
    }

    fn sign(&self, account: Option<&Account>, granted: &[Scope]) -> Result<Issued, AuthError> {
        let (now, life) = (SystemTime::now(), self.lives.access);
        let Expectation { issuer, service } = self.expectation();
        let (iat, seconds) = (unix(now), i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
        let claims = Claims {
            iss: issuer.clone(),
            sub: account.map(|account| account.name.clone()).unwrap_or_default(),
            aud: Audience::One(service.clone()),
            exp: iat.saturating_add(seconds),
            nbf: iat - EARLY,
            iat,
            jti: Uuid::new_v4().to_string(),
            rev: account.map_or(0, |account| account.revision),
            access: granted.iter().map(Entry::from).collect(),
        };
        let token = sign(&claims, self.keys.current().signing())?;
        let scope = granted.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        debug!(event = "token_issued", subject = claims.sub, jti = claims.jti, scope);
        Ok(Issued {
            token,
            expires_in: life,
            issued_at: humantime::format_rfc3339_seconds(now).to_string(),
            scope,
            refresh_token: None,
            subject: claims.sub,
        })
    }
}

/// Merges scopes of the same repository, and keeps the first [`SCOPES`] of the result.
fn merge(scopes: Vec<Scope>) -> Vec<Scope> {
    let mut merged: Vec<Scope> = Vec::new();
    for scope in scopes {
        match merged.iter().position(|known| known.kind == scope.kind) {
            Some(at) => merged[at].actions.extend(scope.actions),
            None if merged.len() < SCOPES => merged.push(scope),
            None => {}
        }
    }
    merged
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("subject", &self.subject)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_merged_and_limited() {
        let scope = |text: String| Scope::parse(&text).unwrap();
        let asked = vec![
            scope("repository:a:pull".into()),
            scope("registry:catalog:*".into()),
            scope("repository:b:pull".into()),
            scope("repository:a:push".into()),
        ];
        let merged: Vec<_> = merge(asked).iter().map(Scope::to_string).collect();
        assert_eq!(merged, ["repository:a:pull,push", "registry:catalog:*", "repository:b:pull"]);
        let many = (0..200).map(|n| scope(format!("repository:a{n}:pull"))).collect();
        assert_eq!(merge(many).len(), 50);
    }

    #[test]
    fn debug_output_contains_no_token() {
        let issued = Issued {
            token: "hunter2".into(),
            expires_in: Duration::ZERO,
            issued_at: String::new(),
            scope: String::new(),
            refresh_token: Some("hunter2".into()),
            subject: "me".into(),
        };
        let login = Login::Refresh(Secret::new("hunter2"));
        assert!(!format!("{issued:?} {login:?}").contains("hunter2"));
    }
}
