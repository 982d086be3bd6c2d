//! Tells a story: takes entries in order, and puts each where it belongs. Decides nothing and leaves
//! nothing out: what fits nowhere is told besides.

use super::Subject;
use super::gather::{Gathered, Step};
use super::story::{
    Approval, Besides, Declared, Entitlement, LeaseEnd, LeaseStory, Story, TaskEnd, TaskStory, TokenStory, Told,
};
use domain::base::{Digest, LeaseId, Name, TaskId};
use domain::entry::bodies::estate::Applied;
use domain::entry::bodies::lease;
use domain::entry::{Body, Opening};
use std::collections::BTreeMap;
use tlog::leaf_hash;

impl Story {
    /// Tells what was gathered in a log of `size` entries.
    #[must_use]
    pub fn tell(of: Subject, size: u64, gathered: &Gathered) -> Self {
        let steps = &gathered.steps;
        let mut tasks: BTreeMap<TaskId, Vec<&Step>> = BTreeMap::new();
        let (mut estate, mut alone, mut besides) = (Vec::new(), BTreeMap::<LeaseId, Vec<&Step>>::new(), Vec::new());
        for step in steps {
            match (step.task, step.lease) {
                (Some(task), _) => tasks.entry(task).or_default().push(step),
                (None, Some(lease)) => alone.entry(lease).or_default().push(step),
                (None, None) if Estate::holds(&step.entry.body) => estate.push(step),
                (None, None) => besides.push(told(step, other(step))),
            }
        }
        let estate = Estate(estate);
        let mut acts = Vec::new();
        let mut stories = Vec::new();
        for (task, steps) in tasks {
            // What an identity did to a task of which nothing else is told stands alone.
            if steps.iter().all(|step| is_an_act(&of, step)) {
                acts.extend(steps.into_iter().map(|step| told(step, other(step))));
            } else {
                stories.push(TaskStory::tell(task, &steps, &estate));
            }
        }
        let mut leases = Vec::new();
        for (lease, steps) in alone {
            if steps.iter().all(|step| is_an_act(&of, step)) {
                acts.extend(steps.into_iter().map(|step| told(step, other(step))));
            } else {
                leases.push(LeaseStory::tell(lease, &steps, &estate));
            }
        }
        besides.extend(acts);
        besides.extend(estate.acts(&of));
        besides.sort_by_key(|told| told.index);
        stories.sort_by_key(|story| story.requested.as_ref().map(|requested| requested.index));
        let declarations = estate.declarations(&of);
        let (next_index, cut) = (gathered.next_index, gathered.cut.clone());
        Self { of, size, tasks: stories, leases, declarations, besides, next_index, cut }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.leases.is_empty() && self.declarations.is_empty() && self.besides.is_empty()
    }
}

/// Entries of the estate, oldest first.
struct Estate<'a>(Vec<&'a Step>);

impl Estate<'_> {
    const fn holds(body: &Body) -> bool {
        matches!(body, Body::EstateItemSet(_) | Body::EstateItemRemoved(_) | Body::EstateApplied(_))
    }

    /// What was declared before an entry.
    fn item(&self, kind: &str, name: &Name, before: u64) -> Option<Told<Declared>> {
        let mut items = self.0.iter().rev().filter(|step| step.found.index < before);
        items.find_map(|step| {
            declared(step)
                .filter(|it| (it.kind.as_str(), it.name.as_str()) == (kind, name.as_str()))
                .map(|it| told(step, it))
        })
    }

    fn applied(&self, version: u64) -> Option<Told<Applied>> {
        self.0.iter().find_map(|step| match &step.entry.body {
            Body::EstateApplied(body) if body.version == version => Some(told(step, body.clone())),
            _ => None,
        })
    }

    /// The declarations of what a trace is of.
    fn declarations(&self, of: &Subject) -> Vec<Told<Declared>> {
        let wanted = match of {
            Subject::Agent(name) => ("agent", name),
            Subject::Credential(name) => ("credential", name),
            _ => return Vec::new(),
        };
        let meant = |it: &Declared| (it.kind.as_str(), it.name.as_str()) == (wanted.0, wanted.1.as_str());
        self.0.iter().filter_map(|step| Some(told(step, declared(step).filter(&meant)?))).collect()
    }

    /// Estates that the identity itself put into force.
    fn acts(&self, of: &Subject) -> Vec<Told<Besides>> {
        self.0.iter().filter(|step| is_by(of, step)).map(|step| told(step, other(step))).collect()
    }
}

impl TaskStory {
    fn tell(task: TaskId, steps: &[&Step], estate: &Estate<'_>) -> Self {
        let mut it = Self {
            task,
            requested: None,
            entitlement: Entitlement::default(),
            approvals: Vec::new(),
            denied: None,
            activated: None,
            tokens: Vec::new(),
            leases: Vec::new(),
            end: None,
            besides: Vec::new(),
        };
        let mut leases: BTreeMap<LeaseId, Vec<&Step>> = BTreeMap::new();
        let mut digest = None;
        for step in steps {
            if let Some(lease) = step.lease {
                leases.entry(lease).or_default().push(step);
                continue;
            }
            it.take(step, &mut digest);
        }
        if let Some(requested) = &it.requested {
            let (index, asked) = (requested.index, &requested.what);
            it.entitlement.estate = estate.applied(asked.estate_version);
            it.entitlement.agent = estate.item("agent", &asked.agent, index);
            let credentials = asked.credentials.iter().filter_map(|name| estate.item("credential", name, index));
            it.entitlement.credentials = credentials.collect();
        }
        it.leases = leases.into_iter().map(|(lease, steps)| LeaseStory::tell(lease, &steps, estate)).collect();
        it.leases.sort_by_key(|lease| lease.intended.as_ref().map(|intended| intended.index));
        it
    }

