//! What `leasehold doctor` says of the witnesses and of the public log, beside a broker that runs.

use super::practice::Practice;
use crate::real::house::until;
use crate::witness::process::WitnessProcess;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use std::fs;
use std::net::TcpListener;

/// A site with a witness and a public log; its broker runs, and all entries are witnessed.
struct Site {
    practice: Practice,
    witness: WitnessProcess,
    key: String,
}

impl Site {
    fn open() -> Self {
        let mut practice = Practice::open();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let http = format!("\n[http]\nlisten = \"127.0.0.1:{port}\"\n");
        // The key comes of a first start, and the policy of the key.
        practice.scene.options.more_config = http.clone();
        practice.scene.start_broker().unwrap();
        let status = practice.scene.json("operator", &["status"]).unwrap();
        let key = status["log_verifier_key"].as_str().unwrap().to_owned();
        let witness = WitnessProcess::start("witness.example/w1", &[&key]);
        practice.scene.kill_broker().unwrap();
        let policy = practice.scene.file("witness.policy");
        practice.scene.options.more_config = format!("{http}[witness]\npolicy_file = {policy:?}\n");
        let site = Self { practice, witness, key };
        site.write_policy(&site.witness);
        site
    }

    fn write_policy(&self, witness: &WitnessProcess) {
        let policy = format!("log {}\n{}quorum w1\n", self.key, witness.line("w1"));
        fs::write(self.practice.scene.file("witness.policy"), policy).unwrap();
    }

    fn start_witnessed(&mut self) {
        self.practice.scene.start_broker().unwrap();
        let scene = &self.practice.scene;
        let witnessed = || scene.json("operator", &["status"]).unwrap()["unwitnessed_since_time"].is_null();
        until("every entry to be witnessed", witnessed);
    }

    fn troubles(&self) -> Vec<(String, String)> {
        let visit = self.practice.visit(&[]);
        visit.troubles().into_iter().map(|(check, severity)| (check.to_owned(), severity.to_owned())).collect()
    }

    fn says(&self, check: &str, word: &str) {
        let visit = self.practice.visit(&[]);
        let finding = visit.finding(check);
        assert!(finding["sentence"].as_str().unwrap().contains(word), "{finding}");
        assert!(finding["mend"].is_string(), "{finding}");
    }

    /// The checkpoint that is kept beside the log; `None` takes it away.
    fn keep(&self, text: Option<&str>) -> Option<String> {
        let file = self.practice.scene.file("log.db.cosigned");
        let before = fs::read_to_string(&file).ok();
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        before
    }
}

fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    expected.into_iter().map(|(check, severity)| (check.to_owned(), severity.to_owned())).collect()
}

#[test]
fn doctor_asks_the_witnesses_what_they_saw_and_tells_them_nothing() {
    let mut site = Site::open();
    site.practice.scene.write_config().unwrap();
    assert_eq!(site.troubles(), [], "a new witness, and a broker that never asked it");
    site.start_witnessed();
    let book = fs::read_to_string(site.witness.file("state")).unwrap();
    assert_eq!(site.troubles(), []);
    let visit = site.practice.visit(&[]);
    assert!(visit.finding("witness.w1.history")["sentence"].as_str().unwrap().contains("has cosigned these"));
    assert!(visit.finding("http.listen")["sentence"].as_str().unwrap().contains("is served"));
    site.practice.scene.kill_broker().unwrap();
    assert_eq!(site.troubles(), [], "it works without a running broker");
    assert!(site.practice.visit(&[]).finding("http.listen")["sentence"].as_str().unwrap().contains("is free"));

    a_history_that_is_not_this_one_is_found(&site);
    assert_eq!(fs::read_to_string(site.witness.file("state")).unwrap(), book, "it remembers what it did before");
    witnesses_that_do_not_help_are_found(&mut site);
    a_policy_that_cannot_be_followed_is_found(&site);
    an_address_of_somebody_else_is_found(&site);
}

fn a_history_that_is_not_this_one_is_found(site: &Site) {
    let key = fs::read_to_string(site.practice.scene.file("log.key")).unwrap();
    let signer = Signer::parse(key.trim()).unwrap();
    let honest = site.keep(None).unwrap();
    assert_eq!(site.troubles(), pairs([("witness.w1.history", "warn")]), "it saw what is not known here");
    site.says("witness.w1.history", "has seen");
    let size = Checkpoint::open(&honest, &signer.verifier()).unwrap().size;
    let kept = |size, root: &[u8]| {
        let checkpoint = Checkpoint { origin: signer.name().to_owned(), size, root: leaf_hash(root) };
        fs::write(site.practice.scene.file("log.db.cosigned"), checkpoint.sign(&signer)).unwrap();
    };
    kept(size + 5, b"longer");
    assert_eq!(site.troubles(), pairs([("witness.w1.history", "warn")]));
    site.says("witness.w1.history", "and others");
    kept(size, b"other");
    assert_eq!(site.troubles(), pairs([("witness.w1.history", "fail"), ("witness.quorum", "fail")]));
    site.says("witness.w1.history", "another history");
    site.keep(Some("no checkpoint\n"));
    assert!(site.troubles().contains(&("witness.kept".to_owned(), "fail".to_owned())));
    site.keep(Some(&honest));
    assert_eq!(site.troubles(), []);
}

fn witnesses_that_do_not_help_are_found(site: &mut Site) {
    site.witness.kill();
    assert_eq!(site.troubles(), pairs([("witness.w1.answers", "warn"), ("witness.quorum", "fail")]));
    site.witness.start_again();
    let other = Signer::generate("other.example", [1; 32]).unwrap().verifier().to_string();
    let stranger = WitnessProcess::start("witness.example/w1", &[&other]);
    site.write_policy(&stranger);
    assert_eq!(site.troubles(), pairs([("witness.w1.answers", "fail"), ("witness.quorum", "fail")]));
    site.says("witness.w1.answers", "does not know this log");
    let swapped = stranger.line("w1").replace(&stranger.address.to_string(), &site.witness.address.to_string());
    let policy = format!("log {}\n{swapped}quorum w1\n", site.key);
    fs::write(site.practice.scene.file("witness.policy"), policy).unwrap();
    assert_eq!(site.troubles(), pairs([("witness.w1.answers", "fail"), ("witness.quorum", "fail")]));
    site.says("witness.w1.answers", "another key");
    site.write_policy(&site.witness);
    assert_eq!(site.troubles(), []);
}

fn a_policy_that_cannot_be_followed_is_found(site: &Site) {
    let file = site.practice.scene.file("witness.policy");
    for (text, word) in [("quorum v\n", "line 1"), (&format!("log {}\nquorum none\n", site.key), "no witness")] {
        fs::write(&file, text).unwrap();
        assert_eq!(site.troubles(), pairs([("witness.policy", "fail")]));
        site.says("witness.policy", word);
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(site.troubles(), pairs([("witness.policy", "fail")]));
    site.says("witness.policy", "cannot read");
    site.write_policy(&site.witness);
    assert_eq!(site.troubles(), []);
}

fn an_address_of_somebody_else_is_found(site: &Site) {
    let config = site.practice.scene.options.more_config.clone();
    let address = config.split('"').nth(1).unwrap();
    let _squatter = TcpListener::bind(address).unwrap();
    assert_eq!(site.troubles(), pairs([("http.listen", "fail")]));
    site.says("http.listen", "another program");
}
