//! The death of a lease: revoke at the engine, look it up as gone, look at the backend, and only
//! then say so. Then the token. Every step is safe to repeat; the driver repeats until it is done.

use super::World;
use super::commit::Openings;
use super::tokens::Tokens;
use domain::base::{LeaseId, Span, TaskId};
use domain::entry::Entry;
use domain::entry::bodies::lease::CrlSeen;
use domain::estate::{Kind, Probe};
use domain::reason::Denial;
use domain::state::command::{GoneFacts, OrphanFacts};
use domain::state::lease::{Issued, Stage};
use domain::state::{Command, Finding, Lease, State};
use domain::vault_policy;
use ports::secret_engine::CertificateAtEngine;
use ports::{Accessor, Account, EngineLease, Fault, FaultKind, ProbeTarget, RevocationProof};

/// Ends leases and tokens.
#[derive(Clone)]
pub struct End {
    world: World,
    tokens: Tokens,
    proof_within: Span,
}

/// What a lease needs to be ended.
struct Condemned {
    id: LeaseId,
    issued: Issued,
    name: domain::base::Name,
    engine_lease: EngineLease,
    account: Option<Account>,
    probe: Option<ProbeTarget>,
    certificate: Option<CertificateAtEngine>,
}

impl End {
    /// Ends through the given world. A proof that is missing longer than `proof_within` is shown as
    /// unproven.
    #[must_use]
    pub fn new(world: World, tokens: Tokens, proof_within: Span) -> Self {
        Self { world, tokens, proof_within }
    }

    /// Tries once to end a lease and to prove it.
    ///
    /// # Errors
    /// A fault: it is not proven yet and must be tried again.
    pub async fn lease(&self, id: LeaseId) -> Result<(), Fault> {
        let tried = self.try_lease(id).await;
        if let Err((missing, _)) = &tried {
            self.note_overdue(id, missing).await;
        }
        tried.map_err(|(_, fault)| fault)
    }

    async fn try_lease(&self, id: LeaseId) -> Result<(), (&'static str, Fault)> {
        let condemned = self.condemned(id).await.map_err(|fault| ("engine", fault))?;
        let Some(mut condemned) = condemned else { return Ok(()) };
        failpoint::pass!("before_revoke");
        self.learn_number(&mut condemned).await;
        let proof = self.at_engine(&condemned).await.map_err(|fault| ("engine", fault))?;
        failpoint::pass!("in_revoke");
        let backend_confirmed = self.at_backend(&condemned).await.map_err(|fault| ("backend", fault))?;
        failpoint::pass!("after_proof");
        let gone = GoneFacts {
            lease: id,
            backend_confirmed,
            known_before: proof.known_before,
            crl: proof.crl.map(|crl| CrlSeen {
                digest: crl.digest,
                number: crl.number,
                number_before: crl.number_before,
            }),
            engine_request: proof.engine_request,
        };
        self.found(Finding::Gone(gone)).await.map_err(|fault| ("engine", fault))
    }

    /// The account's number, while the account still exists.
    async fn learn_number(&self, condemned: &mut Condemned) {
        let (Some(target), Some(account)) = (&condemned.probe, &mut condemned.account) else { return };
        if let Ok(Some(seen)) = self.world.probe.find(target, &account.name).await {
            *account = seen;
        }
    }

    async fn at_engine(&self, condemned: &Condemned) -> Result<RevocationProof, Fault> {
        let Condemned { engine_lease, certificate, issued, .. } = condemned;
        let proof = self.world.engine.revoke(engine_lease, certificate.as_ref(), issued.index).await?;
        let listed = certificate.is_none() || proof.crl.is_some();
        if proof.gone_after && listed {
            return Ok(proof);
        }
        self.found(Finding::Accepted(condemned.id)).await?;
        let what = if listed { "still knows the lease" } else { "does not list the certificate on its CRL yet" };
        Err(Fault::new(FaultKind::Transient, format!("the engine took the revocation on and {what}")))
    }

    /// `true`: seen gone at the backend. `false`: nobody can look there.
    async fn at_backend(&self, condemned: &Condemned) -> Result<bool, Fault> {
        let (Some(target), Some(account)) = (&condemned.probe, &condemned.account) else { return Ok(false) };
        let seen = self.world.probe.look(target, account).await?;
        if seen.is_gone() {
            return Ok(true);
        }
        // A session that has lost its role may be anybody's, and is no account.
        if seen.exists || seen.sessions > 0 {
            self.note_orphan(condemned, account).await?;
        }
        self.world.probe.end_account(target, account).await?;
        if self.world.probe.look(target, account).await?.is_gone() {
            return Ok(true);
        }
        Err(Fault::new(
            FaultKind::Transient,
            "the engine says gone, and the backend still shows the account or a session",
        ))
    }

