//! helm, whose charts are artifacts.

use super::{digest_in, stand};
use crate::rig::layout::digest_of;
use crate::rig::program::Home;

#[tokio::test]
async fn helm_pushes_and_pulls_a_chart() {
    let (stand, home) = (stand().await, Home::new());
    std::fs::create_dir_all(home.path("chart/templates")).unwrap();
    let chart = "apiVersion: v2\nname: hello\nversion: 1.2.3+build.4\n";
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n";
    std::fs::write(home.path("chart/Chart.yaml"), chart).unwrap();
    std::fs::write(home.path("chart/templates/map.yaml"), template).unwrap();
    home.run("helm", &["package", "chart"]);
    let packed = home.path("hello-1.2.3+build.4.tgz");

    let remote = format!("oci://{}", stand.repository("helm"));
    let name = packed.file_name().unwrap().to_str().unwrap();
    let pushed = digest_in(&said(&home, &["push", name, &remote, "--plain-http"]));
    // A tag cannot hold a plus.
    assert_eq!(stand.digest("helm/hello", "1.2.3_build.4").await, pushed);

    let chart = format!("{remote}/hello");
    let pull = ["pull", &chart, "--version", "1.2.3+build.4", "--plain-http", "-d", "pulled"];
    std::fs::create_dir(home.path("pulled")).unwrap();
    assert_eq!(digest_in(&said(&home, &pull)), pushed);
    assert_eq!(digest_of(&home.path("pulled").join(name)), digest_of(&packed));
    assert!(home.run("helm", &["show", "chart", &chart, "--plain-http"]).contains("name: hello"));
}

/// What helm printed on either stream: older and newer ones differ.
fn said(home: &Home, arguments: &[&str]) -> String {
    let script = r#"exec "$0" "$@" 2>&1"#;
    let helm = crate::rig::program::find("helm");
    let mut command = home.command("sh");
    command.args(["-c", script]).arg(helm).args(arguments);
    crate::rig::program::complete(&mut command)
}
