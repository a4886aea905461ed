//! The plans of all statements on a database of a million tags and a million blobs. Each uses indexes only and touches no
//! more rows than it must.

use std::time::Duration;

use af_registry::store::{
    Commit, Epoch, Judged, Part, Recorded, ReviewKind, Settings, Store, TaggedFacts, Unlink,
};
use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{
    anywhere, cid, claim, commit, digest, manifest, open, put, reference, repository, start_upload,
    stored, tag,
};
use crate::rig;

/// The repository `big` has half of the tags, a tenth of the blobs, and a subject with 50 000 referrers. 20 000 other
/// repositories share the rest. Blob 1 is a base layer that all of them hold.
/// Foreign keys are not checked while this runs, because the checks would triple the time.
const FILL: &str = "
SET session_replication_role = replica;
SET synchronous_commit = off;
CREATE FUNCTION digest_of(kind TEXT, n BIGINT) RETURNS TEXT IMMUTABLE LANGUAGE SQL AS
    $$ SELECT 'sha256:' || left(md5(kind || n % 16), 8) || lpad(to_hex(n), 56, '0') $$;
CREATE FUNCTION cid_of(kind TEXT, n BIGINT) RETURNS TEXT IMMUTABLE LANGUAGE SQL AS
    $$ SELECT 'bafkrei' || left(md5(kind), 8) || lpad(to_hex(n), 44, '0') $$;
CREATE FUNCTION first_digests(kind TEXT, most BIGINT) RETURNS TEXT[] IMMUTABLE LANGUAGE SQL AS
    $$ SELECT array_agg(digest_of(kind, n)) FROM generate_series(1, most) n $$;
INSERT INTO repositories (name) SELECT 'big';
INSERT INTO repositories (name) SELECT 'team' || n % 100 || '/image' || n FROM generate_series(1, 20000) n;
INSERT INTO blobs (digest, ipfs_cid, size)
    SELECT digest_of('blob', n), cid_of('blob', n), n FROM generate_series(1, 1000000) n;
INSERT INTO repository_blobs (repository_id, blob_id)
    SELECT 2 + n % 20000, n FROM generate_series(1, 1000000) n;
INSERT INTO repository_blobs (repository_id, blob_id) SELECT 1, n FROM generate_series(1, 100000) n;
INSERT INTO repository_blobs (repository_id, blob_id)
    SELECT n, 1 FROM generate_series(2, 20001) n ON CONFLICT DO NOTHING;
INSERT INTO manifests (digest, content_type, subject_digest, artifact_type, raw, size)
    SELECT digest_of('manifest', n), 'application/vnd.oci.image.manifest.v1+json',
        CASE WHEN n <= 50000 THEN digest_of('subject', 1) END,
        CASE WHEN n <= 50000 THEN 'type/' || n % 5 END, '{}', 2
    FROM generate_series(1, 200000) n;
INSERT INTO repository_manifests
    (repository_id, manifest_id, subject_digest, referrer_digest, referrer_type)
    SELECT 1, id, subject_digest, CASE WHEN subject_digest IS NOT NULL THEN digest END, artifact_type
    FROM manifests WHERE id <= 100000;
INSERT INTO repository_manifests (repository_id, manifest_id)
    SELECT 2 + n % 20000, n FROM generate_series(1, 200000) n;
INSERT INTO tags (repository_id, name, manifest_id, manifest_digest)
    SELECT 1, 'v' || n, 1 + n % 100000, digest_of('manifest', 1 + n % 100000)
    FROM generate_series(1, 500000) n;
INSERT INTO tags (repository_id, name, manifest_id, manifest_digest)
    SELECT 2 + n % 20000, 'v' || n, 1 + n % 200000, digest_of('manifest', 1 + n % 200000)
    FROM generate_series(1, 500000) n;
INSERT INTO manifest_blobs (repository_id, manifest_id, blob_id)
    SELECT 1, 1 + n % 100000, 1 + n / 8 FROM generate_series(1, 400000) n ON CONFLICT DO NOTHING;
INSERT INTO manifest_blobs (repository_id, manifest_id, blob_id)
    SELECT 1, n, 1 FROM generate_series(1, 100000) n ON CONFLICT DO NOTHING;
