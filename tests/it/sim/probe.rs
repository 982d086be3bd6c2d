//! The simulated probe: what can be seen of the simulated PostgreSQL, room by room.

use super::engine::{Outside, Room};
use super::peers::Peers;
use super::postgres::Failed;
use async_trait::async_trait;
use leasehold::ports::{Account, Fault, FaultKind, Probe, ProbeTarget, Sighting};

const FIND: Room = Room::looks("probe.find");
const LOOK: Room = Room::looks("probe.look");
const INVENTORY: Room = Room::looks("probe.inventory");
/// Safe to repeat, so that the adapter calls its outcome `Transient` when there was no answer.
const END: Room = Room::looks("probe.end");

#[async_trait]
impl Probe for Outside {
    async fn find(&self, _: &ProbeTarget, name: &str) -> Result<Option<Account>, Fault> {
        let name = name.to_owned();
        let find = move |peers: &mut Peers| {
            connect(peers)?;
            Ok(peers.postgres.number_of(&name).map(|number| Account { name: name.clone(), number }))
        };
        self.of_postgres(FIND, find).await
    }

    async fn look(&self, _: &ProbeTarget, account: &Account) -> Result<Sighting, Fault> {
        let account = account.clone();
        self.of_postgres(LOOK, move |peers| connect(peers).map(|()| sighting(peers, &account))).await
    }

    async fn inventory(&self, _: &ProbeTarget, tag: &str) -> Result<Vec<Account>, Fault> {
        if tag.len() < 6 {
            return Err(Fault::new(FaultKind::Permanent, "a tag of fewer than six characters names strangers too"));
        }
        let tag = tag.to_owned();
        let inventory = move |peers: &mut Peers| {
            connect(peers)?;
            let tagged = peers.postgres.accounts().filter(|(name, _)| name.starts_with(&tag));
            Ok(tagged.map(|(name, number)| Account { name: name.to_owned(), number }).collect())
        };
        self.of_postgres(INVENTORY, inventory).await
    }

    async fn end_account(&self, _: &ProbeTarget, account: &Account) -> Result<(), Fault> {
        let name = account.name.clone();
        let end = move |peers: &mut Peers| {
            connect(peers)?;
            if !is_ours(&name) {
                return Err(Fault::new(FaultKind::Permanent, "not an account of ours"));
            }
            peers.postgres.end(&name).map_err(|_| away())
        };
        self.of_postgres(END, end).await
    }
}

fn sighting(peers: &Peers, account: &Account) -> Sighting {
    let postgres = &peers.postgres;
    let by_name = postgres.number_of(&account.name);
    let roleless = |user: &u32| !postgres.accounts().any(|(_, number)| number == *user);
    let its_own = |user: &u32| *user == account.number || Some(*user) == by_name;
    let count = |sessions: usize| u32::try_from(sessions).unwrap();
    Sighting {
        exists: by_name.is_some() || postgres.accounts().any(|(_, number)| number == account.number),
        sessions: count(postgres.session_users().filter(its_own).count()),
        sessions_without_role: count(postgres.session_users().filter(roleless).count()),
    }
}

/// `^lh[a-z0-9]{4}[a-z]{12}(-[a-z0-9]{8})?$`, as `deploy/postgres/end_account.sql` has it.
fn is_ours(name: &str) -> bool {
    let (tag, rest) = name.split_once('-').map_or((name, None), |(tag, rest)| (tag, Some(rest)));
    let of = |text: &str, wanted: fn(&u8) -> bool| text.bytes().all(|byte| wanted(&byte));
    let small = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    tag.is_ascii()
        && tag.len() == 18
        && tag.starts_with("lh")
        && of(&tag[2..6], small)
        && of(&tag[6..], u8::is_ascii_lowercase)
        && rest.is_none_or(|rest| rest.len() == 8 && of(rest, small))
}

fn connect(peers: &Peers) -> Result<(), Fault> {
    peers.postgres.connect().map_err(|_: Failed| away())
}

fn away() -> Fault {
    Fault::new(FaultKind::Transient, "the simulated server cannot be reached")
}
