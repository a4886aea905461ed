//! Issued tokens, and tokens that are refused.

use af_registry::accounts::{new_robot_secret, robot_secret_hash};
use ring::hmac;

use super::*;

#[tokio::test]
async fn a_token_carries_subject_scopes_and_times() {
    let place = place().await;
    place.user("me", "password", "a/*", Role::Push).await;
    let scope = "repository:a/b:pull,push,delete repository:c:pull registry:catalog:*";
    let issued = place.issue(password("me", "password"), scope).await.unwrap();
    assert_eq!(issued.scope, "repository:a/b:pull,push registry:catalog:*");
    assert_eq!(issued.subject, "me");
    assert_eq!(issued.expires_in, Duration::from_secs(900));
    assert!(issued.issued_at.ends_with('Z'), "{}", issued.issued_at);
    assert_eq!(issued.refresh_token, None);
    let claims = claims_of(&issued.token);
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["sub"]),
        (&json!(SERVICE), &json!(SERVICE), &json!("me"))
    );
    let iat = claims["iat"].as_i64().unwrap();
    assert_eq!((&claims["nbf"], &claims["exp"]), (&json!(iat - 10), &json!(iat + 900)));
    assert_eq!(
        claims["access"],
        json!([
            { "type": "repository", "name": "a/b", "actions": ["pull", "push"] },
            { "type": "registry", "name": "catalog", "actions": ["*"] },
        ])
    );
    let caller = place.bearer(&issued.token).await.unwrap();
    assert_eq!(caller.subject(), "me");
    assert!(is_live(&place.auth, &caller).await);
    assert!(may(&place.auth, &caller, Action::Push, "a/b").await);
    // The account holds this right, but the token does not have the scope.
    assert!(!may(&place.auth, &caller, Action::Push, "a/c").await);
    let again = place.issue(password("me", "password"), scope).await.unwrap();
    assert_ne!(claims_of(&again.token)["jti"], claims["jti"]);
    // A registry of another name refuses it.
    let other =
        place.another(Settings { service: "other.test".into(), ..settings() }).await.unwrap();
    assert!(refused(bearer(&other, &issued.token).await, "it is meant for another registry"));
}

#[tokio::test]
async fn an_anonymous_caller_gets_pull_on_public_repositories() {
    let place = place().await;
    let name = |text: &str| text.parse::<RepositoryName>().unwrap();
    place.database.store.repositories().set_public(&name("open"), true).await.unwrap();
    place.database.store.repositories().set_public(&name("closed"), false).await.unwrap();
    let scope = "repository:open:pull,push repository:closed:pull repository:absent:pull";
    let issued = place.issue(Login::Anonymous, scope).await.unwrap();
    assert_eq!((&*issued.scope, &*issued.subject), ("repository:open:pull", ""));
    let claims = claims_of(&issued.token);
    assert_eq!((&claims["sub"], &claims["rev"]), (&json!(""), &json!(0)));
    let caller = place.bearer(&issued.token).await.unwrap();
    assert_eq!(caller.subject(), "");
    assert!(is_live(&place.auth, &caller).await);
    assert!(!may(&place.auth, &caller, Action::Push, "open").await);
    // A request without scopes is answered as well: clients check a login in this way.
    assert_eq!(place.issue(Login::Anonymous, "").await.unwrap().scope, "");
    let offline = issue(&place.auth, Login::Anonymous, "", true).await.unwrap();
    assert_eq!(offline.refresh_token, None);
}

#[tokio::test]
async fn a_token_is_issued_with_50_scopes_and_accepted_with_64() {
    let place = place().await;
    place.user("me", "password", "*", Role::Admin).await;
    let many: Vec<_> = (0..200).map(|n| format!("repository:a/{n}:pull")).collect();
    let issued = place.issue(password("me", "password"), &many.join(" ")).await.unwrap();
    assert_eq!(claims_of(&issued.token)["access"].as_array().unwrap().len(), 50);
    assert!(issued.token.len() < 8192, "{}", issued.token.len());
    place.bearer(&issued.token).await.unwrap();
    let entry = json!({ "type": "repository", "name": "a", "actions": ["pull"] });
    let most = place.with_claim("access", json!(vec![&entry; 64])).await;
    place.bearer(&most).await.unwrap();
    let more = place.with_claim("access", json!(vec![&entry; 65])).await;
    assert!(refused(place.bearer(&more).await, "it has too many scopes"));
    let huge = place.with_claim("access", json!(vec![&entry; 400])).await;
    assert!(refused(place.bearer(&huge).await, "it is too long"));
}

