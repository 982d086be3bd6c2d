//! The broker's own login: by its JWT-SVID, for this engine alone, into a short token.
//!
//! A write to the login's configuration replaces it, a write to its role keeps what is not named but
//! must say `role_type` again (OpenBao 2.7.2); the mends are whole in that sense.

use super::check::{Checks, Finding};
use super::statements::word;
use super::{Expected, JwtRole, Survey};
use crate::base::SpiffeId;
use crate::vault_policy::BROKER_POLICY;

pub(super) fn examine(expected: &Expected<'_>, survey: &Survey) -> Vec<Finding> {
    let mut checks = Checks::of("login");
    let mount = format!("auth/{}", expected.login_mount);
    let config = format!("{mount}/config");
    if let Some(seen) = checks.seen("config", &config, Some(&survey.login_config)) {
        checks.warn_unless("keys", !seen.jwks_url.is_empty(), || {
            (
                format!("keys are fetched from {}", seen.jwks_url),
                "keys are pinned: the login breaks when the trust domain's key rotates".into(),
                format!("bao write {config} jwks_url=<JWKS address of the trust domain> jwt_supported_algs=ES256,ES384,RS256"),
            )
        });
    }
    let path = format!("{mount}/role/{}", expected.login_role);
    if let Some(role) = checks.seen("role", &path, Some(&survey.login_role)) {
        examine_identity(expected, &path, role, &mut checks);
        examine_leeways(&path, role, &mut checks);
        examine_token(&path, role, &mut checks);
    }
    checks.done()
}

fn examine_identity(expected: &Expected<'_>, path: &str, role: &JwtRole, checks: &mut Checks) {
    examine_subject(expected.broker_id, path, role, checks);
    let audience = expected.audience;
    checks.fail_unless("audience", role.bound_audiences == [audience], || {
        (
            format!("only tokens for the audience {audience:?} are taken"),
            format!("the audiences {:?} are taken, not only {audience:?}", role.bound_audiences),
            format!("bao write {path} role_type=jwt bound_audiences={}", word(audience)),
        )
    });
}

fn examine_subject(broker: Option<&SpiffeId>, path: &str, role: &JwtRole, checks: &mut Checks) {
    let Some(broker) = broker else {
        let sentence = format!("the role lets {:?} in; who the broker is, is not known here", role.bound_subject);
        let mend = "run doctor where the broker gets its SVID, or with --broker-id".into();
        return checks.warn_unless("subject", false, || (String::new(), sentence, mend));
    };
    let is_broker = role.bound_subject == broker.as_str() && role.user_claim == "sub" && role.role_type == "jwt";
    checks.fail_unless("subject", is_broker, || {
        (
            format!("only {broker} logs in"),
            format!("the role lets {:?} in, not {broker} by its sub claim", role.bound_subject),
            format!("bao write {path} role_type=jwt user_claim=sub bound_subject={broker}"),
        )
    });
}

/// Without these, a JWT-SVID of five minutes logs in for seven and a half.
fn examine_leeways(path: &str, role: &JwtRole, checks: &mut Checks) {
    let exact = [
        ("expiration-leeway", "expiration_leeway", role.expiration_leeway),
        ("not-before-leeway", "not_before_leeway", role.not_before_leeway),
    ];
    for (check, field, seconds) in exact {
        checks.fail_unless(check, seconds == -1, || {
            (
                format!("{field} is off"),
                format!(
                    "{field} is {seconds}, which the engine reads as {} s",
                    if seconds == 0 { 150 } else { seconds }
                ),
                format!("bao write {path} role_type=jwt {field}=-1"),
            )
        });
    }
    let skew = role.clock_skew_leeway;
    checks.warn_unless("clock-skew-leeway", (1..=5).contains(&skew), || {
        (
            format!("clocks may differ by {skew} s"),
            format!("clock_skew_leeway is {skew}: off refuses clocks a moment ahead, and 0 means 60 s"),
            format!("bao write {path} role_type=jwt clock_skew_leeway=5"),
        )
    });
}

fn examine_token(path: &str, role: &JwtRole, checks: &mut Checks) {
    let narrow = role.token_policies == [BROKER_POLICY] && role.token_no_default_policy;
    checks.fail_unless("policies", narrow, || {
        (
            format!("the broker's token has the policy {BROKER_POLICY} and no other"),
            format!("the broker's token has the policies {:?}, or default beside them", role.token_policies),
            format!("bao write {path} role_type=jwt token_policies={BROKER_POLICY} token_no_default_policy=true"),
        )
    });
    let (period, max) = (role.token_period, role.token_explicit_max_ttl);
    let short = (1..=600).contains(&period) && (1..=86_400).contains(&max) && role.token_type == "service";
    checks.fail_unless("token-life", short, || {
        (
            format!("the broker's token dies {period} s after its last renewal, and after {max} s in any case"),
            format!("the broker's token is {}, its period {period} s and its longest life {max} s", role.token_type),
            format!("bao write {path} role_type=jwt token_type=service token_period=10m token_explicit_max_ttl=24h"),
        )
    });
    checks.warn_unless("cidrs", !role.token_bound_cidrs.is_empty(), || {
        (
            "the broker's token works from the broker's addresses only".into(),
            "the broker's token works from every address".into(),
            format!("bao write {path} role_type=jwt token_bound_cidrs=<addresses of the broker>"),
        )
    });
}
