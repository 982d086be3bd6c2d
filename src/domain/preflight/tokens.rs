//! The token role: what the tokens of tasks can be at most, whoever asks.

use super::check::{Checks, Finding};
use super::{Survey, TokenRole};
use crate::vault_policy::{CREDENTIAL_POLICY_PREFIX, TOKEN_PATH_SUFFIX, TOKEN_ROLE};

pub(super) fn examine(survey: &Survey) -> Vec<Finding> {
    let mut checks = Checks::of("tokens");
    let path = format!("auth/token/roles/{TOKEN_ROLE}");
    if let Some(role) = checks.seen("role", &path, Some(&survey.token_role)) {
        examine_reach(&path, role, &mut checks);
        examine_life(&path, role, &mut checks);
    }
    checks.done()
}

fn examine_reach(path: &str, role: &TokenRole, checks: &mut Checks) {
    let glob = format!("{CREDENTIAL_POLICY_PREFIX}*");
    let narrow = role.allowed_policies_glob == [glob.as_str()] && role.allowed_policies.is_empty();
    checks.fail_unless("policies", narrow && role.token_no_default_policy, || {
        let (names, globs) = (&role.allowed_policies, &role.allowed_policies_glob);
        (
            "tokens of tasks reach declared credentials and nothing else".into(),
            format!("tokens of tasks may have {names:?}, {globs:?}, or default beside them"),
            format!("bao write {path} allowed_policies= allowed_policies_glob='{glob}' token_no_default_policy=true"),
        )
    });
    checks.fail_unless("suffix", role.path_suffix == TOKEN_PATH_SUFFIX, || {
        (
            format!("tokens of tasks are listed under {TOKEN_PATH_SUFFIX}"),
            format!("path_suffix is {:?}: the broker cannot list the tokens of tasks", role.path_suffix),
            format!("bao write {path} path_suffix={TOKEN_PATH_SUFFIX}"),
        )
    });
    checks.warn_unless("cidrs", !role.token_bound_cidrs.is_empty(), || {
        (
            "tokens of tasks work from the broker's addresses only".into(),
            "tokens of tasks work from every address".into(),
            format!("bao write {path} token_bound_cidrs=<addresses of the broker>"),
        )
    });
}

fn examine_life(path: &str, role: &TokenRole, checks: &mut Checks) {
    checks.fail_unless("parentless", role.orphan, || {
        (
            "tokens of tasks outlive a new login of the broker".into(),
            "tokens of tasks die with the broker's token".into(),
            format!("bao write {path} orphan=true"),
        )
    });
    checks.fail_unless("type", role.token_type == "service", || {
        (
            "tokens of tasks have an accessor and can be revoked".into(),
            format!("tokens of tasks are {:?}: a batch token cannot be revoked", role.token_type),
            format!("bao write {path} token_type=service"),
        )
    });
    let max = role.token_explicit_max_ttl;
    let bounded = (1..=86_400).contains(&max) && !role.renewable && role.token_period == 0;
    checks.fail_unless("life", bounded, || {
        (
            format!("tokens of tasks die after {max} s in any case"),
            format!("tokens of tasks can live long: token_explicit_max_ttl is {max}, renewable {}", role.renewable),
            // No window is longer than a day; an operator who knows a lesser bound writes that.
            format!("bao write {path} token_explicit_max_ttl=24h renewable=false token_period=0"),
        )
    });
}
