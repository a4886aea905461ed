//! A server without settings starts a private PostgreSQL and a private Kubo, and loses no data.

use std::collections::HashSet;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::rig::client::{Client, OCI_MANIFEST, random};
use crate::rig::launch::{data_dir, with_kubo, working_below};

async fn ended(data: &Path) {
    let began = Instant::now();
    while !working_below(data).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?} live on", working_below(data));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn has(client: Client, tag: &str, manifest: &str, layer: &str, bytes: &Bytes) {
    let answer = client.get(&format!("/v2/alone/manifests/{tag}")).await.expect(200);
    assert_eq!(answer.header("docker-content-digest"), manifest);
    assert_eq!(answer.header("content-type"), OCI_MANIFEST);
    let answer = client.get(&format!("/v2/alone/blobs/{layer}")).await.expect(200);
    assert!(answer.body == *bytes && !answer.cut);
}

#[tokio::test]
async fn pushed_content_survives_a_stop_and_a_kill() {
    let (_top, data) = data_dir();
    let bytes = random(900, (5 << 20) + 7);
    let mut server = with_kubo().alone(&data).await;
    let (manifest, layer) = server.client().push_image("alone", "v1", &bytes).await;
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    assert!(working_below(&data).len() >= 2, "a PostgreSQL and a Kubo");

    // A second server cannot use the directory, and does not disturb the first one.
    let second = with_kubo().env("OPEN_REGISTRY_DATA_DIR", &data).refused().await;
    second.names(&[&server.pid().to_string(), "OPEN_REGISTRY_DATA_DIR"]);
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;

    // A server that stops waits until its partners have stopped.
    assert_eq!(server.stop().await, Some(0), "{:#?}", server.log());
    assert_eq!(working_below(&data), [0; 0]);
    drop(server);

    let mut server = with_kubo().alone(&data).await;
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    let more = random(901, 3 << 20);
    let (later, other) = server.client().push_image("alone", "v2", &more).await;
    server.kill();
    // A server can start right after the kill.
    let mut next = with_kubo().alone(&data).await;
    has(next.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    has(next.client(), "v2", later.as_str(), other.as_str(), &more).await;
    // The partners of a killed server end by themselves.
    next.kill();
    ended(&data).await;
    drop(server);
}

/// The process of the private Kubo.
fn kubo(data: &Path) -> u32 {
    find_kubo(data).expect("a Kubo runs")
}

/// The nice values of all threads of a process.
fn niceness(pid: u32) -> HashSet<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    // proc(5): the state is the third field, and the nice value the nineteenth.
    let nice = stats.map(|stat| {
        let after = stat.rsplit(')').next().unwrap().split_whitespace();
        after.clone().nth(16).unwrap().parse().unwrap()
    });
    nice.collect()
}

fn find_kubo(data: &Path) -> Option<u32> {
    let is_kubo = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "ipfs")
    };
    working_below(data).into_iter().find(is_kubo)
}

/// The inodes of the TCP sockets on which a process listens.
fn tcp_listeners(pid: u32) -> HashSet<String> {
    const LISTEN: &str = "0A";
    let mut listening = HashSet::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields[3] == LISTEN {
                listening.insert(format!("socket:[{}]", fields[9]));
            }
        }
    }
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let own = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    own.filter_map(|file| file.into_os_string().into_string().ok())
        .filter(|file| listening.contains(file))
        .collect()
}

/// Whether a program succeeds as the user with this id, which is not ours.
fn succeeds_as(uid: u32, program: &[&str]) -> bool {
    let (user, group) = (format!("--reuid={uid}"), format!("--regid={uid}"));
    let mut command = Command::new("setpriv");
    command.args([&user, &group, "--clear-groups", "--"]).args(program);
    command.stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

#[tokio::test]
async fn nobody_else_reaches_the_private_kubo() {
    const STRANGER: u32 = 65_534;
    let (_top, data) = data_dir();
    let server = with_kubo().alone(&data).await;
    let bytes = random(910, (3 << 20) + 7);
    let (manifest, layer) = server.client().push_image("alone", "v1", &bytes).await;
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    assert_eq!(tcp_listeners(kubo(&data)), HashSet::new());
    let ours = std::fs::metadata("/proc/self").unwrap().uid();
    for name in ["api.sock", "gateway.sock"] {
        let directory = std::fs::metadata(data.join("run-kubo")).unwrap();
        assert_eq!((directory.mode() & 0o777, directory.uid()), (0o700, ours));
        let socket = data.join("run-kubo").join(name);
        assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
        if ours == 0 {
            let path = socket.to_str().unwrap();
            assert!(succeeds_as(STRANGER, &["test", "-d", data.to_str().unwrap()]));
            assert!(!succeeds_as(STRANGER, &["test", "-e", path]), "a stranger sees {path}");
        }
    }
}

#[tokio::test]
async fn a_private_kubo_that_is_killed_comes_back_on_its_sockets() {
    let (_top, data) = data_dir();
    let server = with_kubo().alone(&data).await;
    let bytes = random(911, (3 << 20) + 7);
    let (manifest, layer) = server.client().push_image("alone", "v1", &bytes).await;
    let first = kubo(&data);
    // Kubo gives way to small requests where cores are scarce.
    let own = niceness(server.pid());
    assert!(niceness(first).is_disjoint(&own), "{own:?} {:?}", niceness(first));
    assert!(niceness(first).iter().all(|nice| *nice >= 10), "{:?}", niceness(first));
    assert!(Command::new("kill").args(["-9", &first.to_string()]).status().unwrap().success());
    // Its blocks are read from its files meanwhile.
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    let began = Instant::now();
    // On a busy machine the start may take longer than a push waits.
    while find_kubo(&data).is_none_or(|pid| pid == first)
        || server.client().get("/readyz").await.status != 200
    {
        assert!(began.elapsed() < Duration::from_secs(60), "{:#?}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.client().push_image("alone", "v2", &random(912, 2 << 20)).await;
}

/// A path of a socket has at most 107 bytes.
#[tokio::test]
async fn a_data_directory_with_a_long_path_works() {
    let (top, _) = data_dir();
    let data = top.path().join("d".repeat(120));
    let server = with_kubo().alone(&data).await;
    let bytes = random(913, (2 << 20) + 7);
    let (manifest, layer) = server.client().push_image("alone", "v1", &bytes).await;
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    assert_eq!(tcp_listeners(kubo(&data)), HashSet::new());
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_uploads_and_says_why() {
    let (_top, data) = data_dir();
    let bytes = random(914, 100_000);
    let mut server = with_kubo().alone(&data).await;
    let (manifest, layer) = server.client().push_image("alone", "v1", &bytes).await;
    assert_eq!(server.stop().await, Some(0));
    let full = with_kubo().env("OPEN_REGISTRY_DATA_DIR_FREE", "100000GiB").alone(&data).await;
    for path in
        ["/v2/alone/blobs/uploads/".to_owned(), format!("/v2/alone/blobs/uploads/?digest={layer}")]
    {
        let answer = full.client().ask("POST", &path).await.refused(403, "DENIED");
        let reason = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(reason.contains("MiB left") && reason.contains("102400000 MiB"), "{reason}");
    }
    has(full.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    full.logged("disk_nearly_full").await;
}
