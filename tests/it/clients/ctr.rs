//! containerd and its `ctr`: no ping, and a blob in one PUT.

use std::cell::RefCell;

use super::login::{Client, Outcome, USER};
use super::{Stand, engine_allowed, guarded_stand, stand};
use crate::rig::daemon::{Daemon, containerd};
use crate::rig::layout::{Layout, intact};
use crate::rig::program::{Home, complete, find};

#[tokio::test]
async fn containerd_pushes_and_pulls() {
    if engine_allowed("containerd") {
        let stand = stand().await;
        works(&stand, &Ctr::start(&stand)).await;
    }
}

#[tokio::test]
async fn containerd_works_by_tls_and_login() {
    if !engine_allowed("containerd") {
        return;
    }
    let stand = guarded_stand().await;
    let ctr = Ctr::start(&stand);
    // It keeps no password and is told each time.
    let as_user = |password: Option<&str>| {
        *ctr.user.borrow_mut() = password.map(|password| format!("--user={USER}:{password}"));
        Ok(String::new())
    };
    let client = Client {
        name: "ctr",
        suffix: "",
        login: &|password| as_user(Some(password)),
        logout: &|| as_user(None),
        push: &|repository| {
            let remote = ctr.import(&stand.repository(repository), &stand.multi);
            ctr.transfer("push", &[&remote])
        },
        pull: &|repository| {
            let remote = format!("{}:v1", stand.repository(repository));
            ctr.transfer("pull", &["--snapshotter", "native", &remote])
        },
    };
    stand.guard(client, works(&stand, &ctr)).await;
}

/// A containerd of the test's own, and its command line.
struct Ctr {
    home: Home,
    address: String,
    /// How the registry is reached.
    reach: String,
    /// Who asks it.
    user: RefCell<Option<String>>,
    _daemon: Daemon,
}

impl Ctr {
    fn start(stand: &Stand) -> Self {
        let home = Home::new();
        let (daemon, address) = containerd(&home);
        let reach = match &stand.authority {
            None => "--plain-http".to_owned(),
            Some(authority) => {
                let (host, directory) = (stand.host(), home.path("hosts").join(stand.host()));
                let (url, root) = (format!("https://{host}"), authority.file_text());
                std::fs::create_dir_all(&directory).unwrap();
                let hosts = format!("server = {url:?}\n[host.{url:?}]\nca = {root:?}\n");
                std::fs::write(directory.join("hosts.toml"), hosts).unwrap();
                format!("--hosts-dir={}", home.text("hosts"))
            }
        };
        Self { home, address, reach, user: RefCell::default(), _daemon: daemon }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        self.home.run("ctr", &[&self.place()[..], arguments].concat())
    }

    /// Pushes or pulls.
    fn transfer(&self, verb: &str, arguments: &[&str]) -> Outcome {
        let user = self.user.borrow();
        let user: Vec<&str> = user.iter().map(String::as_str).collect();
        let place = self.place();
        let all = [&place[..], &["images", verb, &self.reach], &user, arguments].concat();
        self.home.attempt(find("ctr"), &all, "")
    }

    fn place(&self) -> [&str; 4] {
        ["--address", &self.address, "--namespace", "test"]
    }

    /// Brings a layout in under the name of a repository, and returns the name with the tag.
    fn import(&self, repository: &str, layout: &Layout) -> String {
        let archive = self.home.text("archive.tar");
        let mut tar = self.home.command("tar");
        complete(tar.args(["--create", "--file", &archive, "--directory", layout.path(), "."]));
        let import = ["images", "import", "--all-platforms", "--no-unpack", "--base-name"];
        self.run(&[&import[..], &[repository, &archive]].concat());
        std::fs::remove_file(&archive).unwrap();
        format!("{repository}:v1")
    }
}

async fn works(stand: &Stand, ctr: &Ctr) {
    for image in ctr.run(&["images", "ls", "--quiet"]).lines() {
        ctr.run(&["images", "rm", "--sync", image]);
    }
    for (name, layout) in [("ctr/multi", &stand.multi), ("ctr/big", &stand.big)] {
        let remote = ctr.import(&stand.repository(name), layout);
        ctr.transfer("push", &[&remote]).unwrap();
        stand.assert_holds(name, layout).await;

        // Nothing is left here: what is there after the pull came from the registry.
        ctr.run(&["images", "rm", "--sync", &remote]);
        assert_eq!(ctr.run(&["content", "ls", "--quiet"]), "");
        let pull = ["--all-platforms", "--snapshotter", "native", &remote];
        ctr.transfer("pull", &pull).unwrap();
        let blobs = ctr.home.path("root/io.containerd.content.v1.content/blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
        let images = ctr.run(&["images", "ls", &format!("name=={remote}")]);
        assert!(images.contains(layout.root.as_str()), "{images}");
        ctr.run(&["images", "rm", "--sync", &remote]);
    }
}
