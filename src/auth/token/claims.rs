//! The claims of a token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::rights::Grantee;
use crate::rights::Scope;

/// Seconds by which the clocks of two machines may differ.
pub(in crate::auth) const LEEWAY: i64 = 60;

/// Longest life of a token, in seconds.
const LONGEST_LIFE: i64 = 24 * 60 * 60;

/// Seconds after its expiry in which a token may still finish a push that it began.
pub(in crate::auth) const LATEST: i64 = 6 * 60 * 60;

/// Most entries of the claim `access`.
const ENTRIES: usize = 64;

/// The claims of a token. All of them are required. Times are integers, in seconds since 1970. A claim of a wrong type
/// makes the token invalid; it is not treated as a missing claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Name of the registry that issued it.
    pub iss: String,
    /// Name of the account; empty for an anonymous caller.
    pub sub: String,
    /// Name of the registry that it is meant for.
    pub aud: Audience,
    /// Time at which it expires.
    pub exp: i64,
    /// Time before which it is not valid.
    pub nbf: i64,
    /// Time at which it was issued.
    pub iat: i64,
    /// Unique name of the token, for the log.
    pub jti: String,
    /// Revision of the account at that time; 0 for an anonymous caller.
    pub rev: i64,
    /// Scopes that it grants.
    pub access: Vec<Entry>,
}

/// The claim `aud`, which RFC 7519 allows to be a string or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the variants are their names")]
pub enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn holds(&self, service: &str) -> bool {
        match self {
            Self::One(one) => one == service,
            Self::Many(many) => many.iter().any(|one| one == service),
        }
    }
}

/// A scope, in the form that the claim `access` has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `repository` or `registry`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the repository, or `catalog`.
    pub name: String,
    /// `pull`, `push`, `delete`, or `*`.
    pub actions: Vec<String>,
}

impl From<&Scope> for Entry {
    fn from(scope: &Scope) -> Self {
        Self {
            kind: scope.type_name().to_owned(),
            name: scope.name().to_owned(),
            actions: scope.action_names().into_iter().map(str::to_owned).collect(),
        }
    }
}

/// The names that a token must have to be one of ours.
#[derive(Clone, Debug)]
pub(in crate::auth) struct Expectation {
    /// The claim `iss`.
    pub(in crate::auth) issuer: String,
    /// The claim `aud`.
    pub(in crate::auth) service: String,
}

impl Claims {
    /// Checks whether the token may be used at `now`, in seconds since 1970. `Some` means that it expired this long ago
    /// and may still finish a push that it began.
    ///
    /// # Errors
    /// The reason why it may not be used.
    pub(in crate::auth) fn check(
        &self,
        expected: &Expectation,
        now: i64,
    ) -> Result<Option<Duration>, &'static str> {
        if self.iss != expected.issuer {
            return Err("it was issued by another registry");
        }
        if !self.aud.holds(&expected.service) {
            return Err("it is meant for another registry");
        }
        if self.access.len() > ENTRIES {
            return Err("it has too many scopes");
        }
        // Revision 0 means an anonymous caller here. As a grantee it would be allowed everything, so no token may have
        // it together with a name.
        if self.rev < 0 || (self.rev == 0) != self.sub.is_empty() {
            return Err("its subject and its account revision contradict each other");
        }
        let life = self.exp.checked_sub(self.iat).ok_or("its exp or iat is out of range")?;
        if !(1..=LONGEST_LIFE).contains(&life) {
            return Err("its exp is not within 24 hours after its iat");
        }
        let soon = now.saturating_add(LEEWAY);
        if self.nbf > soon || self.iat > soon {
            return Err("it is not valid yet");
        }
        match now.saturating_sub(self.exp) {
            since if since <= LEEWAY => Ok(None),
            since if since <= LATEST => Ok(Some(Duration::from_secs(since.unsigned_abs()))),
            _ => Err("it has expired"),
        }
    }

    /// The grantee that it speaks for.
    pub(in crate::auth) fn grantee(&self) -> Grantee {
        match self.rev {
            1.. => Grantee::Account(self.rev),
            _ => Grantee::Anonymous,
        }
    }

    /// The scopes that it grants. Entries that this registry does not know are left out.
    pub fn scopes(&self) -> Vec<Scope> {
        let scope = |entry: &Entry| {
            Scope::of(&entry.kind, &entry.name, entry.actions.iter().map(String::as_str))
        };
        self.access.iter().filter_map(scope).collect()
    }
}

