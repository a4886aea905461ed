//! Tokens over HTTP: how clients get them, what they allow, and when they end.

use std::time::{SystemTime, UNIX_EPOCH};

use af_registry::config::Secret;
use af_registry::rights::Role;
use af_registry::seal::{Sealer, SigningSecret};
use af_registry::stream::hashing::sha256;
use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::{PASSWORD, SIGNING_SECRET, basic, guarded, token_for, user};
use crate::rig::client::{Answer, Client, OCI_INDEX, full, nothing, random, request};
use crate::rig::server::Server;

/// Signs tokens with the key of a server, which it takes from the server's database.
struct Forge {
    kid: String,
    key: RsaKeyPair,
}

impl Forge {
    async fn of(server: &Server) -> Self {
        let keys = server.database().store.signing_keys().list().await.unwrap();
        let key = keys.into_iter().find(|key| key.signs).unwrap();
        let secret = SigningSecret::new(Secret::new(SIGNING_SECRET)).unwrap();
        let sealer = Sealer::new(&secret, "signing keys");
        let private = sealer.open(key.kid.as_bytes(), &key.sealed).unwrap();
        let key_pair = RsaKeyPair::from_pkcs8(&private).or_else(|_| RsaKeyPair::from_der(&private));
        Self { kid: key.kid, key: key_pair.unwrap() }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    }

    fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid })
    }
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// The same token, but expired so many seconds ago.
pub(super) async fn aged(server: &Server, token: &str, seconds: i64) -> String {
    let mut claims = claims(token);
    let shift = now() - seconds - claims["exp"].as_i64().unwrap();
    for name in ["exp", "nbf", "iat"] {
        claims[name] = json!(claims[name].as_i64().unwrap() + shift);
    }
    let forge = Forge::of(server).await;
    forge.sign(&forge.header(), &claims)
}

async fn ask(client: Client, token: &str, method: &str, path: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    client.send(request(method, path, &[("authorization", &authorization)], nothing())).await
}

async fn post(client: Client, form: &str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    client.send(request("POST", "/token", &headers, full(form.to_owned()))).await
}

