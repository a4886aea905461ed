//! podman, with a store of its own.

use super::{digest_in, layers_of_archive, stand};
use crate::rig::program::Home;

#[tokio::test]
async fn podman_pushes_and_pulls() {
    let (stand, mut home) = (stand().await, Home::new());
    home.set("XDG_RUNTIME_DIR", home.text("run"));
    std::fs::create_dir(home.path("run")).unwrap();
    // Not every system has a policy, and not every policy takes everything.
    std::fs::create_dir_all(home.path(".config/containers")).unwrap();
    let policy = r#"{ "default": [{ "type": "insecureAcceptAnything" }] }"#;
    std::fs::write(home.path(".config/containers/policy.json"), policy).unwrap();
    let places = ["root", "runroot", "libpod"].map(|name| home.text(name));
    let [root, runroot, libpod] = &places;
    let podman = |arguments: &[&str]| {
        let store = ["--storage-driver", "vfs", "--root", root, "--runroot", runroot];
        let system =
            ["--tmpdir", libpod, "--cgroup-manager", "cgroupfs", "--events-backend", "none"];
        home.run("podman", &[&store[..], &system, arguments].concat())
    };
    let pull = |remote: &str, architecture: &str| {
        podman(&["pull", "--quiet", "--tls-verify=false", "--arch", architecture, remote])
    };
    let digest = || digest_in(&std::fs::read_to_string(home.path("digest")).unwrap());
    let digest_file = home.text("digest");

    let remote = stand.repository("podman/big:v1");
    let id = podman(&["pull", "--quiet", &format!("oci:{}", stand.big.tagged())]);
    assert_eq!(id, stand.big.configs[0].hex());
    // It compresses the layers, so the manifest is another one than the layout's.
    podman(&["push", "--tls-verify=false", "--digestfile", &digest_file, &id, &remote]);
    let pushed = digest();
    assert_eq!(stand.digest("podman/big", "v1").await, pushed);
    podman(&["rmi", "--all", "--force"]);
    assert_eq!(pull(&remote, "amd64"), id);
    let digests = podman(&["image", "inspect", "--format", "{{.Digest}}", &id]);
    assert_eq!(digests, pushed.as_str());
    podman(&["save", "--quiet", "--output", &home.text("saved.tar"), &id]);
    let layers = [&stand.layers[0], &stand.layers[2]].map(|layer| layer.digest.clone());
    assert_eq!(layers_of_archive(&home, "saved.tar"), layers);
    podman(&["rmi", "--all", "--force"]);

    let remote = stand.repository("podman/multi:v1");
    podman(&["manifest", "create", "list"]);
    podman(&["manifest", "add", "--all", "list", &format!("oci:{}", stand.multi.tagged())]);
    let push = ["manifest", "push", "--all", "--tls-verify=false", "--digestfile", &digest_file];
    podman(&[&push[..], &["list", &format!("docker://{remote}")]].concat());
    assert_eq!(stand.digest("podman/multi", "v1").await, digest());
    podman(&["rmi", "--all", "--force"]);
    for (architecture, config) in ["amd64", "arm64"].iter().zip(&stand.multi.configs) {
        assert_eq!(pull(&remote, architecture), config.hex());
    }
}
