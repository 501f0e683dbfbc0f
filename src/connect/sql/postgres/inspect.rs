//! What PostgreSQL says about its own tables.

use jiff::Timestamp;

use super::Postgres;
use crate::connect::ConnectError;
use crate::connect::sql::{Dialect, TableName, statement, types};
use crate::model::{ColumnInfo, TableInfo};

const TABLES: &str = "SELECT CASE WHEN CASE WHEN $1::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = $1 END THEN c.relname::text \
    ELSE n.nspname || '.' || c.relname END \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1";

const COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), \
    format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL), a.attnotnull OR t.typnotnull, \
    a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL, a.attgenerated <> '' OR a.attidentity = 'a', \
    ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) \
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
    WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const UNIQUE: &str = "SELECT i.indisprimary, ARRAY(SELECT a.attname::text \
    FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k(num, at) \
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num ORDER BY k.at) \
    FROM pg_index i WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate \
    AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY i.indexrelid";

impl Postgres {
    pub(in crate::connect::sql) async fn tables(&self) -> Result<Vec<String>, ConnectError> {
        let rows = self
            .client()
            .await?
            .query(TABLES, &[&self.0.schema])
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    pub(in crate::connect::sql) async fn inspect(
        &self,
        name: &TableName,
    ) -> Result<Option<TableInfo>, ConnectError> {
        let client = self.client().await?;
        let quoted = statement::table(&self.qualified(name));
        let rows = client.query(COLUMNS, &[&quoted]).await.map_err(|error| self.failed(&error))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let columns = rows.iter().map(column).collect();
        let rows = client.query(UNIQUE, &[&quoted]).await.map_err(|error| self.failed(&error))?;
        let (mut primary_key, mut unique) = (Vec::new(), Vec::new());
        for row in rows {
            let set: Vec<String> = row.get(1);
            if row.get(0) { primary_key = set } else { unique.push(set) }
        }
        Ok(Some(TableInfo {
            name: name.to_string(),
            columns,
            primary_key,
            unique,
            read_at: Timestamp::now(),
        }))
    }

    /// Runs DDL in one transaction.
    pub(in crate::connect::sql) async fn apply(&self, statements: &[String]) -> Result<(), ConnectError> {
        let client = self.client().await?;
        let script = format!("BEGIN; {} COMMIT;", statements.join(" "));
        let applied = client.batch_execute(&script).await;
        if applied.is_err() {
            // The failure of the script is what is reported; a connection that cannot roll back is not reused.
            _ = client.batch_execute("ROLLBACK").await;
        }
        applied.map_err(|error| self.failed(&error))
    }
}

fn column(row: &tokio_postgres::Row) -> ColumnInfo {
    let base: String = row.get(2);
    ColumnInfo {
        name: row.get(0),
        kind: types::kind_of(Dialect::Postgres, &base),
        native: row.get(1),
        nullable: !row.get::<_, bool>(3),
        has_default: row.get(4),
        read_only: row.get(5),
        one_of: row.get(6),
    }
}