#[tokio::test]
async fn a_challenge_names_realm_service_and_scope() {
    let server = guarded().await;
    let client = server.client();
    let challenge = |answer: Answer| answer.header("www-authenticate").to_owned();
    let begin = "Bearer realm=\"http://registry.test/token\",service=\"registry.test\"";
    let base = client.get("/v2/").await.refused(401, "UNAUTHORIZED");
    assert_eq!(challenge(base), begin);
    for (method, path, scope) in [
        ("GET", "/v2/a/b/manifests/x", "repository:a/b:pull"),
        ("HEAD", "/v2/a/b/manifests/x", "repository:a/b:pull"),
        ("POST", "/v2/a/b/blobs/uploads/", "repository:a/b:pull,push"),
        ("DELETE", "/v2/a/b/manifests/x", "repository:a/b:delete"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
        (
            "POST",
            &format!("/v2/a/blobs/uploads/?mount={}&from=c/d", sha256(b"x")),
            "repository:a:pull,push repository:c/d:pull",
        ),
    ] {
        let answer = client.ask(method, path).await.expect(401);
        assert_eq!(challenge(answer), format!("{begin},scope=\"{scope}\""), "{method} {path}");
    }
    let garbage = ask(client, "garbage", "GET", "/v2/a/tags/list").await.expect(401);
    let scope = "scope=\"repository:a:pull\",error=\"invalid_token\"";
    assert_eq!(challenge(garbage), format!("{begin},{scope}"));
    let wrong = [("authorization", &*basic("root", "wrong"))];
    let wrong = client.get_with("/v2/", &wrong).await.refused(401, "UNAUTHORIZED");
    assert_eq!(challenge(wrong), begin);
}

#[tokio::test]
async fn clients_get_tokens_by_each_of_their_ways() {
    let server = guarded().await;
    let client = server.client();
    let root = basic("root", PASSWORD);
    // `docker login` asks for no scope.
    let path = "/token?account=root&client_id=docker&offline_token=true&service=registry.test";
    let answer = client.get_with(path, &[("authorization", &root)]).await.expect(200);
    let login = answer.json();
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        (&login["token"], login["expires_in"].as_u64()),
        (&login["access_token"], Some(900))
    );
    ask(client, login["token"].as_str().unwrap(), "GET", "/v2/").await.expect(200);
    // After the login, docker uses the refresh token instead of the password.
    let refresh = login["refresh_token"].as_str().unwrap();
    let form = format!(
        "grant_type=refresh_token&service=registry.test&client_id=docker&refresh_token={refresh}\
         &scope=repository%3Aa%2Fb%3Apull%2Cpush"
    );
    let answer = post(client, &form).await.expect(200).json();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    ask(client, &token, "POST", "/v2/a/b/blobs/uploads/").await.expect(202);
    // A refresh token gives no access by itself.
    ask(client, refresh, "GET", "/v2/").await.refused(401, "UNAUTHORIZED");
    // The form of containerd and BuildKit, then a form without a grant type.
    for form in [
        format!(
            "grant_type=password&username=root&password={}&service=x&client_id=containerd&scope=repository:a:pull",
            PASSWORD.replace(' ', "+")
        ),
        format!(
            "username=root&password={}&scope=repository%3Aa%3Apull+repository%3Ab%3Apull",
            PASSWORD.replace(' ', "%20")
        ),
    ] {
        let answer = post(client, &form).await.expect(200).json();
        assert!(
            answer.get("refresh_token").is_none(),
            "a refresh token that was not asked for: {answer}"
        );
        let token = answer["token"].as_str().unwrap();
        ask(client, token, "GET", "/v2/a/tags/list").await.refused(404, "NAME_UNKNOWN");
    }
    for form in [
        "grant_type=password&username=root&password=wrong",
        "username=nobody&password=x",
        "grant_type=refresh_token&refresh_token=x",
    ] {
        post(client, form).await.refused(401, "UNAUTHORIZED");
    }
    post(client, "grant_type=client_credentials").await.refused(400, "UNSUPPORTED");
    post(client, &"x=y&".repeat(20_000)).await.refused(413, "SIZE_INVALID");
    // A new password revokes the tokens that were issued before.
    let hash = af_registry::accounts::hash_password(&Secret::new("another one")).await.unwrap();
    assert!(server.database().store.accounts().renew_secret("root", &hash, None).await.unwrap());
    post(client, &format!("grant_type=refresh_token&refresh_token={refresh}")).await.expect(401);
    ask(client, &token, "POST", "/v2/a/b/blobs/uploads/").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_token_allows_its_scopes_while_its_account_has_the_rights() {
    let server = guarded().await;
    let (client, store) = (server.client(), &server.database().store);
    user(store, "ann", &[("team/*", Role::Push)]).await;
    let ann = basic("ann", PASSWORD);
    let token =
        token_for(client, Some(&ann), &["repository:team/a:pull", "repository:other:pull"]).await;
    let access = &claims(&token)["access"];
    assert_eq!(*access, json!([{ "type": "repository", "name": "team/a", "actions": ["pull"] }]));
    ask(client, &token, "GET", "/v2/team/a/tags/list").await.refused(404, "NAME_UNKNOWN");
    for (method, path) in [
        ("PUT", "/v2/team/a/manifests/x"),
        ("GET", "/v2/team/b/tags/list"),
        ("GET", "/v2/other/tags/list"),
    ] {
        let answer = ask(client, &token, method, path).await.refused(401, "UNAUTHORIZED");
        assert!(answer.header("www-authenticate").ends_with("error=\"insufficient_scope\""));
    }
    // A request may ask for two hundred scopes, and the token still fits into a header.
    let names: Vec<String> = (0..200).map(|n| format!("repository:team/{n}:pull,push")).collect();
    let scopes: Vec<&str> = names.iter().map(String::as_str).collect();
    let token = token_for(client, Some(&ann), &scopes).await;
    assert!(token.len() < 8192, "{}", token.len());
    ask(client, &token, "GET", "/v2/team/0/tags/list").await.expect(404);
    // A revoked grant ends the token's right at once.
    let token = token_for(client, Some(&ann), &["repository:team/a:pull"]).await;
    ask(client, &token, "GET", "/v2/team/a/tags/list").await.expect(404);
    assert!(store.grants().remove("ann", &"team/*".parse().unwrap(), None).await.unwrap());
    ask(client, &token, "GET", "/v2/team/a/tags/list").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let server = guarded().await;
    let client = server.client();
    let root = basic("root", PASSWORD);
    let good = token_for(client, Some(&root), &["repository:a:pull"]).await;
    let forge = Forge::of(&server).await;
    let (header, body) = (forge.header(), claims(&good));
    let with = |name: &str, value: Value| {
        let mut claims = body.clone();
        claims[name] = value;
        forge.sign(&forge.header(), &claims)
    };
    let headed = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        forge.sign(&header, &body)
    };
    ask(client, &forge.sign(&header, &body), "GET", "/v2/").await.expect(200);
    let unsigned = good.rsplit_once('.').unwrap().0;
    for (what, token) in [
        ("no signature", format!("{unsigned}.")),
        ("alg none", headed("alg", json!("none"))),
        ("alg in lower case", headed("alg", json!("rs256"))),
        ("another kid", headed("kid", json!("nobody's"))),
        ("a key of its own", headed("jwk", json!({ "kty": "RSA" }))),
        ("a critical header", headed("crit", json!(["x"]))),
        ("another issuer", with("iss", json!("https://elsewhere.test"))),
        ("another audience", with("aud", json!("elsewhere.test"))),
        ("not yet", with("nbf", json!(now() + 300))),
        ("no expiry", with("exp", Value::Null)),
        ("an expiry of words", with("exp", json!("tomorrow"))),
        ("expired 5 minutes ago", aged(&server, &good, 300).await),
    ] {
        let answer = ask(client, &token, "GET", "/v2/").await.refused(401, "UNAUTHORIZED");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{what}");
        assert_eq!(answer.json()["errors"][0]["message"], "the token is not valid", "{what}");
    }
    // Clocks may differ by this much.
    ask(client, &aged(&server, &good, 30).await, "GET", "/v2/").await.expect(200);
}

