//! regctl, which pushes large blobs in chunks that each say where they belong.

use serde_json::Value;

use super::login::{Client, USER};
use super::{Stand, digest_in, guarded_stand, stand};
use crate::rig::layout::{Layer, Layout, intact};
use crate::rig::program::{Home, find};

/// 8 MiB, so that the big layer takes many requests.
const CHUNK: usize = 8 << 20;

#[tokio::test]
async fn regctl_pushes_in_chunks_and_pulls() {
    let stand = stand().await;
    chunks(&stand, &with_settings(&stand)).await;
}

#[tokio::test]
async fn regctl_puts_and_lists_an_artifact_with_a_subject() {
    let stand = stand().await;
    artifact(&stand, &with_settings(&stand)).await;
}

#[tokio::test]
async fn regctl_works_by_tls_and_login() {
    let stand = guarded_stand().await;
    let home = with_settings(&stand);
    let run = |arguments: &[&str], input: &str| home.attempt(find("regctl"), arguments, input);
    let remote = |repository: &str| format!("{}:v1", stand.repository(repository));
    let (source, host) = (format!("ocidir://{}", stand.multi.tagged()), stand.host());
    let client = Client {
        name: "regctl",
        suffix: "",
        login: &|password| {
            run(&["registry", "login", &host, "--user", USER, "--pass-stdin"], password)
        },
        logout: &|| run(&["registry", "logout", &host], ""),
        push: &|repository| run(&["image", "copy", &source, &remote(repository)], ""),
        pull: &|repository| {
            let target = format!("ocidir://{}:v1", home.text(repository));
            run(&["image", "copy", &remote(repository), &target], "")
        },
    };
    let work = async {
        chunks(&stand, &home).await;
        artifact(&stand, &home).await;
    };
    stand.guard(client, work).await;
}

async fn chunks(stand: &Stand, home: &Home) {
    // It asks for a mount from anywhere first: only a layer that no other client pushes is sent.
    let layer = Layer::random(home.path("layer"), 4, stand.big_size());
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
    // The line of the last chunk is written before that of the manifest, which is pulled after it.
    let of_big = |line: &Value| line["repository"] == "regctl/big";
    stand.server.logged("manifest_pull", of_big).await;
    let log = stand.server.log();
    let chunks = log.iter().filter(|line| line["method"] == "PATCH" && line["status"] == 202);
    let chunks = chunks.filter(|line| of_big(line)).count();
    assert!(chunks >= stand.big_size() / CHUNK, "only {chunks} chunks");
}

async fn artifact(stand: &Stand, home: &Home) {
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

/// A home in which regctl knows how to reach the registry, and sends chunks.
fn with_settings(stand: &Stand) -> Home {
    let mut home = Home::new();
    home.set("REGCTL_CONFIG", home.text("regctl.json"));
    let (host, chunk) = (stand.host(), CHUNK.to_string());
    let certificate =
        stand.authority.as_ref().map(|by| std::fs::read_to_string(by.file()).unwrap());
    let reach = match &certificate {
        None => ["--tls", "disabled"],
        Some(certificate) => ["--cacert", certificate],
    };
    let set =
        ["registry", "set", &host, "--skip-check", "--blob-chunk", &chunk, "--blob-max", &chunk];
    home.run("regctl", &[&set[..], &reach].concat());
    home
}
