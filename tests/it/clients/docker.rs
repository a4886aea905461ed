//! A real Docker Engine and its command line.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::login::{Client, Outcome, USER};
use super::{Stand, digest_in, engine_allowed, guarded_stand, layers_of_archive, stand};
use crate::rig::daemon::{Daemon, containerd};
use crate::rig::layout::Layer;
use crate::rig::program::{Home, complete, find};
use crate::rig::server::NAME;
use crate::rig::tunnel::tunnel;

/// Debian's own program: a newer one from elsewhere may precede it in the search path and not get on with the engine.
const DOCKER: &str = "/usr/bin/docker";

#[tokio::test]
async fn docker_pushes_and_pulls() {
    if !engine_allowed("docker") {
        return;
    }
    let (stand, mut home) = (stand().await, Home::new());
    let _engine = start(&mut home);
    works(&stand, &home).await;
}

/// Under a name that no resolver knows, by way of a proxy: an engine asks no certificate of what is on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn docker_works_by_tls_and_login() {
    if !engine_allowed("docker") {
        return;
    }
    let (stand, mut home) = (guarded_stand().await, Home::new());
    let (host, root) = (host(&stand), stand.authority.as_ref().unwrap().file());
    let trusted = home.path("certs.d").join(&host);
    std::fs::create_dir_all(&trusted).unwrap();
    std::fs::copy(root, trusted.join("ca.crt")).unwrap();
    home.set("HTTPS_PROXY", format!("http://{}", tunnel(stand.server.addr).await));
    let _engine = start(&mut home);
    // For crane; the engine is not to see it.
    home.set("SSL_CERT_FILE", root.to_str().unwrap());
    let layer = &stand.layers[0];
    let client = Client {
        name: "docker",
        suffix: "",
        login: &|password| {
            let login = ["login", "--username", USER, "--password-stdin", &host];
            attempt(&home, &login, password)
        },
        logout: &|| attempt(&home, &["logout", &host], ""),
        push: &|repository| {
            let remote = remote(&stand, &format!("{repository}:v1"));
            attempt(&home, &["import", layer.path(), &remote], "")?;
            let pushed = attempt(&home, &["push", &remote], "");
            attempt(&home, &["rmi", &remote], "")?;
            pushed
        },
        pull: &|repository| {
            attempt(&home, &["pull", &remote(&stand, &format!("{repository}:v1"))], "")
        },
    };
    stand.guard(client, works(&stand, &home)).await;
}

async fn works(stand: &Stand, home: &Home) {
    an_image_with_a_big_layer(stand, home).await;
    an_index_of_two_platforms(stand, home).await;
    an_index_that_another_client_pushed(stand, home);
}

/// The registry as the engine names it.
fn host(stand: &Stand) -> String {
    match stand.authority {
        None => stand.host(),
        Some(_) => format!("{NAME}:{}", stand.server.addr.port()),
    }
}

/// How the engine names a repository or a tag.
fn remote(stand: &Stand, name: &str) -> String {
    format!("{}/{name}", host(stand))
}

/// Starts an engine, and a containerd for it, on directories and sockets below the home.
pub(super) fn start(home: &mut Home) -> [Daemon; 2] {
    let [data, state, socket, pid, config] =
        ["data", "exec", "docker.sock", "docker.pid", "daemon.json"].map(|name| home.text(name));
    home.set("DOCKER_HOST", format!("unix://{socket}"));
    home.set("DOCKER_CONFIG", home.text("config"));
    home.set("DOCKER_CLI_EXPERIMENTAL", "enabled"); // `docker manifest`
    std::fs::write(&config, "{}").unwrap();
    let (containerd, address) = containerd(home);
    let listen = format!("unix://{socket}");
    let places = ["--data-root", &data, "--exec-root", &state, "--pidfile", &pid, "-H", &listen];
    let others = ["--containerd", &address, "--config-file", &config];
    let network = ["--bridge=none", "--iptables=false", "--ip6tables=false"];
    let arguments = [&places[..], &others, &network].concat();
    // In this order they are dropped: the engine first.
    [Daemon::start(home, "dockerd", &arguments, Path::new(&socket)), containerd]
}

#[track_caller]
fn docker(home: &Home, arguments: &[&str]) -> String {
    complete(home.command(program()).args(arguments))
}

pub(super) fn attempt(home: &Home, arguments: &[&str], input: &str) -> Outcome {
    home.attempt(program(), arguments, input)
}