#[tokio::test]
async fn a_push_may_finish_after_its_token_has_expired() {
    let server = guarded().await;
    let (client, store) = (server.client(), &server.database().store);
    user(store, "ann", &[("a", Role::Push)]).await;
    user(store, "bob", &[("a", Role::Push)]).await;
    let push = ["repository:a:pull,push"];
    let token = token_for(client, Some(&basic("ann", PASSWORD)), &push).await;
    let bobs = token_for(client, Some(&basic("bob", PASSWORD)), &push).await;
    let old = aged(&server, &token, 3600).await;
    let (bobs_old, too_old) =
        (aged(&server, &bobs, 3600).await, aged(&server, &token, 7 * 3600).await);
    let layer = random(81, 3000);
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    let put_index = async |token: &str| {
        let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", OCI_INDEX)];
        client.send(request("PUT", "/v2/a/manifests/x", &headers, full(index))).await
    };
    // An expired token starts nothing new.
    ask(client, &old, "POST", "/v2/a/blobs/uploads/").await.expect(401);
    ask(client, &old, "GET", "/v2/a/tags/list").await.expect(401);
    put_index(&old).await.expect(401);
    let session = ask(client, &token, "POST", "/v2/a/blobs/uploads/").await.expect(202);
    let session = session.header("location").to_owned();
    // The expired token of another account does not continue the upload, nor does one that expired long ago.
    ask(client, &bobs_old, "GET", &session).await.expect(401);
    ask(client, &too_old, "GET", &session).await.expect(401);
    ask(client, &old, "GET", &session).await.expect(204);
    let old_header = format!("Bearer {old}");
    let patch = request("PATCH", &session, &[("authorization", &old_header)], full(layer.clone()));
    client.send(patch).await.expect(202);
    let close = format!("{session}?digest={}", sha256(&layer));
    ask(client, &old, "PUT", &close).await.expect(201);
    put_index(&bobs_old).await.expect(401);
    put_index(&old).await.expect(201);
    ask(client, &old, "POST", "/v2/a/blobs/uploads/").await.expect(401);
    // Disabling the account stops its push at once.
    let session = ask(client, &token, "POST", "/v2/a/blobs/uploads/").await.expect(202);
    assert!(store.accounts().set_disabled("ann", true).await.unwrap());
    for token in [&old, &token] {
        ask(client, token, "GET", session.header("location")).await.expect(401);
    }
    put_index(&old).await.expect(401);
}

