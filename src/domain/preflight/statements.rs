//! The SQL that ends an account, decided once (design/vault.md), and a comparison that overlooks only
//! white space, case outside quotes, and a closing semicolon.

/// First close the door and commit, so that nothing the user did can roll it back; then end the
/// sessions and drop. One item of the role's list each, in this order.
pub const REVOCATION_STATEMENTS: [&str; 5] = [
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname='{{name}}') THEN ALTER ROLE \"{{name}}\" NOLOGIN; END IF; END $$;",
    "COMMIT",
    "BEGIN",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='{{name}}'",
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname='{{name}}') THEN DROP OWNED BY \"{{name}}\"; DROP ROLE \"{{name}}\"; END IF; END $$;",
];

/// Whether a role's list is the decided one.
pub(super) fn end_accounts(statements: &[String]) -> bool {
    let found = statements.iter().map(|it| normal(it)).filter(|it| !it.is_empty());
    found.eq(REVOCATION_STATEMENTS.iter().map(|it| normal(it)))
}

/// Whether one of the statements holds the fragment.
pub(super) fn hold(statements: &[String], fragment: &str) -> bool {
    let fragment = normal(fragment);
    statements.iter().any(|it| normal(it).contains(&fragment))
}

/// The group role that accounts are made in, as it is written; `None` unless it is one plain name.
pub(super) fn group_role(statements: &[String]) -> Option<&str> {
    let behind = statements.iter().find_map(|it| {
        // Same length in upper case, so the place is the same: only ASCII letters change.
        let at = it.to_ascii_uppercase().find(" IN ROLE ")?;
        it.get(at + " IN ROLE ".len()..)
    })?;
    let name = behind.trim_start().split(|c: char| c == ';' || c.is_whitespace()).next()?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && !name.is_empty()).then_some(name)
}

/// Whether a privilege is granted on a thing, rather than a role to a role.
pub(super) fn grant_on_things(statements: &[String]) -> bool {
    let parts = statements.iter().flat_map(|it| it.split(';')).map(normal);
    parts.filter(|part| part.starts_with("GRANT ")).any(|part| part.contains(" ON "))
}

/// Single spaces, none beside `=`, upper case outside quotes, no closing semicolon.
pub(super) fn normal(statement: &str) -> String {
    let mut normal = String::with_capacity(statement.len());
    let mut quote = None;
    for letter in statement.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace()).chars() {
        match quote {
            Some(open) => {
                normal.push(letter);
                quote = (letter != open).then_some(open);
            }
            None if letter.is_whitespace() => {
                if !normal.ends_with([' ', '=']) {
                    normal.push(' ');
                }
            }
            None => {
                if letter == '=' && normal.ends_with(' ') {
                    normal.pop();
                }
                normal.extend(letter.to_uppercase());
                quote = matches!(letter, '\'' | '"').then_some(letter);
            }
        }
    }
    normal
}

/// One word of a shell command, quoted only if it must be.
pub(super) fn word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'_' | b'-');
    if !word.is_empty() && word.bytes().all(plain) { word.to_owned() } else { shell(word) }
}

/// One word of a shell command, quoted so that the shell leaves it alone.
pub(super) fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
