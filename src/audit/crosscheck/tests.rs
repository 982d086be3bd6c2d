//! The golden log, and the audit file that an engine would have written beside it.

use super::*;
use crate::bundle::Line as BundleLine;
use domain::entry::{Body, Entry};
use serde_json::Value;

const GOLDEN: &str = include_str!("../../../docs/evidence/log.bundle");
const AUDIT: &str = include_str!("../../../docs/evidence/audit.log");

fn entries() -> Vec<(u64, Vec<u8>)> {
    let line = |text: &str| match BundleLine::read(text.as_bytes()).unwrap() {
        BundleLine::Entry(shown, _) => (shown.index, shown.entry.to_vec()),
        folded => panic!("{folded:?}"),
    };
    GOLDEN.lines().skip(1).map(line).collect()
}

/// What an engine would have written of the calls that the entries tell of.
fn audit() -> Vec<Value> {
    AUDIT.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn tally(entries: &[(u64, Vec<u8>)], audit: &[Value]) -> Tally {
    let mut crosscheck = Crosscheck::default();
    for (index, bytes) in entries {
        crosscheck.entry(*index, bytes).unwrap();
    }
    audit.iter().for_each(|line| crosscheck.line(&line.to_string()));
    crosscheck.finish()
}

#[test]
fn a_log_and_the_audit_file_of_its_calls_agree() {
    let tally = tally(&entries(), &audit());
    assert!(tally.agrees(), "{tally}");
    assert!(tally.compared.issued > 2 && tally.compared.revoked > 1 && tally.compared.tokens_made > 0, "{tally}");
    assert_eq!((tally.out_of_range, tally.not_compared, tally.more), (0, 0, 0), "{tally}");
}

#[test]
fn each_line_that_is_taken_out_is_missed_by_an_entry() {
    let whole = audit();
    for at in 1..whole.len() {
        let mut fewer = whole.clone();
        let gone = fewer.remove(at);
        let tally = tally(&entries(), &fewer);
        // The very last line bounds the time that is compared.
        let side = tally.differences.first().map(|it| (it.side, it.index.is_some()));
        assert_eq!(side, Some((Side::LogOnly, true)), "{gone} {tally}");
    }
}

#[test]
fn each_entry_that_is_taken_out_is_named_and_its_call_stands_alone() {
    let whole = entries();
    let mut shown = 0;
    for at in 1..whole.len() - 1 {
        let mut fewer = whole.clone();
        let (index, bytes) = fewer.remove(at);
        let tally = tally(&fewer, &audit());
        let missing = tally.differences.iter().find(|it| it.index == Some(index) && it.side == Side::LogOnly);
        assert!(missing.is_some(), "{index} {tally}");
        if matches!(Entry::read(&bytes).unwrap().body, Body::TokenMade(_)) {
            let alone = |it: &&Difference| it.side == Side::AuditOnly || it.side == Side::AnotherEntry;
            assert!(tally.differences.iter().any(|it| alone(&it)), "{index} {tally}");
            shown += 1;
        }
    }
    assert!(shown > 0);
}

#[test]
fn what_happened_outside_of_the_log_is_shown() {
    let (entries, whole) = (entries(), audit());
    let find = |part: &str| whole.iter().find(|line| line["request"]["path"].as_str().unwrap().contains(part)).unwrap();
    let drawn = find("database/creds/ledger-ro").clone();
    let change = |line: &Value, pointer: &str, value: Value| {
        let mut line = line.clone();
        *line.pointer_mut(pointer).unwrap() = value;
        line
    };
    let stranger = change(&drawn, "/request/id", "stranger".into());
    let nameless = change(&stranger, "/request/headers", Value::Null);
    let expect = |line: Value, side: Side, words: &str| {
        let mut more = whole.clone();
        more.push(line);
        let tally = tally(&entries, &more);
        let [only] = tally.differences.as_slice() else { panic!("{tally}") };
        assert_eq!((only.side, only.line), (side, Some(more.len() as u64)), "{tally}");
        assert!(only.meaning.contains(words), "{tally}");
    };
    expect(stranger.clone(), Side::AuditOnly, "second secret");
    expect(nameless, Side::AuditOnly, "drew a secret");
    expect(change(&stranger, "/request/headers/x-leasehold-entry/0", "0".into()), Side::AnotherEntry, "no call");
    let revoke = change(find("sys/leases/revoke/"), "/request/headers", Value::Null);
    expect(revoke.clone(), Side::AuditOnly, "sys/leases/revoke/");
    expect(change(&revoke, "/request/path", "sys/leases/revoke-prefix/database".into()), Side::AuditOnly, "no entry");
    let foreign = change(find("sys/leases/revoke/"), "/request/path", "sys/leases/revoke/pki/sign/other/x".into());
    let foreign = change(&foreign, "/request/id", "foreign".into());
    assert!(
        tally(&entries, &[whole.clone(), vec![change(&foreign, "/request/headers", Value::Null)]].concat()).agrees()
    );
    let token = change(find("auth/token/create"), "/request/id", "another".into());
    expect(token.clone(), Side::AuditOnly, "token was made");
    expect(change(&token, "/request/headers", Value::Null), Side::AuditOnly, "task token");
}

#[test]
fn an_answer_of_another_call_under_a_known_id_is_shown() {
    let mut whole = audit();
    let drawn = whole.iter_mut().find(|line| line["request"]["path"] == "database/creds/ledger-ro").unwrap();
    drawn["request"]["path"] = "secret/data/motd".into();
    let tally = tally(&entries(), &whole);
    assert!(tally.differences.iter().any(|it| it.side == Side::AnotherEntry), "{tally}");
}

#[test]
fn without_the_header_in_clear_it_says_what_it_could_not_compare() {
    let mut hashed = audit();
    for line in &mut hashed {
        if line["request"]["headers"].is_object() {
            line["request"]["headers"]["x-leasehold-entry"][0] = "hmac-sha256:00".into();
        }
    }
    let hidden = tally(&entries(), &hashed);
    assert!(hidden.agrees() && hidden.not_compared > 5 && hidden.headers_clear == 0, "{hidden}");
    assert!(hidden.to_string().contains("set up the header"), "{hidden}");
}

#[test]
fn an_audit_file_of_another_time_compares_nothing_and_says_so() {
    let mut later = audit();
    for line in &mut later {
        line["time"] = "2030-01-01T00:00:00.123456789Z".into();
        line["request"]["id"] = "x".into();
        line["request"]["headers"] = Value::Null;
        line["request"]["path"] = "sys/mounts".into();
    }
    let tally = tally(&entries(), &later);
    assert!(tally.agrees() && tally.compared == Compared::default() && tally.out_of_range > 5, "{tally}");
}
