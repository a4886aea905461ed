//! crane, of go-containerregistry.

use super::login::{Client, USER};
use super::{Stand, digest_in, guarded_stand, stand};
use crate::rig::layout::intact;
use crate::rig::program::{Home, find};

#[tokio::test]
async fn crane_pushes_pulls_and_copies() {
    works(&*stand().await, &Home::new()).await;
}

#[tokio::test]
async fn crane_works_by_tls_and_login() {
    let (stand, mut home) = (guarded_stand().await, Home::new());
    home.set("SSL_CERT_FILE", stand.authority.as_ref().unwrap().file_text());
    let run = |arguments: &[&str], input: &str| home.attempt(find("crane"), arguments, input);
    let remote = |repository: &str| format!("{}:v1", stand.repository(repository));
    let client = Client {
        name: "crane",
        suffix: "",
        login: &|password| {
            run(&["auth", "login", &stand.host(), "-u", USER, "--password-stdin"], password)
        },
        logout: &|| run(&["auth", "logout", &stand.host()], ""),
        push: &|repository| run(&["push", stand.multi.path(), &remote(repository)], ""),
        pull: &|repository| {
            run(&["pull", "--format=oci", &remote(repository), &home.text(repository)], "")
        },
    };
    stand.guard(client, works(&stand, &home)).await;
}

async fn works(stand: &Stand, home: &Home) {
    for (name, layout) in [("crane/multi", &stand.multi), ("crane/big", &stand.big)] {
        let remote = format!("{}:v1", stand.repository(name));
        let pushed = home.run("crane", &["push", layout.path(), &remote]);
        assert_eq!(digest_in(&pushed), layout.root);
        stand.assert_holds(name, layout).await;
        assert_eq!(digest_in(&home.run("crane", &["digest", &remote])), layout.root);
        let pulled = home.text(name.rsplit('/').next().unwrap());
        home.run("crane", &["pull", "--format=oci", &remote, &pulled]);
        let blobs = std::path::Path::new(&pulled).join("blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
        let copy = format!("{name}-copy");
        home.run("crane", &["copy", &remote, &format!("{}:v1", stand.repository(&copy))]);
        stand.assert_holds(&copy, layout).await;
    }
    let tags = home.run("crane", &["ls", &stand.repository("crane/multi")]);
    assert_eq!(tags, "v1");
}
