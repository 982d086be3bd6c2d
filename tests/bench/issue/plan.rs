//! What is measured, how often, in which order: cheap kinds first, and the database last, because
//! its leases are prolonged from their sixtieth second on, which would disturb what comes after.

/// A kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    KeyValue,
    Certificate,
    Database,
}

/// How many issues are under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    One,
    Many,
}

/// Blocks of turns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) in_flight: usize,
    /// How often each way has its turn.
    pub(crate) rounds: usize,
    /// Secrets of one turn.
    pub(crate) block: usize,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::KeyValue, Kind::Certificate, Kind::Database];
pub(crate) const LOADS: [Load; 2] = [Load::One, Load::Many];

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KeyValue => "kv",
            Self::Certificate => "pki",
            Self::Database => "database",
        }
    }

    /// The credential of the scene's estate.
    pub(crate) const fn credential(self) -> &'static str {
        match self {
            Self::KeyValue => "motd",
            Self::Certificate => "agent-cert",
            Self::Database => "ledger-ro",
        }
    }

    pub(crate) const fn plan(self, load: Load) -> Plan {
        let in_flight = load.in_flight();
        match (self, load) {
            (Self::Database, Load::One) => Plan { in_flight, rounds: 10, block: 15 },
            (Self::Database, Load::Many) => Plan { in_flight, rounds: 5, block: 96 },
            (_, Load::One) => Plan { in_flight, rounds: 20, block: 30 },
            (_, Load::Many) => Plan { in_flight, rounds: 10, block: 192 },
        }
    }
}

impl Load {
    pub(crate) const fn in_flight(self) -> usize {
        match self {
            Self::One => 1,
            Self::Many => 32,
        }
    }
}

impl Plan {
    /// Secrets of one way, those of the warm-up too.
    pub(crate) const fn secrets(self) -> usize {
        (self.rounds + 1) * self.block
    }
}
