//! Several instances on one PostgreSQL and one Kubo that belong to one test, which can hurt each of them.

use std::net::{SocketAddr, TcpListener};

use af_registry::config::ServerAddress;
use af_registry::store::Settings;

use super::cable::{Cable, End};
use super::client::Client;
use super::kubo::Node;
use super::postgres::Cluster;
use super::server::{Builder, Server, builder};

/// The instances and their partners.
pub(crate) struct Fleet {
    pub(crate) instances: Vec<Instance>,
    pub(crate) node: Node,
    pub(crate) cluster: Cluster,
    pub(crate) database: Settings,
}

/// One instance, with cables of its own to the partners. It keeps its address when it is started again.
pub(crate) struct Instance {
    pub(crate) addr: SocketAddr,
    pub(crate) server: Server,
    pub(crate) postgres: Cable,
    /// To the RPC API and to the gateway of Kubo.
    pub(crate) kubo: [Cable; 2],
}

impl Fleet {
    /// Starts partners and so many instances.
    pub(crate) async fn start(count: usize) -> Self {
        Self::start_with(count, &[]).await
    }

    /// As [`Fleet::start`], with these settings.
    pub(crate) async fn start_with(count: usize, settings: &[(&str, &str)]) -> Self {
        let (cluster, node) =
            tokio::task::spawn_blocking(|| (Cluster::start(), Node::start())).await.unwrap();
        let database = cluster.database().await;
        let address = database.settings.clone();
        let first = builder().await.at(database).on(&node);
        let first = settings.iter().fold(first, |first, (name, value)| first.env(name, value));
        let mut instances = vec![Instance::start(first, &cluster, &node).await];
        while instances.len() < count {
            let next = Builder::beside(&instances[0].server);
            instances.push(Instance::start(next, &cluster, &node).await);
        }
        Self { instances, node, cluster, database: address }
    }

    /// The addresses of all instances.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.instances.iter().map(|instance| instance.addr).collect()
    }

    /// A client of the first instance.
    pub(crate) fn client(&self) -> Client {
        Client { addr: self.instances[0].addr }
    }
}

impl Instance {
    async fn start(builder: Builder, cluster: &Cluster, node: &Node) -> Self {
        let postgres = Cable::start(End::Unix(cluster.socket())).await;
        let gateway = node.settings.gateway.as_ref().unwrap();
        let kubo = [
            Cable::start(End::Tcp(address(&node.settings.api))).await,
            Cable::start(End::Tcp(address(gateway))).await,
        ];
        let url = |cable: &Cable| format!("http://{}", cable.addr);
        let port = free_port();
        let builder = builder
            .env("OPEN_REGISTRY_PORT", &port.to_string())
            .env("OPEN_REGISTRY_DB_HOST", "127.0.0.1")
            .env("OPEN_REGISTRY_DB_PORT", &postgres.addr.port().to_string())
            .env("OPEN_REGISTRY_DFS_IPFS_API_URL", &url(&kubo[0]))
            .env("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", &url(&kubo[1]));
        let server = builder.start().await;
        Self { addr: server.addr, server, postgres, kubo }
    }

    /// Kills the process by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again at its address.
    pub(crate) async fn resume(&mut self) {
        self.server = Builder::beside(&self.server).start().await;
    }

    /// Breaks all connections to the partners.
    pub(crate) fn cut(&self) {
        self.postgres.cut();
        self.kubo.iter().for_each(Cable::cut);
    }
}

fn address(server: &ServerAddress) -> SocketAddr {
    SocketAddr::new(server.host.parse().unwrap(), server.port)
}

/// A port that nobody listens on. It is below those that the system gives to outgoing connections, so that nobody takes it
/// while its instance is down.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + uuid::Uuid::new_v4().as_u128() as u16 % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
