//! Encrypted connections to PostgreSQL: each mode with each kind of server.

use af_registry::config::SslMode;
use af_registry::store::{Settings, Store, Tls};

use crate::rig;
use crate::rig::authority::Authority;
use crate::rig::launch::Launch;
use crate::rig::postgres::{Cluster, connect};
use crate::rig::relay::Relay;
use crate::rig::server::builder;

fn verified(authority: &Authority) -> SslMode {
    SslMode::VerifyFull { authorities: Some(authority.file().to_owned()) }
}

/// A cluster with a certificate for `localhost` that the authority has issued.
async fn encrypted_cluster(authority: &Authority) -> Cluster {
    let certified = authority.certify(&["localhost"]);
    Cluster::encrypted(&certified.chain, &certified.key).await
}

/// Connects to `host` in a mode, and asks PostgreSQL whether the connection is encrypted.
async fn encrypted(
    socket: &Settings,
    host: &str,
    port: u16,
    mode: &SslMode,
) -> Result<bool, String> {
    let tls = Tls::of(mode).unwrap();
    let settings = Settings { host: host.into(), port, tls, ..socket.clone() };
    let store = Store::connect(&settings).await.map_err(|error| error.to_string())?;
    store.ping().await.unwrap();
    let admin = connect(socket).await;
    let seen = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                WHERE datname = $1 AND application_name = 'af-registry'";
    let seen = admin.query(seen, &[&settings.database]).await.unwrap();
    let seen: Vec<bool> = seen.iter().map(|row| row.get(0)).collect();
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    Ok(seen[0])
}

#[tokio::test]
async fn each_mode_verifies_a_server_with_tls_as_it_promises() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cluster = encrypted_cluster(&authority).await;
    for (mode, host, expected) in [
        (SslMode::Disable, "localhost", Ok(false)),
        (SslMode::Prefer, "localhost", Ok(true)),
        (SslMode::Prefer, "127.0.0.1", Ok(true)),
        // An address that the settings do not know as one of this machine.
        (SslMode::Disable, "0.0.0.0", Ok(false)),
        (SslMode::Prefer, "0.0.0.0", Ok(true)),
        (SslMode::Require, "0.0.0.0", Ok(true)),
        (SslMode::Require, "localhost", Ok(true)),
        (SslMode::Require, "127.0.0.1", Ok(true)),
        (verified(&authority), "localhost", Ok(true)),
        (verified(&authority), "127.0.0.1", Err("not valid for name")),
        (verified(&stranger), "localhost", Err("UnknownIssuer")),
    ] {
        let socket = cluster.empty_database("").await;
        let found = encrypted(&socket, host, socket.port, &mode).await;
        match (&found, expected) {
            (Err(error), Err(part)) => assert!(error.contains(part), "{mode:?} {host}: {error}"),
            _ => assert_eq!(found, expected.map_err(str::to_owned), "{mode:?} {host}"),
        }
    }
}

#[tokio::test]
async fn each_mode_accepts_or_rejects_a_server_without_tls() {
    let authority = Authority::new();
    let cluster = rig::postgres::shared();
    let relay = Relay::start(cluster.socket()).await;
    for mode in [SslMode::Disable, SslMode::Prefer] {
        for host in ["127.0.0.1", "0.0.0.0"] {
            let socket = cluster.empty_database("").await;
            assert_eq!(encrypted(&socket, host, relay.port, &mode).await, Ok(false), "{mode:?}");
        }
    }
    for mode in [SslMode::Require, verified(&authority)] {
        let socket = cluster.empty_database("").await;
        let error = encrypted(&socket, "127.0.0.1", relay.port, &mode).await.unwrap_err();
        assert!(error.contains("server does not support TLS"), "{mode:?}: {error}");
    }
}

#[tokio::test]
async fn no_password_is_sent_in_clear_or_as_md5_without_tls() {
    let cluster = Cluster::asking().await;
    let relay = Relay::start(cluster.socket()).await;
    let socket = cluster.empty_database("").await;
    let store = async |host: &str, user: &str| {
        let settings = Settings {
            host: host.into(),
            port: relay.port,
            user: user.into(),
            password: Some("hunter2".into()),
            tls: Tls::of(&SslMode::Prefer).unwrap(),
            ..socket.clone()
        };
        let connected = Store::connect(&settings).await.map(drop);
        (connected.map_err(|error| error.to_string()), settings.tls.came_up_in_clear())
    };
    for (user, form) in [("plain", "in clear text"), ("hashed", "as an MD5 hash")] {
        let (connected, _) = store("0.0.0.0", user).await;
        let error = connected.unwrap_err();
        for word in [form, "without TLS", "scram-sha-256"] {
            assert!(error.contains(word), "no {word} in: {error}");
        }
        // On this machine nobody listens on the way.
        assert_eq!(store("127.0.0.1", user).await, (Ok(()), false), "{user}");
    }
    assert_eq!(store("0.0.0.0", "scrambled").await, (Ok(()), true));
}

#[tokio::test]
async fn a_password_is_bound_to_the_encrypted_connection() {
    let authority = Authority::new();
    let cluster = encrypted_cluster(&authority).await;
    let socket = cluster.empty_database("").await;
    let careful = |password: &str, mode: &SslMode| Settings {
        host: "localhost".into(),
        user: "careful".into(),
        password: Some(password.into()),
        tls: Tls::of(mode).unwrap(),
        ..socket.clone()
    };
    Store::connect(&careful("hunter2", &verified(&authority))).await.unwrap().ping().await.unwrap();
    for refused in [careful("hunter3", &SslMode::Require), careful("hunter2", &SslMode::Disable)] {
        let error = Store::connect(&refused).await.unwrap_err().to_string();
        assert!(!error.contains("hunter"), "{error}");
    }
}

#[tokio::test]
async fn the_registry_starts_with_a_trusted_database_and_reports_an_untrusted_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cluster = encrypted_cluster(&authority).await;
    let (socket, kubo) = (cluster.empty_database("").await, rig::kubo().await);
    let there = Settings { host: "localhost".into(), ..socket.clone() };
    let full = || Launch::new().on(&there, &kubo).env("OPEN_REGISTRY_DB_SSLMODE", "verify-full");
    let by = |file: &str| full().env("OPEN_REGISTRY_DB_SSLROOTCERT", file);
    // This variable names the file with the certificate authorities of the system.
    let refusal = full().env("SSL_CERT_FILE", stranger.file()).refused().await;
    refusal.names(&["PostgreSQL", "UnknownIssuer", "OPEN_REGISTRY_DB_"]);
    let refusal = by(stranger.file().to_str().unwrap()).refused().await;
    refusal.names(&["PostgreSQL", "UnknownIssuer", "OPEN_REGISTRY_DB_"]);
    by("/nonexistent").refused().await.names(&["OPEN_REGISTRY_DB_SSLROOTCERT", "`/nonexistent`"]);

    let port = there.port.to_string();
    let place = [("HOST", "localhost"), ("PORT", &port), ("NAME", &there.database)];
    for trust in ["OPEN_REGISTRY_DB_SSLROOTCERT", "SSL_CERT_FILE"] {
        let mut server = builder().await.env("OPEN_REGISTRY_DB_SSLMODE", "verify-full");
        for (name, value) in place {
            server = server.env(&format!("OPEN_REGISTRY_DB_{name}"), value);
        }
        let server = server.env(trust, authority.file().to_str().unwrap()).start().await;
        server.client().get("/v2/_catalog").await.expect(200);
    }
}
