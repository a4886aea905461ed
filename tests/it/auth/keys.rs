//! Signing keys, which all instances share.

use super::*;

#[tokio::test]
async fn instances_that_start_at_once_create_one_key() {
    let database = database().await;
    let open = || Auth::open(database.store.clone(), settings());
    let (one, other) = tokio::join!(open(), open());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(database.store.signing_keys().list().await.unwrap().len(), 1);
    assert_eq!(one.jwks(), other.jwks());
    let issued = issue(&one, Login::Anonymous, "", false).await.unwrap();
    bearer(&other, &issued.token).await.unwrap();
}

#[tokio::test]
async fn the_key_set_has_only_public_parts() {
    let place = place().await;
    let keys = place.auth.jwks();
    let key = keys["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(key["kid"], place.header().await["kid"]);
    assert_eq!(BASE64URL_NOPAD.decode(key["n"].as_str().unwrap().as_bytes()).unwrap().len(), 256);
}

#[tokio::test]
async fn a_server_with_another_signing_secret_does_not_start() {
    let place = place().await;
    let secret = SigningSecret::new(Secret::new("fedcba9876543210")).unwrap();
    let error = place.another(Settings { secret, ..settings() }).await.unwrap_err().to_string();
    assert!(error.contains("OPEN_REGISTRY_SIGNING_SECRET") && !error.contains('\n'), "{error}");
    place.another(settings()).await.unwrap();
    // A key that was not sealed with the secret is refused.
    let forge = "UPDATE signing_keys SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)";
    place.database.admin.execute(forge, &[]).await.unwrap();
    assert!(place.another(settings()).await.is_err());
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_valid_afterwards() {
    let place = place().await;
    let (first, admin) = (place.header().await["kid"].clone(), &place.database.admin);
    let instance = place.another(settings()).await.unwrap();
    let old = place.issue(Login::Anonymous, "").await.unwrap().token;
    let second = place.auth.keys().unwrap().rotate().await.unwrap();
    assert_eq!(place.auth.jwks()["keys"].as_array().unwrap().len(), 2);
    let kid = |token: &str| {
        let header = token.split('.').next().unwrap();
        let header = BASE64URL_NOPAD.decode(header.as_bytes()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
    };
    assert_eq!(kid(&place.issue(Login::Anonymous, "").await.unwrap().token), first);
    let times = "SELECT extract(epoch FROM n.signs_from - now())::INT, \
                        extract(epoch FROM o.retires_at - n.signs_from)::INT, n.retires_at IS NULL \
                 FROM signing_keys o, signing_keys n WHERE n.kid = $1 AND o.kid <> $1";
    let row = admin.query_one(times, &[&second]).await.unwrap();
    assert!((590..=600).contains(&row.get::<_, i32>(0)));
    assert!(row.get::<_, i32>(1) >= 15 * 60 + 6 * 3600 + 60);
    assert!(row.get::<_, bool>(2));
    // Now pretend that the ten minutes are over.
    let pass = "UPDATE signing_keys SET signs_from = signs_from - '11 minutes'::INTERVAL";
    admin.execute(pass, &[]).await.unwrap();
    let later = place.another(settings()).await.unwrap();
    let new = issue(&later, Login::Anonymous, "", false).await.unwrap().token;
    assert_eq!(kid(&new), second);
    // An instance that has not reloaded its keys does so when it meets an unknown one.
    bearer(&instance, &new).await.unwrap();
    bearer(&instance, &old).await.unwrap();
    bearer(&later, &old).await.unwrap();
    // When the first key is retired, its tokens are refused.
    let pass = "UPDATE signing_keys SET retires_at = now() WHERE retires_at IS NOT NULL";
    admin.execute(pass, &[]).await.unwrap();
    later.keys().unwrap().rotate().await.unwrap();
    assert!(refused(bearer(&later, &old).await, "its key is unknown"));
    bearer(&later, &new).await.unwrap();
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_another_signs() {
    let place = place().await;
    let keys = place.auth.keys().unwrap();
    let leaked = place.header().await["kid"].as_str().unwrap().to_owned();
    let old = place.issue(Login::Anonymous, "").await.unwrap().token;
    place.bearer(&old).await.unwrap();
    let instance = place.another(settings()).await.unwrap();
    let revoked = keys.revoke(&leaked).await.unwrap().unwrap();
    assert!(refused(place.bearer(&old).await, "its key is unknown"));
    let new = place.issue(Login::Anonymous, "").await.unwrap().token;
    place.bearer(&new).await.unwrap();
    // An instance that meets the new key loads the keys again, and then knows the old one no more.
    bearer(&instance, &new).await.unwrap();
    assert!(refused(bearer(&instance, &old).await, "its key is unknown"));
    let names = |keys: Value| -> Vec<String> {
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(place.auth.jwks()), [revoked.successor.unwrap()]);
    assert_eq!(keys.revoke(&leaked).await.unwrap(), None);
    assert_eq!(keys.revoke("unknown").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_whose_successor_is_revoked_goes_on() {
    let place = place().await;
    let keys = place.auth.keys().unwrap();
    let first = place.header().await["kid"].as_str().unwrap().to_owned();
    let second = keys.rotate().await.unwrap();
    let revoked = keys.revoke(&second).await.unwrap().unwrap();
    assert_eq!(revoked.successor, None);
    let rows = place.database.store.signing_keys().list().await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].kid == first && rows[0].signs && rows[0].retires_at.is_none());
}
