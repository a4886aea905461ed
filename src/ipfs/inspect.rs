//! The settings of a node, as far as the registry depends on them.

use serde_json::Value;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::rpc::Rpc;
use super::way::Call;
use crate::telemetry::metrics;

/// Settings of a node. `None` means that the node does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSettings {
    /// Whether blocks are synced to disk before the node answers. `None` also for another store than flatfs.
    pub syncs_blocks: Option<bool>,
    /// Entries in the cache of known blocks, which keeps a damaged block from being written again.
    pub block_cache: Option<u64>,
    /// Whether the node announces what it holds.
    pub announces: Option<bool>,
    /// Whether the gateway fetches from the network what the node does not hold.
    pub gateway_fetches: Option<bool>,
    /// Whether the node compares blocks with their CIDs when it reads them.
    pub hashes_on_read: Option<bool>,
    /// Share of the largest size, in percent, at which a node that collects by itself begins to.
    pub watermark: Option<u64>,
}

impl Kubo {
    /// The settings of the node. `None` if it may not be asked, as behind a proxy or with a login that allows some calls
    /// only.
    pub async fn node_settings(&self) -> Result<Option<NodeSettings>, IpfsError> {
        let call = metrics::kubo_call("config/show");
        let asked = async {
            match Rpc::new(Call::Config).try_send(self).await? {
                Ok(answer) => answer.json::<Value>().await.map(|config| Some(read(&config))),
                Err(refusal) if refusal.status.is_client_error() => Ok(None),
                Err(refusal) => Err(refusal.into()),
            }
        };
        call.run(asked).await
    }
}

fn read(config: &Value) -> NodeSettings {
    let datastore = &config["Datastore"];
    let mounts = datastore["Spec"]["mounts"].as_array();
    let flatfs = mounts.into_iter().flatten().find_map(flatfs);
    // Before version 0.38 the section had another name and no switch.
    let announces = match &config["Provide"]["Enabled"] {
        Value::Null => config.get("Provide").map(|_| true),
        enabled => enabled.as_bool(),
    };
    NodeSettings {
        syncs_blocks: flatfs.map(|flatfs| flatfs["sync"].as_bool().unwrap_or(false)),
        block_cache: Some(datastore["BlockKeyCacheSize"].as_u64().unwrap_or(65_536)),
        announces,
        gateway_fetches: Some(!config["Gateway"]["NoFetch"].as_bool().unwrap_or(false)),
        hashes_on_read: Some(datastore["HashOnRead"].as_bool().unwrap_or(false)),
        watermark: Some(datastore["StorageGCWatermark"].as_u64().unwrap_or(90)),
    }
}

/// The flatfs of a mount, which may be wrapped in one that measures.
fn flatfs(mount: &Value) -> Option<&Value> {
    if mount["type"] == "flatfs" {
        return Some(mount);
    }
    mount.get("child").and_then(flatfs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_found_where_kubo_has_them() {
        let flatfs = json!({ "type": "flatfs", "sync": true });
        let config = json!({
            "Datastore": {
                "BlockKeyCacheSize": 0, "HashOnRead": true, "StorageGCWatermark": 80,
                "Spec": { "mounts": [{ "type": "measure", "child": flatfs }] },
            },
            "Gateway": { "NoFetch": true },
            "Provide": { "Enabled": false },
        });
        let found = NodeSettings {
            syncs_blocks: Some(true),
            block_cache: Some(0),
            announces: Some(false),
            gateway_fetches: Some(false),
            hashes_on_read: Some(true),
            watermark: Some(80),
        };
        assert_eq!(read(&config), found);
        let bare = read(&json!({ "Provide": {}, "Datastore": {} }));
        assert_eq!((bare.syncs_blocks, bare.block_cache), (None, Some(65_536)));
        assert_eq!((bare.announces, bare.gateway_fetches), (Some(true), Some(true)));
    }
}
