//! The commands `gc status`, `run`, `explain` and `undelete`.

use serde_json::{Value, json};

use super::Operator;
use crate::rig;
use crate::rig::postgres::Database;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A digest as the tests make them.
fn digest(n: u64) -> String {
    format!("sha256:{n:064x}")
}

/// In `a` an image with one layer and two tags, and a blob that nothing names. All of it is a day old.
async fn filled() -> (Database, Operator) {
    let database = rig::database().await;
    let (config, image) = (digest(1), digest(9));
    let raw = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "layers": [],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 7 },
    });
    let fill = format!(
        "INSERT INTO repositories (name) VALUES ('a');
        INSERT INTO blobs (digest, ipfs_cid, size) VALUES
            ('{config}', 'bafkreie5gjqcp7jgsfbfvhnjkstd3vhbmxapzjvfpx3zdlpzabuhf6w2dy', 7),
            ('{}', 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', 2048);
        INSERT INTO repository_blobs SELECT 1, id FROM blobs;
        INSERT INTO manifests (digest, content_type, raw, size) VALUES ('{image}', '{IMAGE}', '{raw}', 300);
        INSERT INTO repository_manifests (repository_id, manifest_id, content_type) VALUES (1, 1, '{IMAGE}');
        INSERT INTO manifest_blobs VALUES (1, 1, 1);
        INSERT INTO tags (repository_id, name, manifest_id, manifest_digest)
            SELECT 1, tag, 1, '{image}' FROM unnest('{{v1,v2}}'::TEXT[]) tag",
        digest(2)
    );
    database.admin.batch_execute(&fill).await.unwrap();
    pass(&database).await;
    let mut operator = Operator::on(&database.settings);
    operator.0.push(("OPEN_REGISTRY_GC_WINDOW", "24h".to_owned()));
    (database, operator)
}

/// A day passes.
async fn pass(database: &Database) {
    let pass = "UPDATE reviews SET quiet_since = quiet_since - INTERVAL '25 hours', review_from = review_from - INTERVAL '25 hours';
        UPDATE deletions SET deleted_at = deleted_at - INTERVAL '25 hours'";
    database.admin.batch_execute(pass).await.unwrap();
}

fn kinds(holders: &Value) -> Vec<String> {
    let word = |holder: &Value| {
        let (kind, name) = (holder["kind"].as_str().unwrap(), holder["name"].as_str());
        name.map_or(kind.to_owned(), |name| format!("{kind} {name}"))
    };
    holders.as_array().unwrap().iter().map(word).collect()
}

#[tokio::test]
async fn what_nobody_needs_is_shown_explained_removed_and_brought_back() {
    let (database, operator) = filled().await;
    let status = operator.json("gc status", "");
    let link = status["queue"].as_array().unwrap().iter().find(|queue| queue["kind"] == "link");
    assert_eq!((&link.unwrap()["waiting"], &link.unwrap()["due"]), (&json!(2), &json!(2)));
    assert_eq!((&status["window_seconds"], &status["untagged"]), (&json!(86_400.0), &json!("")));
    let text = operator.done("gc status", "");
    assert!(text.contains("OPEN_REGISTRY_GC_WINDOW") && text.contains("2 are due"), "{text}");

    let needed = operator.json(&format!("gc explain {}", digest(1)), "");
    assert_eq!(kinds(&needed["holders"]), [format!("manifest {}", digest(9))]);
    assert_eq!(needed["holders"][0]["tags"], json!(["v1", "v2"]));
    assert_eq!(needed["blob"]["repositories"], 1);
    let image = operator.json(&format!("gc explain {}", digest(9)), "");
    assert_eq!(kinds(&image["holders"]), ["tag v1", "tag v2"]);
    let text = operator.done(&format!("gc explain {}", digest(2)), "");
    assert!(text.contains("nothing names it; a review removes it there after"), "{text}");
    operator.refused(&format!("gc explain {}", digest(5)), "", &["no blob", "GC_WINDOW"]);

    // A dry run changes nothing.
    for _ in 0..2 {
        let going = operator.json("gc run --dry-run", "");
        let expected =
            json!([{ "kind": "link", "repository": "a", "digest": digest(2), "bytes": 2048 }]);
        assert_eq!(going, expected);
    }
    let ran = operator.json("gc run --review", "");
    assert_eq!((&ran["removed"], &ran["bytes"]), (&json!(1), &json!(0)));
    assert!(operator.done("gc run --dry-run", "").contains("nothing"));
    let gone = operator.json(&format!("gc explain {}", digest(2)), "");
    assert_eq!((&gone["holders"], &gone["blob"]["repositories"]), (&json!([]), &json!(0)));
    assert!(gone["blob"]["reviewed_at"].is_string() && gone["deletions"][0]["until"].is_string());

    let back = operator.json(&format!("gc undelete {}", digest(2)), "");
    assert_eq!((&back[0]["repository"], &back[0]["kind"]), (&json!("a"), &json!("blob")));
    let words = ["nothing to bring back", "push it again"];
    operator.refused(&format!("gc undelete {}", digest(2)), "", &words);

    // The image goes with its repository, and comes back with its tags.
    operator.done("repo remove a", "");
    let text = operator.done(&format!("gc undelete {} --repository a", digest(9)), "");
    assert!(text.contains("a holds sha256:") && text.contains("tags v1, v2"), "{text}");
    let image = operator.json(&format!("gc explain {}", digest(9)), "");
    assert_eq!(kinds(&image["holders"]), ["tag v1", "tag v2"]);

    // After two windows the bytes of the forgotten blob are freed.
    for _ in 0..2 {
        pass(&database).await;
        operator.done("gc run --review", "");
    }
    operator.refused(&format!("gc explain {}", digest(2)), "", &["no blob"]);
    assert_eq!(operator.json("gc status", "")["unpins"], 1);
}

#[tokio::test]
async fn untagged_manifests_are_explained_and_removed_by_the_rules() {
    let (database, mut operator) = filled().await;
    let explain = format!("gc explain {}", digest(9));
    database.admin.batch_execute("DELETE FROM tags").await.unwrap();
    assert!(operator.done(&explain, "").contains("keeps untagged manifests"));
    operator.0.push(("OPEN_REGISTRY_GC_UNTAGGED", "b/*=1h,a=12h".to_owned()));
    let text = operator.done(&explain, "");
    assert!(text.contains("untagged manifests stay for 12h"), "{text}");
    assert_eq!(operator.json("gc status", "")["untagged"], "b/*=1h,a=12h");
    operator.done("gc run --review", "");
    pass(&database).await;
    let going = operator.json("gc run --dry-run", "");
    assert_eq!((&going[0]["kind"], &going[0]["digest"]), (&json!("untagged"), &json!(digest(9))));
    operator.done("gc run --review", "");
    assert!(operator.done(&explain, "").contains("removed from a"));
    operator.done(&format!("gc undelete {}", digest(9)), "");
    assert_eq!(operator.json(&explain, "")["manifest"]["repositories"], 1);
}
