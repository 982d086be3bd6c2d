//! Who may knock: the table of roles, with the reason that helps the caller on.

use super::command::{Ask, Caller};
use super::{Bench, State};
use crate::reason::{Denial, Reason};
use crate::roles::{Call, CallerRole, NeededProof, held_roles, may};
use crate::svid::Proof;

impl State {
    /// Holds a changing call against the table of roles.
    pub(super) fn check_role(&self, caller: &Caller, ask: &Ask, bench: &Bench<'_>) -> Result<(), Denial> {
        let id = caller.subject.id();
        let held = held_roles(&self.estate, id, bench.bootstrap);
        if !may(ask.call(), held) {
            return Err(self.without_role(caller, ask));
        }
        let needs_x509 = Call::named(ask.call()).is_some_and(|call| call.proof == NeededProof::X509Svid);
        if needs_x509 && matches!(caller.subject.proof(), Proof::Jwt { .. }) {
            return Err(Denial::new(Reason::JwtNotEnough, "this call takes an X.509-SVID"));
        }
        Ok(())
    }

    fn without_role(&self, caller: &Caller, ask: &Ask) -> Denial {
        let id = caller.subject.id();
        let own = |task| self.tasks.get(task).is_some_and(|task| task.facts.subject == *id);
        match ask {
            Ask::RequestTask(_) | Ask::IssueSecret(_) => {
                Denial::new(Reason::AgentUnknown, "no agent with your SPIFFE ID is declared")
            }
            Ask::ApproveTask(ask) if own(&ask.task) => {
                Denial::new(Reason::SelfApproval, "the requester cannot approve the own request")
            }
            Ask::ApproveTask(_) | Ask::DenyTask(_) => {
                Denial::new(Reason::NotAnApprover, "your SPIFFE ID is in no owner team")
            }
            _ => {
                let roles = Call::named(ask.call()).map_or(&[][..], |call| call.roles);
                let words: Vec<_> = roles.iter().map(|role: &CallerRole| role.as_str()).collect();
                Denial::new(Reason::RoleMissing, format!("this call takes the role {}", words.join(" or ")))
            }
        }
    }
}
