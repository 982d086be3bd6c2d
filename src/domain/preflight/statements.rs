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

/// One word of a shell command, quoted so that the shell leaves it alone.
pub(super) fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
