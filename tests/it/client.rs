//! The command line's verbs against an in-process broker that behaves, over real HTTP/2 on loopback.

mod desk;
mod exec;
mod failures;
mod fake;
mod secrets;
mod shapes;
mod tasks;
mod verbs;
