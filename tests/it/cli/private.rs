//! Commands for a registry with a private PostgreSQL, with and without a running server.

use std::process::Stdio;

use super::{Operator, PASSWORD};
use crate::rig::launch::{data_dir, with_kubo, working_below};

#[tokio::test]
async fn without_a_server_postgresql_runs_only_during_the_command() {
    let (_top, data) = data_dir();
    let operator = Operator::of(&data);
    let first = operator.call("user add ann --admin", PASSWORD);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), "added ann\n"), "{first:?}");
    // Who forgot the settings of the server would look for ann in vain.
    assert!(first.stderr.contains("made an empty database there"), "{first:?}");
    assert_eq!(working_below(&data), [0; 0]);
    assert_eq!(operator.json("grant list", "")[0]["account"], "ann");
    operator.refused("user add ann", PASSWORD, &["ann already"]);
    assert_eq!(working_below(&data), [0; 0], "PostgreSQL must be stopped after a failure, too");
    assert!(!data.join("ipfs").exists(), "the command must not start Kubo");

    // Concurrent commands wait for each other.
    let command = |name: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_af-registry"));
        command.args(["robot", "add", name]).env("OPEN_REGISTRY_DATA_DIR", &data);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut both = [command("acme+one"), command("acme+two")];
    assert!(both.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(operator.json("robot list", "").as_array().unwrap().len(), 2);
    assert_eq!(working_below(&data), [0; 0]);
}

#[tokio::test]
async fn beside_a_server_its_postgresql_is_used_and_keeps_running() {
    let (_top, data) = data_dir();
    let operator = Operator::of(&data);
    assert_eq!(operator.call("user add ann", PASSWORD).code, Some(0));
    let mut server = with_kubo().alone(&data).await;
    let running = working_below(&data);
    operator.done("user add bob", PASSWORD);
    operator.done("repo visibility acme/web public", "");
    let names = operator.json("user list", "");
    assert_eq!((&names[0]["name"], &names[1]["name"]), (&"ann".into(), &"bob".into()));
    server.client().get("/v2/acme/web/tags/list").await.expect(200);
    server.client().get("/v2/acme/api/tags/list").await.refused(404, "NAME_UNKNOWN");
    assert!(
        running.iter().all(|pid| working_below(&data).contains(pid)),
        "a process was restarted"
    );
    assert_eq!(server.stop().await, Some(0));
    assert_eq!(operator.json("user list", "").as_array().unwrap().len(), 2);
}
