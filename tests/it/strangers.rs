//! A server without a login answers this machine, and nobody who comes through a proxy or another site's page.

use crate::rig::client::{full, request};
use crate::rig::server::{Server, builder};

const UPLOADS: &str = "/v2/open/blobs/uploads/";

/// A server without a login that only this machine is expected to use.
async fn local() -> Server {
    builder().await.env("OPEN_REGISTRY_INSECURE_ANONYMOUS", "false").start().await
}

#[tokio::test]
async fn what_a_proxy_forwards_is_denied() {
    let server = local().await;
    let client = server.client();
    client.start_upload("open").await;
    for header in [
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("X-Forwarded-For", ""),
        ("via", "1.1 nginx"),
    ] {
        client.get_with("/v2/", &[header]).await.refused(403, "DENIED");
        client.get_with("/v2/_catalog", &[header]).await.refused(403, "DENIED");
        let pushed = client.send(request("POST", UPLOADS, &[header], full("x"))).await;
        pushed.refused(403, "DENIED");
    }
    let anyone = builder().await.start().await;
    anyone.client().get_with("/v2/", &[("x-forwarded-for", "192.0.2.1")]).await.expect(200);
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered() {
    let server = local().await;
    let client = server.client();
    let port = server.addr.port();
    for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"] {
        client.get_with("/v2/", &[("host", host)]).await.expect(200);
        client.get_with("/v2/", &[("host", &format!("{host}:{port}"))]).await.expect(200);
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.7:5000", "0.0.0.0", "a b"] {
        client.get_with("/v2/", &[("host", host)]).await.refused(421, "DENIED");
        let post = request("POST", UPLOADS, &[("host", host)], full(""));
        client.send(post).await.refused(421, "DENIED");
    }
    let named = builder()
        .await
        .env("OPEN_REGISTRY_INSECURE_ANONYMOUS", "false")
        .env("OPEN_REGISTRY_DOMAIN", "localhost:5000")
        .start()
        .await;
    named.client().get_with("/v2/", &[("host", "localhost:5000")]).await.expect(200);
    named.client().get_with("/v2/", &[("host", "evil.example")]).await.refused(421, "DENIED");
    let anyone = builder().await.start().await;
    anyone.client().get_with("/v2/", &[("host", "evil.example")]).await.expect(200);
}

#[tokio::test]
async fn pages_of_other_sites_are_denied_without_a_login() {
    let anyone = builder().await.start().await;
    for server in [local().await, anyone] {
        let client = server.client();
        let own = format!("http://{}", server.addr);
        client
            .get_with("/v2/", &[("origin", &own), ("sec-fetch-site", "same-origin")])
            .await
            .expect(200);
        client.get_with("/v2/", &[("sec-fetch-site", "none")]).await.expect(200);
        for header in [
            ("origin", "https://evil.example"),
            ("origin", "http://127.0.0.1:1"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
        ] {
            client.get_with("/v2/_catalog", &[header]).await.refused(403, "DENIED");
            let post = request("POST", UPLOADS, &[header], full(""));
            client.send(post).await.refused(403, "DENIED");
        }
    }
    // With a login it is the login that decides: no page has it.
    let asks = builder().await.env("OPEN_REGISTRY_AUTH", "token").start().await;
    let headers = [("origin", "https://evil.example"), ("host", "registry.example"), ("via", "x")];
    asks.client().get_with("/v2/", &headers).await.refused(401, "UNAUTHORIZED");
}
