//! A registry on an IPFS Cluster: three real nodes with a private swarm, and a stand-in for the proxy of the cluster.

use std::collections::BTreeSet;

use af_registry::config;
use af_registry::ipfs::{Block, Kubo};
use af_registry::ipld::{Cid, Codec};
use serde_json::Value;

use crate::rig::client::{full, random, request};
use crate::rig::cluster::Cluster;
use crate::rig::kubo::Node;
use crate::rig::server::{Builder, Server, builder};

const MIB: usize = 1 << 20;

async fn clustered(node: &Node, cluster: &Cluster) -> Server {
    let builder = builder().await.on(node);
    builder.env("OPEN_REGISTRY_DFS_IPFS_CLUSTER_URL", &cluster.proxy.to_string()).start().await
}

/// A server beside another one, with another node of the cluster.
async fn beside(server: &Server, node: &Node) -> Server {
    Builder::beside(server).on(node).start().await
}

fn client(node: &Node, cluster: &Cluster) -> Kubo {
    let cluster = Some(cluster.proxy.clone());
    Kubo::new(&config::Kubo { cluster, ..node.settings.clone() }).unwrap()
}

#[tokio::test]
async fn a_pushed_image_is_on_all_nodes_and_one_of_them_may_die() {
    let mut nodes = Node::swarm();
    let cluster = Cluster::before(&nodes[0]).await;
    let server = clustered(&nodes[0], &cluster).await;
    let (large, small) = (random(81, 3 * MIB + 7), random(82, 900));
    let digests = [
        server.client().push_blob("acme/site", &large).await,
        server.client().push_blob("acme/site", &small).await,
    ];
    let cids: BTreeSet<String> =
        [&large, &small].map(|bytes| nodes[0].cid_of(bytes)).into_iter().collect();
    assert!(cluster.pins().is_superset(&cids), "{:?}", cluster.pins());
    // Bytes never go through the proxy, which would store them in another form.
    let asked = cluster.asked();
    assert!(
        asked
            .iter()
            .all(|call| call.starts_with("pin/") || call == "version" || call == "repo/stat"),
        "{asked:?}"
    );

    // The cluster has not placed the pins yet: only one node has the bytes, and the others fetch them from it.
    assert!(cids.iter().all(|cid| !nodes[1].is_pinned(cid)));
    let second = beside(&server, &nodes[1]).await;
    let pull = async |server: &Server| {
        for (digest, bytes) in digests.iter().zip([&large, &small]) {
            let answer = server.client().get(&format!("/v2/acme/site/blobs/{digest}")).await;
            assert!(answer.expect(200).body == *bytes);
        }
    };
    pull(&second).await;

    cluster.settle(&nodes);
    assert!(nodes.iter().all(|node| cids.iter().all(|cid| node.is_pinned(cid))));
    nodes[0].kill();
    let third = beside(&server, &nodes[2]).await;
    pull(&second).await;
    pull(&third).await;
    // Without its node a server fails, and its probe says so.
    server.client().get("/readyz").await.expect(503);
}

#[tokio::test]
async fn pins_are_set_listed_and_dropped_in_the_cluster() {
    let node = Node::start();
    let cluster = Cluster::before(&node).await;
    let kubo = client(&node, &cluster);
    let [one, two] = [83, 84].map(|seed| Block::raw(vec![random(seed, 500)]));
    for block in [&one, &two] {
        kubo.put_pinned(block).await.unwrap();
        assert!(kubo.is_pinned(&block.cid()).await.unwrap());
        let pinned = node.is_pinned(&block.cid().to_string());
        assert!(!pinned, "the cluster decides when a node pins");
    }
    cluster.hold((0..5000_u32).map(|n| Cid::of_block(Codec::Raw, &n.to_be_bytes()).to_string()));
    let mut pins = kubo.pins().await.unwrap();
    assert!(pins.need(&one.cid()) && pins.need(&two.cid()));
    assert_eq!((pins.needless().count(), kubo.count_pins().await.unwrap()), (5000, 5002));

    // The proxy looks at the first CID of a call only.
    assert_eq!(kubo.unpin(&[one.cid(), two.cid()]).await, Ok(false));
    assert_eq!(cluster.pins().len(), 5002);
    assert_eq!(kubo.unpin(&[one.cid()]).await, Ok(true));
    assert_eq!(kubo.unpin(&[one.cid()]).await, Ok(false));
    assert!(!kubo.is_pinned(&one.cid()).await.unwrap());
    let size = kubo.repository_size().await.unwrap();
    assert_eq!((size.bytes, size.limit), (3_000, 9_000));
    assert!(kubo.count_objects().await.unwrap() >= 2, "the proxy does not count blocks");
}

fn warnings(ready: &Value) -> Vec<&str> {
    let warnings = ready["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn without_its_proxy_pushes_wait_and_pulls_go_on() {
    let node = Node::start();
    let cluster = Cluster::before(&node).await;
    let server = clustered(&node, &cluster).await;
    let (client, kept) = (server.client(), random(85, 2 * MIB));
    let digest = client.push_blob("acme/site", &kept).await;
    let ready = client.get("/readyz").await.expect(200).json();
    assert!(!warnings(&ready).contains(&"cluster_gone"), "{ready}");

    cluster.set_answers(false);
    let bytes = random(86, 70_000);
    let session = client.start_upload("acme/site").await;
    let wanted = af_registry::stream::hashing::sha256(&bytes);
    let put = || request("PUT", &format!("{session}?digest={wanted}"), &[], full(bytes.clone()));
    let refused = client.send(put()).await.expect(503);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    client.get(&format!("/v2/acme/site/blobs/{digest}")).await.expect(200);
    // A server that starts meanwhile warns and serves pulls.
    let restarted = Builder::beside(&server).start().await;
    restarted.logged("cluster_gone", |line| line["level"] == "warn").await;
    let ready = restarted.client().get("/readyz").await.expect(200).json();
    assert!(warnings(&ready).contains(&"cluster_gone"), "{ready}");
    let doctor = server.command(&["doctor", "--json"]).output().unwrap();
    let report = String::from_utf8(doctor.stdout).unwrap();
    assert!(report.contains("its proxy does not answer"), "{report}");

    cluster.set_answers(true);
    let answer = client.push_blob("acme/site", &bytes).await;
    assert_eq!(answer, wanted);
    assert!(cluster.pins().contains(&node.cid_of(&bytes)));
}
