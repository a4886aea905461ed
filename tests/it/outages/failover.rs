//! A PostgreSQL that crashes again and again, and one whose standby takes over.

use std::time::{Duration, Instant};

use crate::rig::load::Load;
use crate::rig::postgres::Cluster;
use crate::rig::server::builder;

/// Time for service to be back, on a busy machine.
const BACK: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_restarts_of_postgres_under_load_lose_nothing() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let server = builder().await.at(cluster.database().await).start().await;
    let load = Load::start(server.client(), 3, 3);
    load.advances(3).await;
    for _ in 0..4 {
        tokio::task::block_in_place(|| cluster.restart());
        let took = load.advances(2).await;
        assert!(took < BACK, "service came back after {took:?}");
    }
    let (images, refusals) = load.finish().await;
    println!("{images} images, {refusals} refusals");
}

/// A standby that replicates synchronously takes over. Whatever was acknowledged is there, and no restart of the registry is
/// needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_a_failover_under_load_loses_nothing() {
    let primary = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let database = primary.database().await;
    let standby = tokio::task::block_in_place(|| primary.standby());
    primary.replicate_synchronously(&database.admin).await;
    // The standby stands first, and is passed over as long as it is one.
    let hosts = format!("{},{}", standby.host(), primary.host());
    let builder = builder().await.at(database).env("OPEN_REGISTRY_DB_HOST", &hosts);
    let server = builder.start().await;
    let load = Load::start(server.client(), 3, 3);
    load.advances(5).await;
    let began = Instant::now();
    tokio::task::block_in_place(|| {
        primary.kill();
        standby.promote();
    });
    let promoted = began.elapsed();
    load.advances(3).await;
    let back = began.elapsed();
    println!("promoted after {promoted:?}, pushes and pulls go on after {back:?}");
    assert!(back < promoted + BACK, "service came back after {back:?}");
    let (images, refusals) = load.finish().await;
    println!("{images} images, {refusals} refusals");
}