#[tokio::test]
async fn lists_show_what_the_caller_may_pull() {
    let server = guarded().await;
    let (client, store) = (server.client(), &server.database().store);
    user(store, "ann", &[("team/*", Role::Pull), ("lone", Role::Push)]).await;
    let root = basic("root", PASSWORD);
    for name in ["team/a", "team/b", "teams", "lone", "lonely", "open", "secret"] {
        // An empty blob, because only repositories that hold something are listed.
        let path = format!("/v2/{name}/blobs/uploads/?digest={}", sha256(b""));
        client
            .send(request("POST", &path, &[("authorization", &root)], nothing()))
            .await
            .expect(201);
    }
    store.repositories().set_public(&"open".parse().unwrap(), true).await.unwrap();
    let catalog = ["registry:catalog:*"];
    let list = async |token: String| {
        let answer = ask(client, &token, "GET", "/v2/_catalog?n=100").await.expect(200);
        answer.json()["repositories"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let ann = basic("ann", PASSWORD);
    assert_eq!(list(token_for(client, None, &catalog).await).await, ["open"]);
    assert_eq!(
        list(token_for(client, Some(&ann), &catalog).await).await,
        ["lone", "open", "team/a", "team/b"]
    );
    assert_eq!(list(token_for(client, Some(&root), &catalog).await).await.len(), 7);
    let page = client.get_with("/v2/_catalog?n=2&last=lone", &[("authorization", &ann)]).await;
    let page = page.expect(200);
    assert_eq!(page.json()["repositories"], json!(["open", "team/a"]));
    assert!(page.header("link").contains("last=team%2Fa"), "{}", page.header("link"));
}

#[tokio::test]
async fn a_mount_takes_only_what_the_caller_may_read() {
    let server = guarded().await;
    let (client, store) = (server.client(), &server.database().store);
    user(store, "ann", &[("mine/*", Role::Push), ("shared", Role::Pull)]).await;
    let root = basic("root", PASSWORD);
    let push = async |repository: &str, seed: u64| {
        let blob = random(seed, 500);
        let digest = sha256(&blob);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        client
            .send(request("POST", &path, &[("authorization", &root)], full(blob)))
            .await
            .expect(201);
        digest
    };
    let (secret, shared) = (push("secret", 91).await, push("shared", 92).await);
    let ann = basic("ann", PASSWORD);
    let mount = async |authorization: &str, digest: &af_registry::oci::Digest, from: &str| {
        let path = format!("/v2/mine/a/blobs/uploads/?mount={digest}{from}");
        client.send(request("POST", &path, &[("authorization", authorization)], nothing())).await
    };
    // A blob that she may not read is not found, whether she names its repository or not.
    for from in ["&from=secret", "&from=nowhere", ""] {
        mount(&ann, &secret, from).await.expect(202);
    }
    let head = format!("/v2/mine/a/blobs/{secret}");
    client.get_with(&head, &[("authorization", &ann)]).await.refused(404, "BLOB_UNKNOWN");
    // A token for the target only is refused with a challenge for both repositories, if she may read the source.
    let token = token_for(client, Some(&ann), &["repository:mine/a:pull,push"]).await;
    let narrow = format!("Bearer {token}");
    let refused = mount(&narrow, &shared, "&from=shared").await.refused(401, "UNAUTHORIZED");
    assert!(
        refused
            .header("www-authenticate")
            .contains("repository:mine/a:pull,push repository:shared:pull")
    );
    mount(&narrow, &secret, "&from=secret").await.expect(202);
    mount(&narrow, &secret, "").await.expect(202);
    // A token is good for what it covers, and not for all that its account may read.
    mount(&narrow, &shared, "").await.expect(202);
    client
        .get_with(&format!("/v2/mine/a/blobs/{shared}"), &[("authorization", &ann)])
        .await
        .expect(404);
    let both = ["repository:mine/a:pull,push", "repository:shared:pull"];
    let both = format!("Bearer {}", token_for(client, Some(&ann), &both).await);
    mount(&both, &secret, "").await.expect(202);
    mount(&both, &shared, "").await.expect(201);
    mount(&both, &shared, "&from=shared").await.expect(201);
    client
        .get_with(&format!("/v2/mine/a/blobs/{shared}"), &[("authorization", &ann)])
        .await
        .expect(200);
}

#[tokio::test]
async fn a_cached_login_ends_when_its_account_changes() {
    let server = guarded().await;
    let (client, store) = (server.client(), &server.database().store);
    user(store, "ann", &[("a", Role::Push)]).await;
    let ann = basic("ann", PASSWORD);
    let start = async || {
        client
            .send(request("POST", "/v2/a/blobs/uploads/", &[("authorization", &ann)], nothing()))
            .await
    };
    let list = async || client.get_with("/v2/a/tags/list", &[("authorization", &ann)]).await;
    start().await.expect(202);
    list().await.expect(200);
    assert!(store.accounts().set_disabled("ann", true).await.unwrap());
    start().await.refused(401, "UNAUTHORIZED");
    list().await.refused(401, "UNAUTHORIZED");
    // Each of these changes the account. The right password works again at once.
    assert!(store.accounts().set_disabled("ann", false).await.unwrap());
    start().await.expect(202);
    assert!(store.accounts().renew_revision("ann").await.unwrap());
    start().await.expect(202);
    list().await.expect(200);
}

#[tokio::test]
async fn failed_logins_are_limited() {
    let server = super::builder()
        .await
        .env("OPEN_REGISTRY_AUTH", "token")
        .env("OPEN_REGISTRY_SIGNING_SECRET", SIGNING_SECRET)
        .env("OPEN_REGISTRY_ADMIN_USER", "root")
        .env("OPEN_REGISTRY_ADMIN_PASSWORD", PASSWORD)
        .env("OPEN_REGISTRY_LIMIT_LOGIN_FAILURES", "3")
        .start()
        .await;
    let client = server.client();
    let login = async |name: &str, password: &str| {
        client.get_with("/token", &[("authorization", &*basic(name, password))]).await
    };
    for name in ["root", "nobody"] {
        for _ in 0..3 {
            login(name, "wrong").await.refused(401, "UNAUTHORIZED");
        }
        let refused = login(name, "wrong").await.refused(429, "TOOMANYREQUESTS");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    }
    let metrics = Client { addr: server.metrics }.get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains("registry_http_refused_total{reason=\"login_rate\"}"), "{metrics}");
}
