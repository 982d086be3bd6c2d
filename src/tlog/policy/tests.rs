//! Policies against their specification.

use super::*;
use crate::cosignature::Cosigner;
use crate::hash::leaf_hash;
use crate::note::Signer;

fn log(name: &str) -> Signer {
    Signer::generate(name, [1; 32]).unwrap()
}

fn cosigner(number: u8) -> Cosigner {
    Cosigner::generate(&format!("w{number}.example"), [number; 32]).unwrap()
}

fn body() -> String {
    Checkpoint { origin: "log.example".into(), size: 7, root: leaf_hash(b"root") }.body()
}

/// A checkpoint of the log, cosigned by these witnesses, each at the time of its number.
fn signed(by: &[u8]) -> String {
    let checkpoint = Checkpoint { origin: "log.example".into(), size: 7, root: leaf_hash(b"root") };
    let lines = by.iter().map(|number| cosigner(*number).cosign(&body(), u64::from(*number)));
    checkpoint.sign(&log("log.example")) + &lines.collect::<String>()
}

/// `{L}` stands for the log's key, `{1}` to `{6}` for those of witnesses.
fn text(template: &str) -> String {
    let text = template.replace("{L}", &log("log.example").verifier().to_string());
    (1..=6).fold(text, |text, number| text.replace(&format!("{{{number}}}"), &cosigner(number).verifier().to_string()))
}

fn policy(template: &str) -> Policy {
    Policy::parse(text(template).as_bytes()).unwrap()
}

const EXAMPLE: &str = "\
log {L}

witness X1 {1}
witness X2 {2}
witness X3 {3}
group X-witnesses 2 X1 X2 X3

witness Y1 {4}
witness Y2 {5} https://y2.example/prefix
witness Y3 {6}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
";

#[test]
fn the_published_example_asks_for_two_of_three_and_one_of_three() {
    let policy = policy(EXAMPLE);
    assert!(policy.asks_for_witnesses());
    assert_eq!(policy.logs(), [log("log.example").verifier()]);
    assert_eq!(policy.witnesses()[4].url.as_deref(), Some("https://y2.example/prefix"));
    for set in 0_u8..64 {
        let by: Vec<u8> = (1..=6).filter(|number| set & (1 << (number - 1)) != 0).collect();
        let of = |range: std::ops::RangeInclusive<u8>| by.iter().filter(|number| range.contains(number)).count();
        let judged = policy.judge(&signed(&by)).unwrap();
        assert_eq!(judged.quorum_met, of(1..=3) >= 2 && of(4..=6) >= 1, "{by:?}");
        assert_eq!(judged.checkpoint.body(), body());
        let names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"];
        let expected = by.iter().map(|number| (names[usize::from(*number) - 1].to_owned(), u64::from(*number)));
        assert_eq!(judged.witnesses, expected.collect::<Vec<_>>());
        assert!(judged.unknown.is_empty());
    }
}

#[test]
fn a_bare_key_is_a_policy_without_witnesses() {
    let key = log("log.example").verifier();
    for text in [key.to_string(), format!("{key}\n"), format!("# of our log\n\n \t{key} \n")] {
        let policy = Policy::parse(text.as_bytes()).unwrap();
        assert_eq!(policy, Policy::of_log(key.clone()), "{text:?}");
        assert!(!policy.asks_for_witnesses());
        let judged = policy.judge(&signed(&[1])).unwrap();
        assert!(judged.quorum_met && judged.witnesses.is_empty());
        assert_eq!(judged.unknown, ["w1.example"]);
    }
    let two = format!("{key}\n{key}\n");
    assert_eq!(Policy::parse(two.as_bytes()).unwrap_err().line, 1);
}

#[test]
fn unknown_keys_are_told_and_do_not_count() {
    let policy = policy("log {L}\nwitness one {1}\nquorum one\n");
    assert!(policy.judge(&signed(&[1])).unwrap().quorum_met);
    let judged = policy.judge(&signed(&[2, 3])).unwrap();
    assert!(!judged.quorum_met && judged.witnesses.is_empty());
    assert_eq!(judged.unknown, ["w2.example", "w3.example"]);
}

