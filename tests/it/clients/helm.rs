//! helm, whose charts are artifacts.

use super::login::{Client, USER};
use super::{Stand, digest_in, guarded_stand, stand};
use crate::rig::layout::digest_of;
use crate::rig::program::{Home, find};

#[tokio::test]
async fn helm_pushes_and_pulls_a_chart() {
    let home = Home::new();
    package(&home);
    works(&*stand().await, &home).await;
}

#[tokio::test]
async fn helm_works_by_tls_and_login() {
    let (stand, home) = (guarded_stand().await, Home::new());
    package(&home);
    let reach = stand.transport("--plain-http", "--ca-file");
    let run = |arguments: &[&str], input: &str| {
        home.attempt(find("helm"), &[arguments, &[&reach]].concat(), input)
    };
    let remote = |repository: &str| format!("oci://{}", stand.repository(repository));
    let client = Client {
        name: "helm",
        suffix: "/hello",
        login: &|password| {
            let login = ["registry", "login", &stand.host(), "--username", USER];
            run(&[&login[..], &["--password-stdin"]].concat(), password)
        },
        logout: &|| home.attempt(find("helm"), &["registry", "logout", &stand.host()], ""),
        push: &|repository| run(&["push", PACKED, &remote(repository)], ""),
        pull: &|repository| {
            let chart = format!("{}/hello", remote(repository));
            run(&["pull", &chart, "--version", VERSION, "-d", &home.text("tmp")], "")
        },
    };
    stand.guard(client, works(&stand, &home)).await;
}

const VERSION: &str = "1.2.3+build.4";
const PACKED: &str = "hello-1.2.3+build.4.tgz";

/// Makes a chart in the home.
fn package(home: &Home) {
    std::fs::create_dir_all(home.path("chart/templates")).unwrap();
    let chart = "apiVersion: v2\nname: hello\nversion: 1.2.3+build.4\n";
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n";
    std::fs::write(home.path("chart/Chart.yaml"), chart).unwrap();
    std::fs::write(home.path("chart/templates/map.yaml"), template).unwrap();
    home.run("helm", &["package", "chart"]);
}

async fn works(stand: &Stand, home: &Home) {
    let packed = home.path(PACKED);
    let reach = stand.transport("--plain-http", "--ca-file");
    let remote = format!("oci://{}", stand.repository("helm"));
    let pushed = digest_in(&said(home, &["push", PACKED, &remote, &reach]));
    // A tag cannot hold a plus.
    assert_eq!(stand.digest("helm/hello", "1.2.3_build.4").await, pushed);

    let chart = format!("{remote}/hello");
    let pull = ["pull", &chart, "--version", VERSION, &reach, "-d", "pulled"];
    std::fs::create_dir(home.path("pulled")).unwrap();
    assert_eq!(digest_in(&said(home, &pull)), pushed);
    assert_eq!(digest_of(&home.path("pulled").join(PACKED)), digest_of(&packed));
    assert!(home.run("helm", &["show", "chart", &chart, &reach]).contains("name: hello"));
}

/// What helm printed on either stream: older and newer ones differ.
fn said(home: &Home, arguments: &[&str]) -> String {
    let script = r#"exec "$0" "$@" 2>&1"#;
    let helm = find("helm");
    let mut command = home.command("sh");
    command.args(["-c", script]).arg(helm).args(arguments);
    crate::rig::program::complete(&mut command)
}
