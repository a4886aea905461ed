//! The repository of the private Kubo: how it is created, and the settings that every start writes into it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tracing::info;

use super::child::{self, OnDeath};
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::find;
use crate::ipld::profile;

const PATIENCE: Duration = Duration::from_secs(60);

/// A repository and the program that serves it.
#[derive(Clone)]
pub(super) struct Repository {
    pub(super) directory: PathBuf,
    pub(super) program: PathBuf,
}

impl Repository {
    /// Finds the program for the repository below `data`. The repository need not exist yet.
    pub(super) async fn find(data: &DataDir) -> Result<Self, EmbeddedError> {
        Ok(Self { directory: Self::directory_below(data.path()), program: find::kubo().await? })
    }

    /// Where the repository of a private Kubo is.
    pub(super) fn directory_below(data: &Path) -> PathBuf {
        data.join("ipfs")
    }

    /// Creates the repository under another name and renames it, so that a directory called `ipfs` is always complete.
    pub(super) async fn make_if_missing(&self, data: &DataDir) -> Result<(), EmbeddedError> {
        if self.directory.exists() {
            return Ok(());
        }
        let new = data.path().join("ipfs.new");
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::io("remove", &new)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let made = DirBuilder::new().mode(0o700).create(&new);
        made.map_err(EmbeddedError::io("make", &new))?;
        info!(event = "kubo_init", path = %self.directory.display(), "creating a Kubo repository");
        let mut command = child::command(&self.program, None, OnDeath::Kill);
        command.args(["init", "--empty-repo"]).env("IPFS_PATH", &new).env("IPFS_TELEMETRY", "off");
        child::run("ipfs init", command, PATIENCE).await?;
        let renamed = fs::rename(&new, &self.directory);
        renamed.map_err(EmbeddedError::io("rename", &new))?;
        let synced = File::open(data.path()).and_then(|directory| directory.sync_all());
        synced.map_err(EmbeddedError::io("sync", data.path()))
    }

