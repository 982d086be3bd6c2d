//! Changes by someone who holds the log's key: every field of every entry becomes something else that could stand
//! there, the leaf is computed anew, and the checkpoint signed. Not each of them breaks a law; both verifiers say
//! the same of each.

use super::bundles::{Log, Row};
use super::exhaustive::is_thorough;
use super::judged;
use super::mutations::Case;
use super::python::Python;
use leasehold::domain::base::{Span, Time};
use leasehold::domain::entry::Body;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Values that stand in the log, by the name of their field.
pub(super) type Pool = BTreeMap<String, BTreeSet<String>>;

const POOL_MAX: usize = 8;
const WORDS: [(&str, &[&str]); 9] = [
    ("id", &["leasehold", "spiffe://example.org/people/payments-lead"]),
    ("type", Body::TYPES),
    ("why", &["asked", "expired", "superseded", "undelivered", "refused", "nothing-found", "found-and-ended"]),
    ("revocability", &["revocable", "expiry-bounded", "rotate-only"]),
    ("assurance", &["requested", "accepted", "authority-confirmed", "effect-confirmed"]),
    ("kind", &["agent", "credential", "role", "team", "database", "kv", "pki", "account", "lease"]),
    ("sensitivity", &["low", "medium", "high"]),
    ("reason", &["INTERNAL", "NOT_A_REASON"]),
    (
        "path",
        &["sys/creds/a", "a/creds/b", "a/sign/b", "a/data/b/c", "a/creds/b/c", "creds/creds", "a/../creds/b", "a"],
    ),
];

#[test]
fn both_say_the_same_of_every_forged_field() {
    let (log, mut python) = (Log::golden(), Python::start());
    let (base, pool) = (log.base(), pool(&log));
    let mut laws = BTreeMap::<String, usize>::new();
    for index in 0..log.rows.len() {
        let few = if is_thorough() { 1 } else { 5 };
        let cases: Vec<Case> = variants(&log.rows[index].entry, &pool)
            .into_iter()
            .skip(index % few)
            .step_by(few)
            .map(|(what, entry)| base.to(&forge(&log, index, entry).bundle(None), format!("entry {index}: {what}")))
            .collect();
        for verdict in judged(&mut python, &base, &cases) {
            *laws.entry(verdict.map_or("holds".to_owned(), |(law, _)| law)).or_default() += 1;
        }
    }
    println!("{laws:?}");
    let expected = [
        "holds",
        "actor",
        "entry",
        "time",
        "estate-group",
        "epoch",
        "counts",
        "erasure",
        "task",
        "approval",
        "scope",
        "subject",
        "window",
        "token",
        "lease",
        "intent",
        "proof",
        "renewal",
        "revocation",
        "origin",
    ];
    let missing: Vec<_> = expected.iter().filter(|law| !laws.contains_key(**law)).collect();
    assert!(missing.is_empty() || (!is_thorough() && missing.len() < 4), "no case for {missing:?}");
}

#[test]
fn both_say_the_same_of_every_omitted_doubled_or_moved_entry_that_is_signed_anew() {
    let (log, mut python) = (Log::golden(), Python::start());
    let base = log.base();
    let mut cases = Vec::new();
    let mut tell = |what: String, edit: &dyn Fn(&mut Vec<Row>)| {
        let mut forged = log.clone();
        edit(&mut forged.rows);
        cases.push(base.to(&forged.bundle(None), what));
    };
    for first in 0..log.rows.len() {
        tell(format!("without {first}"), &|rows| drop(rows.remove(first)));
        tell(format!("{first} twice"), &|rows| rows.insert(first, rows[first].clone()));
        tell(format!("ends before {first}"), &|rows| rows.truncate(first));
        for second in first + 1..log.rows.len() {
            tell(format!("{first} and {second} swapped"), &|rows| rows.swap(first, second));
            tell(format!("{second} copied before {first}"), &|rows| rows.insert(first, rows[second].clone()));
            tell(format!("{first} copied behind {second}"), &|rows| rows.insert(second + 1, rows[first].clone()));
        }
    }
    let verdicts = judged(&mut python, &base, &cases);
    assert!(verdicts.iter().any(Option::is_none) && verdicts.iter().any(Option::is_some));
}

/// The log with another entry in one place. What approves a changed request approves it as changed.
pub(super) fn forge(log: &Log, index: usize, entry: Value) -> Log {
    let mut forged = log.clone();
    let old = forged.rows[index].digest();
    forged.rows[index] = forged.rows[index].with(entry);
    let new = forged.rows[index].digest();
    for row in &mut forged.rows[index + 1..] {
        if row.entry["type"] == "task.approved" && row.entry["what"]["digest"] == *old {
            let mut entry = row.entry.clone();
            entry["what"]["digest"] = new.clone().into();
            *row = row.with(entry);
        }
    }
    forged
}