fn program() -> PathBuf {
    let debian = Path::new(DOCKER);
    if debian.is_file() { debian.to_owned() } else { find("docker") }
}

/// What `docker image inspect` says.
#[track_caller]
fn inspect(home: &Home, image: &str) -> Value {
    let text = docker(home, &["image", "inspect", "--format", "{{json .}}", image]);
    serde_json::from_str(&text).unwrap()
}

/// Makes an image of one layer, the tar archive as it is, and pushes it. Returns its id.
async fn push(stand: &Stand, home: &Home, tag: &str, platform: &str, layer: &Layer) -> String {
    let (repository, name) = tag.rsplit_once(':').unwrap();
    let remote = remote(stand, tag);
    let id = docker(home, &["import", "--platform", platform, layer.path(), &remote]);
    let pushed = digest_in(&docker(home, &["push", &remote]));
    assert_eq!(stand.digest(repository, name).await, pushed);
    id
}

/// Asserts that a pulled image is the one that was made.
#[track_caller]
fn assert_same(home: &Home, remote: &str, id: &str, digest: &str, layer: &Layer) {
    let image = inspect(home, remote);
    assert_eq!(image["Id"], id);
    assert_eq!(image["RootFS"]["Layers"], serde_json::json!([layer.digest.as_str()]));
    let digests = image["RepoDigests"].as_array().unwrap();
    assert!(digests.iter().any(|d| d.as_str().unwrap().ends_with(digest)), "{digests:?}");
}

async fn an_image_with_a_big_layer(stand: &Stand, home: &Home) {
    let layer = &stand.layers[2];
    let remote = remote(stand, "docker/big:v1");
    let id = push(stand, home, "docker/big:v1", "linux/amd64", layer).await;
    docker(home, &["rmi", &remote]);
    docker(home, &["pull", "--quiet", &remote]);
    let digest = stand.digest("docker/big", "v1").await;
    assert_same(home, &remote, &id, digest.as_str(), layer);
    docker(home, &["save", "--output", &home.text("saved.tar"), &remote]);
    assert_eq!(layers_of_archive(home, "saved.tar"), std::slice::from_ref(&layer.digest));
    docker(home, &["rmi", &remote]);
}

async fn an_index_of_two_platforms(stand: &Stand, home: &Home) {
    let [first, second, _] = &stand.layers;
    let platforms = [("amd64", first), ("arm64", second)];
    let list = remote(stand, "docker/multi:v1");
    let mut ids = Vec::new();
    let mut members = Vec::new();
    for (architecture, layer) in platforms {
        let (tag, platform) =
            (format!("docker/multi:{architecture}"), format!("linux/{architecture}"));
        ids.push(push(stand, home, &tag, &platform, layer).await);
        members.push(remote(stand, &tag));
    }
    docker(home, &["manifest", "create", "--insecure", &list, &members[0], &members[1]]);
    // Older engines import every image as one for their own architecture.
    for ((architecture, _), member) in platforms.iter().zip(&members) {
        docker(home, &["manifest", "annotate", "--arch", architecture, &list, member]);
    }
    let pushed = digest_in(&docker(home, &["manifest", "push", "--insecure", &list]));
    assert_eq!(stand.digest("docker/multi", "v1").await, pushed);
    docker(home, &["rmi", &members[0], &members[1]]);
    for ((architecture, layer), id) in platforms.iter().zip(&ids) {
        let platform = format!("linux/{architecture}");
        docker(home, &["pull", "--quiet", "--platform", &platform, &list]);
        assert_same(home, &list, id, pushed.as_str(), layer);
        docker(home, &["rmi", &list]);
    }
}

/// An OCI index with uncompressed layers, which no engine of this age makes itself.
fn an_index_that_another_client_pushed(stand: &Stand, home: &Home) {
    let remote = remote(stand, "docker/oci:v1");
    home.run("crane", &["push", stand.multi.path(), &remote]);
    for (architecture, config) in ["amd64", "arm64"].iter().zip(&stand.multi.configs) {
        let platform = format!("linux/{architecture}");
        docker(home, &["pull", "--quiet", "--platform", &platform, &remote]);
        let image = inspect(home, &remote);
        assert_eq!(
            (&image["Id"], &image["Architecture"]),
            (&config.as_str().into(), &(*architecture).into())
        );
        docker(home, &["rmi", &remote]);
    }
}
