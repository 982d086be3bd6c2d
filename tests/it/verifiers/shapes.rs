//! Heads and lines that are almost right: each stands for a way in which two readers could come apart.

use super::bundles::{Base, Log, ORIGIN, head, signer};
use super::exhaustive::is_thorough;
use super::judged;
use super::mutations::Case;
use super::python::Python;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::note::Signer;
use leasehold::tlog::{Hash, leaf_hash};
use serde_json::{Value, json};

/// One line in the place of another, which is checked to be there.
fn replaced(base: &Base, line: usize, from: &str, to: &str) -> Case {
    let text = String::from_utf8(base.lines[line].clone()).unwrap();
    assert!(text.contains(from), "{from} is not in line {line}");
    let middle = text.replacen(from, to, 1).into_bytes();
    Case { head: None, keep: line, middle, resume: line + 1, what: format!("line {line}: {from} becomes {to}") }
}

#[test]
fn both_say_the_same_of_odd_heads() {
    let (base, mut python) = (Log::golden().base(), Python::start());
    let other = Signer::generate("log.example.org/other", [8; 32]).unwrap();
    let named = Signer::generate("log.example.org/other", [7; 32]).unwrap();
    let golden: Value = serde_json::from_slice(&base.lines[0]).unwrap();
    let note = golden["checkpoint"].as_str().unwrap().to_owned();
    let of = |signer: &Signer| {
        let checkpoint = Checkpoint { origin: signer.name().into(), size: 58, root: Hash::from_bytes([1; 32]) };
        checkpoint.sign(signer)
    };
    let (text, line) = note.split_once("\n\n").unwrap();
    let signature = line.trim_end().rsplit(' ').next().unwrap();
    let notes = [
        note.clone(),
        of(&signer()),
        of(&other),
        of(&named),
        format!("{text}\n\n{line}{line}"),
        format!("{text}\n\n\u{2014} someone AAAAAAA=\n{line}"),
        format!("{text}\n\n\u{2014} someone AAAAAAB=\n{line}"),
        format!("{text}\n\n\u{2014} someone AAAA\n{line}"),
        format!("{text}\n\n\u{2014} some+one AAAAAAA=\n{line}"),
        format!("{text}\n\n\u{2014} some\u{a0}one AAAAAAA=\n{line}"),
        format!("{text}\n\n\u{2014} some\u{85}one AAAAAAA=\n{line}"),
        format!("{text}\n\n\u{2014} {ORIGIN}  {signature}\n"),
        format!("{text}\n\n\u{2014} {ORIGIN} {signature}"),
        format!("{text}\n\n- {ORIGIN} {signature}\n"),
        format!("{text}\n\n{line}\n"),
        format!("{text}\n\n"),
        format!("{text}\n{line}"),
        format!("{text}\r\n\n{line}"),
        format!("{text}\nmore\n\n{line}"),
        format!("{text}\n\n{}", "\u{2014} a AAAAAAA=\n".repeat(99) + line),
        format!("{text}\n\n{}", "\u{2014} a AAAAAAA=\n".repeat(100) + line),
        String::new(),
    ];
    let selections = [
        json!({}),
        json!([]),
        json!("task"),
        json!({ "task": "a" }),
        json!({ "task": 1 }),
        json!({ "who": "a" }),
        json!({ "agent": "a", "credential": "b", "from": "c", "lease": "d", "task": "e", "to": "f" }),
        json!(["a", "b", "c", "d", "e", "f"]),
    ];
    let case = |line: Vec<u8>| {
        let what = String::from_utf8_lossy(&line).into_owned();
        Case { head: None, keep: 0, middle: line, resume: 1, what }
    };
    let mut cases: Vec<Case> = notes.iter().map(|note| case(head(note, None))).collect();
    cases.extend(selections.iter().map(|selection| case(head(&note, Some(selection)))));
    for (from, to) in
        [("/2\"", "/1\""), ("\"form\"", "\"form\":1,\"form\""), ("}", ",\"z\":1}"), ("{", "{ "), ("}", "}}")]
    {
        cases.push(replaced(&base, 0, from, to));
    }
    cases.push(case(b"[]\n".to_vec()));
    cases.push(case(b"\n".to_vec()));
    cases.push(case([b"\xef\xbb\xbf", base.lines[0].as_slice()].concat()));
    let verdicts = judged(&mut python, &base, &cases);
    assert_eq!(verdicts[0], None, "the control");
    assert!(verdicts.iter().filter(|verdict| verdict.is_none()).count() > 3, "{verdicts:?}");
}

