//! A story in numbered steps, told as it happens: `✓ 5 login as v-token-…: 3 rows`. A step counts only
//! when it was really observed, and the story ends well only when every step was.

use crate::terminal::{mark, with_progress};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::time::Instant;

/// How a step is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// One line per step on stderr.
    ToPeople,
    /// The same, and one JSON object per step on stdout.
    ToMachines,
}

/// Counts and tells the steps.
#[derive(Debug)]
pub struct Story {
    told: Told,
    observed: usize,
}

impl Story {
    /// A story of which nothing has happened yet.
    #[must_use]
    pub fn new(told: Told) -> Self {
        Self { told, observed: 0 }
    }

    /// Does one step. `observe` gives the sentence that says what was seen, and whatever later steps need.
    ///
    /// # Errors
    /// What `observe` says; the step is then told as not observed, and the story is over.
    pub fn step<T>(&mut self, name: &str, observe: impl FnOnce() -> Result<(String, T)>) -> Result<T> {
        let number = self.observed + 1;
        let start = Instant::now();
        let outcome = with_progress(&format!("{number} {name}"), observe);
        let (sentence, observed) = match &outcome {
            Ok((sentence, _)) => (sentence.clone(), true),
            Err(error) => (format!("{name}: {error:#}"), false),
        };
        eprintln!("{} {number} {sentence}", mark(observed));
        if self.told == Told::ToMachines {
            let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            println!(
                "{}",
                json!({ "step": number, "name": name, "observed": observed, "sentence": sentence, "milliseconds": milliseconds })
            );
        }
        let (_, gained) = outcome.with_context(|| format!("step {number} was not observed"))?;
        self.observed = number;
        Ok(gained)
    }

    /// The last line. Only the end of a whole story calls this.
    pub fn end(self) {
        eprintln!("all {} steps observed", self.observed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn a_step_that_was_not_observed_is_an_error_and_does_not_count() {
        let mut story = Story::new(Told::ToPeople);
        let rows = story.step("login", || Ok(("login as v-token-x: 3 rows".to_owned(), 3))).unwrap();
        assert_eq!((rows, story.observed), (3, 1));
        let failed: Result<()> = story.step("same login again", || bail!("it still works"));
        assert_eq!(format!("{:#}", failed.unwrap_err()), "step 2 was not observed: it still works");
        assert_eq!(story.observed, 1);
    }
}
