//! The form of the file, by version. A file of a later version is refused.

use super::broken;
use crate::ports::{Fault, FaultKind};
use rusqlite::Connection;

const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, checkpoint TEXT NOT NULL) STRICT;
CREATE TABLE entry (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE opening (idx INTEGER NOT NULL, field TEXT NOT NULL, entry_type TEXT NOT NULL, salt BLOB NOT NULL,
  value TEXT NOT NULL, PRIMARY KEY (idx, field)) STRICT, WITHOUT ROWID;
CREATE TABLE tile (level INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,
  PRIMARY KEY (level, number)) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
";

/// Sets the connection up and makes the tables of a new file.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    let sql = |error| broken("the log's file cannot be used", error);
    connection.pragma_update(None, "journal_mode", "wal").map_err(sql)?;
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000).map_err(sql)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    match version {
        0 => {
            let transaction = connection.transaction().map_err(sql)?;
            transaction.execute_batch(TABLES).map_err(sql)?;
            transaction.commit().map_err(sql)
        }
        VERSION => Ok(()),
        later => {
            let sentence = format!("the log's file has form {later}, this program knows up to {VERSION}: use a newer one");
            Err(Fault::new(FaultKind::Permanent, sentence))
        }
    }
}
