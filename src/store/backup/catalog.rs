//! The tables that a backup holds, and the order in which foreign keys let them be filled.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::store::db::migrate;
use crate::store::error::StoreError;

/// Tables that a backup leaves out: what is under way, what each database has of its own, and what lives for minutes. A
/// table that a migration fills belongs here, because a new database would not be empty.
const LEFT_OUT: [&str; 7] = [
    "acme_challenges",
    "collection",
    "jobs",
    "recent_pushes",
    "upload_parts",
    "upload_pieces",
    "uploads",
];

const COLUMNS: &str = "
    SELECT c.relname::TEXT AS name, array_agg(a.attname::TEXT ORDER BY a.attnum) AS columns
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::TEXT::regnamespace AND c.relname = ANY ($1)
    GROUP BY c.relname ORDER BY c.relname COLLATE \"C\"";

const REFERENCES: &str = "
    SELECT DISTINCT f.relname::TEXT AS referring, t.relname::TEXT AS referred
    FROM pg_constraint k
    JOIN pg_class f ON f.oid = k.conrelid
    JOIN pg_class t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND f.relnamespace = current_schema()::TEXT::regnamespace AND f.oid <> t.oid";

/// Sequences that belong to these tables, and those with these names.
const SEQUENCES: &str = "
    SELECT s.relname::TEXT
    FROM pg_class s
    WHERE s.relkind = 'S' AND s.relnamespace = current_schema()::TEXT::regnamespace
      AND (s.relname = ANY ($2) OR EXISTS (
          SELECT FROM pg_depend d
          JOIN pg_class t ON t.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
          WHERE d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
            AND t.relname = ANY ($1)
      ))
    ORDER BY s.relname COLLATE \"C\"";

/// A table of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupTable {
    /// Name of the table.
    pub name: String,
    /// Names of its columns, in the order of the rows.
    pub columns: Vec<String>,
}

impl BackupTable {
    /// The columns as a list in SQL.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
    }
}

/// The tables that a backup of this database holds. A table comes after those that it refers to.
pub(super) async fn tables(client: &Client) -> Result<Vec<BackupTable>, StoreError> {
    let names = ours();
    let rows = client.query(COLUMNS, &[&names]).await?;
    let mut open = Vec::new();
    for row in &rows {
        open.push(BackupTable { name: row.try_get("name")?, columns: row.try_get("columns")? });
    }
    let rows = client.query(REFERENCES, &[]).await?;
    let mut references = Vec::new();
    for row in &rows {
        references.push((row.try_get("referring")?, row.try_get("referred")?));
    }
    Ok(sorted(open, &references))
}

/// The names of the sequences that give numbers to rows of a backup.
pub(super) async fn sequences(client: &Client) -> Result<Vec<String>, StoreError> {
    let rows = client.query(SEQUENCES, &[&ours(), &migrate::created("SEQUENCE")]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The tables that the migrations create, without those that are left out.
pub(super) fn ours() -> Vec<&'static str> {
    migrate::created("TABLE").into_iter().filter(|name| !LEFT_OUT.contains(name)).collect()
}

/// Puts each table after those that it refers to. Tables that refer to each other in a circle keep their order.
fn sorted(mut open: Vec<BackupTable>, references: &[(String, String)]) -> Vec<BackupTable> {
    let mut done: Vec<BackupTable> = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let waiting: BTreeSet<&str> = open.iter().map(|table| table.name.as_str()).collect();
        let free = open.iter().position(|table| {
            let mut referred = references.iter().filter(|(from, _)| *from == table.name);
            !referred.any(|(_, to)| waiting.contains(to.as_str()))
        });
        done.push(open.remove(free.unwrap_or(0)));
    }
    done
}

/// A name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let table = |name: &str| BackupTable { name: name.into(), columns: Vec::new() };
        let refer = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let open = ["a", "b", "c", "d"].map(table).to_vec();
        let references = [refer("a", "c"), refer("c", "d"), refer("a", "elsewhere")];
        let names: Vec<String> =
            sorted(open, &references).into_iter().map(|table| table.name).collect();
        assert_eq!(names, ["b", "d", "c", "a"]);
    }

    #[test]
    fn every_table_is_known() {
        let tables = migrate::created("TABLE");
        for name in LEFT_OUT {
            assert!(tables.contains(&name), "{name}");
        }
        for name in ["blobs", "tags", "accounts", "signing_keys"] {
            assert!(ours().contains(&name), "{name}");
        }
        assert_eq!(migrate::created("SEQUENCE"), ["account_revisions"]);
        assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
    }
}
