//! The public log over real HTTP on loopback: what is served, to whom it proves what, and how little a
//! stranger can hold up.

mod manners;
mod oracle;
mod places;
pub(crate) mod site;
