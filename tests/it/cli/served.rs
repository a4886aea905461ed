//! A change by the operator takes effect at a running server with the next request.

use data_encoding::BASE64;
use hyper::StatusCode;

use super::{Operator, PASSWORD};
use crate::rig::server::{Server, builder};

const LIST: &str = "/v2/acme/web/tags/list";

/// Status of a list of tags with a token for this login, or of the request for the token if that fails.
async fn pulls(server: &Server, user: &str, password: &str) -> StatusCode {
    let client = server.client();
    let basic = format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()));
    let path = "/token?service=af-registry&scope=repository:acme/web:pull";
    let answer = client.get_with(path, &[("authorization", &basic)]).await;
    if answer.status != StatusCode::OK {
        return answer.status;
    }
    let bearer = format!("Bearer {}", answer.json()["token"].as_str().unwrap());
    client.get_with(LIST, &[("authorization", &bearer)]).await.status
}

#[tokio::test]
async fn a_change_takes_effect_with_the_next_request() {
    let server = builder().await.env("OPEN_REGISTRY_AUTH", "token");
    let server = server.env("OPEN_REGISTRY_SIGNING_SECRET", "0123456789abcdef").start().await;
    let operator = Operator::on(&server.database().settings);
    let open = async || server.client().get(LIST).await.status;
    operator.done("repo visibility acme/web private", "");
    operator.done("user add ann", PASSWORD);
    assert_ne!(pulls(&server, "ann", PASSWORD).await, 200, "without a grant");
    operator.done("grant add ann acme/* pull", "");
    assert_eq!(pulls(&server, "ann", PASSWORD).await, 200);
    operator.done("user disable ann", "");
    assert_eq!(pulls(&server, "ann", PASSWORD).await, 401);
    operator.done("user enable ann", "");
    assert_eq!(pulls(&server, "ann", PASSWORD).await, 200);
    operator.done("user passwd ann", "battery staple");
    assert_eq!(pulls(&server, "ann", PASSWORD).await, 401);
    assert_eq!(pulls(&server, "ann", "battery staple").await, 200);
    operator.done("grant remove ann acme/*", "");
    assert_ne!(pulls(&server, "ann", "battery staple").await, 200);

    let robot = operator.json("robot add acme+ci", "");
    let secret = robot["secret"].as_str().unwrap();
    operator.done("grant add acme+ci acme/web pull", "");
    assert_eq!(pulls(&server, "acme+ci", secret).await, 200);
    let renewed = operator.json("robot renew acme+ci", "");
    assert_eq!(pulls(&server, "acme+ci", secret).await, 401);
    assert_eq!(pulls(&server, "acme+ci", renewed["secret"].as_str().unwrap()).await, 200);
    operator.done("robot remove acme+ci", "");
    assert_eq!(pulls(&server, "acme+ci", renewed["secret"].as_str().unwrap()).await, 401);

    assert_eq!(open().await, 401);
    operator.done("repo visibility acme/web public", "");
    assert_eq!(open().await, 200);
    operator.done("repo visibility acme/web private", "");
    assert_eq!(open().await, 401);
    let log: String = server.log().iter().map(ToString::to_string).collect();
    for secret in [PASSWORD, "battery staple", secret] {
        assert!(!log.contains(secret), "{log}");
    }
}
