//! Columns of text, aligned with spaces. Pure; what comes out is escaped already.

use super::text::plain;

/// Headings and rows as lines; the last column is not padded. Missing cells are empty.
pub(crate) fn aligned(headings: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let heading: Vec<String> = headings.iter().map(|text| (*text).to_owned()).collect();
    let mut lines: Vec<Vec<String>> = vec![heading];
    lines.extend(rows.iter().map(|row| row.iter().map(|cell| plain(cell).into_owned()).collect()));
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| {
            lines.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    lines.iter().map(|row| padded(row, &widths)).collect()
}

/// Names and values as lines, the values in one column.
pub(crate) fn facts(facts: &[(&str, String)]) -> Vec<String> {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    facts.iter().map(|(name, value)| format!("{name:width$}  {}", plain(value))).collect()
}

fn padded(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    cells.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_strangers_cannot_break_them() {
        let rows = [vec!["a".into(), "x\ny".into(), "1".into()], vec!["long".into(), "z".into(), "22".into()]];
        assert_eq!(aligned(&["ONE", "TWO", "N"], &rows), ["ONE   TWO   N", "a     x\\ny  1", "long  z     22"]);
        assert_eq!(facts(&[("id", "7".into()), ("state", "on".into())]), ["id     7", "state  on"]);
    }
}
