//! Golden files: what is generated or promised byte for byte.

mod generated_code;
mod reasons;
mod roles;
