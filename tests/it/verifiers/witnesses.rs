//! Trust policies and cosignatures, as the verifier in Python judges them: by hand from C2SP tlog-policy and
//! tlog-cosignature, with keys made here.

use super::bundles::{Base, Log, head};
use super::mutations::Case;
use super::python::Python;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

struct Witness {
    name: &'static str,
    pair: Ed25519KeyPair,
}

impl Witness {
    fn new(name: &'static str, seed: u8) -> Self {
        Self { name, pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    fn typed(&self) -> Vec<u8> {
        [&[0x04], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> Vec<u8> {
        digest(&SHA256, &[self.name.as_bytes(), b"\n", &self.typed()].concat()).as_ref()[..4].to_vec()
    }

    fn key(&self) -> String {
        let id: String = self.id().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}+{id}+{}", self.name, STANDARD.encode(self.typed()))
    }

    fn line(&self, body: &str, time: u64, said: u64) -> String {
        let signature = self.pair.sign(format!("cosignature/v1\ntime {said}\n{body}").as_bytes());
        let bytes = [&self.id(), time.to_be_bytes().as_slice(), signature.as_ref()].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

#[test]
fn python_asks_for_the_quorum_and_for_right_cosignatures() {
    let Some(mut python) = Python::start() else { return };
    let log = Log::golden().base();
    let golden: Value = serde_json::from_slice(&log.lines[0]).unwrap();
    let note = golden["checkpoint"].as_str().unwrap();
    let body = &note[..=note.find("\n\n").unwrap()];
    let (a, b, c) = (Witness::new("w.example/a", 1), Witness::new("w.example/b", 2), Witness::new("w.example/c", 3));
    let key = String::from_utf8(log.keys.clone()).unwrap();
    let policy = format!(
        "# ours\n\nlog {}\twitness-less\nwitness A {} https://w.example/a\nwitness B {}\n witness C {}\ngroup G 2 A B C\nquorum G\n",
        key.trim(),
        a.key(),
        b.key(),
        c.key()
    );
    let good = |witness: &Witness| witness.line(body, 1_793_505_600, 1_793_505_600);
    let wrong = c.line(body, 1_793_505_600, 1_793_505_601);
    let late = c.line(body, 1 << 63, 1 << 63);
    let witness = Some(("witness".to_owned(), None));
    for (lines, quorum, verdict) in [
        (String::new(), "G", witness.clone()),
        (String::new(), "none", None),
        (good(&a), "G", witness.clone()),
        (good(&a), "A", None),
        (good(&a), "B", witness.clone()),
        (good(&a) + &good(&a), "G", witness.clone()),
        (good(&a) + &good(&b), "G", None),
        (good(&a) + &good(&b) + &good(&c), "G", None),
        (good(&a) + &good(&b) + &wrong, "G", witness.clone()),
        (good(&a) + &good(&b) + &late, "G", witness.clone()),
        (good(&a) + &good(&b) + &good(&b) + &b.line(body, 7, 8), "none", witness),
        (Witness::new("w.example/d", 4).line(body, 1, 2), "none", None),
    ] {
        let keys = policy.replace("quorum G", &format!("quorum {quorum}")).into_bytes();
        let base = Base { lines: log.lines.clone(), keys };
        let middle = head(&format!("{note}{lines}"), None);
        let case = Case { head: None, keep: 0, middle, resume: 1, what: String::new() };
        assert_eq!(python.verdicts(&base, &[case]), [verdict], "quorum {quorum}:\n{lines}");
    }
}
