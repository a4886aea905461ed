//! Real clients, as their users run them: each pushes an index of two platforms, an image with a layer of 300 MiB and,
//! where it can, an artifact that refers to another; each then pulls them, and all digests and bytes are the same.

mod crane;
mod ctr;
mod docker;
mod helm;
mod killed;
pub(crate) mod login;
mod oras;
mod podman;
mod regctl;
mod skopeo;

use std::fs::File;
use std::sync::{Arc, Weak};

use af_registry::oci::Digest;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::rig::authority::Authority;
use crate::rig::client::Client;
use crate::rig::layout::{Layer, Layout, digest_of};
use crate::rig::program::{Home, complete, is_root, scratch};
use crate::rig::server::{Builder, Server, server};

/// The size of the layer that takes time.
const BIG: usize = 300 << 20;
/// The same where login and TLS are at stake, not size: still of several parts.
const GUARDED_BIG: usize = 100 << 20;

/// One server for all clients, and the images that they push to repositories of their own.
pub(crate) struct Stand {
    pub(crate) server: Server,
    /// Who signed the server's certificate, where it wants TLS and login.
    pub(crate) authority: Option<Authority>,
    /// A second server on the same database that wants neither: the tests' own eyes there.
    witness: Option<Server>,
    /// Two layers of little size, and the big one.
    pub(crate) layers: [Layer; 3],
    /// An index of the first two layers on amd64 and the second on arm64.
    pub(crate) multi: Layout,
    /// An image of the first layer and the big one.
    pub(crate) big: Layout,
    /// Holds the layers and layouts. They go with the stand.
    _directory: TempDir,
}

type Shared = Mutex<Weak<Stand>>;

/// The stand of the tests that are running now: the last of them takes it down.
pub(crate) async fn stand() -> Arc<Stand> {
    static SHARED: Shared = Shared::const_new(Weak::new());
    share(&SHARED, async || Stand::over(server().await, None, None, BIG)).await
}

/// The same with TLS and login.
pub(crate) async fn guarded_stand() -> Arc<Stand> {
    static SHARED: Shared = Shared::const_new(Weak::new());
    share(&SHARED, async || {
        let (server, authority) = login::server().await;
        let plain = Builder::beside(&server).plain().start().await;
        Stand::over(server, Some(authority), Some(plain), GUARDED_BIG)
    })
    .await
}

async fn share(shared: &'static Shared, start: impl AsyncFnOnce() -> Stand) -> Arc<Stand> {
    let mut shared = shared.lock().await;
    if let Some(stand) = shared.upgrade() {
        return stand;
    }
    let stand = Arc::new(start().await);
    *shared = Arc::downgrade(&stand);
    stand
}

impl Stand {
    fn over(
        server: Server,
        authority: Option<Authority>,
        witness: Option<Server>,
        big: usize,
    ) -> Self {
        let directory = scratch();
        let path = |name: &str| directory.path().join(name);
        let layers = [("one", 1, 70_000), ("two", 2, 512), ("big", 3, big)]
            .map(|(name, seed, size)| Layer::random(path(name), seed, size));
        let [one, two, big] = &layers;
        let multi = Layout::index(path("multi"), &[("amd64", &[one, two]), ("arm64", &[two])]);
        let big = Layout::image(path("image"), &[one, big]);
        Self { server, authority, witness, layers, multi, big, _directory: directory }
    }

    /// The size of the file in the big layer.
    pub(crate) fn big_size(&self) -> usize {
        if self.authority.is_some() { GUARDED_BIG } else { BIG }
    }

    /// The one argument for whom to trust: `plain`, or `trust` and the authority's certificate.
    pub(crate) fn transport(&self, plain: &str, trust: &str) -> String {
        match &self.authority {
            None => plain.to_owned(),
            Some(authority) => format!("{trust}={}", authority.file_text()),
        }
    }

    /// A client that needs no login.
    fn client(&self) -> Client {
        self.witness.as_ref().unwrap_or(&self.server).client()
    }

    /// How clients name a repository.
    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.server.host())
    }

    /// The digest under which the registry has a tag.
    pub(crate) async fn digest(&self, repository: &str, tag: &str) -> Digest {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.client().head(&path).await.expect(200);
        answer.header("docker-content-digest").parse().unwrap()
    }

    /// Asserts that a tag is what a layout holds, and that the registry has every part of it.
    pub(crate) async fn assert_holds(&self, repository: &str, layout: &Layout) {
        assert_eq!(self.digest(repository, "v1").await, layout.root);
        let client = self.client();
        for digest in layout.digests() {
            let blob = client.head(&format!("/v2/{repository}/blobs/{digest}")).await;
            let found = if blob.status.is_success() {
                blob
            } else {
                client.head(&format!("/v2/{repository}/manifests/{digest}")).await.expect(200)
            };
            assert_eq!(found.header("docker-content-digest"), digest.as_str());
        }
    }

    /// What refers to a digest, by the registry's own list.
    pub(crate) async fn referrers(&self, repository: &str, subject: &Digest) -> Vec<Digest> {
        let path = format!("/v2/{repository}/referrers/{subject}");
        let list = self.client().get(&path).await.expect(200).json();
        let entries = list["manifests"].as_array().unwrap();
        entries.iter().map(|entry| entry["digest"].as_str().unwrap().parse().unwrap()).collect()
    }
}

/// The one digest in a text such as `v1: digest: sha256:… size: 946`.
#[track_caller]
pub(crate) fn digest_in(text: &str) -> Digest {
    let start = text.find("sha256:").unwrap_or_else(|| panic!("no digest in {text:?}"));
    text[start..start + 71].parse().unwrap()
}

/// The digests of the layers in an archive that `docker save` or `podman save` wrote into the home.
#[track_caller]
pub(crate) fn layers_of_archive(home: &Home, archive: &str) -> Vec<Digest> {
    let directory = home.path("unpacked");
    std::fs::create_dir(&directory).unwrap();
    let mut tar = home.command("tar");
    complete(tar.args(["--extract", "--file", archive, "--directory"]).arg(&directory));
    std::fs::remove_file(home.path(archive)).unwrap();
    let manifest = File::open(directory.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_reader(manifest).unwrap();
    let layers = manifest[0]["Layers"].as_array().unwrap();
    let layers = layers.iter().map(|layer| digest_of(&directory.join(layer.as_str().unwrap())));
    let layers = layers.collect();
    std::fs::remove_dir_all(directory).unwrap();
    layers
}

/// Whether an engine may be started; the one skip there is, and it says so.
pub(crate) fn engine_allowed(name: &str) -> bool {
    if !is_root() {
        println!("SKIPPED: {name}: the engine mounts file systems, which only root may");
    }
    is_root()
}
