//! The simulated PostgreSQL: accounts with numbers, sessions that outlive them, and the three ways in which
//! revocation was seen to fail. What the probe sees of it is in `sim/probe.rs`.

use leasehold::domain::base::Time;
use std::collections::BTreeMap;

/// One database server.
#[derive(Debug, Default)]
pub(crate) struct Postgres {
    roles: BTreeMap<String, Role>,
    /// Number of the user, by session.
    sessions: BTreeMap<u64, u32>,
    made: u32,
    opened: u64,
    pub(crate) trouble: Trouble,
}

/// How it fails the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It does not.
    #[default]
    None,
    /// Nobody can connect.
    Down,
    /// The revocation statements are wrong: they fail and change nothing.
    WrongSql,
    /// The revocation statements succeed and change nothing.
    IdleSql,
}

#[derive(Debug)]
struct Role {
    number: u32,
    password: String,
    valid_until: Option<Time>,
}

/// What a statement came to that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    NoConnection,
    Statement,
}

impl Postgres {
    pub(crate) fn create(&mut self, name: &str, password: &str, valid_until: Option<Time>) -> Result<(), Failed> {
        self.connect()?;
        if self.roles.contains_key(name) {
            return Err(Failed::Statement);
        }
        self.made += 1;
        let role = Role { number: 16_384 + self.made, password: password.to_owned(), valid_until };
        self.roles.insert(name.to_owned(), role);
        Ok(())
    }

    /// `VALID UNTIL`.
    pub(crate) fn set_end(&mut self, name: &str, end: Time) -> Result<(), Failed> {
        self.connect()?;
        self.roles.get_mut(name).ok_or(Failed::Statement)?.valid_until = Some(end);
        Ok(())
    }

    /// The revocation statements of `design/vault.md`: an account that is not there is fine.
    pub(crate) fn revoke(&mut self, name: &str) -> Result<(), Failed> {
        match self.trouble {
            Trouble::None => self.end(name),
            Trouble::Down => Err(Failed::NoConnection),
            Trouble::WrongSql => Err(Failed::Statement),
            Trouble::IdleSql => Ok(()),
        }
    }

    /// Ends the sessions and the account.
    pub(crate) fn end(&mut self, name: &str) -> Result<(), Failed> {
        self.connect()?;
        if let Some(role) = self.roles.remove(name) {
            self.sessions.retain(|_, number| *number != role.number);
        }
        Ok(())
    }

    /// Drops the account and leaves its sessions.
    pub(crate) fn drop_role(&mut self, name: &str) {
        self.roles.remove(name);
    }

    pub(crate) fn lets_in(&self, name: &str, password: &str, now: Time) -> bool {
        let knows = |role: &Role| role.password == password && role.valid_until.is_none_or(|end| now < end);
        self.connect().is_ok() && self.roles.get(name).is_some_and(knows)
    }

    /// A session of that account.
    pub(crate) fn open_session(&mut self, name: &str) -> u64 {
        self.opened += 1;
        self.sessions.insert(self.opened, self.roles[name].number);
        self.opened
    }

    pub(crate) fn close_session(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    pub(crate) fn number_of(&self, name: &str) -> Option<u32> {
        self.roles.get(name).map(|role| role.number)
    }

    /// Names and numbers of all accounts, by name.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (&str, u32)> {
        self.roles.iter().map(|(name, role)| (name.as_str(), role.number))
    }

    /// Numbers of the users who have a session.
    pub(crate) fn session_users(&self) -> impl Iterator<Item = u32> {
        self.sessions.values().copied()
    }

    pub(crate) fn connect(&self) -> Result<(), Failed> {
        if self.trouble == Trouble::Down { Err(Failed::NoConnection) } else { Ok(()) }
    }
}