#[test]
fn a_witness_that_signs_twice_counts_once_with_its_latest_time() {
    let policy = policy("log {L}\nwitness one {1}\nwitness two {2}\ngroup both all one two\nquorum both\n");
    let twice = format!("{}{}{}", signed(&[]), cosigner(1).cosign(&body(), 9), cosigner(1).cosign(&body(), 5));
    let judged = policy.judge(&twice).unwrap();
    assert_eq!((judged.quorum_met, judged.witnesses), (false, vec![("one".into(), 9)]));
}

#[test]
fn a_wrong_signature_of_a_known_key_spoils_the_checkpoint() {
    let known = policy("log {L}\nwitness one {1}\nquorum none\n");
    assert!(known.judge(&signed(&[1])).unwrap().quorum_met);
    let wrong = format!("{}{}", signed(&[]), cosigner(1).cosign("another text\n", 1));
    assert_eq!(known.judge(&wrong), Err(JudgeError::Witness("one".into())));
    let stranger = policy("log {L}\nwitness two {2}\nquorum none\n");
    assert_eq!(stranger.judge(&wrong).unwrap().unknown, ["w1.example"], "for others it is only unknown");
    let unsigned = format!("{}\n{}", body(), cosigner(1).cosign(&body(), 1));
    assert!(matches!(known.judge(&unsigned), Err(JudgeError::Log(CheckpointError::Note(NoteError::Unsigned)))));
    let tampered = signed(&[1]).replace("\n7\n", "\n8\n");
    assert!(matches!(known.judge(&tampered), Err(JudgeError::Log(CheckpointError::Note(NoteError::BadSignature(_))))));
    assert!(matches!(known.judge("nothing"), Err(JudgeError::Log(_))));
}

#[test]
fn a_log_signs_for_itself_only() {
    let (ours, other) = (log("log.example").verifier(), Signer::generate("other.example", [9; 32]).unwrap());
    let both = format!("log {ours}\nlog {}\nquorum none\n", other.verifier());
    let policy = Policy::parse(both.as_bytes()).unwrap();
    assert!(policy.judge(&signed(&[])).is_ok());
    let borrowed = note::sign(&body(), &[&other]).unwrap();
    assert!(matches!(policy.judge(&borrowed), Err(JudgeError::Log(CheckpointError::Origin { .. }))));
    let cosigned_by_other = note::sign(&body(), &[&other, &log("log.example")]).unwrap();
    assert!(policy.judge(&cosigned_by_other).unwrap().unknown.is_empty());
}

#[test]
fn a_policy_is_narrowed_to_a_log_that_it_knows_or_that_is_known_from_elsewhere() {
    let (ours, other) = (log("log.example").verifier(), Signer::generate("other.example", [9; 32]).unwrap().verifier());
    assert_eq!(policy("log {L}\nquorum none\n").for_log(&other), None);
    let open = policy("quorum none\n# no log\n");
    assert!(open.logs().is_empty());
    assert!(matches!(open.judge(&signed(&[])), Err(JudgeError::Log(_))));
    assert!(open.for_log(&ours).unwrap().judge(&signed(&[])).is_ok());
}

#[test]
fn what_the_specification_allows_is_read() {
    let allowed = [
        "quorum none\n# alone\n",
        "quorum none\nlog {L}",
        "\t log\t{L}  https://log.example/ \n \n  # a comment\nquorum none\n",
        "witness \u{212a} {1}\nwitness K {2}\ngroup g all \u{212a} K\nquorum g\nlog {L}\n",
        "witness all {1}\ngroup any any all\nquorum any\n",
        "witness 2 {1}\nwitness 1 {2}\ngroup 3 2 2 1\nquorum 3\n",
        "witness w {1}\nquorum w\nwitness later {2}\n",
        "witness w {1}\ngroup unused 1 w\nquorum w\n",
    ];
    for template in allowed {
        assert!(Policy::parse(text(template).as_bytes()).is_ok(), "{template:?}");
    }
    let mut opaque = text("witness ? {1}\nwitness ! {2}\ngroup g all ? !\nquorum g\nlog {L}\n").into_bytes();
    opaque
        .iter_mut()
        .for_each(|byte| *byte = [*byte, 0xff, 0xfe][usize::from(*byte == b'?') + 2 * usize::from(*byte == b'!')]);
    let policy = Policy::parse(&opaque).unwrap();
    assert!(!policy.judge(&signed(&[1])).unwrap().quorum_met, "names that look alike are two names");
    assert!(policy.judge(&signed(&[1, 2])).unwrap().quorum_met);
}

