//! No connection to PostgreSQL is left, and clients that go away in the middle of a transaction.

use std::time::{Duration, Instant};

use af_registry::store::{Settings, Store};
use af_registry::stream::hashing::sha256;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::rig;
use crate::rig::client::{OCI_MANIFEST, image, random};
use crate::rig::server::builder;

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Holds up every upload into a repository, each with a connection of the pool.
const HOLD: &str = "BEGIN; INSERT INTO repositories (name) VALUES ('held')";

/// The number of transactions that wait for a lock.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// The number of transactions of the registry that are open.
const OPEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'af-registry' AND state <> 'idle'";

async fn count(admin: &tokio_postgres::Client, query: &str) -> i64 {
    admin.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_an_exhausted_pool_refuses_within_two_seconds() {
    let database = rig::database().await;
    let holder = rig::postgres::connect(&database.settings).await;
    let builder = builder().await.at(database).env("OPEN_REGISTRY_DB_POOL_SIZE", "2");
    let server = builder.env("OPEN_REGISTRY_LIMIT_OPEN_UPLOADS", "1000").start().await;
    let (client, admin) = (server.client(), &server.database().admin);
    let layer = random(4101, 5000);
    let (_, digest) = client.push_image("crowd", "v1", &layer).await;
    holder.batch_execute(HOLD).await.unwrap();
    let began = Instant::now();
    let start = move || async move {
        let answer = client.ask("POST", "/v2/held/blobs/uploads/").await;
        (answer, began.elapsed())
    };
    let holding: Vec<_> = (0..2).map(|_| tokio::spawn(start())).collect();
    while count(admin, WAITING).await < 2 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    let rest: Vec<_> = (0..20).map(|_| tokio::spawn(start())).collect();
    // Reads and checks of health do not notice.
    assert!(client.get(&format!("/v2/crowd/blobs/{digest}")).await.expect(200).body == layer);
    client.get("/v2/crowd/manifests/v1").await.expect(200);
    client.get("/v2/").await.expect(200);
    client.get("/healthz").await.expect(200);
    assert!(began.elapsed() < Duration::from_secs(2), "reads wait for the pool");
    holder.batch_execute("SELECT pg_sleep(2.5); ROLLBACK").await.unwrap();
    let mut soonest = Duration::MAX;
    for call in rest {
        let (answer, took) = call.await.unwrap();
        if answer.status == 503 {
            assert!(!answer.header("retry-after").is_empty());
            soonest = soonest.min(took);
        }
    }
    // On a busy machine; a pool that waits for half a minute would be seen.
    assert!(soonest < Duration::from_secs(5), "{soonest:?}");
    for call in holding {
        call.await.unwrap().0.expect(202);
    }
    client.ask("POST", "/v2/crowd/blobs/uploads/").await.expect(202);
}

/// Background jobs have connections of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_jobs_and_requests_do_not_take_connections_from_each_other() {
    let rig::Database { settings, admin, .. } = rig::database().await;
    // Within a transaction, pg_stat_activity does not change.
    let holder = rig::postgres::connect(&settings).await;
    let store = Store::connect(&Settings { pool_size: 2, ..settings }).await.unwrap();
    let instance = Uuid::new_v4();
    let claim = async |store: &Store, name: &str| {
        store.jobs().claim(name, instance, Duration::from_secs(60), true).await
    };
    claim(&store, "job").await.unwrap();
    holder.batch_execute("BEGIN; SELECT FROM jobs FOR UPDATE").await.unwrap();
    let jobs = store.for_jobs();
    for (crowded, free) in [(&store, &jobs), (&jobs, &store)] {
        let stuck: Vec<_> = (0..2)
            .map(|_| {
                let crowded = crowded.clone();
                tokio::spawn(async move {
                    let lease = Duration::from_secs(60);
                    crowded.jobs().claim("job", instance, lease, true).await
                })
            })
            .collect();
        let began = Instant::now();
        while count(&admin, WAITING).await < 2 {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        claim(free, "another").await.unwrap();
        holder.batch_execute("ROLLBACK").await.unwrap();
        for call in stuck {
            call.await.unwrap().unwrap();
        }
        holder
            .batch_execute("BEGIN; SELECT FROM jobs WHERE name = 'job' FOR UPDATE")
            .await
            .unwrap();
    }
}

/// The client goes away while its manifest is being written. No lock remains, and the only connection of the pool is not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f15_a_client_that_goes_away_in_a_transaction_leaves_nothing_behind() {
    let database = rig::database().await;
    let holder = rig::postgres::connect(&database.settings).await;
    let builder = builder().await.at(database).env("OPEN_REGISTRY_DB_POOL_SIZE", "1");
    let server = builder.start().await;
    let (client, admin) = (server.client(), &server.database().admin);
    let layer = random(4102, 5000);
    let (_, digest) = client.push_image("gone", "v1", &layer).await;
    let raw = image(&sha256(b"{}"), 2, &[(&digest, layer.len()), (&digest, layer.len())]);
    for table in ["repositories", "manifests", "tags"] {
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        holder.batch_execute(&lock).await.unwrap();
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let head = format!(
            "PUT /v2/gone/manifests/v2 HTTP/1.1\r\nhost: {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
            server.addr,
            OCI_MANIFEST,
            raw.len()
        );
        stream.write_all(&[head.as_bytes(), &raw].concat()).await.unwrap();
        let began = Instant::now();
        while count(admin, WAITING).await == 0 {
            assert!(began.elapsed() < PATIENCE, "the manifest does not wait for {table}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(stream);
        holder.batch_execute("ROLLBACK").await.unwrap();
        while count(admin, OPEN).await > 0 {
            assert!(began.elapsed() < PATIENCE, "a transaction stays open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The manifest is there as a whole, or not at all.
        let found = client.get("/v2/gone/manifests/v2").await;
        assert!(found.status == 404 || found.body == raw, "{found:?}");
        client.push_image("gone", "v3", &layer).await;
        client.delete("/v2/gone/manifests/v2").await;
    }
}
