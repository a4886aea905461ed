//! Probes: what they say of a server that runs, stops, or is not there.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::rig::client::Client;
use crate::rig::program::scratch;
use crate::rig::server::{Server, builder, server};

/// What the probe of a container says of a server whose metrics are on this port.
fn probe(port: u16, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_af-registry"));
    command.env_clear().env("HOME", "/nonexistent");
    command.env("OPEN_REGISTRY_METRICS_PORT", port.to_string());
    command.arg("healthcheck").args(arguments).output().unwrap()
}

fn code_and_text(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap())
}

#[tokio::test]
async fn the_probe_of_a_container_tells_ready_from_gone() {
    let mut server = server().await;
    let port = server.metrics.port();
    let (code, text) = code_and_text(&probe(port, &[]));
    assert!(code == Some(0) && text.contains(r#""status":"ready""#), "{code:?} {text}");
    let (code, text) = code_and_text(&probe(port, &["--live", "--json"]));
    assert!(code == Some(0) && text.contains(r#""healthy":true"#), "{code:?} {text}");
    server.terminate();
    server.ended().await;
    let (code, text) = code_and_text(&probe(port, &[]));
    assert!(code == Some(1) && text.contains("no answer from 127.0.0.1"), "{code:?} {text}");
}

/// Waits until the server says that it is about to stop.
async fn draining(server: &Server) {
    let operator = Client { addr: server.metrics };
    let began = Instant::now();
    loop {
        let answer = operator.get("/readyz").await;
        if answer.status == 503 {
            assert_eq!(answer.json()["status"], "draining");
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the server does not drain");
    }
}

#[tokio::test]
async fn a_balancer_sees_the_end_before_the_port_closes() {
    let mut server = builder().await.env("OPEN_REGISTRY_DRAIN_DELAY", "1h").start().await;
    Client { addr: server.metrics }.get("/healthz").await.expect(200);
    server.terminate();
    draining(&server).await;
    // New clients are still served.
    let ready = server.client().get("/readyz").await.expect(503);
    assert_eq!(ready.json()["status"], "draining");
    server.client().get("/v2/").await.expect(200);
    assert_eq!(code_and_text(&probe(server.metrics.port(), &[])).0, Some(1));
    assert_eq!(code_and_text(&probe(server.metrics.port(), &["--live"])).0, Some(0));
    // The second signal does not wait for the rest of the hour.
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn systemd_hears_that_the_server_is_ready_alive_and_stopping() {
    let directory = scratch();
    let path = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let starting = builder().await.env("NOTIFY_SOCKET", path.to_str().unwrap());
    let mut server = starting.env("WATCHDOG_USEC", "300000").start().await;
    let hears = |news: &str| {
        let mut heard = [0; 64];
        while let Ok(length) = systemd.recv(&mut heard) {
            if &heard[..length] == news.as_bytes() {
                return;
            }
        }
        panic!("systemd does not hear {news}");
    };
    hears("READY=1");
    hears("WATCHDOG=1");
    hears("WATCHDOG=1");
    server.terminate();
    hears("STOPPING=1");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_signal_changes_the_level_of_the_log_and_another_one_changes_it_back() {
    let server = server().await;
    let signal = || {
        let done = Command::new("kill").args(["-USR1", &server.pid().to_string()]).status();
        assert!(done.unwrap().success());
    };
    server.client().get("/healthz").await.expect(200);
    signal();
    let filter =
        |wanted: &'static str| server.logged("log_filter", move |line| line["filter"] == wanted);
    filter("warn,af_registry=debug").await;
    // A probe is logged at level debug only.
    server.client().get("/healthz").await.expect(200);
    server.logged("health", |line| line["level"] == "debug").await;
    signal();
    filter("warn,af_registry=info").await;
    let probes = || server.log().iter().filter(|line| line["event"] == "health").count();
    assert_eq!(probes(), 1, "{:#?}", server.log());
    server.client().get("/healthz").await.expect(200);
    server.client().get("/v2/").await.expect(200);
    server.logged("version", |_| true).await;
    assert_eq!(probes(), 1, "{:#?}", server.log());
}