pub(super) fn pool(log: &Log) -> Pool {
    fn gather(pool: &mut Pool, name: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| gather(pool, name, value)),
            Value::Array(items) => items.iter().for_each(|item| gather(pool, name, item)),
            scalar => drop(pool.entry(name.to_owned()).or_default().insert(scalar.to_string())),
        }
    }
    let mut pool = Pool::new();
    log.rows.iter().for_each(|row| gather(&mut pool, "", &row.entry));
    pool
}

/// The entry with each of its values as something else.
pub(super) fn variants(entry: &Value, pool: &Pool) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    gather(&mut places, String::new(), entry);
    let mut variants = Vec::new();
    for pointer in places {
        let value = entry.pointer(&pointer).unwrap();
        for other in others(&pointer, value, pool) {
            let mut changed = entry.clone();
            let what = format!("{pointer} = {other}");
            *changed.pointer_mut(&pointer).unwrap() = other;
            variants.push((what, changed));
        }
        if let Some((parent, name)) = pointer.rsplit_once('/')
            && let Some(Value::Object(fields)) = entry.pointer(parent)
        {
            let mut changed = entry.clone();
            let fewer: serde_json::Map<_, _> =
                fields.iter().filter(|(key, _)| *key != name).map(|(key, it)| (key.clone(), it.clone())).collect();
            *changed.pointer_mut(parent).unwrap() = fewer.into();
            variants.push((format!("without {pointer}"), changed));
        }
    }
    variants
}

fn gather(places: &mut Vec<String>, pointer: String, value: &Value) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, it)| gather(places, format!("{pointer}/{name}"), it)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, it)| gather(places, format!("{pointer}/{at}"), it));
        }
        _ => {}
    }
    places.push(pointer);
}

fn others(pointer: &str, value: &Value, pool: &Pool) -> Vec<Value> {
    let name = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
    let known = pool.get(name).into_iter().flatten().take(POOL_MAX).map(|text| serde_json::from_str(text).unwrap());
    let words = WORDS.iter().filter(|(key, _)| *key == name).flat_map(|(_, words)| *words).map(|word| json!(word));
    let mut others: Vec<Value> = match value {
        Value::Object(fields) => {
            let mut more = fields.clone();
            more.insert("zz".into(), 1.into());
            vec![more.into(), json!({}), json!([]), fields.values().cloned().collect(), json!("text")]
        }
        Value::Array(items) => {
            let turned: Value = items.iter().rev().cloned().collect();
            let doubled: Value = items.iter().chain(items.first()).cloned().collect();
            vec![
                json!([]),
                turned,
                doubled,
                items.iter().skip(1).cloned().collect(),
                json!({}),
                json!([1]),
                json!(["Z"]),
            ]
        }
        Value::Number(number) => {
            let number = number.as_u64().unwrap();
            let near = [number + 1, number.saturating_sub(1), 0, (1 << 53) - 1, 1 << 53].map(|it| json!(it));
            near.into_iter().chain([json!(number.to_string()), json!(true), json!([number])]).collect()
        }
        Value::Bool(flag) => vec![json!(!flag), json!(1), json!("true"), json!({})],
        Value::String(text) => texts(text),
        Value::Null => Vec::new(),
    };
    others.extend(known.chain(words));
    others.retain(|other| other != value);
    others
}

fn texts(text: &str) -> Vec<Value> {
    let mut others: Vec<String> =
        vec![String::new(), format!("{text}x"), text.to_uppercase(), "a\u{1}\u{e9}\"\\".into()];
    if let Ok(time) = Time::parse(text) {
        let spans = [Span::from_millis(1), Span::from_seconds(1), Span::from_seconds(600), Span::from_seconds(86_400)];
        others.extend(spans.iter().flat_map(|span| [time.plus(*span), time.minus(*span)]).map(|time| time.to_string()));
        let odd = ["1970-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "9998-12-31T23:59:59.999999Z"];
        others.extend(odd.map(str::to_owned));
        others.extend(["9999-12-31T00:00:00.000000Z", "-000001-01-01T00:00:00.000000Z"].map(str::to_owned));
        others.push(text.replacen("-11-", "-13-", 1));
        others.push(text.replacen("T0", "T24", 1));
        others.push(text.replacen('Z', "+00:00", 1));
        others.push(format!("{}60.000000Z", &text[..17]));
    }
    if text.len() == 43 {
        others.push(format!("{}B", &text[..42]));
        others.push(format!("{text}="));
    }
    let mut values: Vec<Value> = others.into_iter().map(Value::from).collect();
    values.extend([json!(1), json!([text]), json!({ text: 1 })]);
    values
}
