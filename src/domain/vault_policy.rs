//! The engine's policies, generated from the estate: one for the broker, one per credential for the
//! tokens of tasks (design/vault.md). Policies are made of typed parts, never of free text, so no
//! name or path of an estate can add a wildcard, a quote or a rule (threat T29).
//!
//! `leasehold vault policy` prints them, `doctor` compares them with what is there. Paths alone do
//! not confine a token: a lease id in the body beats the one in the URL, so parameters are pinned.

mod rule;

use crate::base::{Digest, Name};
use crate::estate::{Credential, EnginePath, Estate, Kind};
use rule::{Capability, Part, Rule, Value};

/// Name of the broker's own policy.
pub const BROKER_POLICY: &str = "leasehold-broker";
/// Name of the token role that makes the tokens of tasks.
pub const TOKEN_ROLE: &str = "leasehold-task";
/// Path suffix of the token role, so that leases of task tokens stand under one prefix.
pub const TOKEN_PATH_SUFFIX: &str = "leasehold";
/// What the names of credential policies begin with; the token role allows `leasehold-cred-*` only.
pub const CREDENTIAL_POLICY_PREFIX: &str = "leasehold-cred-";

/// Every policy with its name: the broker's first, then those of the credentials.
#[must_use]
pub fn policies(estate: &Estate) -> Vec<(String, String)> {
    let mut policies = vec![(BROKER_POLICY.to_owned(), broker_policy(estate))];
    policies.extend(credential_policies(estate));
    policies
}

/// The broker's own policy: make, look up and end the tokens of tasks; look up, list, renew and end
/// leases of declared credentials. It reads no secret.
#[must_use]
pub fn broker_policy(estate: &Estate) -> String {
    let leased = estate.credentials().values().filter(|credential| credential.kind.is_leased());
    let paths: Vec<&EnginePath> = leased.map(|credential| &credential.path).collect();
    let mut rules = token_rules();
    rules.extend(lease_lookup(&paths));
    rules.extend(paths.iter().flat_map(|path| lease_rules(path)));
    rule::hcl(&rules)
}

/// The policy of each credential, with its name, by credential.
#[must_use]
pub fn credential_policies(estate: &Estate) -> Vec<(String, String)> {
    let policy = |(name, it): (&Name, &Credential)| (policy_name(name, it), rule::hcl(&[credential_rule(it)]));
    estate.credentials().iter().map(policy).collect()
}

/// `leasehold-cred-<name>-<8 hex>`: the end is the beginning of a SHA-256 over path, capabilities and
/// parameters, so that an edit of the estate cannot re-point a live token.
#[must_use]
pub fn policy_name(name: &Name, credential: &Credential) -> String {
    let digest = Digest::of(&[credential_rule(credential).line().as_bytes()]);
    let hex: String = digest.as_bytes().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{CREDENTIAL_POLICY_PREFIX}{name}-{hex}")
}

/// What the token of a task may do with one of its credentials: draw it, and nothing else.
fn credential_rule(credential: &Credential) -> Rule<'_> {
    let path = vec![Part::At(&credential.path)];
    match credential.kind {
        Kind::Database | Kind::Kv => Rule::of(path, &[Capability::Read]),
        Kind::Pki => Rule::of(path, &[Capability::Update])
            .requires(&["csr", "ttl", "uri_sans"])
            .allows("csr", Value::any())
            .allows("format", vec![Value::Text("pem")])
            .allows("ttl", Value::any())
            .allows("uri_sans", Value::any()),
    }
}

fn token_rules() -> Vec<Rule<'static>> {
    let make = Rule::of(vec![Part::Fixed("auth/token/create"), Part::Fixed(TOKEN_ROLE)], &[Capability::Update])
        .requires(&["policies", "explicit_max_ttl", "display_name", "meta"])
        .allows("policies", Value::any())
        .allows("explicit_max_ttl", Value::any())
        .allows("display_name", Value::any())
        .allows("meta", Value::any())
        .allows("ttl", Value::any())
        .allows("renewable", vec![Value::False]);
    let update = |path| Rule::of(vec![Part::Fixed(path)], &[Capability::Update]);
    // A token must not be made with a policy that does not exist yet: somebody could write it later.
    let policies =
        Rule::of(vec![Part::Fixed("sys/policies/acl"), Part::Begins(CREDENTIAL_POLICY_PREFIX)], &[Capability::Read]);
    let tokens = ["sys/leases/lookup/auth/token/create", TOKEN_ROLE, TOKEN_PATH_SUFFIX].map(Part::Fixed);
    vec![
        make,
        update("auth/token/lookup-accessor"),
        update("auth/token/revoke-accessor"),
        update("auth/token/renew-self"),
        policies,
        Rule::of(tokens.to_vec(), &[Capability::List, Capability::Sudo]),
    ]
}

/// Looking up leases of declared paths. Without any, no rule: an empty list would allow every lease.
fn lease_lookup<'e>(paths: &[&'e EnginePath]) -> Option<Rule<'e>> {
    if paths.is_empty() {
        return None;
    }
    let leases = paths.iter().map(|path| Value::LeasesBelow(path)).collect();
    let rule = Rule::of(vec![Part::Fixed("sys/leases/lookup")], &[Capability::Update]);
    Some(rule.requires(&["lease_id"]).allows("lease_id", leases))
}

fn lease_rules(path: &EnginePath) -> [Rule<'_>; 3] {
    [
        Rule::of(vec![Part::Fixed("sys/leases/revoke"), Part::At(path), Part::Below], &[Capability::Update])
            .requires(&["sync"])
            .allows("sync", vec![Value::True]),
        Rule::of(vec![Part::Fixed("sys/leases/renew"), Part::At(path), Part::Below], &[Capability::Update])
            .allows("increment", Value::any()),
        Rule::of(vec![Part::Fixed("sys/leases/lookup"), Part::At(path)], &[Capability::List, Capability::Sudo]),
    ]
}

#[cfg(test)]
mod tests;
