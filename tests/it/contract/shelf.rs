//! What every `Shelf` keeps.

use leasehold::ports::{FaultKind, Shelf};
use std::sync::Arc;

/// One shelf, opened as often as a test likes.
pub(crate) trait Bench: Send + Sync {
    /// Opens it again.
    fn open(&self) -> Arc<dyn Shelf>;
}

const MANY: u64 = 1 << 20;

pub(crate) fn what_was_never_put_is_not_there(bench: &impl Bench) {
    let shelf = bench.open();
    assert_eq!(shelf.get("a", MANY).unwrap(), None);
    shelf.put("a", &[b"some", b"thing"]).unwrap();
    assert_eq!(shelf.get("b", MANY).unwrap(), None);
    assert_eq!(shelf.get("a", MANY).unwrap().unwrap(), b"something");
}

pub(crate) fn what_was_put_last_is_there_after_opening_again(bench: &impl Bench) {
    for bytes in [vec![7; 100_000], b"short".to_vec(), Vec::new(), vec![0, 255, 10]] {
        bench.open().put("a", &[&bytes]).unwrap();
        assert_eq!(bench.open().get("a", MANY).unwrap(), Some(bytes));
    }
}

pub(crate) fn names_do_not_touch_each_other(bench: &impl Bench) {
    let shelf = bench.open();
    shelf.put("a", &[b"one"]).unwrap();
    shelf.put("b", &[b"two"]).unwrap();
    assert_eq!(shelf.get("a", MANY).unwrap().unwrap(), b"one");
    assert_eq!(shelf.get("b", MANY).unwrap().unwrap(), b"two");
    assert_ne!(shelf.place("a"), shelf.place("b"));
    assert!(shelf.place("a").contains('a'));
}

pub(crate) fn more_than_the_reader_takes_is_not_read(bench: &impl Bench) {
    let shelf = bench.open();
    shelf.put("a", &[&[1; 100]]).unwrap();
    assert_eq!(shelf.get("a", 100).unwrap().unwrap().len(), 100);
    assert_eq!(shelf.get("a", 99).unwrap_err().kind, FaultKind::Permanent);
}

pub(crate) fn many_writers_leave_what_one_of_them_put(bench: &impl Bench) {
    let shelf = bench.open();
    std::thread::scope(|scope| {
        for number in 0..8_u8 {
            let shelf = &shelf;
            scope.spawn(move || shelf.put("a", &[&vec![number; 10_000 + usize::from(number)]]).unwrap());
        }
    });
    let found = shelf.get("a", MANY).unwrap().unwrap();
    assert_eq!(found, vec![found[0]; 10_000 + usize::from(found[0])]);
}

macro_rules! shelf_contract {
    ($bench:path) => {
        $crate::contract::shelf::shelf_contract! { $bench:
            what_was_never_put_is_not_there
            what_was_put_last_is_there_after_opening_again
            names_do_not_touch_each_other
            more_than_the_reader_takes_is_not_read
            many_writers_leave_what_one_of_them_put
        }
    };
    ($bench:path: $($sentence:ident)*) => {$(
        #[test]
        fn $sentence() {
            $crate::contract::shelf::$sentence(&$bench());
        }
    )*};
}
pub(crate) use shelf_contract;
