#!/bin/sh
# Settings of a Kubo in the private swarm of a cluster. The image of Kubo runs this before each start.
set -eu
# Other hosts reach its swarm only. The API and the gateway are for the peer of the cluster and the registry on this host.
ipfs config Addresses.API /ip4/127.0.0.1/tcp/5001
ipfs config Addresses.Gateway /ip4/127.0.0.1/tcp/8080
ipfs config --json Addresses.Swarm "[\"/ip4/$HOST_ADDRESS/tcp/4001\"]"
# It keeps a connection to these, and asks them for blocks that it lacks. It asks nobody else.
ipfs config --json Peering.Peers "${KUBO_PEERS:-[]}"
ipfs config --json Bootstrap "[]"
ipfs config Routing.Type none
ipfs config --json Provide.Enabled false
# A blob that only other hosts hold is fetched from them by a pull.
ipfs config --json Gateway.NoFetch false
# The public network has nothing for a private swarm.
ipfs config --json AutoConf.Enabled false
ipfs config --json AutoTLS.Enabled false
ipfs config --json DNS.Resolvers "{}"
ipfs config --json Routing.DelegatedRouters "[]"
ipfs config --json Ipns.DelegatedPublishers "[]"
ipfs config --json Swarm.RelayClient.Enabled false
# A pull of a slow client is not cut; the registry has a limit of its own.
ipfs config Gateway.RetrievalTimeout 0s
ipfs config Gateway.MaxRequestDuration 24h
ipfs config Internal.ShutdownTimeout 30s
# Lets a repeated push repair a damaged block.
ipfs config --json Datastore.BlockKeyCacheSize 0
# What is pushed survives a power cut: blocks are synced to the disk before Kubo says that it has them.
sed -i 's/"sync": false/"sync": true/' "${IPFS_PATH:-/data/ipfs}/config"
