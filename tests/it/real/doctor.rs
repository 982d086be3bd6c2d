//! `leasehold doctor` on a real OpenBao and PostgreSQL: the set-up of `deploy/` follows its own advice,
//! each single fault gives exactly its finding, and the mend that is printed makes it go away.

mod faults;
mod page;
mod practice;
mod side;
mod witnesses;