/// The time in seconds since 1970.
pub(super) fn unix(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({
            "iss": "registry", "sub": "me", "aud": "service", "exp": NOW + 900, "nbf": NOW - 10, "iat": NOW,
            "jti": "1", "rev": 7,
            "access": [{"type": "repository", "name": "a/b", "actions": ["pull", "push"]}],
        })
    }

    fn with(claim: &str, value: Value) -> Value {
        let mut claims = good();
        claims[claim] = value;
        claims
    }

    fn check(claims: Value) -> Result<Option<Duration>, &'static str> {
        let expected = Expectation { issuer: "registry".into(), service: "service".into() };
        serde_json::from_value::<Claims>(claims).unwrap().check(&expected, NOW)
    }

    #[test]
    fn every_claim_is_required_and_has_one_type() {
        assert_eq!(check(good()), Ok(None));
        for claim in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "rev", "access"] {
            let mut without = good();
            without.as_object_mut().unwrap().remove(claim);
            assert!(serde_json::from_value::<Claims>(without).is_err(), "no {claim}");
            for value in [Value::Null, json!({}), json!(true), json!(1.5)] {
                let claims = with(claim, value.clone());
                assert!(serde_json::from_value::<Claims>(claims).is_err(), "{claim} {value}");
            }
        }
        for claim in ["exp", "nbf", "iat", "rev"] {
            let far = json!(u64::MAX);
            for value in [json!((NOW + 900).to_string()), json!(1.8e9), json!([NOW]), far] {
                let claims = with(claim, value.clone());
                assert!(serde_json::from_value::<Claims>(claims).is_err(), "{claim} {value}");
            }
        }
        for value in [json!([1]), json!("pull"), json!([{"type": "repository", "name": "a"}])] {
            assert!(serde_json::from_value::<Claims>(with("access", value)).is_err());
        }
    }

    #[test]
    fn the_audience_is_a_string_or_a_list() {
        assert_eq!(check(with("aud", json!(["other", "service"]))), Ok(None));
        for bad in [json!("other"), json!([]), json!(["other"]), json!(""), json!("Service")] {
            assert_eq!(check(with("aud", bad)), Err("it is meant for another registry"));
        }
        assert_eq!(check(with("iss", json!("Registry"))), Err("it was issued by another registry"));
    }

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let times = |iat: i64, nbf: i64, exp: i64| {
            let mut claims = good();
            claims["iat"] = json!(iat);
            claims["nbf"] = json!(nbf);
            claims["exp"] = json!(exp);
            check(claims)
        };
        assert_eq!(times(NOW - 900, NOW - 900, NOW), Ok(None));
        assert_eq!(times(NOW - 960, NOW - 960, NOW - 60), Ok(None));
        assert_eq!(times(NOW - 961, NOW - 961, NOW - 61), Ok(Some(Duration::from_secs(61))));
        assert_eq!(times(NOW + 60, NOW + 60, NOW + 960), Ok(None));
        assert_eq!(times(NOW, NOW + 61, NOW + 960), Err("it is not valid yet"));
        assert_eq!(times(NOW + 61, NOW, NOW + 960), Err("it is not valid yet"));
        let end = NOW - 6 * 3600;
        assert_eq!(times(end - 900, end - 900, end), Ok(Some(Duration::from_secs(6 * 3600))));
        assert_eq!(times(end - 901, end - 901, end - 1), Err("it has expired"));
        assert_eq!(times(NOW, NOW, NOW + 24 * 3600), Ok(None));
        assert_eq!(
            times(NOW, NOW, NOW + 24 * 3600 + 1),
            Err("its exp is not within 24 hours after its iat")
        );
        assert_eq!(times(NOW, NOW, NOW), Err("its exp is not within 24 hours after its iat"));
        assert_eq!(times(NOW, NOW, i64::MIN), Err("its exp or iat is out of range"));
        assert_eq!(times(i64::MIN, NOW, NOW), Err("its exp or iat is out of range"));
        assert_eq!(times(NOW, i64::MAX, NOW + 900), Err("it is not valid yet"));
    }

    #[test]
    fn only_anonymous_callers_have_revision_0() {
        let with_account = |sub: &str, rev: i64| {
            let mut claims = with("sub", json!(sub));
            claims["rev"] = json!(rev);
            let grantee = serde_json::from_value::<Claims>(claims.clone()).unwrap().grantee();
            (check(claims), grantee)
        };
        assert_eq!(with_account("", 0), (Ok(None), Grantee::Anonymous));
        assert_eq!(with_account("me", 7), (Ok(None), Grantee::Account(7)));
        for (sub, rev) in [("me", 0), ("me", -1), ("", 7), ("", -1)] {
            assert_eq!(
                with_account(sub, rev).0,
                Err("its subject and its account revision contradict each other"),
                "{sub} {rev}"
            );
        }
        assert_eq!(with_account("me", 0).1, Grantee::Anonymous);
        assert_eq!(with_account("me", -1).1, Grantee::Anonymous);
    }

    #[test]
    fn scopes_are_limited_and_unknown_ones_left_out() {
        let entry = json!({"type": "repository", "name": "a", "actions": ["pull"]});
        assert_eq!(check(with("access", json!(vec![&entry; 64]))), Ok(None));
        let many = with("access", json!(vec![&entry; 65]));
        assert_eq!(check(many), Err("it has too many scopes"));
        let odd = json!([
            {"type": "registry", "name": "catalog", "actions": ["*"]},
            {"type": "host", "name": "a", "actions": ["pull"]},
            {"type": "repository", "name": "../a", "actions": ["pull"]},
            {"type": "repository", "name": "a", "actions": []},
            {"type": "repository", "name": "a", "actions": ["delete"]},
        ]);
        let claims: Claims = serde_json::from_value(with("access", odd)).unwrap();
        let scopes: Vec<_> = claims.scopes().iter().map(ToString::to_string).collect();
        assert_eq!(scopes, ["registry:catalog:*", "repository:a:delete"]);
        let entries: Vec<Entry> = claims.scopes().iter().map(Entry::from).collect();
        assert_eq!(entries[0].actions, ["*"]);
        assert_eq!(entries[1].actions, ["delete"]);
    }
}
