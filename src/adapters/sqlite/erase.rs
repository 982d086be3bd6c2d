//! Erasing openings: salt and value are overwritten in place by zero bytes of the same length, so
//! that nothing on the page moves and no copy stays behind. The entry and its commitment stay.

use super::schema;
use rusqlite::{Transaction, params};

/// The salt of an opening that was erased. Chance does not give it.
pub(super) const ERASED: [u8; 32] = [0; 32];

/// What is gone already is passed over.
pub(super) fn openings(transaction: &Transaction<'_>, erased: &[(u64, Vec<String>)]) -> rusqlite::Result<()> {
    for (index, fields) in erased {
        let (first, after) = (schema::first_place(*index), schema::first_place(index.saturating_add(1)));
        for field in fields {
            let mut found = transaction.prepare_cached(
                "SELECT place, octet_length(value) FROM opening WHERE place >= ? AND place < ? AND field = ?",
            )?;
            let found: Vec<(i64, i64)> = found
                .query_map(params![first, after, field], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (place, length) in found {
                let mut overwrite =
                    transaction.prepare_cached("UPDATE opening SET salt = ?, value = ? WHERE place = ?")?;
                overwrite.execute(params![ERASED, "\0".repeat(usize::try_from(length).unwrap_or_default()), place])?;
            }
        }
    }
    Ok(())
}
