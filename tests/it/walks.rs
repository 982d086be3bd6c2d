//! The product as people and workloads meet it: the real binary, PostgreSQL, OpenBao and a trust
//! domain, one readable test per walk. Tests that disturb nobody share one scene.

mod auditing;
mod callers;
mod canary;
mod ends;
mod errors;
mod estate;
mod evidence;
mod hostile;
mod kinds;
mod raw;
mod running;
mod signals;
mod stage;
