//! What the metrics say, of transfers, failures, partners and the process.

use std::time::{Duration, Instant};

use crate::rig::client::{Client, random};
use crate::rig::server::{Server, builder, server};

/// Longest wait for a job that measures.
const PATIENCE: Duration = Duration::from_secs(60);

async fn text(server: &Server) -> String {
    let answer = Client { addr: server.metrics }.get("/metrics").await.expect(200);
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// The value of the sample whose line begins so. `None` if there is none.
fn sample(text: &str, line: &str) -> Option<f64> {
    text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
}

/// The text of the metrics once it has a sample whose line begins so.
async fn once(server: &Server, line: &str) -> String {
    let began = Instant::now();
    loop {
        let text = text(server).await;
        if sample(&text, line).is_some() {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "{line} is not in\n{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn transfers_are_measured_whole_and_errors_by_their_code() {
    let server = server().await;
    let client = server.client();
    let digest = client.push_blob("seen", &random(71, 2 << 20)).await;
    client.get(&format!("/v2/seen/blobs/{digest}")).await.expect(200);
    client.get("/v2/seen/manifests/none").await.expect(404);
    let text = text(&server).await;
    for (line, value) in [
        (r#"registry_transfers_total{direction="push",content="blob",outcome="ok"}"#, 1.0),
        (r#"registry_transfers_total{direction="pull",content="blob",outcome="ok"}"#, 1.0),
        (r#"registry_transfers_total{direction="pull",content="manifest",outcome="refused"}"#, 1.0),
        (r#"registry_transfer_duration_seconds_count{direction="pull",content="blob"}"#, 1.0),
        (r#"registry_pull_first_byte_seconds_count{content="blob"}"#, 1.0),
        ("registry_blob_push_seconds_count", 1.0),
        (r#"registry_transfer_rate_bytes_per_second_count{direction="pull"}"#, 1.0),
        (r#"registry_transfer_rate_bytes_per_second_count{direction="push"}"#, 1.0),
        (r#"registry_errors_total{code="MANIFEST_UNKNOWN"}"#, 1.0),
    ] {
        assert_eq!(sample(&text, line), Some(value), "{line} in\n{text}");
    }
    assert!(!text.contains("seen"), "a repository is named in\n{text}");
}

#[tokio::test]
async fn partners_queues_and_the_process_are_measured() {
    let server = server().await;
    server.client().push_blob("held", &random(72, 70_000)).await;
    for line in [
        r#"registry_partner_up{partner="postgres"}"#,
        r#"registry_partner_up{partner="kubo"}"#,
        "registry_kubo_repository_bytes",
        "registry_kubo_repository_limit_bytes",
        "registry_kubo_objects",
        "registry_kubo_pins",
        "registry_postgres_database_bytes",
        "registry_postgres_connections",
        "registry_postgres_connections_limit",
        "registry_postgres_pool_size",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_threads",
    ] {
        let text = once(&server, line).await;
        assert!(sample(&text, line).is_some_and(|value| value > 0.0), "{line} in\n{text}");
    }
    let text = once(&server, "registry_kubo_peers").await;
    for line in [
        "registry_blobs_in_quarantine",
        "registry_kubo_peers",
        "registry_postgres_replicas",
        "registry_postgres_replication_lag_seconds",
        "registry_postgres_pool_waiting",
        r#"registry_queue_length{queue="upload_slots"}"#,
        r#"registry_queue_length{queue="logins"}"#,
        r#"registry_queue_length{queue="partners"}"#,
    ] {
        assert_eq!(sample(&text, line), Some(0.0), "{line} in\n{text}");
    }
    assert!(sample(&text, "registry_postgres_pool_wait_duration_seconds_count").unwrap() > 0.0);
}

#[tokio::test]
async fn only_so_many_repositories_are_counted_by_name() {
    let server = builder().await.env("OPEN_REGISTRY_METRICS_REPOSITORIES", "1").start().await;
    for repository in ["acme/first", "acme/second", "acme/third"] {
        server.client().push_blob(repository, &random(73, 1000)).await;
    }
    let text = text(&server).await;
    let named = r#"registry_repository_bytes_total{repository="acme/first",direction="push"}"#;
    assert_eq!(sample(&text, named), Some(1000.0), "{text}");
    let other = r#"registry_repository_bytes_total{repository="(other)",direction="push"}"#;
    assert_eq!(sample(&text, other), Some(2000.0), "{text}");
}

#[tokio::test]
async fn the_page_shows_the_last_hour_and_loads_only_its_style_sheet() {
    let server = server().await;
    let client = server.client();
    let digest = client.push_blob("shown", &random(74, 50_000)).await;
    client.get(&format!("/v2/shown/blobs/{digest}")).await.expect(200);
    once(&server, r#"registry_job_backlog{job="drop-pins"}"#).await;
    let operator = Client { addr: server.metrics };
    let page = operator.get("/").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for part in ["<b class=\"ready\">ready</b>", "Pulls of blobs", "drop-pins", "PostgreSQL"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    // A push and a pull have their percentiles.
    assert!(!text.contains("p99 <b>none yet</b>"), "{text}");
    assert!(
        !text.contains("style=") && !text.contains("<script") && !text.contains("shown"),
        "{text}"
    );
    let style = operator.get("/page.css").await.expect(200);
    assert_eq!(style.header("content-type"), "text/css");
    operator.ask("POST", "/").await.expect(405);
}
