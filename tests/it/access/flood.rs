//! Many logins at the same time: what they cost, and that others log in beside them.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{PASSWORD, basic, guarding, user};
use crate::rig::client::{Answer, Client, nothing, request};
use crate::rig::server::Server;

/// More logins than all threads together have places for.
fn crowd() -> usize {
    64 * (std::thread::available_parallelism().unwrap().get() + 1)
}

/// A login that comes through a proxy from `address`.
async fn login(client: Client, address: &str, name: &str, password: &str) -> Answer {
    let headers = [("x-forwarded-for", address), ("authorization", &*basic(name, password))];
    client.send(request("GET", "/v2/", &headers, nothing())).await
}

/// Resident memory in MiB.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_leave_no_memory_behind() {
    let server = guarding().await.start().await;
    let client = server.client();
    login(client, "192.0.2.1", "root", PASSWORD).await.expect(200);
    let idle = resident(&server);
    for round in 0..12 {
        let mut logins = JoinSet::new();
        for n in 0..24 {
            logins.spawn(async move {
                login(client, "192.0.2.1", &format!("user {round} {n}"), "wrong").await.expect(401);
            });
        }
        logins.join_all().await;
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    let most = idle + 19 * (cores - 1).max(1) + 40;
    let resident = resident(&server);
    assert!(resident <= most, "{resident} MiB, and {idle} before");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_log_in_beside_a_flood_of_wrong_passwords() {
    let builder = guarding().await.env("OPEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = builder.start().await;
    let client = server.client();
    user(&server.database().store, "ann", &[]).await;
    user(&server.database().store, "bob", &[]).await;
    let friend = "203.0.113.1";
    login(client, friend, "root", PASSWORD).await.expect(200);
    let (sender, mut statuses) = mpsc::unbounded_channel();
    for n in 0..crowd() {
        let sender = sender.clone();
        tokio::spawn(async move {
            // Each from a /64 of its own, all of one owner.
            let address = format!("2001:db8:0:{:x}::1", n % 256);
            let answer = login(client, &address, &format!("user {n}"), "wrong").await;
            let status = answer.status.as_u16();
            if status == 503 {
                assert_eq!(answer.header("retry-after"), "5");
                answer.refused(503, "UNAVAILABLE");
            }
            sender.send(status).unwrap();
        });
    }
    drop(sender);
    let (mut wrong, mut refused, mut beside) = (0, 0, false);
    while let Some(status) = statuses.recv().await {
        match status {
            401 => wrong += 1,
            503 => refused += 1,
            other => panic!("{other}"),
        }
        if refused > 0 && !beside {
            beside = true;
            // The line is full. A caller from elsewhere gets a place all the same, and so
            // does one from where somebody has logged in.
            login(client, "198.51.100.1", "ann", PASSWORD).await.expect(200);
            login(client, friend, "bob", PASSWORD).await.expect(200);
        }
    }
    assert!(wrong > 0 && beside, "{wrong} were wrong, {refused} refused");
    assert_eq!(wrong + refused, crowd());
}
