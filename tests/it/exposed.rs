//! What a set-up shows to others is a warning in the log and in `/readyz`, and keeps nothing from starting.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::rig;
use crate::rig::kubo::Node;
use crate::rig::launch::Launch;
use crate::rig::postgres::Cluster;
use crate::rig::relay::Relay;
use crate::rig::server::{Server, builder};

/// The codes in `/readyz`, which must be those of the warnings in the log, each logged once.
async fn exposed(server: &Server) -> Vec<String> {
    let ready = server.client().get("/readyz").await.expect(200).json();
    assert_eq!(ready["status"], "ready");
    let warnings = ready["warnings"].as_array().unwrap();
    let code = |warning: &Value| warning["code"].as_str().unwrap().to_owned();
    let codes: Vec<String> = warnings.iter().map(code).collect();
    for warning in warnings {
        let logged = server.logged(&code(warning), |_| true).await;
        assert_eq!(logged["level"].as_str().unwrap().to_lowercase(), "warn", "{logged}");
        let message = warning["message"].as_str().unwrap();
        assert!(logged["message"].as_str().unwrap().starts_with(message), "{logged}");
    }
    let known =
        ["passwords_in_clear", "postgres_in_clear", "kubo_is_public", "secrets_are_readable"];
    let is_known = |line: &&Value| known.contains(&line["event"].as_str().unwrap_or_default());
    assert_eq!(server.log().iter().filter(is_known).count(), codes.len());
    codes
}

#[tokio::test]
async fn passwords_over_plain_http_are_warned_of() {
    let open = || async {
        let open = builder().await.env("OPEN_REGISTRY_HOST", "0.0.0.0");
        open.env("OPEN_REGISTRY_AUTH", "token")
            .env("OPEN_REGISTRY_SIGNING_SECRET", "hush hush hush hush")
    };
    assert_eq!(exposed(&open().await.start().await).await, ["passwords_in_clear"]);
    let named = open().await.env("OPEN_REGISTRY_DOMAIN", "https://registry.example");
    assert_eq!(exposed(&named.start().await).await, [""; 0]);
}

#[tokio::test]
async fn a_postgresql_elsewhere_without_tls_is_warned_of() {
    let cluster = Cluster::asking().await;
    let relay = Relay::start(cluster.socket()).await;
    let (database, port) = (cluster.empty_database("").await.database, relay.port.to_string());
    let place = |user: &'static str| {
        [
            ("HOST", "0.0.0.0"),
            ("PORT", &port),
            ("NAME", &database),
            ("USER", user),
            ("PASSWORD", "hunter2"),
        ]
        .map(|(name, value)| (format!("OPEN_REGISTRY_DB_{name}"), value.to_owned()))
    };
    let mut there = builder().await;
    for (name, value) in place("scrambled") {
        there = there.env(&name, &value);
    }
    assert_eq!(exposed(&there.start().await).await, ["postgres_in_clear"]);
    for (user, form) in [("plain", "in clear text"), ("hashed", "as an MD5 hash")] {
        let mut refused = Launch::new();
        for (name, value) in place(user) {
            refused = refused.env(&name, value);
        }
        let kubo = rig::kubo().await;
        let refused = refused.env("OPEN_REGISTRY_DFS_IPFS_API_URL", kubo.api.to_string());
        refused.refused().await.names(&[
            "PostgreSQL",
            form,
            "scram-sha-256",
            "OPEN_REGISTRY_DB_HOST",
        ]);
    }
}

#[tokio::test]
async fn a_kubo_with_peers_is_warned_of_accepted_or_refused() {
    let [node, _peer] = tokio::task::spawn_blocking(Node::pair).await.unwrap();
    assert_eq!(exposed(&builder().await.on(&node).start().await).await, ["kubo_is_public"]);
    let accepted = builder().await.on(&node).env("OPEN_REGISTRY_DFS_IPFS_PUBLIC", "true");
    assert_eq!(exposed(&accepted.start().await).await, [""; 0]);
    let database = rig::database().await;
    let refused = Launch::new().on(&database.settings, &node.settings);
    let refused = refused.env("OPEN_REGISTRY_DFS_IPFS_PUBLIC", "false").refused().await;
    refused.names(&["Kubo", "peers", "OPEN_REGISTRY_DFS_IPFS_PUBLIC"]);
    // A node without peers starts in every case.
    let alone = builder().await.env("OPEN_REGISTRY_DFS_IPFS_PUBLIC", "false");
    assert_eq!(exposed(&alone.start().await).await, [""; 0]);
}

#[tokio::test]
async fn secrets_that_others_can_read_are_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret-file");
    std::fs::write(&file, "hush hush hush hush\n").unwrap();
    for (mode, codes) in [(0o644, vec!["secrets_are_readable"]), (0o600, vec![])] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let server =
            builder().await.env("OPEN_REGISTRY_SIGNING_SECRET_FILE", file.to_str().unwrap());
        let server = server.start().await;
        assert_eq!(exposed(&server).await, codes);
        let ready = server.client().get("/readyz").await.expect(200);
        assert!(!String::from_utf8_lossy(&ready.body).contains("secret-file"));
    }
}
