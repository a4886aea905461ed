//! containerd and its `ctr`: one PUT with the whole blob, HEAD before everything, no ping of `/v2/`.

use super::{Daemon, Stage, is_root, stage, tool};
use crate::rig::layout::{big, multi};

fn ctr(stage: &Stage, arguments: &[&str]) -> String {
    let socket = stage.path("containerd.sock");
    stage.run("ctr", &[&["-a", socket.to_str().unwrap()], arguments].concat())
}

#[tokio::test]
async fn containerd_pushes_and_pulls() {
    if !is_root() {
        println!("SKIPPED: containerd needs root");
        return;
    }
    let stage = stage().await;
    let socket = stage.path("containerd.sock");
    let config = format!(
        "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = {socket:?}\n",
        stage.path("root"),
        stage.path("state"),
    );
    std::fs::write(stage.path("config.toml"), config).unwrap();
    let mut containerd = tool("containerd");
    containerd.arg("--config").arg(stage.path("config.toml"));
    let _daemon = Daemon::start(&mut containerd, &socket);
    for (name, layout) in [("multi", multi()), ("big", big())] {
        let seed = stage.reference(&format!("seed/{name}:1"));
        stage.run("crane", &["push", "--insecure", layout.path().to_str().unwrap(), &seed]);
        let (fetch, push) = (["content", "fetch"], ["images", "push"]);
        let flags = ["--plain-http", "--all-platforms"];
        ctr(&stage, &[&fetch[..], &flags[..], &[&seed]].concat());
        let own = stage.reference(&format!("ctr/{name}:1"));
        ctr(&stage, &[&push[..], &["--plain-http", &own, &seed]].concat());
        assert_eq!(stage.digest(&format!("ctr/{name}"), "1").await, layout.digest.as_str());
        ctr(&stage, &["images", "rm", "--sync", &seed]);
        ctr(&stage, &[&fetch[..], &flags[..], &[&own]].concat());
        let images = ctr(&stage, &["images", "ls"]);
        assert!(images.contains(layout.digest.as_str()), "{images}");
    }
    let multi = stage.reference("ctr/multi:1");
    ctr(&stage, &["images", "pull", "--plain-http", "--snapshotter=native", &multi]);
}
