//! Drift of the policies: what the engine has against what the estate generates.

use super::check::{Checks, Finding};
use super::statements::word;
use super::{Expected, Seen, Survey};
use crate::vault_policy::{self, CREDENTIAL_POLICY_PREFIX};

pub(super) fn examine(expected: &Expected<'_>, survey: &Survey) -> Vec<Finding> {
    let mut checks = Checks::of("policy");
    let wanted = vault_policy::policies(expected.estate);
    for (name, text) in &wanted {
        examine_text(expected.estate_file, (name, text), survey.policies.get(name), &mut checks);
    }
    if let Some(names) = checks.seen("names", "sys/policies/acl", Some(&survey.policy_names)) {
        let ours = |name: &&String| name.starts_with(CREDENTIAL_POLICY_PREFIX);
        let stale = names.iter().filter(ours).filter(|name| wanted.iter().all(|(wanted, _)| wanted != *name));
        let stale: Vec<&str> = stale.map(String::as_str).collect();
        checks.warn_unless("stale", stale.is_empty(), || {
            (
                "no credential policy is left over".into(),
                format!("of no declared credential, but a token could still have them: {}", stale.join(", ")),
                stale.iter().map(|name| format!("bao policy delete {}", word(name))).collect::<Vec<_>>().join("\n"),
            )
        });
    }
    checks.done()
}

fn examine_text(file: &str, (name, wanted): (&str, &str), seen: Option<&Seen<String>>, checks: &mut Checks) {
    let mend = || format!("leasehold vault policy {} --name {name} | bao policy write {name} -", word(file));
    if seen == Some(&Seen::Absent) {
        let words = || (String::new(), format!("the policy {name} does not exist"), mend());
        return checks.fail_unless(name, false, words);
    }
    let Some(text) = checks.seen(name, &format!("sys/policies/acl/{name}"), seen) else { return };
    checks.fail_unless(name, text.trim() == wanted.trim(), || {
        (format!("{name} is what the estate says"), format!("{name} is not what the estate says"), mend())
    });
}
