//! podman, with a store of its own.

use super::login::{Client, Outcome, USER};
use super::{Stand, digest_in, guarded_stand, layers_of_archive, stand};
use crate::rig::program::{Home, find};

#[tokio::test]
async fn podman_pushes_and_pulls() {
    works(&*stand().await, &Podman::new()).await;
}

#[tokio::test]
async fn podman_works_by_tls_and_login() {
    let (stand, podman) = (guarded_stand().await, Podman::new());
    let (reach, host) = (reach(&stand), stand.host());
    let remote = |repository: &str| format!("{}:v1", stand.repository(repository));
    let client = Client {
        name: "podman",
        suffix: "",
        login: &|password| {
            let login = ["login", &reach, "--username", USER, "--password-stdin", &host];
            podman.attempt(&login, password)
        },
        logout: &|| podman.attempt(&["logout", &host], ""),
        push: &|repository| {
            let source = format!("oci:{}", stand.multi.tagged());
            let id = podman.run(&["pull", "--quiet", &source]);
            podman.attempt(&["push", &reach, &id, &remote(repository)], "")
        },
        pull: &|repository| {
            podman.run(&["rmi", "--all", "--force"]);
            podman.attempt(&["pull", "--quiet", &reach, &remote(repository)], "")
        },
    };
    stand.guard(client, works(&stand, &podman)).await;
}

/// A podman with nothing in its store.
struct Podman {
    home: Home,
    /// Where it keeps things.
    places: [String; 3],
}

impl Podman {
    fn new() -> Self {
        let mut home = Home::new();
        home.set("XDG_RUNTIME_DIR", home.text("run"));
        std::fs::create_dir(home.path("run")).unwrap();
        // Not every system has a policy, and not every policy takes everything.
        std::fs::create_dir_all(home.path(".config/containers")).unwrap();
        let policy = r#"{ "default": [{ "type": "insecureAcceptAnything" }] }"#;
        std::fs::write(home.path(".config/containers/policy.json"), policy).unwrap();
        let places = ["root", "runroot", "libpod"].map(|name| home.text(name));
        Self { home, places }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        self.home.run("podman", &[&self.system()[..], arguments].concat())
    }

    fn attempt(&self, arguments: &[&str], input: &str) -> Outcome {
        self.home.attempt(find("podman"), &[&self.system()[..], arguments].concat(), input)
    }

    fn system(&self) -> Vec<&str> {
        let [root, runroot, libpod] = &self.places;
        let store = ["--storage-driver", "vfs", "--root", root, "--runroot", runroot];
        let rest = ["--tmpdir", libpod, "--cgroup-manager", "cgroupfs", "--events-backend", "none"];
        [store, rest].concat()
    }
}

/// How the registry is reached.
fn reach(stand: &Stand) -> String {
    match &stand.authority {
        None => "--tls-verify=false".to_owned(),
        Some(authority) => format!("--cert-dir={}", authority.trusted()),
    }
}

async fn works(stand: &Stand, podman: &Podman) {
    let (home, reach) = (&podman.home, reach(stand));
    let pull = |remote: &str, architecture: &str| {
        podman.run(&["pull", "--quiet", &reach, "--arch", architecture, remote])
    };
    let digest = || digest_in(&std::fs::read_to_string(home.path("digest")).unwrap());
    let digest_file = home.text("digest");

    let remote = stand.repository("podman/big:v1");
    let id = podman.run(&["pull", "--quiet", &format!("oci:{}", stand.big.tagged())]);
    assert_eq!(id, stand.big.configs[0].hex());
    // It compresses the layers, so the manifest is another one than the layout's.
    podman.run(&["push", &reach, "--digestfile", &digest_file, &id, &remote]);
    let pushed = digest();
    assert_eq!(stand.digest("podman/big", "v1").await, pushed);
    podman.run(&["rmi", "--all", "--force"]);
    assert_eq!(pull(&remote, "amd64"), id);
    let digests = podman.run(&["image", "inspect", "--format", "{{.Digest}}", &id]);
    assert_eq!(digests, pushed.as_str());
    podman.run(&["save", "--quiet", "--output", &home.text("saved.tar"), &id]);
    let layers = [&stand.layers[0], &stand.layers[2]].map(|layer| layer.digest.clone());
    assert_eq!(layers_of_archive(home, "saved.tar"), layers);
    podman.run(&["rmi", "--all", "--force"]);

    let remote = stand.repository("podman/multi:v1");
    podman.run(&["manifest", "create", "list"]);
    podman.run(&["manifest", "add", "--all", "list", &format!("oci:{}", stand.multi.tagged())]);
    let push = ["manifest", "push", "--all", &reach, "--digestfile", &digest_file];
    podman.run(&[&push[..], &["list", &format!("docker://{remote}")]].concat());
    assert_eq!(stand.digest("podman/multi", "v1").await, digest());
    podman.run(&["rmi", "--all", "--force"]);
    for (architecture, config) in ["amd64", "arm64"].iter().zip(&stand.multi.configs) {
        assert_eq!(pull(&remote, architecture), config.hex());
    }
}
