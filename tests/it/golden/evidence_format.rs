//! `docs/evidence-format.md` is enough to write a reader: each entry type has its section, its fields and a
//! golden vector; and `docs/evidence/` holds a whole log with its checkpoint and a receipt, which our own
//! verifier and a stranger's (`docs/evidence/check.py`) accept. `LEASEHOLD_UPDATE_GOLDEN=1` rewrites the vectors.

mod story;

use super::same;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leasehold::audit;
use leasehold::domain::entry::{Body, Entry};
use leasehold::tlog::leaf_hash;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use story::Story;

const PAGE: &str = "docs/evidence-format.md";

#[test]
fn the_golden_log_is_what_the_code_writes() {
    let story = Story::told();
    same("docs/evidence/log.bundle", &story.bundle());
    same("docs/evidence/log.key", &format!("{}\n", story.key()));
    same("docs/evidence/entry.tlog-proof", &story.receipt().to_text());
}

#[test]
fn our_verifier_accepts_the_golden_log_and_its_receipt() {
    let story = Story::told();
    let report = audit::verify(story.bundle().as_bytes(), &story.key());
    assert!(report.holds(), "{report}");
    assert_eq!(report.size, story.entries().len() as u64);
    let missing: Vec<_> = Body::TYPES.iter().filter(|name| !report.types.contains_key(**name)).collect();
    assert!(missing.is_empty(), "the golden log has no entry of the types {missing:?}");
    let receipt = story.receipt();
    let proven = &story.entries()[usize::try_from(receipt.index).unwrap()];
    assert!(audit::verify_receipt(&receipt.to_text(), proven, &[], &story.key()).holds());
    let changed = story.bundle().replacen("effect-confirmed", "authority-confirmed", 1);
    assert!(!audit::verify(changed.as_bytes(), &story.key()).holds());
}

#[test]
fn every_entry_type_has_its_section_with_a_vector() {
    let story = Story::told();
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let missing: Vec<_> = Body::TYPES.iter().filter(|name| !page.contains(&heading(name))).collect();
    assert!(missing.is_empty(), "{PAGE} has no section for {missing:?}");
    same(PAGE, &with_vectors(&page, &story));
}

#[test]
fn every_section_names_the_fields_of_its_type_and_no_others() {
    let story = Story::told();
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    for name in Body::TYPES {
        let section = page.split(&heading(name)).nth(1).unwrap().split("\n##").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let written: BTreeSet<String> = rows.map(str::to_owned).collect();
        assert_eq!(written, story.keys(name, "what"), "the rows of {name}");
        let line = section.lines().find_map(|line| line.strip_prefix("Commitments: ")).unwrap_or_default();
        let committed: BTreeSet<String> = line.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(committed, story.keys(name, "commitments"), "the commitments of {name}");
    }
}

#[test]
fn a_reader_in_plain_python_agrees() {
    let Ok(python) = Command::new("python3").arg("--version").output() else {
        return xtask::not_run("docs/evidence/check.py", "no `python3` found; install Python 3.8 or newer");
    };
    assert!(python.status.success());
    let good = check(&root().join("docs/evidence/log.bundle"));
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("docs/evidence/log.bundle")).unwrap();
    for (from, to) in [("effect-confirmed", "authority-confirmed"), ("reconcile invoices", "reconcile voices")] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let file = folder.path().join("changed.bundle");
        fs::write(&file, changed).unwrap();
        assert!(!check(&file).status.success(), "{from} became {to} unseen");
    }
}

fn check(bundle: &Path) -> std::process::Output {
    let folder = root().join("docs/evidence");
    let mut python = Command::new("python3");
    python.arg("-B").arg(folder.join("check.py")).arg(bundle).arg(folder.join("log.key"));
    python.output().unwrap()
}

fn heading(name: &str) -> String {
    format!("### `{name}`\n")
}

/// The page with the block of each section of a type, and that of the opening, rewritten.
fn with_vectors(page: &str, story: &Story) -> String {
    let mut fresh = String::new();
    let mut section = String::new();
    let mut inside = false;
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            title.trim_matches('`').clone_into(&mut section);
        }
        inside &= line != "```";
        if !inside {
            fresh.push_str(line);
            fresh.push('\n');
        }
        if line == "```text"
            && let Some(block) = block(story, &section)
        {
            inside = true;
            fresh.push_str(&block);
        }
    }
    fresh
}

fn block(story: &Story, section: &str) -> Option<String> {
    if section == "A golden opening" {
        let it = story.opening();
        let (salt, digest) = (STANDARD.encode(it.salt), it.commitment().digest().to_string());
        return Some(format!(
            "type {}\nfield {}\nsalt {salt}\nvalue {}\ndigest {digest}\n",
            it.entry_type, it.field, it.value
        ));
    }
    Body::TYPES.contains(&section).then(|| vector(story, section))
}

/// The first entry of the type in the golden log.
fn vector(story: &Story, name: &str) -> String {
    let named = |bytes: &Vec<u8>| Entry::read(bytes).unwrap().body.type_name() == name;
    let index = story.entries().iter().position(named).unwrap();
    let bytes = &story.entries()[index];
    format!("index {index}, leaf hash {}\n{}\n", leaf_hash(bytes), String::from_utf8_lossy(bytes))
}

impl Story {
    /// Keys of one object of all entries of a type.
    fn keys(&self, name: &str, object: &str) -> BTreeSet<String> {
        let read = |bytes: &Vec<u8>| serde_json::from_slice::<Value>(bytes).unwrap();
        let entries = self.entries().iter().map(read).filter(|entry| entry["type"] == name);
        entries
            .filter_map(|entry| Some(entry[object].as_object()?.keys().cloned().collect::<Vec<_>>()))
            .flatten()
            .collect()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