#[tokio::test]
async fn forged_and_malformed_tokens_are_refused() {
    let place = place().await;
    place.user("me", "password", "*", Role::Admin).await;
    let (header, claims) = (place.header().await, place.claims("me", 600).await);
    place.bearer(&place.forge(&header, &claims).await).await.unwrap();
    for garbage in ["x", "a.b.c", "..", "e30.e30.", "e30.e30.AAAA", "4f1b.secret"] {
        assert!(matches!(place.bearer(garbage).await, Err(AuthError::Token(_))), "{garbage}");
    }
    let public = place.database.store.signing_keys().list().await.unwrap()[0].public_key.clone();
    for algorithm in ["none", "HS256", "rs256", "RS512", ""] {
        let mut header = header.clone();
        header["alg"] = json!(algorithm);
        let signed = unsigned(&header, &claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public), signed.as_bytes());
        let forged = place.forge(&header, &claims).await;
        for token in [
            format!("{signed}."),
            format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref())),
            forged,
        ] {
            assert!(
                refused(place.bearer(&token).await, "its algorithm is not RS256"),
                "{algorithm}"
            );
        }
    }
    let mut own = header.clone();
    own["jwk"] = place.auth.jwks()["keys"][0].clone();
    let token = place.forge(&own, &claims).await;
    assert!(refused(place.bearer(&token).await, "its header is not one that this registry writes"));
    let mut unknown = header.clone();
    unknown["kid"] = json!("../../etc/passwd");
    let token = place.forge(&unknown, &claims).await;
    assert!(refused(place.bearer(&token).await, "its key is unknown"));
}

#[tokio::test]
async fn every_claim_must_be_right() {
    let place = place().await;
    place.user("me", "password", "*", Role::Admin).await;
    for (claim, value, reason) in [
        ("aud", json!("other.test"), "it is meant for another registry"),
        ("aud", json!([]), "it is meant for another registry"),
        ("iss", json!("other.test"), "it was issued by another registry"),
        ("iss", json!("REGISTRY.test"), "it was issued by another registry"),
        ("exp", json!(now() + 86_400), "its exp is not within 24 hours after its iat"),
        ("exp", json!("2100-01-01T00:00:00Z"), "its claims are malformed"),
        ("exp", json!(null), "its claims are malformed"),
        ("nbf", json!(now() + 120), "it is not valid yet"),
        ("nbf", json!("0"), "its claims are malformed"),
        ("iat", json!(now() + 120), "it is not valid yet"),
        // As a grantee, revision 0 may do everything.
        ("rev", json!(0), "its subject and its account revision contradict each other"),
        ("rev", json!(-1), "its subject and its account revision contradict each other"),
        ("sub", json!(""), "its subject and its account revision contradict each other"),
    ] {
        let token = place.with_claim(claim, value.clone()).await;
        // The second time finds a token that was wrongly remembered as verified.
        assert!(refused(place.bearer(&token).await, reason), "{claim} {value}");
        assert!(refused(place.bearer(&token).await, reason), "{claim} {value}");
    }
    let several = place.with_claim("aud", json!(["other.test", SERVICE])).await;
    place.bearer(&several).await.unwrap();
}