    fn take(&mut self, step: &Step, digest: &mut Option<Digest>) {
        match &step.entry.body {
            Body::TaskRequested(body) => {
                *digest = Some(Digest::from_bytes(*leaf_hash(&step.found.bytes).as_bytes()));
                self.requested = Some(told(step, body.clone()));
            }
            Body::TaskApproved(body) => {
                let binds_this_request = digest.map(|digest| digest == body.digest);
                self.approvals.push(told(step, Approval { binds_this_request, said: body.clone() }));
            }
            Body::TaskDenied(body) => self.denied = Some(told(step, body.clone())),
            Body::TaskActivated(body) => self.activated = Some(told(step, body.clone())),
            Body::TokenMade(body) => {
                self.tokens.push(TokenStory { made: told(step, body.clone()), revoked: None });
            }
            Body::TokenRevoked(body) => {
                let token = self.tokens.iter_mut().find(|token| token.made.index == body.token);
                if let Some(token) = token {
                    token.revoked = Some(told(step, body.clone()));
                }
            }
            Body::TaskCompleted(_) => self.end = Some(told(step, TaskEnd { how: "completed" })),
            Body::TaskCancelled(_) => self.end = Some(told(step, TaskEnd { how: "cancelled" })),
            Body::TaskExpired(_) => self.end = Some(told(step, TaskEnd { how: "expired" })),
            _ => self.besides.push(told(step, other(step))),
        }
    }
}

impl LeaseStory {
    fn tell(lease: LeaseId, steps: &[&Step], estate: &Estate<'_>) -> Self {
        let mut it = Self {
            lease,
            intended: None,
            credential: None,
            issued: None,
            renewals: Vec::new(),
            revocation_requested: None,
            revocation_accepted: None,
            unproven: None,
            orphans: Vec::new(),
            end: None,
            besides: Vec::new(),
        };
        steps.iter().for_each(|step| it.take(step));
        let declared = |at: &Told<lease::Intended>| estate.item("credential", &at.what.credential, at.index);
        it.credential = it.intended.as_ref().and_then(declared);
        it
    }

    fn take(&mut self, step: &Step) {
        match &step.entry.body {
            Body::LeaseIntended(body) => self.intended = Some(told(step, body.clone())),
            Body::LeaseIssued(body) => self.issued = Some(told(step, body.clone())),
            Body::LeaseRenewed(body) => self.renewals.push(told(step, body.clone())),
            Body::LeaseRevocationRequested(body) => self.revocation_requested = Some(told(step, body.clone())),
            Body::LeaseRevocationAccepted(body) => self.revocation_accepted = Some(told(step, body.clone())),
            Body::LeaseUnproven(body) => self.unproven = Some(told(step, body.clone())),
            Body::OrphanFound(body) => self.orphans.push(told(step, body.clone())),
            Body::LeaseRevoked(body) => self.end = Some(told(step, LeaseEnd::Revoked(body.clone()))),
            Body::LeaseNotIssued(body) => self.end = Some(told(step, LeaseEnd::NotIssued(body.clone()))),
            Body::LeaseExpired(body) => self.end = Some(told(step, LeaseEnd::Expired(body.clone()))),
            _ => self.besides.push(told(step, other(step))),
        }
    }
}

fn told<T>(step: &Step, what: T) -> Told<T> {
    let opened = step.opened().map(|(field, value)| (field.to_owned(), value.to_owned())).collect();
    Told { index: step.found.index, time: step.entry.time, by: step.entry.actor.clone(), opened, what }
}

fn other(step: &Step) -> Besides {
    let whole: serde_json::Value = serde_json::from_slice(&step.found.bytes).unwrap_or_default();
    Besides { r#type: step.entry.body.type_name(), what: whole.get("what").cloned().unwrap_or_default() }
}

fn declared(step: &Step) -> Option<Declared> {
    match &step.entry.body {
        Body::EstateItemSet(body) => {
            Some(Declared { kind: body.kind.clone(), name: body.name.clone(), item: Some(body.item.clone()) })
        }
        Body::EstateItemRemoved(body) => {
            Some(Declared { kind: body.kind.clone(), name: body.name.clone(), item: None })
        }
        _ => None,
    }
}

fn is_by(of: &Subject, step: &Step) -> bool {
    matches!(of, Subject::SpiffeId(id) if step.entry.actor.id == id.as_str())
}

/// An entry that is told because the identity of the trace acted, not because the task is its own.
fn is_an_act(of: &Subject, step: &Step) -> bool {
    is_by(of, step) && !matches!(step.entry.body, Body::TaskRequested(_) | Body::LeaseIntended(_))
}

impl Step {
    /// Fields and values of those openings that open a commitment of the entry.
    pub fn opened(&self) -> impl Iterator<Item = (&str, &str)> {
        let holds = |opening: &&Opening| self.entry.commitments.get(&opening.field) == Some(&opening.commitment());
        self.found.openings.iter().filter(holds).map(|opening| (opening.field.as_str(), opening.value.as_str()))
    }
}
