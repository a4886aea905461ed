//! A server that takes over sockets which another process, such as systemd, keeps open while it restarts.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::rig::client::{nothing, random, request};
use crate::rig::launch::Launch;
use crate::rig::server::{Builder, builder};

const CALLERS: usize = 8;

#[tokio::test]
async fn a_restart_refuses_nobody() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut first = builder().await.on_socket(socket).start().await;
    assert_eq!(first.addr, address);
    let (_, layer) = first.client().push_image("restarts", "v1", &random(950, 300_000)).await;

    let (stop, client) = (Arc::new(AtomicBool::new(false)), first.client());
    let done: Arc<[AtomicUsize]> = (0..CALLERS).map(|_| AtomicUsize::new(0)).collect();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
        let blob = format!("/v2/restarts/blobs/{layer}");
        callers.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                // A connection of its own for each request, as a new client would open.
                let answer = client.try_send(request("GET", &blob, &[], nothing())).await;
                let answer = answer.expect("an answer, perhaps a late one").expect(200);
                assert!(!answer.cut && answer.body.len() == 300_000);
                done[caller].fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    each_has(&done, 3).await;
    first.terminate();
    assert_eq!(first.ended().await.code(), Some(0));
    // Whoever comes now waits in the socket.
    let most = counts(&done).into_iter().max().unwrap_or_default();
    let second = Builder::beside(&first).start().await;
    assert_eq!(second.addr, address);
    each_has(&done, most + 3).await;
    stop.store(true, Ordering::SeqCst);
    while let Some(ended) = callers.join_next().await {
        ended.expect("no caller was refused");
    }
}

#[tokio::test]
async fn a_socket_that_no_setting_names_keeps_the_server_from_starting() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let refusal = Launch::with_socket(socket).refused().await;
    refusal.names(&[&address, "OPEN_REGISTRY_HOST", "OPEN_REGISTRY_PORT", "ListenStream="]);
}

#[tokio::test]
async fn a_socket_of_another_kind_keeps_the_server_from_starting() {
    let (_kept, socket) = std::os::unix::net::UnixStream::pair().unwrap();
    Launch::with_socket(socket).refused().await.names(&["socket 1", "not a TCP socket"]);
}

fn counts(done: &[AtomicUsize]) -> Vec<usize> {
    done.iter().map(|count| count.load(Ordering::SeqCst)).collect()
}

/// Waits until every caller has got this many answers.
async fn each_has(done: &[AtomicUsize], wanted: usize) {
    let all = async {
        while counts(done).iter().any(|count| *count < wanted) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, all).await.expect("every caller is answered");
}