#[test]
fn what_the_specification_forbids_is_refused_with_its_line() {
    let twin = Cosigner::generate("twin.example", [1; 32]).unwrap().verifier();
    let table = [
        ("", 1, "quorum"),
        ("log {L}\n# only\n\nlog {L}\nquorum none\n", 4, "twice"),
        ("log {L}\nwitness w {1}\n", 3, "needs one quorum"),
        ("log {1}\nquorum none\n", 1, "a log's key"),
        ("witness w {L}\nquorum w\n", 1, "a witness's key"),
        ("log {L} url more\nquorum none\n", 1, "expected: log"),
        ("log\nquorum none\n", 1, "expected: log"),
        ("witness w\nquorum none\n", 1, "expected: witness"),
        ("witness w {1} url more\nquorum w\n", 1, "expected: witness"),
        ("witness w {1}\nwitness w {2}\nquorum w\n", 2, "already"),
        ("witness w {1}\nwitness v {1}\nquorum w\n", 2, "twice"),
        ("witness w {1}\nwitness v {T}\nquorum w\n", 2, "twice"),
        ("witness none {1}\nquorum none\n", 1, "taken"),
        ("witness w {1}\ngroup none any w\nquorum none\n", 2, "taken"),
        ("witness w {1}\ngroup w any w\nquorum w\n", 2, "already"),
        ("group g any w\nwitness w {1}\nquorum g\n", 1, "not defined above"),
        ("witness w {1}\ngroup g any g\nquorum g\n", 2, "not defined above"),
        ("witness w {1}\ngroup g any none w\nquorum g\n", 2, "not defined above"),
        ("witness w {1}\ngroup g any w w\nquorum g\n", 2, "member twice"),
        ("witness w {1}\ngroup g any w\ngroup h any w\nquorum h\n", 3, "member twice"),
        ("witness w {1}\ngroup g any\nquorum g\n", 2, "expected: group"),
        ("witness w {1}\ngroup g 0 w\nquorum g\n", 2, "between 1 and 1"),
        ("witness w {1}\ngroup g 2 w\nquorum g\n", 2, "between 1 and 1"),
        ("witness w {1}\ngroup g 01 w\nquorum g\n", 2, "between 1 and 1"),
        ("witness w {1}\ngroup g +1 w\nquorum g\n", 2, "between 1 and 1"),
        ("witness w {1}\ngroup g most w\nquorum g\n", 2, "between 1 and 1"),
        ("quorum w\nwitness w {1}\n", 1, "not defined above"),
        ("quorum none\nquorum none\n", 2, "second quorum"),
        ("quorum\nlog {L}\n", 1, "expected: quorum"),
        ("quorum none none\nlog {L}\n", 1, "expected: quorum"),
        ("Quorum none\nlog {L}\n", 1, "begins with"),
        ("quorum none\r\nlog {L}\n", 1, "control"),
        ("quorum none # said\nlog {L}\n", 1, "expected: quorum"),
        ("quorum none\n\u{b}\n", 2, "control"),
        ("quorum none\n\u{7f}\n", 2, "control"),
        ("quorum\u{a0}none\nlog {L}\n", 1, "begins with"),
        ("not-a-key\n", 1, "malformed key"),
        ("{1}\n", 1, "a log's key"),
    ];
    for (template, line, what) in table {
        let error = Policy::parse(text(template).replace("{T}", &twin.to_string()).as_bytes()).unwrap_err();
        assert_eq!(error.line, line, "{template:?}: {error}");
        assert!(error.what.contains(what), "{template:?}: {error}");
    }
    let mut latin = b"log \xff\nquorum none\n".to_vec();
    assert_eq!(Policy::parse(&latin).unwrap_err().what, "a key is text in UTF-8");
    latin.resize(300 << 10, b'\n');
    assert!(Policy::parse(&latin).unwrap_err().what.contains("at most"));
}

#[test]
fn thirty_two_of_each_kind_are_read() {
    let mut text = String::new();
    for number in 0..32 {
        let log = Signer::generate(&format!("log{number}.example"), [number; 32]).unwrap().verifier();
        let witness = Cosigner::generate(&format!("w{number}.example"), [number; 32]).unwrap().verifier();
        text += &format!("log {log}\nwitness w{number} {witness}\ngroup g{number} any w{number}\n");
    }
    text += "quorum g31\n";
    let policy = Policy::parse(text.as_bytes()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len(), policy.groups.len()), (32, 32, 32));
}
