//! A database credential: accounts that end by themselves, and end for good when they are revoked.

use super::check::{Checks, Finding};
use super::statements::{REVOCATION_STATEMENTS, end_accounts, grant_on_things, group_role, hold, shell};
use super::{ConnectionDetails, DatabaseRole, DatabaseSurvey, engine_names};
use crate::base::Name;
use crate::estate::Credential;

pub(super) fn examine(name: &Name, credential: &Credential, seen: Option<&DatabaseSurvey>) -> Vec<Finding> {
    let mut checks = Checks::of(format!("database.{name}"));
    let (mount, role_name) = engine_names(credential);
    let path = format!("{mount}/roles/{role_name}");
    let role = checks.seen("role", &path, seen.map(|seen| &seen.role));
    let Some(role) = role else { return checks.done() };
    let config = format!("{mount}/config/{}", role.db_name);
    let connection = checks.seen("connection", &config, seen.map(|seen| &seen.connection));
    let details = connection.map(|connection| &connection.connection_details);
    let mend = creation_mend(&path, role, details);
    examine_creation(role, &mend, &mut checks);
    if let Some(details) = details {
        examine_engine_grant(role, &details.username, &mend, &mut checks);
        examine_connection(&config, details, &mut checks);
    }
    examine_revocation(&path, role, &mut checks);
    examine_ttl(&path, role, credential, &mut checks);
    checks.done()
}

/// The whole statement anew, with the names that the role and the connection have now; what neither
/// tells is left to fill in.
fn creation_mend(path: &str, role: &DatabaseRole, details: Option<&ConnectionDetails>) -> String {
    let group = group_role(&role.creation_statements).unwrap_or("<group role>");
    let engine = details.map(|it| it.username.as_str()).filter(|name| !name.is_empty()).unwrap_or("<engine user>");
    let creation = CREATION.replace("<group role>", group).replace("<engine user>", engine);
    format!("bao write {path} creation_statements={}", shell(&creation))
}

fn examine_creation(role: &DatabaseRole, mend: &str, checks: &mut Checks) {
    let statements = &role.creation_statements;
    let mend = || mend.to_owned();
    checks.fail_unless("valid-until", hold(statements, "VALID UNTIL '{{expiration}}'"), || {
        (
            "accounts end at the database by themselves".into(),
            "accounts have no VALID UNTIL: one that the engine forgets lives for ever".into(),
            mend(),
        )
    });
    checks.fail_unless("in-role", hold(statements, " IN ROLE "), || {
        (
            "accounts get their rights from a group role".into(),
            "accounts are not made IN ROLE: grants to each of them collide when many are made and dropped".into(),
            mend(),
        )
    });
    checks.warn_unless("object-grants", !grant_on_things(statements), || {
        (
            "no account is granted anything by itself".into(),
            "accounts are granted privileges on objects: revocations then fail with `tuple concurrently updated`"
                .into(),
            mend(),
        )
    });
}

fn examine_engine_grant(role: &DatabaseRole, engine: &str, mend: &str, checks: &mut Checks) {
    let plain = format!("GRANT \"{{{{name}}}}\" TO {engine}");
    let quoted = format!("GRANT \"{{{{name}}}}\" TO \"{engine}\"");
    let granted = hold(&role.creation_statements, &plain) || hold(&role.creation_statements, &quoted);
    checks.fail_unless("engine-grant", !engine.is_empty() && granted, || {
        (
            format!("{engine} may end the sessions of the accounts that it makes"),
            format!("accounts are not granted to {engine}, which then may not end their sessions"),
            mend.to_owned(),
        )
    });
}

fn examine_revocation(path: &str, role: &DatabaseRole, checks: &mut Checks) {
    checks.fail_unless("revocation", end_accounts(&role.revocation_statements), || {
        let arguments = REVOCATION_STATEMENTS.map(|statement| format!("revocation_statements={}", shell(statement)));
        (
            "revocation closes the door, ends sessions and drops the account".into(),
            "the revocation statements are not the decided ones: an account could outlive its revocation".into(),
            format!("bao write {path} {}", arguments.join(" ")),
        )
    });
}

fn examine_connection(config: &str, details: &ConnectionDetails, checks: &mut Checks) {
    let template = details.username_template.split_whitespace().collect::<Vec<_>>().join(" ");
    let tagged = template.starts_with(TAG_TEMPLATE) && template.contains("random");
    checks.fail_unless("username-template", tagged, || {
        (
            "accounts carry Leasehold's tag, so an orphan can be found".into(),
            "account names do not begin with the full tag and end by chance: an orphan could not be found".into(),
            format!(
                "bao write {config} username_template={}",
                shell(&format!("{TAG_TEMPLATE}-{{{{random 8 | lowercase}}}}"))
            ),
        )
    });
    let pool = details.max_open_connections;
    checks.warn_unless("pool", (4..=64).contains(&pool), || {
        (
            format!("the engine opens up to {pool} connections"),
            format!("max_open_connections is {pool} (0: never set, negative: without bound)"),
            format!("bao write {config} max_open_connections=8"),
        )
    });
    let url = &details.connection_url;
    checks.warn_unless("timeouts", url.contains("lock_timeout=") && url.contains("statement_timeout="), || {
        (
            "a stuck account does not hold up the others".into(),
            "the connection has no lock_timeout or no statement_timeout: one stuck account holds up all others".into(),
            format!(
                "bao write {config} connection_url=<the present one with lock_timeout=5000&statement_timeout=10000>"
            ),
        )
    });
    checks.warn_unless("password", details.password_authentication == "scram-sha-256", || {
        (
            "passwords reach the database hashed".into(),
            "passwords reach the database in clear, and so may its log".into(),
            format!("bao write {config} password_authentication=scram-sha-256"),
        )
    });
}

fn examine_ttl(path: &str, role: &DatabaseRole, credential: &Credential, checks: &mut Checks) {
    let longest = credential.max_ttl_seconds;
    let default = role.default_ttl;
    checks.warn_unless("default-ttl", (1..=longest).contains(&default), || {
        (
            format!("an account lives {default} s before it is renewed down, {longest} s are allowed"),
            format!("an account lives {default} s (0: the engine's longest) until it is renewed down to {longest} s"),
            format!("bao write {path} default_ttl={longest}s"),
        )
    });
    let max = role.max_ttl;
    checks.warn_unless("max-ttl", (longest..=86_400).contains(&max), || {
        (
            format!("the engine ends an account after {max} s in any case"),
            format!("max_ttl is {max} s (0: the engine's longest), the estate allows {longest} s"),
            format!("bao write {path} max_ttl={longest}s"),
        )
    });
}

/// The tag: `lh`, 4 characters of the log's origin, 12 random ones.
const TAG_TEMPLATE: &str = "{{.DisplayName | replace \"token-\" \"\" | truncate 18}}";
const CREATION: &str = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE <group role>; GRANT \"{{name}}\" TO <engine user>;";