#[tokio::test]
async fn an_expired_token_is_identified_but_allows_nothing_new() {
    let place = place().await;
    place.user("me", "password", "*", Role::Admin).await;
    let header = place.header().await;
    let inspect = async |token: &str| place.auth.tokens().unwrap().inspect(token).await.unwrap();
    // A minute is allowed for clocks that differ.
    let late = place.forge(&header, &place.claims("me", -30).await).await;
    let caller = place.bearer(&late).await.unwrap();
    assert!(is_live(&place.auth, &caller).await);
    assert_eq!(inspect(&late).await.validity, Validity::Valid);
    // After that the caller is still known, but may begin nothing new.
    let late = place.forge(&header, &place.claims("me", -300).await).await;
    let caller = place.bearer(&late).await.unwrap();
    assert_eq!(caller.subject(), "me");
    assert!(!is_live(&place.auth, &caller).await);
    assert!(!may(&place.auth, &caller, Action::Push, "a/b").await);
    let validity = inspect(&late).await.validity;
    let Validity::Expired(since) = validity else { panic!("{validity:?}") };
    assert!(since >= Duration::from_secs(300), "{since:?}");
    let late = place.forge(&header, &place.claims("me", -7 * 3600).await).await;
    assert!(refused(place.bearer(&late).await, "it has expired"));
    assert_eq!(inspect(&late).await.validity, Validity::Rejected("it has expired"));
}

