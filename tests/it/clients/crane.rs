//! crane, of go-containerregistry.

use super::{digest_in, stand};
use crate::rig::layout::intact;
use crate::rig::program::Home;

#[tokio::test]
async fn crane_pushes_pulls_and_copies() {
    let (stand, home) = (stand().await, Home::new());
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
