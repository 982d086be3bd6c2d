//! The simulated shelf: names and bytes in memory, which outlive whoever opened it, and which a test
//! can change behind everybody's back. It passes the same contract suite as the real one.

use leasehold::ports::{Fault, FaultKind, Shelf};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Clones are the same shelf.
#[derive(Clone, Default)]
pub(crate) struct SimShelf(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    files: BTreeMap<String, Vec<u8>>,
    broken: bool,
    puts: u32,
}

impl SimShelf {
    pub(crate) fn of(&self, name: &str) -> Option<Vec<u8>> {
        self.content().files.get(name).cloned()
    }

    /// Puts bytes there, or takes them away, past the port.
    pub(crate) fn set(&self, name: &str, bytes: Option<Vec<u8>>) {
        let files = &mut self.content().files;
        match bytes {
            Some(bytes) => drop(files.insert(name.to_owned(), bytes)),
            None => drop(files.remove(name)),
        }
    }

    /// From now on nothing can be read and nothing written, or everything again.
    pub(crate) fn set_broken(&self, broken: bool) {
        self.content().broken = broken;
    }

    /// How often somebody wanted to put something.
    pub(crate) fn puts(&self) -> u32 {
        self.content().puts
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }
}

impl Shelf for SimShelf {
    fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault> {
        let content = self.content();
        let found = content.files.get(name).cloned();
        if content.broken || found.as_ref().is_some_and(|bytes| bytes.len() as u64 > bytes_max) {
            return Err(Fault::new(FaultKind::Permanent, "the simulated shelf does not give this"));
        }
        Ok(found)
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> Result<(), Fault> {
        let mut content = self.content();
        content.puts += 1;
        if content.broken {
            return Err(Fault::new(FaultKind::Transient, "the simulated shelf was told to be full"));
        }
        content.files.insert(name.to_owned(), parts.concat());
        Ok(())
    }

    fn place(&self, name: &str) -> String {
        format!("shelf:{name}")
    }
}

mod tests {
    use super::SimShelf;
    use crate::contract::shelf::{Bench, shelf_contract};
    use leasehold::ports::Shelf;
    use std::sync::Arc;

    impl Bench for SimShelf {
        fn open(&self) -> Arc<dyn Shelf> {
            Arc::new(self.clone())
        }
    }

    shelf_contract!(SimShelf::default);
}
