//! What must be there before anything else can be judged: two files without mistakes, and an engine
//! that answers.

use super::check::{Checks, Finding};
use crate::form::Mistakes;

/// `config.text` or `estate.text`: one finding per mistake, or one that there is none.
#[must_use]
pub fn examine_text<T>(subject: &str, file: &str, read: &Result<T, Mistakes>) -> Vec<Finding> {
    let mut checks = Checks::of(subject);
    match read {
        Ok(_) => checks.good("text", format!("{file} is read and has no mistakes")),
        Err(mistakes) => {
            for mistake in mistakes.told() {
                let words = || (String::new(), format!("{file}, {mistake}"), format!("correct it in {file}"));
                checks.fail_unless("text", false, words);
            }
        }
    }
    checks.done()
}

/// `server.reached`: whether the facts could be read at all.
#[must_use]
pub fn examine_reach(address: &str, reached: Result<(), &str>) -> Vec<Finding> {
    let mut checks = Checks::of("server");
    checks.fail_unless("reached", reached.is_ok(), || {
        (
            format!("the engine at {address} answers and takes the token"),
            format!("nothing could be read from the engine at {address}: {}", reached.err().unwrap_or_default()),
            "check vault.address, that the engine is unsealed, and that the token has the policy doctor".into(),
        )
    });
    checks.done()
}