    /// The engine says gone and the backend does not: an account without a lease. The writer records it
    /// once.
    async fn note_orphan(&self, condemned: &Condemned, account: &Account) -> Result<(), Fault> {
        let mut openings = Openings::of(&*self.world.entropy, "orphan.found");
        let name = openings.commit("account", account.name.clone());
        let orphan = OrphanFacts { lease: condemned.id, credential: condemned.name.clone(), kind: "account", name };
        let command = Command::Found(Finding::Orphan(orphan));
        self.world.journal.propose(command, openings.into_made()).await.map(|_| ()).map_err(unrecorded)
    }

    async fn note_overdue(&self, id: LeaseId, missing: &str) {
        let published = self.world.journal.published();
        let Some(lease) = published.state.leases.get(&id) else { return };
        let Stage::Ending(since, _) = lease.stage else { return };
        if self.world.clock.read().time.since(since) >= self.proof_within {
            // If the log cannot take it now, the next try will.
            let _ = self.found(Finding::Unproven { lease: id, missing: missing.into() }).await;
        }
    }

    /// Revokes the tokens of a task whose leases are settled.
    ///
    /// # Errors
    /// A fault: try again.
    pub async fn token(&self, id: TaskId) -> Result<(), Fault> {
        let published = self.world.journal.published();
        let Some(task) = published.state.tasks.get(&id) else { return Ok(()) };
        for token in task.tokens.iter().filter(|token| !token.gone) {
            match opened(&self.world, token.index, "accessor").await? {
                Some(accessor) => self.world.engine.end_token(&Accessor(accessor), token.index).await?,
                // Only its own longest life can have ended a token that nobody can name.
                None if self.world.clock.read().time < token.expires => return Err(lost("a token's accessor")),
                None => {}
            }
            self.found(Finding::TokenGone { task: id, token: token.index }).await?;
        }
        self.tokens.forget(id);
        Ok(())
    }

    async fn condemned(&self, id: LeaseId) -> Result<Option<Condemned>, Fault> {
        let published = self.world.journal.published();
        let Some(lease) = published.state.leases.get(&id) else { return Ok(None) };
        let Some(issued) = lease.issued.clone() else { return Ok(None) };
        let openings = self.world.store.openings(issued.index).await?;
        let field = |name: &str| openings.iter().find(|(_, o)| o.field == name).map(|(_, o)| o.value.clone());
        let engine_lease = EngineLease(field("engine_lease").ok_or_else(|| lost("the engine's lease"))?);
        Ok(Some(Condemned {
            id,
            name: lease.facts.credential.clone(),
            engine_lease,
            account: field("account").map(|name| Account { name, number: 0 }),
            probe: probe_of(&published.state, lease),
            certificate: certificate_of(&published.state, lease, &issued),
            issued,
        }))
    }

    async fn found(&self, finding: Finding) -> Result<(), Fault> {
        self.world.journal.propose(Command::Found(finding), Vec::new()).await.map(|_| ()).map_err(unrecorded)
    }
}

/// What cannot be named can be neither ended nor looked for: no proof may follow.
pub(super) fn lost(what: &str) -> Fault {
    Fault::new(FaultKind::Permanent, format!("the opening of {what} is not in the store"))
}

/// The value behind a commitment of an entry. What does not open it names something else: whoever
/// looked for that would find nothing, and take it for an end.
pub(super) async fn opened(world: &World, index: u64, field: &str) -> Result<Option<String>, Fault> {
    let openings = world.store.openings(index).await?;
    let Some((commitment, opening)) = openings.into_iter().find(|(_, opening)| opening.field == field) else {
        return Ok(None);
    };
    let entry = world.store.entries(index, 1).await?.pop().and_then(|stored| Entry::read(&stored.bytes).ok());
    if entry.and_then(|entry| entry.commitments.get(field).copied()) == Some(commitment) {
        return Ok(Some(opening.value));
    }
    let sentence = format!("{field} beside entry {index} is not what was committed to: run leasehold log check");
    Err(Fault::new(FaultKind::Permanent, sentence))
}

/// The declared probe of a lease's credential, as approved, with today's place of its DSN.
pub(super) fn probe_of(state: &State, lease: &Lease) -> Option<ProbeTarget> {
    let task = state.tasks.get(&lease.facts.task)?;
    let Some(Probe::Postgres { dsn_credential }) = &task.facts.scope.get(&lease.facts.credential)?.probe else {
        return None;
    };
    let dsn = state.estate.credential(dsn_credential)?;
    Some(ProbeTarget {
        credential: lease.facts.credential.to_string(),
        dsn_policy: vault_policy::policy_name(dsn_credential, dsn),
        dsn_path: dsn.path.to_string(),
    })
}

fn certificate_of(state: &State, lease: &Lease, issued: &Issued) -> Option<CertificateAtEngine> {
    let task = state.tasks.get(&lease.facts.task)?;
    let credential = task.facts.scope.get(&lease.facts.credential)?;
    let (mount, _) = credential.path.of_kind(Kind::Pki).ok().filter(|_| credential.kind == Kind::Pki)?;
    Some(CertificateAtEngine { mount: mount.to_owned(), serial: issued.serial.as_deref()?.to_owned() })
}

pub(super) fn unrecorded(denial: Denial) -> Fault {
    Fault::new(FaultKind::Transient, denial.sentence)
}