INSERT INTO manifest_children (repository_id, index_id, child_digest, child_manifest_id)
    SELECT 1, 1 + n % 10000, digest_of('manifest', n), n FROM generate_series(1, 50000) n;
INSERT INTO manifest_children (repository_id, index_id, child_digest, child_blob_id)
    SELECT 1, 1 + n % 10000, digest_of('blob', n), n FROM generate_series(1, 50000) n;
INSERT INTO uploads (id, repository_id, subject, received, touched_at)
    SELECT md5('upload' || n)::UUID, 1 + n % 20000, 'ann', 128, now() - n * INTERVAL '1 second'
    FROM generate_series(1, 50000) n;
INSERT INTO upload_parts (upload_id, part_offset, size, ipfs_cid)
    SELECT md5('upload' || n % 50000 + 1)::UUID, n / 50000 * 64, 64, cid_of('part', n)
    FROM generate_series(0, 99999) n;
INSERT INTO upload_pieces (upload_id, piece_offset, bytes)
    SELECT md5('upload' || n % 5000 * 10)::UUID, 128 + n / 5000, 'x' FROM generate_series(0, 49999) n;
INSERT INTO unpins (ipfs_cid, requested_at, done_at, next_try_at)
    SELECT cid_of('part', n), now() - n * INTERVAL '1 second',
        CASE WHEN n % 2 = 0 THEN now() - n * INTERVAL '2 seconds' END,
        now() + CASE WHEN n % 4 = 1 THEN n ELSE -n END * INTERVAL '1 second'
    FROM generate_series(1, 200000) n;
INSERT INTO jobs (name) SELECT 'job' || n FROM generate_series(1, 20000) n;
INSERT INTO accounts (name, secret_hash) SELECT 'user' || n, '' FROM generate_series(1, 20000) n;
INSERT INTO grants (account_id, pattern, role)
    SELECT n, pattern, 'pull'
    FROM generate_series(1, 20000) n, unnest(ARRAY['big', 'nowhere/*', 'team' || n % 100 || '/*']) pattern;
INSERT INTO refresh_tokens (id, account_id, revision, service, client_id, secret_hash)
    SELECT md5('token' || n)::UUID, 1 + n % 20000, 1 + n % 20000, 'here', 'docker', ''
    FROM generate_series(1, 60000) n;
INSERT INTO recent_pushes (repository_id, subject) SELECT n, 'ann' FROM generate_series(1, 20000) n;
INSERT INTO reviews (kind, repository_id, item_id, quiet_since, review_from)
    SELECT 'link', 1, n, moment, moment
    FROM (SELECT n, now() - n * INTERVAL '1 second' AS moment FROM generate_series(1, 100000) n) queued;
INSERT INTO reviews (kind, repository_id, item_id, quiet_since, review_from)
    SELECT 'untagged', 1, n, moment, moment
    FROM (SELECT n, now() - n * INTERVAL '1 second' AS moment FROM generate_series(1, 100000) n) queued;
INSERT INTO reviews (kind, repository_id, item_id, quiet_since, review_from)
    SELECT kind, 0, n, now() - n * INTERVAL '1 second', now() - n * INTERVAL '1 second'
    FROM generate_series(1, 100000) n, unnest(ARRAY['manifest', 'blob']) kind;
INSERT INTO deletions (repository, kind, digest, tag, deleted_at)
    SELECT 'big', kind, digest_of('manifest', n), CASE WHEN kind = 'tag' THEN 'v' || n END, now() - n * INTERVAL '1 second'
    FROM generate_series(1, 100000) n, unnest(ARRAY['manifest', 'tag']) kind;
INSERT INTO deletions (repository, kind, digest)
    SELECT 'big', 'blob', digest_of('blob', n) FROM generate_series(1, 100000) n;
ANALYZE;
";

/// Parameters of `gate` for a server without login, an account that may pull from `big`, an account that may not, and an
/// anonymous caller. Statements must be cheap also when they find nothing.
const WHO: [&str; 4] = [
    "0, '{}', '{}'",
    "7, '{*,big}', '{public,pull,push,delete,admin}'",
    "7, '{*,other}', '{public,pull,push,delete,admin}'",
    "NULL, '{*,big}', '{public,pull,push,delete,admin}'",
];

