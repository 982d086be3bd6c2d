//! Which commands end something. What ends must go through when nothing else can: the store keeps
//! room on its disk for their entries alone.

use super::Duty;
use super::command::{Ask, Command, Finding};

/// Which room of the log's disk may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// What ends a task, a lease or a token, or proves that it ended: also what is kept for endings.
    Ending,
    /// Everything else: only what is free.
    #[default]
    Ordinary,
}

impl Command {
    /// Whether what follows from this ends something, and nothing else.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Ask { ask, .. } => ask.lane(),
            Self::Found(finding) => finding.lane(),
            Self::Passed(duty) => duty.lane(),
            Self::Note(_) | Self::NoteOf { .. } | Self::Count => Lane::Ordinary,
        }
    }
}

impl Ask {
    const fn lane(&self) -> Lane {
        match self {
            Self::DenyTask(_) | Self::CompleteTask(_) | Self::CancelTask(_) | Self::RevokeLease(_) => Lane::Ending,
            Self::RequestTask(_)
            | Self::ApproveTask(_)
            | Self::IssueSecret(_)
            | Self::RenewLease(_)
            | Self::ApplyEstate(_)
            | Self::EraseOpening(_) => Lane::Ordinary,
        }
    }
}

impl Finding {
    /// A secret or token that was made is no end: if it cannot be recorded it is ended at once, and
    /// that end is one. An orphan is noted because it is ended.
    const fn lane(&self) -> Lane {
        match self {
            Self::TokenGone { .. }
            | Self::NotIssued { .. }
            | Self::Accepted(_)
            | Self::Gone(_)
            | Self::Unproven { .. }
            | Self::Orphan(_) => Lane::Ending,
            Self::TokenMade(_) | Self::Minted(_) | Self::Renewed(_) => Lane::Ordinary,
        }
    }
}

impl Duty {
    const fn lane(self) -> Lane {
        match self {
            Self::ExpireTask(_)
            | Self::ExpireLease(_)
            | Self::SettleLease(_)
            | Self::EndToken(_)
            | Self::EndLease(_)
            | Self::CloseIntent(_) => Lane::Ending,
            Self::ApproveByRule(_) | Self::MakeToken(_) | Self::ProlongLease(_) => Lane::Ordinary,
        }
    }
}
