//! The witness process, as a stranger's log meets it: HTTP, files, signals.

pub(crate) mod process;
mod protocol;
mod starting;