#[tokio::test]
async fn a_new_password_ends_tokens_and_refresh_tokens() {
    let place = place().await;
    place.user("me", "password", "*", Role::Admin).await;
    let issued = issue(&place.auth, password("me", "password"), "repository:a:push", true).await;
    let issued = issued.unwrap();
    let refresh_token = issued.refresh_token.unwrap();
    let caller = place.bearer(&issued.token).await.unwrap();
    assert!(may(&place.auth, &caller, Action::Push, "a").await);
    place.set_password("me", "other").await;
    for caller in [caller, place.bearer(&issued.token).await.unwrap()] {
        assert!(!is_live(&place.auth, &caller).await);
        assert!(!may(&place.auth, &caller, Action::Push, "a").await);
    }
    assert!(is_wrong(&place.issue(refresh(&refresh_token), "").await));
    // The login was remembered a moment ago, but the account is checked again.
    assert!(is_wrong(&place.issue(password("me", "password"), "").await));
    place.issue(password("me", "other"), "").await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_logs_its_account_in() {
    let place = place().await;
    place.user("me", "password", "a", Role::Pull).await;
    let issued = issue(&place.auth, password("me", "password"), "", true).await.unwrap();
    let token = issued.refresh_token.unwrap();
    let again = issue(&place.auth, refresh(&token), "repository:a:pull,push", true).await.unwrap();
    assert_eq!((&*again.subject, &*again.scope), ("me", "repository:a:pull"));
    assert!(again.refresh_token.is_some_and(|successor| successor != token));
    let quiet = place.issue(refresh(&token), "").await.unwrap();
    assert_eq!(quiet.refresh_token, None);
    // It works neither as an access token nor as a password.
    assert!(matches!(place.bearer(&token).await, Err(AuthError::Token(_))));
    assert!(is_wrong(&basic(&place.auth, "me", &token).await));
    // The database stores only a hash.
    let (id, secret) = token.split_once('.').unwrap();
    let row = place.database.admin.query_one("SELECT t::TEXT FROM refresh_tokens t", &[]).await;
    assert!(!row.unwrap().get::<_, String>(0).contains(secret));
    let other = if secret.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{id}.{other}{}", &secret[1..]);
    let other_id = format!("{}.{secret}", uuid::Uuid::new_v4().simple());
    for wrong in ["", "x", &changed, &other_id, &issued.token] {
        assert!(is_wrong(&place.issue(refresh(wrong), "").await), "{wrong}");
    }
    let other = Settings { service: "other.test".into(), ..settings() };
    let other = place.another(other).await.unwrap();
    assert!(is_wrong(&issue(&other, refresh(&token), "", false).await));
}

#[tokio::test]
async fn a_copied_refresh_token_ends_its_family() {
    let place = place().await;
    place.user("me", "password", "a", Role::Pull).await;
    let (auth, other_instance) = (&place.auth, place.another(settings()).await.unwrap());
    let login = async || {
        let issued = issue(auth, password("me", "password"), "", true).await.unwrap();
        issued.refresh_token.unwrap()
    };
    let next = async |auth: &Auth, token: &str| {
        issue(auth, refresh(token), "", true).await.map(|issued| issued.refresh_token.unwrap())
    };
    let (first, bystander) = (login().await, login().await);
    // Concurrent requests get the same successor, on every instance.
    let second = next(auth, &first).await.unwrap();
    assert_eq!(next(&other_instance, &first).await.unwrap(), second);
    let third = next(auth, &second).await.unwrap();
    assert!(first != second && second != third);
    // A request with the first one may be under way.
    assert_eq!(next(auth, &first).await.unwrap(), second);
    // A guess does not end the family.
    let forged = third.replace("-2.", "-1.");
    assert!(forged != third && is_wrong(&next(auth, &forged).await));
    next(auth, &third).await.unwrap();
    let pass = "UPDATE refresh_tokens SET advanced_at = advanced_at - INTERVAL '2 minutes'";
    place.database.admin.execute(pass, &[]).await.unwrap();
    next(&other_instance, &third).await.unwrap();
    assert!(is_wrong(&next(auth, &second).await));
    for ended in [&first, &second, &third] {
        assert!(is_wrong(&next(&other_instance, ended).await));
    }
    next(auth, &bystander).await.unwrap();
}

#[tokio::test]
async fn a_client_that_keeps_its_first_refresh_token_is_never_locked_out() {
    let place = place().await;
    place.user("me", "password", "a", Role::Pull).await;
    let first = issue(&place.auth, password("me", "password"), "", true).await.unwrap();
    let first = first.refresh_token.unwrap();
    // Years go by, in which successors are handed out and never used.
    let pass = "UPDATE refresh_tokens SET created_at = created_at - INTERVAL '2 years',
        used_at = used_at - INTERVAL '59 minutes'";
    for offline in [false, true, false, false, true, false] {
        place.database.admin.execute(pass, &[]).await.unwrap();
        let issued = issue(&place.auth, refresh(&first), "", offline).await.unwrap();
        // A client that did not ask would use the answer, and keep the first one in its file all the same.
        assert_eq!(issued.refresh_token.is_some(), offline);
    }
}

#[tokio::test]
async fn five_hundred_machines_that_log_in_as_one_robot_stay_logged_in() {
    let place = place().await;
    let secret = new_robot_secret();
    let hash = robot_secret_hash(&secret);
    place.database.store.accounts().add_robot("a+ci", "a", &hash, None).await.unwrap();
    let login = || Login::Password { user: "a+ci".into(), password: secret.clone() };
    let mut tokens = Vec::new();
    for _ in 0..500 {
        let issued = issue(&place.auth, login(), "", true).await.unwrap();
        tokens.push(issued.refresh_token.unwrap());
    }
    for token in &tokens {
        place.issue(refresh(token), "").await.unwrap();
    }
}

#[tokio::test]
async fn refresh_tokens_are_revoked_and_end_with_the_account() {
    let place = place().await;
    place.user("me", "password", "a", Role::Pull).await;
    let store = &place.database.store;
    let token = async || {
        let issued = issue(&place.auth, password("me", "password"), "", true).await.unwrap();
        issued.refresh_token.unwrap()
    };
    let revoked = token().await;
    assert_eq!(store.refresh_tokens().revoke("me").await.unwrap(), 1);
    assert!(is_wrong(&place.issue(refresh(&revoked), "").await));
    let disabled = token().await;
    store.accounts().set_disabled("me", true).await.unwrap();
    assert!(is_wrong(&place.issue(refresh(&disabled), "").await));
    store.accounts().set_disabled("me", false).await.unwrap();
    assert!(is_wrong(&place.issue(refresh(&disabled), "").await));
    let removed = token().await;
    store.accounts().remove("me").await.unwrap();
    assert!(is_wrong(&place.issue(refresh(&removed), "").await));
}

#[tokio::test]
async fn a_server_without_login_issues_no_tokens() {
    let database = database().await;
    let auth = Auth::without_login(database.store.clone());
    let caller = bearer(&auth, "whatever").await.unwrap();
    assert!(may(&auth, &caller, Action::Delete, "a").await);
    assert!(matches!(
        issue(&auth, Login::Anonymous, "", false).await,
        Err(AuthError::Malformed(_))
    ));
    assert_eq!(auth.jwks(), json!({ "keys": [] }));
    assert!(database.store.signing_keys().list().await.unwrap().is_empty());
}
