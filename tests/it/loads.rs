//! The load drivers of `loadtest/`, run for real for a moment, so that they do not rot.

use std::path::Path;

use serde_json::{Value, json};

use crate::rig::program::{Home, complete};
use crate::rig::server::server;

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