    /// Writes the settings for sockets in this directory, and removes the files with the addresses of an earlier daemon.
    pub(super) fn configure(&self, sockets: &Path) -> Result<(), EmbeddedError> {
        for stale in ["api", "gateway"] {
            let stale = self.directory.join(stale);
            match fs::remove_file(&stale) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(EmbeddedError::io("remove", &stale)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let file = self.directory.join("config");
        let text = fs::read(&file).map_err(EmbeddedError::io("read", &file))?;
        let mut config: Value = serde_json::from_slice(&text).map_err(|error| {
            let reason = format!("is not the configuration of a Kubo ({error}); restore it");
            EmbeddedError::Unusable { path: file.clone(), reason }
        })?;
        overlay(&mut config, private(sockets));
        sync_blocks(&mut config);
        replace(&file, &config).map_err(EmbeddedError::io("write", &file))
    }
}

/// The settings that keep a Kubo private and durable, and give it the import profile whose CIDs the registry composes.
///
/// The keys are described in Kubo's `docs/config.md`. The values under `Import` are those of its profile
/// `unixfs-v1-2025`, spelled out because older versions do not know the name. With AutoConf off, the word `auto` must not
/// occur anywhere.
fn private(sockets: &Path) -> Value {
    let directory = sockets.display();
    json!({
        "Addresses": {
            "API": format!("/unix{directory}/api.sock"),
            "Gateway": format!("/unix{directory}/gateway.sock"),
            "Swarm": [], "Announce": [], "AppendAnnounce": [],
        },
        "AutoConf": { "Enabled": false },
        "AutoTLS": { "Enabled": false },
        "Bootstrap": [],
        "DNS": { "Resolvers": {} },
        // With this cache a node would not write a damaged block again when it is pushed again.
        "Datastore": { "BlockKeyCacheSize": 0 },
        "Discovery": { "MDNS": { "Enabled": false } },
        "Gateway": {
            "NoFetch": true,
            "NoDNSLink": true,
            "DisableHTMLErrors": true,
            "ExposeRoutingAPI": false,
            "DeserializedResponses": true,
            // Off, so that the pull of a slow client is not cut. The registry has a stall limit of its own.
            "RetrievalTimeout": "0s",
            "MaxRequestDuration": "24h",
        },
        "HTTPRetrieval": { "Enabled": false },
        "Import": {
            "CidVersion": 1,
            "HashFunction": "sha2-256",
            "UnixFSChunker": profile::CHUNKER,
            "UnixFSDAGLayout": "balanced",
            "UnixFSDirectoryMaxLinks": 0,
            "UnixFSFileMaxLinks": profile::MAX_LINKS,
            "UnixFSHAMTDirectoryMaxFanout": 256,
            "UnixFSHAMTDirectorySizeEstimation": "block",
            "UnixFSHAMTDirectorySizeThreshold": "256KiB",
            "UnixFSRawLeaves": true,
            "FastProvideRoot": false,
            "FastProvideWait": false,
        },
        "Internal": { "ShutdownTimeout": "30s" },
        "Ipns": { "DelegatedPublishers": [] },
        "Provide": { "Enabled": false },
        "Routing": { "Type": "none", "DelegatedRouters": [] },
        "Swarm": { "DisableNatPortMap": true },
    })
}

/// Makes flatfs answer only after its files are on disk. The setting is not part of the on-disk format.
fn sync_blocks(config: &mut Value) {
    let mounts = config.pointer_mut("/Datastore/Spec/mounts").and_then(Value::as_array_mut);
    for mount in mounts.into_iter().flatten() {
        if mount["type"] == "flatfs" {
            mount["sync"] = json!(true);
        }
    }
}

/// Merges `top` into `config`. Objects are merged key by key. Any other value, and an empty object, replaces the old value.
fn overlay(config: &mut Value, top: Value) {
    match (config, top) {
        (Value::Object(config), Value::Object(top)) if !top.is_empty() => {
            for (key, value) in top {
                overlay(config.entry(key).or_insert(Value::Null), value);
            }
        }
        (config, top) => *config = top,
    }
}

/// Replaces the file in one step, so that a crash leaves the old or the new one. The file contains a private key, so only
/// its owner may read it.
fn replace(file: &Path, config: &Value) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut options = OpenOptions::new();
    let mut out = options.create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    out.write_all(&serde_json::to_vec_pretty(config)?)?;
    out.sync_all()?;
    fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_settings_win_and_others_stay() {
        let mut config = json!({
            "Identity": { "PeerID": "p" },
            "Bootstrap": ["auto"],
            "DNS": { "Resolvers": { ".": "auto" } },
            "Gateway": { "NoFetch": false, "RootRedirect": "" },
            "Datastore": { "Spec": { "mounts": [
                { "type": "flatfs", "sync": false }, { "type": "levelds" },
            ] } },
        });
        overlay(&mut config, private(Path::new("/data/run-kubo")));
        sync_blocks(&mut config);
        assert_eq!(config["Identity"]["PeerID"], "p");
        assert_eq!(config["Bootstrap"], json!([]));
        assert_eq!(config["Gateway"]["NoFetch"], true);
        assert_eq!(config["Gateway"]["RootRedirect"], "");
        assert_eq!(config["Addresses"]["Gateway"], "/unix/data/run-kubo/gateway.sock");
        assert_eq!(config["Datastore"]["Spec"]["mounts"][0]["sync"], true);
        assert_eq!(config["Datastore"]["Spec"]["mounts"][1].get("sync"), None);
        assert!(!config.to_string().contains("\"auto\""), "{config}");
    }

    #[test]
    fn a_longer_file_is_replaced_completely() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("config");
        fs::write(&file, "x".repeat(1000)).unwrap();
        replace(&file, &json!({ "a": 1 })).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{\n  \"a\": 1\n}");
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1);
    }
}
