#!/bin/sh
# Settings of a Kubo that belongs to a registry. The image of Kubo runs this before each start.
set -eu
# Its blocks are nobody else's: it asks no server for settings, tells no network of them, and fetches none.
ipfs config --json AutoConf.Enabled false
ipfs config --json Bootstrap "[]"
ipfs config --json DNS.Resolvers "{}"
ipfs config --json Routing.DelegatedRouters "[]"
ipfs config --json Ipns.DelegatedPublishers "[]"
ipfs config --json Provide.Enabled false
ipfs config --json Gateway.NoFetch true
# A pull of a slow client is not cut; the registry has a limit of its own.
ipfs config Gateway.RetrievalTimeout 0s
ipfs config Gateway.MaxRequestDuration 24h
ipfs config Internal.ShutdownTimeout 30s
# Lets a repeated push repair a damaged block.
ipfs config --json Datastore.BlockKeyCacheSize 0
# What is pushed survives a power cut: blocks are synced to the disk before Kubo says that it has them.
sed -i 's/"sync": false/"sync": true/' "${IPFS_PATH:-/data/ipfs}/config"
