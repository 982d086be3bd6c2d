
pub mod foreign;