#[test]
fn both_say_the_same_of_odd_lines() {
    let (log, mut python) = (Log::golden(), Python::start());
    let base = log.base();
    // Its entry is `task.requested`, with one opening.
    let line = 1 + log.first("task.requested");
    let text = String::from_utf8(base.lines[line].clone()).unwrap();
    let opening = text.split("\"openings\":[").nth(1).unwrap().trim_end().trim_end_matches("]}").to_owned();
    let (salt, leaf) = (between(&opening, "\"salt\":\""), between(&text, "\"leaf\":\""));
    let index = format!("\"index\":{}", line - 1);
    let entry = text.strip_prefix("{\"entry\":").unwrap().split(",\"index\"").next().unwrap().to_owned();
    let deep = format!("{{\"entry\":{}1{}", "{\"a\":".repeat(9), "}".repeat(9));
    let mut cases: Vec<Case> = [
        (opening.as_str(), String::new()),
        (opening.as_str(), format!("{opening},{opening}")),
        (opening.as_str(), format!("[\"purpose\",\"{salt}\",\"reconcile invoices for 2026-10\"]")),
        (opening.as_str(), format!("{opening},{}", opening.replace("purpose", "zzz"))),
        (opening.as_str(), format!("{},{opening}", opening.replace("purpose", "aaa"))),
        (opening.as_str(), format!("{opening},1")),
        ("\"openings\":[", "\"opening\":[".to_owned()),
        (salt.as_str(), salt.replace('=', "")),
        (salt.as_str(), "AAAA".to_owned()),
        (salt.as_str(), format!("{}B=", &salt[..42])),
        (leaf.as_str(), format!("{}B=", &leaf[..42])),
        (leaf.as_str(), leaf[..40].to_owned()),
        (leaf.as_str(), leaf.replace('=', "A")),
        (leaf.as_str(), "\\u0041".to_owned()),
        (index.as_str(), "\"index\":\"1\"".to_owned()),
        (index.as_str(), "\"index\":01".to_owned()),
        (index.as_str(), "\"index\":9007199254740992".to_owned()),
        (index.as_str(), "\"index\":9007199254740991".to_owned()),
        (index.as_str(), "\"index\":99999999999999999999999999".to_owned()),
        (entry.as_str(), "1".to_owned()),
        (entry.as_str(), "[]".to_owned()),
        (entry.as_str(), "{}".to_owned()),
        (entry.as_str(), "{\"a\":null}".to_owned()),
        (entry.as_str(), "{\"a\":-1}".to_owned()),
        (entry.as_str(), "{\"a\":1e3}".to_owned()),
        (entry.as_str(), "{\"a\":NaN}".to_owned()),
        (entry.as_str(), "{\"a\":\"\\ud800\"}".to_owned()),
        (entry.as_str(), "{\"a\":\"\\u007f\"}".to_owned()),
        (entry.as_str(), "{\"a\":\"\u{7f}\u{2028}\u{feff}\"}".to_owned()),
        ("{\"entry\":", deep.clone()),
        ("}\n", "}\r\n".to_owned()),
        ("}\n", "}\n\n".to_owned()),
        ("\n", " \n".to_owned()),
    ]
    .into_iter()
    .map(|(from, to)| replaced(&base, line, from, &to))
    .collect();
    cases.extend(nested(&base, line, &entry, &leaf));
    cases.push(replaced(&base, line, "}\n", &format!("}}{}\n", " ".repeat(1 << 20))));
    let verdicts = judged(&mut python, &base, &cases);
    assert!(verdicts.iter().all(Option::is_some), "{verdicts:?}");
    assert!(is_thorough() || cases.len() > 30);
}

/// Objects at the edge of the depth that an entry may have, with the right leaf hash.
fn nested(base: &Base, line: usize, entry: &str, leaf: &str) -> Vec<Case> {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "a".repeat(bytes - 8));
    let odd = [deep(8), deep(9), deep(10), long(65_535), long(65_536)];
    let hashed = |odd: &String| {
        let text = String::from_utf8(base.lines[line].clone()).unwrap().replacen(entry, odd, 1);
        let middle = text.replacen(leaf, &leaf_hash(odd.as_bytes()).to_string(), 1).into_bytes();
        Case { head: None, keep: line, middle, resume: line + 1, what: odd[..20].to_owned() }
    };
    odd.iter().map(hashed).collect()
}

#[test]
fn both_say_the_same_of_odd_subtrees() {
    let (log, mut python) = (Log::golden(), Python::start());
    let (base, mut cases) = (log.base(), Vec::new());
    for (from, leaves) in
        [(0, 1), (0, 0), (0, 3), (0, 64), (1, 1), (8, 8), (8, 16), (4, 8), (8, 1_u64 << 52), (8, (1 << 53) - 1)]
    {
        let hash = Hash::from_bytes([3; 32]).to_string();
        for line in [
            json!({ "from": from, "hash": hash, "leaves": leaves }),
            json!({ "from": from, "hash": &hash[1..], "leaves": leaves }),
            json!({ "from": from, "hash": hash, "leaves": leaves, "more": 1 }),
            json!({ "from": from, "leaves": leaves }),
        ] {
            let middle = format!("{line}\n").into_bytes();
            let what = format!("{line} at leaf 8");
            cases.push(Case { head: None, keep: 9, middle, resume: 10, what });
        }
    }
    assert!(judged(&mut python, &base, &cases).iter().all(Option::is_some));
}

fn between(text: &str, before: &str) -> String {
    text.split(before).nth(1).unwrap().split('"').next().unwrap().to_owned()
}
