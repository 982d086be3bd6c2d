//! The crash table (docs/walks/request.md): the broker kills itself between two rooms, or is killed
//! while the engine works, and starts again on the same log. Each row: what is found, what the repeat
//! is told, what is left.

mod ending;
mod issuing;
mod load;
mod starting;
