//! The fields of each entry type, by aggregate.
//!
//! INVARIANT in every file here: fields stand in ASCII order of their names, optional ones are left
//! out when absent; a published version never changes.

pub mod access;
pub mod estate;
pub mod evidence;
pub mod lease;
pub mod log;
pub mod task;
pub mod token;

macro_rules! body {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    };
}
use body;
