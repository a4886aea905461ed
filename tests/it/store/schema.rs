//! Migrations: concurrent starts, other versions of the schema, tables of another program, and few rights.

use af_registry::store::{Store, StoreError};

use super::{commit, digest, open, repository};
use crate::rig::postgres::{connect, shared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_start_at_once_migrate_once() {
    let settings = shared().empty_database("").await;
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { Store::connect(&settings).await.unwrap() })
        })
        .collect();
    for start in starts {
        let store = start.await.unwrap();
        commit(&store, "a", 1).await;
    }
    let admin = connect(&settings).await;
    let rows = admin
        .query(
            "SELECT version, name, length(checksum) FROM schema_migrations ORDER BY version",
            &[],
        )
        .await
        .unwrap();
    let versions: Vec<(i32, String, i32)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let brought = [
        "content",
        "uploads",
        "access",
        "certificates",
        "jobs",
        "link_types",
        "fill_link_types",
        "upload_pieces",
        "refresh_generations",
        "last_use",
        "emptiness",
        "upload_hashes",
        "scrubs",
        "pin_claims",
        "collection",
        "reviews",
        "fill_reviews",
        "first_collection",
        "unfinished_collection",
    ];
    let brought = (1..).zip(brought).map(|(n, name)| (n, name.to_owned(), 64));
    assert_eq!(versions, brought.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_newer_schema_and_a_changed_migration_stop_the_start() {
    let settings = shared().empty_database("").await;
    Store::migrate(&settings).await.unwrap();
    let admin = connect(&settings).await;
    admin.batch_execute("INSERT INTO schema_migrations VALUES (9000, 'later', 'x')").await.unwrap();
    let error = Store::connect(&settings).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 9000, .. }), "{error}");
    admin
        .batch_execute(
            "DELETE FROM schema_migrations WHERE version = 9000;
             UPDATE schema_migrations SET checksum = 'x' WHERE version = 1",
        )
        .await
        .unwrap();
    let error = Store::connect(&settings).await.unwrap_err();
    assert!(matches!(error, StoreError::ChangedMigration { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_database_with_other_tables_of_the_same_names_is_rejected_and_unchanged() {
    let settings = shared().empty_database("").await;
    let admin = connect(&settings).await;
    admin.batch_execute("CREATE TABLE manifests (mine INTEGER)").await.unwrap();
    let error = Store::connect(&settings).await.unwrap_err();
    assert!(matches!(error, StoreError::FailedMigration { version: 1, .. }), "{error}");
    assert!(error.to_string().contains("\"manifests\" already exists"), "{error}");
    let blobs = "SELECT to_regclass('blobs') IS NULL";
    assert!(admin.query_one(blobs, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_role_that_may_only_use_the_tables_can_serve() {
    let mut settings = shared().empty_database("").await;
    Store::migrate(&settings).await.unwrap();
    let admin = connect(&settings).await;
    let role = format!("user_of_{}", settings.database);
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
        ))
        .await
        .unwrap();
    settings.user = role;
    let store = Store::connect(&settings).await.unwrap();
    commit(&store, "a", 1).await;
    assert!(store.blobs().get(&open(&repository("a")), &digest(1)).await.unwrap().is_some());
}
