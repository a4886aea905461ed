//! The doctor: what it finds, and its exit codes.

use af_registry::ipfs::Kubo;
use serde_json::Value;

use super::Operator;
use super::scrub::{flip, operator};
use crate::rig;
use crate::rig::client::random;
use crate::rig::kubo::Node;
use crate::rig::launch::{data_dir, search_path, with_kubo, working_below};
use crate::rig::server::builder;

/// Runs the doctor, which must end with this code, and returns its answer.
#[track_caller]
fn doctor(operator: &Operator, code: i32) -> Value {
    let outcome = operator.call("doctor --json", "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(code), ""), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Asserts that there is a finding of this level and area that says these words, with what it means and what to do.
#[track_caller]
fn finds(answer: &Value, level: &str, area: &str, words: &str) {
    let findings = answer["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| {
        let says = finding["says"].as_str().unwrap();
        finding["level"] == level && finding["area"] == area && says.contains(words)
    });
    let Some(found) = found else { panic!("no {level} of {area} says `{words}`: {answer:#}") };
    let explained = found["means"] != "" && found["todo"] != "";
    assert_eq!(explained, level != "fine", "{found}");
}

#[tokio::test]
async fn the_partners_and_the_rows_are_looked_at() {
    let node = Node::start();
    let server = builder().await.on(&node).env("OPEN_REGISTRY_SCRUB_RATE", "0").start().await;
    let mut operator = operator(&server, &node);
    let (client, admin) = (server.client(), &server.database().admin);
    let layer = random(970, 1000);
    client.push_image("acme/web", "v1", &layer).await;
    // The partners of the tests are fast and not durable.
    let before = doctor(&operator, 2);
    assert_eq!(before["state"], "broken");
    finds(&before, "broken", "postgres", "fsync is off");
    finds(&before, "broken", "postgres", "full_page_writes is off");
    finds(&before, "warning", "postgres", "autovacuum is off");
    finds(&before, "warning", "kubo", "flatfs without");
    finds(&before, "fine", "kubo", "version 0.");
    finds(&before, "fine", "settings", "all are known");
    finds(&before, "fine", "rows", "none is in quarantine");
    finds(&before, "fine", "pins", "2 blobs were looked for");
    finds(&before, "fine", "jobs", "all jobs run");
    let text = operator.call("doctor", "").stdout;
    assert!(text.lines().last().unwrap().trim_start().starts_with("do: "), "{text}");

    let cid = node.cid_of(&layer).parse().unwrap();
    Kubo::new(&node.settings).unwrap().unpin(&[cid]).await.unwrap();
    finds(&doctor(&operator, 2), "warning", "pins", "are not pinned");
    operator.done("jobs run collect", "");
    let pinned = doctor(&operator, 2);
    finds(&pinned, "fine", "pins", "all are there and pinned");
    finds(&pinned, "warning", "rows", "1 pins were lost before the last collection");
    let status = operator.json("scrub status", "");
    assert!(status["lost_pins"] == 1 && status["pins_compared_at"].is_string(), "{status}");
    flip(&node, &layer);
    finds(&doctor(&operator, 2), "broken", "pins", "have lost their root");
    operator.call("scrub run", "");
    admin
        .batch_execute(
            "SET session_replication_role = replica;
             UPDATE manifests SET raw = raw || ' ';
             DELETE FROM repository_blobs WHERE blob_id = (SELECT min(id) FROM blobs);
             INSERT INTO tags (repository_id, name, manifest_id, manifest_digest)
                 SELECT id, 'ghost', 4711, 'sha256:00' FROM repositories;
             INSERT INTO uploads (id, repository_id, subject, touched_at)
                 SELECT gen_random_uuid(), id, '', now() - INTERVAL '3 days' FROM repositories;
             INSERT INTO upload_parts (upload_id, part_offset, size, ipfs_cid)
                 SELECT id, 0, 5, 'x' FROM uploads LIMIT 1;
             INSERT INTO unpins (ipfs_cid, requested_at, next_try_at)
                 VALUES ('y', now() - INTERVAL '3 days', now());
             UPDATE jobs SET failures = 5, last_error = 'no luck', next_run_at = now() + INTERVAL '1 day'
             WHERE name = 'remove-empty';",
        )
        .await
        .unwrap();
    operator.0.push(("OPEN_REGISTRY_DB_HOTS", "elsewhere".to_owned()));
    let after = doctor(&operator, 2);
    for words in [
        "1 manifests do not match their digest",
        "1 manifests need a blob that their repository lacks",
        "1 tags name a manifest that their repository lacks",
        "1 blobs that manifests need are under quarantine",
    ] {
        finds(&after, "broken", "rows", words);
    }
    for words in ["uploads should have expired", "parts lie beyond", "waited a day to be unpinned"]
    {
        finds(&after, "warning", "rows", words);
    }
    finds(&after, "warning", "jobs", "remove-empty has failed 5 times: no luck");
    finds(&after, "warning", "settings", "OPEN_REGISTRY_DB_HOTS is not a setting");
}

#[tokio::test]
async fn private_partners_are_found_running_or_are_started_for_the_look() {
    let (_top, data) = data_dir();
    let mut operator = Operator::of(&data);
    operator.0.push(("PATH", search_path()));
    let sound = |answer: &Value| {
        let findings = answer["findings"].as_array().unwrap();
        // The disk of the machine may be nearly full.
        let others = findings.iter().filter(|finding| finding["area"] != "disk");
        let bad: Vec<_> = others.filter(|finding| finding["level"] != "fine").collect();
        assert!(bad.is_empty(), "{bad:#?}");
    };
    let look = |operator: &Operator| -> Value {
        serde_json::from_str(&operator.call("doctor --json", "").stdout).unwrap()
    };
    let nothing = look(&operator);
    finds(&nothing, "fine", "partners", "does not exist yet");
    assert!(!data.exists(), "a look makes nothing");
    let mut server = with_kubo().alone(&data).await;
    server.client().push_image("acme/web", "v1", &random(975, 1000)).await;
    let beside = look(&operator);
    sound(&beside);
    finds(&beside, "fine", "pins", "2 blobs were looked for");
    assert!(!beside.to_string().contains("no server runs"), "{beside}");
    assert_eq!(server.stop().await, Some(0));
    let alone = look(&operator);
    sound(&alone);
    finds(&alone, "fine", "partners", "no server runs");
    finds(&alone, "fine", "jobs", "no server uses the database");
    assert_eq!(working_below(&data), [0; 0]);
}

#[tokio::test]
async fn partners_that_do_not_answer_are_findings() {
    // Nobody listens there: the port was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let operator = Operator(vec![
        ("OPEN_REGISTRY_DB_HOST", "127.0.0.1".to_owned()),
        ("OPEN_REGISTRY_DB_PORT", free.to_string()),
        ("OPEN_REGISTRY_DFS_IPFS_API_URL", format!("http://127.0.0.1:{free}")),
    ]);
    let answer = doctor(&operator, 2);
    finds(&answer, "broken", "postgres", "PostgreSQL is not available");
    finds(&answer, "broken", "kubo", "Kubo is gone");

    let rig::Database { settings, admin, .. } = rig::database().await;
    let node = rig::kubo::shared();
    let (_top, data) = data_dir();
    let mut operator = Operator::on(&settings);
    operator.0.push(("OPEN_REGISTRY_DATA_DIR", data.to_str().unwrap().to_owned()));
    let half = doctor(&operator, 2);
    finds(&half, "fine", "partners", "does not exist yet");
    finds(&half, "broken", "postgres", "fsync is off");
    assert!(!data.exists(), "a look makes nothing");
    operator.0.push(("OPEN_REGISTRY_DFS_IPFS_API_URL", node.settings.api.to_string()));
    finds(&doctor(&operator, 2), "warning", "kubo", "no gateway is set");
    let newer =
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', '')";
    admin.batch_execute(newer).await.unwrap();
    finds(&doctor(&operator, 2), "broken", "postgres", "the schema has version 9999");
    let database = &settings.database;
    let unchecked = format!("ALTER DATABASE {database} SET session_replication_role = replica");
    admin.batch_execute(&unchecked).await.unwrap();
    finds(&doctor(&operator, 2), "broken", "postgres", "session_replication_role");
    let read_only = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
    admin.batch_execute(&read_only).await.unwrap();
    finds(&doctor(&operator, 2), "broken", "postgres", "does not allow writes");
}
