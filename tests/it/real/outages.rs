//! The outside fails while the broker lives: it stays up, says what is wrong, issues nothing that it
//! cannot end, and finishes what was pending when the outside is back.

mod backend;
mod damage;
mod disk;
mod engine;
mod stopping;
mod trust;
