//! The witness process, as a stranger's log meets it: HTTP, files, signals.

mod adapter;
pub(crate) mod process;
pub(crate) mod protocol;
mod starting;
