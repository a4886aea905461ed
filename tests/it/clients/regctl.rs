//! regctl, which pushes large blobs in chunks that each say where they belong.

use super::{BIG, digest_in, stand};
use crate::rig::layout::{Layer, Layout, intact};
use crate::rig::program::Home;

/// 8 MiB, so that the big layer takes 38 requests.
const CHUNK: usize = 8 << 20;

#[tokio::test]
async fn regctl_pushes_in_chunks_and_pulls() {
    let stand = stand().await;
    let home = with_settings(&stand.server.host());
    // It asks for a mount from anywhere first: only a layer that no other client pushes is sent.
    let layer = Layer::random(home.path("layer"), 4, BIG);
    let big = Layout::image(home.path("image"), &[&stand.layers[0], &layer]);
    for (name, layout) in [("regctl/multi", &stand.multi), ("regctl/big", &big)] {
        let remote = format!("{}:v1", stand.repository(name));
        let source = format!("ocidir://{}", layout.tagged());
        home.run("regctl", &["image", "copy", &source, &remote]);
        stand.assert_holds(name, layout).await;
        let pulled = home.text(&format!("pulled-{}", name.rsplit('/').next().unwrap()));
        home.run("regctl", &["image", "copy", &remote, &format!("ocidir://{pulled}:v1")]);
        let blobs = std::path::Path::new(&pulled).join("blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
    }
    let log = stand.server.log();
    let chunks = log.iter().filter(|line| line["method"] == "PATCH" && line["status"] == 202);
    let chunks = chunks.filter(|line| line["repository"] == "regctl/big").count();
    assert!(chunks >= BIG / CHUNK, "only {chunks} chunks");
}

#[tokio::test]
async fn regctl_puts_and_lists_an_artifact_with_a_subject() {
    let stand = stand().await;
    let home = with_settings(&stand.server.host());
    let repository = "regctl/artifact";
    let remote = format!("{}:v1", stand.repository(repository));
    home.run("regctl", &["image", "copy", &format!("ocidir://{}", stand.multi.tagged()), &remote]);
    std::fs::write(home.path("sbom.json"), r#"{"packages":[]}"#).unwrap();
    let put = ["artifact", "put", "--subject", &remote, "--artifact-type", "application/spdx+json"];
    let file = ["--file", "sbom.json", "--format", "{{ .Manifest.GetDescriptor.Digest }}"];
    let referrer = digest_in(&home.run("regctl", &[&put[..], &file].concat()));
    assert_eq!(
        stand.referrers(repository, &stand.multi.root).await,
        std::slice::from_ref(&referrer)
    );
    let list = ["artifact", "list", &remote, "--format"];
    let each = "{{ range .Descriptors }}{{ .Digest }} {{ .ArtifactType }}{{ end }}";
    let listed = home.run("regctl", &[&list[..], &[each]].concat());
    assert_eq!(listed, format!("{referrer} application/spdx+json"));
    let got = home.run("regctl", &["artifact", "get", "--subject", &remote]);
    assert_eq!(got, r#"{"packages":[]}"#);
    // The subject with all that refers to it.
    let pulled = format!("ocidir://{}:v1", home.text("pulled"));
    home.run("regctl", &["image", "copy", "--referrers", &remote, &pulled]);
    for digest in [&stand.multi.root, &referrer] {
        intact(&home.path("pulled/blobs"), digest);
    }
}

/// A home in which regctl speaks plain HTTP and sends chunks.
fn with_settings(host: &str) -> Home {
    let mut home = Home::new();
    home.set("REGCTL_CONFIG", home.text("regctl.json"));
    let chunk = CHUNK.to_string();
    let set = ["registry", "set", host, "--tls", "disabled", "--skip-check"];
    home.run("regctl", &[&set[..], &["--blob-chunk", &chunk, "--blob-max", &chunk]].concat());
    home
}
