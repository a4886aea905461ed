//! A real Docker Engine, on its own data directory and socket.

use std::path::Path;

use super::{Daemon, Stage, is_root, run, stage, tool};
use crate::rig::layout::{Layout, big, image, multi};

fn engine(stage: &Stage) -> Daemon {
    let socket = stage.path("docker.sock");
    let mut dockerd = tool("dockerd");
    let value = |name: &str| stage.path(name).to_str().unwrap().to_owned();
    dockerd.args(["--data-root", &value("data"), "--exec-root", &value("exec")]);
    dockerd.args(["-H", &format!("unix://{}", socket.display()), "--pidfile", &value("pid")]);
    dockerd.args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
    Daemon::start(&mut dockerd, &socket)
}

fn docker(stage: &Stage, arguments: &[&str]) -> String {
    let mut docker = std::process::Command::new("/usr/bin/docker");
    docker.env("DOCKER_HOST", format!("unix://{}", stage.path("docker.sock").display()));
    docker.env("DOCKER_CONFIG", stage.path("config")).env("DOCKER_CLI_EXPERIMENTAL", "enabled");
    run(docker.env("HOME", stage.path("")).args(arguments))
}

/// Brings an image into the engine under a name, without a registry.
fn load(stage: &Stage, layout: &Layout, name: &str) {
    let archive = stage.path("archive.tar");
    let from = format!("oci:{}:1", layout.path().display());
    let to = format!("docker-archive:{}:{name}", archive.display());
    stage.run("skopeo", &["--insecure-policy", "copy", &from, &to]);
    docker(stage, &["load", "-q", "-i", archive.to_str().unwrap()]);
    std::fs::remove_file(archive).unwrap();
}

#[tokio::test]
async fn docker_pushes_and_pulls() {
    if !is_root() {
        println!("SKIPPED: a Docker engine needs root");
        return;
    }
    assert!(Path::new("/usr/bin/docker").exists(), "`make install-test` brings docker");
    let stage = stage().await;
    let _engine = engine(&stage);
    let name = stage.reference("docker/big:1");
    load(&stage, big(), &name);
    let id = docker(&stage, &["image", "inspect", "-f", "{{.Id}}", &name]);
    docker(&stage, &["push", "-q", &name]);
    let digest = stage.digest("docker/big", "1").await;
    docker(&stage, &["rmi", "-f", &id]);
    docker(&stage, &["pull", "-q", &name]);
    assert_eq!(docker(&stage, &["image", "inspect", "-f", "{{.Id}}", &name]), id);
    let repo_digest =
        docker(&stage, &["image", "inspect", "-f", "{{index .RepoDigests 0}}", &name]);
    assert_eq!(repo_digest.rsplit('@').next().unwrap(), digest);

    let list = stage.reference("docker/list:1");
    let mut members = Vec::new();
    for (platform, seed) in [("amd64", 95), ("arm64", 96)] {
        let member = stage.reference(&format!("docker/list:{platform}"));
        load(&stage, &image(platform, seed, 1 << 20), &member);
        docker(&stage, &["push", "-q", &member]);
        members.push(member);
    }
    docker(&stage, &["manifest", "create", "--insecure", &list, &members[0], &members[1]]);
    docker(&stage, &["manifest", "push", "--insecure", &list]);
    let pushed = stage.server.client().get("/v2/docker/list/manifests/1").await.expect(200).json();
    assert_eq!(pushed["manifests"].as_array().unwrap().len(), 2, "{pushed}");
    docker(&stage, &["pull", "-q", &list]);

    // An OCI index that another client pushed.
    let multi_name = stage.reference("docker/multi:1");
    let from = format!("oci:{}:1", multi().path().display());
    let to = format!("docker://{multi_name}");
    stage.run(
        "skopeo",
        &["--insecure-policy", "copy", "--all", "--dest-tls-verify=false", &from, &to],
    );
    docker(&stage, &["pull", "-q", &multi_name]);
}
