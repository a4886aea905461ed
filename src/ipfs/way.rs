//! The calls of the RPC API that the registry makes, and where each goes beside an IPFS Cluster.
//!
//! The proxy of a cluster (ipfs-cluster `api/ipfsproxy/ipfsproxy.go`) takes over the calls about pins and passes the others on
//! to its Kubo. Those others go to Kubo at once.

/// A call of the RPC API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Add,
    Bandwidth,
    BlockGet,
    BlockPut,
    BlockStat,
    Cat,
    /// The version of the node, asked through the proxy. It shows that the proxy answers.
    ClusterVersion,
    Collect,
    Config,
    CountObjects,
    Peers,
    Pin,
    Pins,
    RepositorySize,
    Unpin,
    Version,
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To the proxy of the cluster, if there is one.
    Cluster,
    /// To the node itself.
    Node,
}

impl Call {
    /// The name of the RPC, below `/api/v0/`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Bandwidth => "stats/bw",
            Self::BlockGet => "block/get",
            Self::BlockPut => "block/put",
            Self::BlockStat => "block/stat",
            Self::Cat => "cat",
            Self::Collect => "repo/gc",
            Self::Config => "config/show",
            Self::CountObjects | Self::RepositorySize => "repo/stat",
            Self::Peers => "swarm/peers",
            Self::Pin => "pin/add",
            Self::Pins => "pin/ls",
            Self::Unpin => "pin/rm",
            Self::ClusterVersion | Self::Version => "version",
        }
    }

    /// Where the call goes beside a cluster.
    pub(super) fn way(self) -> Way {
        match self {
            // The cluster decides which nodes keep what, and knows what they need together.
            Self::Pin | Self::Unpin | Self::Pins | Self::RepositorySize | Self::ClusterVersion => {
                Way::Cluster
            }
            // The proxy adds with at most 174 links in a node, which gives other CIDs, and answers before its peers have
            // stored the bytes. It sends no number of objects, and lets a collection run on all nodes.
            Self::Add | Self::CountObjects | Self::Collect => Way::Node,
            // The proxy would only pass them on.
            Self::Bandwidth
            | Self::BlockGet
            | Self::BlockPut
            | Self::BlockStat
            | Self::Cat
            | Self::Config
            | Self::Peers
            | Self::Version => Way::Node,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_pins_goes_to_the_cluster_and_bytes_go_to_the_node() {
        use Call as C;
        for (call, name, way) in [
            (C::Add, "add", Way::Node),
            (C::Bandwidth, "stats/bw", Way::Node),
            (C::BlockGet, "block/get", Way::Node),
            (C::BlockPut, "block/put", Way::Node),
            (C::BlockStat, "block/stat", Way::Node),
            (C::Cat, "cat", Way::Node),
            (C::ClusterVersion, "version", Way::Cluster),
            (C::Collect, "repo/gc", Way::Node),
            (C::Config, "config/show", Way::Node),
            (C::CountObjects, "repo/stat", Way::Node),
            (C::Peers, "swarm/peers", Way::Node),
            (C::Pin, "pin/add", Way::Cluster),
            (C::Pins, "pin/ls", Way::Cluster),
            (C::RepositorySize, "repo/stat", Way::Cluster),
            (C::Unpin, "pin/rm", Way::Cluster),
            (C::Version, "version", Way::Node),
        ] {
            assert_eq!((call.name(), call.way()), (name, way), "{call:?}");
        }
    }
}
