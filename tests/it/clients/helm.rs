//! helm: charts as artifacts.

use super::stage;

#[tokio::test]
async fn helm_pushes_and_pulls_a_chart() {
    let stage = stage().await;
    std::fs::create_dir_all(stage.path("chart/templates")).unwrap();
    let chart = "apiVersion: v2\nname: sail\nversion: 1.2.3+build\n";
    std::fs::write(stage.path("chart/Chart.yaml"), chart).unwrap();
    std::fs::write(stage.path("chart/templates/map.yaml"), "kind: ConfigMap\n").unwrap();
    stage.run("helm", &["package", "chart"]);
    let repository = format!("oci://{}", stage.reference("helm"));
    stage.run("helm", &["push", "--plain-http", "sail-1.2.3+build.tgz", &repository]);
    // A tag has no plus sign: helm writes an underscore instead.
    stage.digest("helm/sail", "1.2.3_build").await;
    std::fs::create_dir(stage.path("out")).unwrap();
    let from = format!("{repository}/sail");
    stage.run("helm", &["pull", "--plain-http", &from, "--version=1.2.3+build", "-d", "out"]);
    let read = |name: &str| std::fs::read(stage.path(name)).unwrap();
    assert!(read("out/sail-1.2.3+build.tgz") == read("sail-1.2.3+build.tgz"));
}
