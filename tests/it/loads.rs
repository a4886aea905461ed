//! The load drivers of `loadtest/`, run for real for a moment, so that they do not rot.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::access::{PASSWORD, SIGNING_SECRET};
use crate::rig::postgres::connect;
use crate::rig::program::{Home, complete, find};
use crate::rig::server::{Server, builder, server};

/// A program that `cargo test` builds beside the server.
fn example(name: &str) -> std::path::PathBuf {
    let program =
        Path::new(env!("CARGO_BIN_EXE_af-registry")).with_file_name("examples").join(name);
    assert!(program.is_file(), "{program:?} is missing; run cargo build --example {name}");
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_pulls_and_pushes_whole_images() {
    let (server, home) = (server().await, Home::new());
    let mut fleet = home.command(example("fleet"));
    fleet.args([
        "--registry",
        &server.host(),
        "--out",
        &home.text("out"),
        "--layers",
        "300KiB,2MiB",
    ]);
    fleet.args(["--clients", "6", "--pushers", "2", "--rounds", "2", "--images", "2"]);
    let said = tokio::task::spawn_blocking(move || complete(&mut fleet)).await.unwrap();
    assert!(said.contains("4 clients pull and 2 push"), "{said}");
    let report = std::fs::read(home.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let count = |step: &str| report["steps"][step]["count"].clone();
    assert_eq!((count("pull_image"), count("push_image")), (json!(8), json!(4)), "{report:#}");
    assert_eq!((count("pull_blob"), count("push_blob")), (json!(24), json!(12)), "{report:#}");
    assert_eq!(report["errors"], json!({}));
    let page = std::fs::read_to_string(home.path("out/report.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 2);
}

/// A run of a script for k6 by the stand-in. Its thresholds on latencies hold however slow the machine is.
fn k6(home: &Home, script: &str, settings: &[(&str, &str)]) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/k6");
    let mut command = home.command(find("node"));
    command.arg(folder.join("standin/run.js")).arg(folder.join(script));
    command.envs([("MANIFEST_MS", "600000"), ("PUSH_MS", "600000"), ("LAYERS", "300KiB,64KiB")]);
    command.envs(settings.iter().copied());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scripts_for_k6_run() {
    let guarded = builder()
        .await
        .env("OPEN_REGISTRY_AUTH", "token")
        .env("OPEN_REGISTRY_SIGNING_SECRET", SIGNING_SECRET)
        .env("OPEN_REGISTRY_ADMIN_USER", "root")
        .env("OPEN_REGISTRY_ADMIN_PASSWORD", PASSWORD);
    let (guarded, open, home) = (guarded.start().await, server().await, Home::new());
    let run = async |server: &Server, script: &str, settings: &[(&str, &str)]| {
        let mut command = k6(&home, script, settings);
        command.env("REGISTRY", server.host()).env("ACCOUNT", format!("root:{PASSWORD}"));
        command.env("REPORT", home.path("report.json"));
        let said = tokio::task::spawn_blocking(move || complete(&mut command)).await.unwrap();
        assert!(said.ends_with("every threshold holds"), "{said}");
        let report = std::fs::read(home.path("report.json")).unwrap();
        serde_json::from_slice::<Value>(&report).unwrap()["metrics"].take()
    };
    let fleet = [("USERS", "4"), ("ROUNDS", "2")];
    for server in [&guarded, &open] {
        let metrics = run(server, "fleet.js", &fleet).await;
        assert_eq!(metrics["pull_image"]["values"]["count"], 8, "{metrics:#}");
        assert_eq!(metrics["layer_mb_per_s"]["values"]["count"], 16, "{metrics:#}");
    }
    let metrics = run(&guarded, "push.js", &[("PUSHERS", "2"), ("IMAGES", "5")]).await;
    assert_eq!(metrics["push_image"]["values"]["count"], 5, "{metrics:#}");
    let mixed = [("PULLERS", "3"), ("PUSHERS", "2"), ("DURATION", "4s"), ("IMAGES", "20")];
    run(&guarded, "mixed.js", &mixed).await;
    let soak = [("USERS", "8"), ("RATE", "2"), ("PUSHES", "60"), ("DURATION", "2s")];
    let metrics = run(&guarded, "soak.js", &soak).await;
    assert_eq!(metrics["iterations"]["values"]["count"], 6, "{metrics:#}");
    // What a script pushes it deletes.
    let database = connect(&guarded.database().settings).await;
    let left: i64 = database.query_one("SELECT count(*) FROM tags", &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

#[test]
fn the_scripts_for_k6_load_this_machine_only() {
    let home = Home::new();
    for address in ["registry.example", "http://127.0.0.1.example:5000", "127.0.0.1@10.0.0.1"] {
        let output = k6(&home, "fleet.js", &[("REGISTRY", address)]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(107), "{said}");
        assert!(said.contains("is not on this machine"), "{said}");
    }
}

#[test]
fn the_stand_in_fails_where_k6_does() {
    let home = Home::new();
    for (case, code, reason) in [
        ("threshold", 99, "thresholds do not hold: mistakes: count<4"),
        ("unmeasured", 104, "invalid metric 'mistaken'"),
        ("import", 107, "imports node:fs, which k6 does not have"),
        ("module", 107, "does not provide an export named 'pause'"),
        ("global", 107, "process is not defined"),
    ] {
        let output = k6(&home, &format!("standin/cases/{case}.js"), &[]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{case}: {said}");
        assert!(said.contains(reason), "{case}: {said}");
    }
}