struct Case {
    name: &'static str,
    sql: &'static str,
    arguments: &'static str,
    /// Most rows that the statement may touch.
    rows: f64,
}

macro_rules! case {
    ($name:literal, $arguments:literal, $rows:literal) => {
        Case {
            name: $name,
            sql: include_str!(concat!("../../../sql/queries/", $name, ".sql")),
            arguments: $arguments,
            rows: $rows,
        }
    };
}

const CASES: &[Case] = &[
    case!("blob/get", "'big', digest_of('blob', 77777), WHO", 8.0),
    case!("blob/get", "'big', digest_of('blob', 1), WHO", 8.0),
    case!("blob/get", "'team1/image1', digest_of('blob', 1), WHO", 8.0),
    case!("blob/head", "'big', digest_of('blob', 77777), 3600, WHO", 9.0),
    case!("blob/head", "'team1/image1', digest_of('blob', 1), 3600, WHO", 9.0),
    case!("blob/mount_from", "'big', 'team1/image1', digest_of('blob', 77777), WHO", 11.0),
    case!("blob/mount_any", "'team1/image1', digest_of('blob', 77777), 0", 6.0),
    case!("blob/mount_any", "'team1/image1', digest_of('blob', 77777), 7", 50.0),
    case!("blob/mount_from", "'big', 'team1/image1', digest_of('blob', 1), WHO", 11.0),
    case!("blob/mount_any", "'team1/image1', digest_of('blob', 1), 0", 6.0),
    // An anonymous caller may pull from none of the first thousand repositories that hold the blob.
    case!("blob/mount_any", "'team1/image1', digest_of('blob', 1), NULL", 2100.0),
    case!(
        "blob/mount_within",
        "'team1/image1', digest_of('blob', 77777), 7, '{big,nowhere}'",
        20.0
    ),
    case!("blob/mount_within", "'team1/image1', digest_of('blob', 1), 7, '{team2/image2}'", 20.0),
    case!("blob/lock_link", "'big', digest_of('blob', 77777)", 3.0),
    case!("blob/unlink", "'big', digest_of('blob', 99999)", 5.0),
    case!("blob/unlink", "'big', digest_of('blob', 7)", 5.0),
    case!("blob/unlink", "'big', digest_of('blob', 1)", 5.0),
    case!("blob/unlink", "'team1/image1', digest_of('blob', 1)", 5.0),
    case!("blob/quarantine", "digest_of('blob', 7), cid_of('blob', 7), 0", 1.0),
    case!("blob/lock", "digest_of('blob', 7)", 1.0),
    case!(
        "blob/commit",
        "'big', digest_of('blob', 7), cid_of('part', 7), 7, md5('upload7')::UUID, 128, md5('claim')::UUID, 0",
        15.0
    ),
    case!("scrub/due", "now(), '1970-01-01', 0, 100", 100.0),
    case!("scrub/due", "now(), now(), 500000, 100", 100.0),
    case!("scrub/quarantined", "now(), 0, 100", 1.0),
    case!("scrub/get", "digest_of('blob', 7)", 1.0),
    case!("scrub/passed", "digest_of('blob', 7), cid_of('blob', 7), NULL", 1.0),
    case!("scrub/failed", "digest_of('blob', 7), cid_of('blob', 7)", 1.0),
    case!("scrub/backlog", "0, 1000", 1002.0),
    case!(
        "manifest/find_by_tag",
        "'{big,big,big}', '{v77777,v7,none}', '{NULL,\"\",x}', '{0,0,0}', '{\"\",\"\",\"\"}', '{}'",
        30.0
    ),
    case!(
        "manifest/find_by_tag",
        "'{big,big,big}', '{v77777,v7,none}', '{NULL,\"\",x}', '{7,7,7}', '{\"* big\",\"* big\",\"* big\"}', '{public,pull}'",
        30.0
    ),
    case!(
        "manifest/find_by_tag",
        "'{big,big,big}', '{v77777,v7,none}', '{NULL,\"\",x}', '{7,7,7}', '{\"* other\",other,other}', '{public,pull}'",
        30.0
    ),
    case!(
        "manifest/find_by_tag",
        "'{big,big,big}', '{v77777,v7,none}', '{NULL,\"\",x}', '{NULL,NULL,NULL}', '{* big,*,*}', '{public,pull}'",
        30.0
    ),
    case!(
        "manifest/find_by_digest",
        "'{big,big,big}', first_digests('manifest', 3), '{NULL,\"\",x}', '{0,0,0}', '{\"\",\"\",\"\"}', '{}'",
        30.0
    ),
    case!(
        "manifest/find_by_digest",
        "'{big,big,big}', first_digests('manifest', 3), '{NULL,\"\",x}', '{7,7,7}', '{\"* big\",\"* big\",\"* big\"}', '{public,pull}'",
        30.0
    ),
    case!(
        "manifest/find_by_digest",
        "'{big,big,big}', first_digests('manifest', 3), '{NULL,\"\",x}', '{7,7,7}', '{\"* other\",other,other}', '{public,pull}'",
        30.0
    ),
    case!(
        "manifest/find_by_digest",
        "'{big,big,big}', first_digests('manifest', 3), '{NULL,\"\",x}', '{NULL,NULL,NULL}', '{* big,*,*}', '{public,pull}'",
        30.0
    ),
    case!("manifest/head_expiring", "'big', digest_of('manifest', 77777), 3600, WHO", 9.0),
    case!("manifest/hold_link", "'big', digest_of('manifest', 77777)", 3.0),
    case!("manifest/lock_link", "'big', digest_of('manifest', 77777)", 3.0),
    case!("manifest/lock_blobs", "'big', first_digests('blob', 20)", 61.0),
    case!("manifest/children", "'big', first_digests('manifest', 20)", 61.0),
    case!(
        "manifest/put",
        "1, digest_of('manifest', 7), 'a/b', NULL, NULL, NULL, NULL, '', '{1,2,3}', \
         ARRAY[digest_of('manifest', 8)], '{8}', '{NULL}', '{v1,v2}'",
        5.0
    ),
    case!("manifest/delete", "'big', digest_of('manifest', 77777)", 30.0),
    case!("access/allowed", "'team1/image1', WHO", 6.0),
    case!("access/granted", "'{big,team1/image1,nowhere}', 7", 30.0),
    case!("access/pushed_recently", "'big', 'ann', 600", 2.0),
    case!("account/get", "'user7777'", 1.0),
    case!("account/get_by_revision", "7777", 1.0),
    case!("account/renew_secret", "'user7777', 'x', 60", 1.0),
    case!("account/note_use", "7777, 3600", 1.0),
    case!("account/set_disabled", "'user7777', TRUE", 1.0),
    case!("job/claim", "'job7', md5('x')::UUID, 30, TRUE", 2.0),
    case!("job/extend", "'job7', md5('x')::UUID, 30", 1.0),
    case!("job/finish", "'job7', md5('x')::UUID, 'ok', 1, NULL, 60", 1.0),
    case!("grant/add", "'user7777', 'big', 'push'", 1.0),
    case!("grant/remove", "'user7777', 'big', NULL", 2.0),
    case!("refresh_token/add", "md5('x')::UUID, 7777, 7777, 'here', 'docker', '', 3600, 999", 12.0),
    case!("refresh_token/redeem", "md5('token7777')::UUID, 3600, 1, 60, 'here', ''", 2.0),
    case!("refresh_token/revoke", "'user7777'", 4.0),
    case!("repository/unlink_manifests", "'team1/image1', 5", 200.0),
    case!("repository/unlink_blobs", "'team1/image1', 100", 210.0),
    case!("tag/delete", "'big', 'v77777'", 2.0),
    case!("tag/page", "'big', '', 100, WHO", 106.0),
    case!("tag/page", "'big', 'v77777', 100, WHO", 106.0),
    case!("tag/page", "'big', 'zzz', 100, WHO", 106.0),
    case!("repository/page", "'', 100, 0", 401.0),
    case!("repository/page", "'team5/image505', 100, 0", 401.0),
    case!("repository/page", "'', 100, 7", 1050.0),
    case!("repository/page", "'', 100, NULL", 201.0),
    case!("repository/count_within", "'team5/new', 'team5', 50", 52.0),
    case!("repository/find_empty", "0, 1000, 0", 6000.0),
    case!("repository/lock_empty", "'{5,6}'", 2.0),
    case!("repository/remove_empty", "'{5,6}'", 12.0),
    case!("repository/ensure", "'big'", 2.0),
    case!("referrer/page", "'big', digest_of('subject', 1), '', 101, 4194304, WHO", 208.0),
    case!("referrer/page", "'big', digest_of('subject', 1), 'sha256:8', 101, 4194304, WHO", 208.0),
    case!(
        "referrer/page_of_types",
        "'big', digest_of('subject', 1), 'sha256:8', 101, 4194304, '{type/1,type/3}', WHO",
        311.0
    ),
    case!("upload/start", "md5('x')::UUID, 'big', 'bob', NULL, 5000", 3.0),
    case!("upload/start", "md5('x')::UUID, 'big', 'ann', NULL, 1000", 1003.0),
    case!("upload/get", "'big', md5('upload20000')::UUID, 'ann'", 4.0),
    case!("upload/parts", "md5('upload20000')::UUID", 2.0),
    case!("upload/pieces", "md5('upload20000')::UUID, 128", 10.0),
    case!("upload/append_piece", "md5('upload7')::UUID, 128, 'x', 'sha256', 'x'", 1.0),
    case!("upload/touch", "md5('upload20000')::UUID", 1.0),
    case!("upload/lock_idle_of", "'ann', 3600, 100", 201.0),
    case!("upload/lock", "md5('upload20000')::UUID", 1.0),
    case!("upload/lock_own", "'big', md5('upload20000')::UUID, 'ann'", 2.0),
    case!("upload/lock_idle", "3600, 100, 0", 201.0),
    case!(
        "upload/record_part",
        "md5('upload7')::UUID, 128, 64, 100, 'x', NULL, 'sha256', 'x', 0",
        14.0
    ),
    case!("upload/backlog", "3600, 1000", 1001.0),
    case!("upload/discard", "ARRAY[md5('upload7')::UUID, md5('upload8')::UUID]", 8.0),
    case!("collection/look", "", 1.0),
    case!("collection/check", "0", 1.0),
    case!("collection/unpinning", "", 1.0),
    case!("collection/state", "0", 3.0),
    case!("blob/pinned_page", "500000", 5000.0),
    case!("upload/pinned_page", "md5('upload7')::UUID, 0", 5000.0),
    case!("upload/protect_parts", "", 500.0),
    case!("unpin/doubtful", "", 1000.0),
    case!("unpin/adopt", "ARRAY[cid_of('part', 7), 'x']", 4.0),
    case!("pin/claim", "cid_of('part', 7), md5('claim')::UUID, 10", 3.0),
    case!("pin/hold", "cid_of('part', 7), md5('claim')::UUID", 1.0),
    case!("pin/keep", "cid_of('part', 7), md5('claim')::UUID", 4.0),
    case!("pin/named", "cid_of('blob', 7)", 1.0),
    case!("pin/named", "cid_of('part', 7)", 2.0),
    case!("pin/named", "'none'", 2.0),
    case!("pin/abandon", "cid_of('part', 7), md5('claim')::UUID", 1.0),
    case!("unpin/claim", "md5('claim')::UUID, 60", 500.0),
    case!("unpin/keep", "md5('claim')::UUID, ARRAY[cid_of('part', 7)], ARRAY[0::BIGINT]", 2.0),
    case!("unpin/done", "md5('claim')::UUID, ARRAY[cid_of('part', 7)], ARRAY[0::BIGINT]", 2.0),
    case!("unpin/await_doubt", "md5('claim')::UUID, ARRAY[cid_of('part', 7)]", 1.0),
    case!("unpin/postpone", "md5('claim')::UUID, ARRAY[cid_of('part', 7)], 60", 1.0),
    case!("review/take", "'link', 3600, 100", 201.0),
    case!("review/settle", "'link', '{1,1,1}', '{5,6,7}'", 3.0),
    case!("review/postpone", "'link', '{1,1,1}', '{5,6,7}', '{1,1,1}', 3600", 3.0),
    case!("review/postpone_next", "'link', 3600", 3.0),
    case!("review/lock_links", "'{1,1,1}', '{1,90000,90001}'", 15.0),
    case!("review/remove_links", "'{1,1,1}', '{1,90000,90001}'", 15.0),
    case!("review/lock_blobs", "'{1,90000,90001}'", 12.0),
    case!("review/remove_blobs", "'{1,90000,90001}'", 12.0),
    case!("review/lock_manifests", "'{1,90000,90001}'", 12.0),
    case!("review/remove_manifests", "'{1,90000,90001}'", 12.0),
    case!("review/describe_untagged", "'{1,1,1}', '{1,90000,90001}'", 40.0),
    case!("review/lock_untagged", "'{1,1,1}', '{1,90000,90001}'", 6.0),
    case!("review/remove_untagged", "'{1,1,1}', '{1,90000,90001}'", 60.0),
    case!("review/find_untagged", "1, 50000, 100, '{big,team}'", 700.0),
    case!("review/save", "'big', digest_of('blob', 77777), WHO", 10.0),
    case!("review/save_manifest", "'big', digest_of('manifest', 77777), WHO", 10.0),
    case!("review/backlog", "3600, 1000", 8100.0),
    case!("deletion/forget", "3600, 100", 300.0),
    case!("deletion/list", "digest_of('manifest', 77777), 10, 3600", 4.0),
    case!("deletion/content", "digest_of('manifest', 77777)", 1.0),
    case!("deletion/relink", "'big', first_digests('blob', 20)", 90.0),
    case!("deletion/retag", "'big', digest_of('manifest', 77777), now()", 6.0),
    case!("deletion/remove", "'big', digest_of('manifest', 77777)", 3.0),
    case!("recent_push/forget", "0, 100", 300.0),
    case!("refresh_token/forget", "0, 100", 300.0),
    case!("unpin/backlog", "1000", 1001.0),
    case!("unpin/forget", "100", 300.0),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_uses_indexes_and_touches_few_rows() {
    let rig::Database { store, admin, settings } = rig::database().await;
    drop(store);
    admin.batch_execute(FILL).await.unwrap();
    let mut faults = Vec::new();
    for mode in ["force_generic_plan", "force_custom_plan"] {
        for case in CASES {
            let whos = if case.arguments.contains("WHO") { &WHO[..] } else { &[""] };
            for arguments in whos.iter().map(|who| case.arguments.replace("WHO", who)) {
                if let Err(fault) = explain(&admin, mode, case, &arguments).await {
                    faults.push(format!("{} ({arguments}), {mode}: {fault}", case.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    foreign_keys_use_indexes_too(&admin, &settings).await;
}

async fn explain(admin: &Client, mode: &str, case: &Case, arguments: &str) -> Result<(), String> {
    let sql = case.sql;
    let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    let script = format!(
        "BEGIN; SET LOCAL plan_cache_mode = {mode}; PREPARE it AS {sql};
         EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE it {arguments};
         ROLLBACK; DEALLOCATE it"
    );
    let messages = admin.simple_query(&script).await.unwrap_or_else(|error| {
        panic!("{}: {error:?}", case.name);
    });
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plans: Value = serde_json::from_str(row.unwrap()).unwrap();
    let plan = &plans[0]["Plan"];
    let mut touched = 0.0;
    walk(plan, &mut touched)?;
    let blocks = number(plan, "Shared Hit Blocks") + number(plan, "Shared Read Blocks");
    // A row costs the pages on the way down an index of a million rows and its heap page, and a written row also the pages of
    // its other indexes.
    let most = 100.0 + 10.0 * case.rows;
    if touched > case.rows || blocks > most {
        return Err(format!(
            "{touched} rows instead of {}, {blocks} blocks instead of {most}: {plan:#}",
            case.rows
        ));
    }
    Ok(())
}

/// Counts the rows that the scans of a plan have read, in all loops.
fn walk(node: &Value, touched: &mut f64) -> Result<(), String> {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    // The table of the collection has one row.
    if kind == "Seq Scan" && node["Relation Name"] != "collection" {
        return Err(format!("Seq Scan on {}", node["Relation Name"]));
    }
    // A Bitmap Index Scan names no relation. Its rows are counted with the Bitmap Heap Scan above it.
    if kind.ends_with("Scan") && node.get("Relation Name").is_some() {
        let rows = number(node, "Actual Rows")
            + number(node, "Rows Removed by Filter")
            + number(node, "Rows Removed by Index Recheck");
        *touched += rows * number(node, "Actual Loops");
    }
    let children = node["Plans"].as_array();
    children.into_iter().flatten().try_for_each(|child| walk(child, touched))
}

fn number(node: &Value, key: &str) -> f64 {
    node.get(key).and_then(Value::as_f64).unwrap_or_default()
}

/// The checks of foreign keys are statements too. EXPLAIN does not show their plans, but the server counts their scans.
async fn foreign_keys_use_indexes_too(admin: &Client, settings: &Settings) {
    let scans = async || -> Vec<(String, i64)> {
        // The server publishes the counters of a session when the session ends.
        tokio::time::sleep(Duration::from_millis(300)).await;
        admin.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        let counters = "SELECT relname::TEXT, seq_tup_read FROM pg_stat_user_tables
            WHERE relname NOT IN ('schema_migrations', 'collection') ORDER BY relname";
        let rows = admin.query(counters, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    let before = scans().await;
    let settings = settings.clone();
    // In a debug build the futures are too large for the stack of a test.
    let calling = std::thread::Builder::new().stack_size(32 << 20).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::connect(&settings).await.unwrap();
            everything(&store).await;
            reviews(&store).await;
        });
    });
    let calling = calling.unwrap();
    tokio::task::spawn_blocking(move || calling.join().unwrap()).await.unwrap();
    assert_eq!(scans().await, before);
}

/// Calls each writing function once, each on rows of its own.
async fn everything(store: &Store) {
    let big = repository("big");
    for n in 1..=3 {
        commit(store, "big", n).await;
    }
    let mut image = manifest("big", 1000);
    (image.blobs, image.tags) = (vec![digest(1)], vec![tag("latest"), tag("v1")]);
    put(store, &image).await;
    let mut index = manifest("big", 1001);
    (index.children, index.subject) = (vec![digest(1000), digest(2)], Some(digest(1).to_string()));
    index.tags = vec![tag("latest")];
    put(store, &index).await;
    assert!(
        store.manifests().get(&open(&big), &reference("latest"), None).await.unwrap().is_some()
    );
    assert!(store.blobs().mount(&repository("new"), &digest(1), &anywhere()).await.unwrap());
    assert!(store.tags().delete(&big, &tag("latest")).await.unwrap());
    assert_eq!(store.blobs().unlink(&big, &digest(2)).await.unwrap(), Unlink::Referenced);
    assert!(store.manifests().delete(&big, &digest(1001)).await.unwrap());
    assert!(store.manifests().delete(&big, &digest(1000)).await.unwrap());
    assert_eq!(store.blobs().unlink(&big, &digest(2)).await.unwrap(), Unlink::Done);
    let id = start_upload(store, &big, "cem").await;
    let part = Part { offset: 0, size: 1, cid: cid(5) };
    let pinned = Some(claim(store, 5).await);
    let recorded = store.uploads().record_part(id, 0, part, stored(pinned), None).await;
    assert_eq!(recorded.unwrap(), Recorded::Done);
    assert!(store.uploads().cancel(&big, id, "cem").await.unwrap());
    let id = start_upload(store, &big, "cem").await;
    let commit = Commit {
        repository: big.clone(),
        digest: digest(6),
        size: 1,
        upload: Some(id),
        received: 0,
    };
    store.uploads().commit(&commit, claim(store, 6).await, Epoch::NONE).await.unwrap();
    assert_eq!(store.uploads().expire(Duration::from_secs(3600)).await.unwrap(), 100);
    assert!(store.unpins().forget().await.unwrap() > 0);
}

/// Calls what a review calls, on what the other functions have left.
async fn reviews(store: &Store) {
    for kind in ReviewKind::ALL {
        store.reviews().step(kind, Duration::from_secs(3600), 100).await.unwrap();
    }
    let goes = |_: &TaggedFacts| Judged::Goes;
    let judged = store.reviews().judge(Duration::from_secs(3600), 100, goes).await.unwrap();
    assert!(judged.items > 0);
    assert!(store.deletions().forget(Duration::from_secs(3600)).await.unwrap() > 0);
}
