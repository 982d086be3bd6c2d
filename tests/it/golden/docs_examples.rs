//! What the pages show can be typed: files are read by the reader that reads the real ones, every key of a
//! table stands in the example and the other way round, and every command line is one that `leasehold` takes.

use clap::Parser as _;
use leasehold::app::cli::Cli;
use leasehold::app::config::Config;
use leasehold::domain::estate::Document;
use leasehold::tlog::policy::Policy;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

const CONFIGURATION: &str = "docs/configuration.md";
/// Pages with command lines to type.
const PAGES: [&str; 8] = [
    "README.md",
    "docs/auditing.md",
    "docs/configuration.md",
    "docs/evidence-format.md",
    "docs/limits.md",
    "docs/operations.md",
    "docs/walks/life-of-an-entry.md",
    "docs/witness.md",
];

#[test]
fn the_example_of_the_brokers_configuration_is_read_and_has_every_key() {
    let example = example("# leasehold.toml");
    Config::parse(&example).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(keys(&example, 0), rows("## leasehold.toml"));
    assert!(Config::parse(&example.replace("trust_domain", "trust_dmain")).is_err());
}

#[test]
fn the_example_of_an_estate_is_read_and_has_every_key() {
    let example = example("# estate.toml");
    let document = Document::parse(&example).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(document.items().credentials.len(), 4);
    assert_eq!(keys(&example, 2), rows("## estate.toml"));
    assert!(Document::parse(&example.replace("sensitivity", "sensitvity")).is_err());
}

#[test]
fn the_example_of_a_policy_is_one_and_asks_for_two_of_three() {
    let page = read("docs/witness.md");
    let example = page.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let policy = Policy::parse(example.as_bytes()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 3));
    let met_by = |names: &[&str]| policy.is_met_by(|witness| names.contains(&witness.name.as_str()));
    assert!(met_by(&["auditors", "partner"]) && !met_by(&["auditors"]));
    assert!(policy.witnesses().iter().all(|witness| witness.url.is_some()), "the broker needs to reach them");
}

#[test]
fn every_command_line_of_the_pages_is_taken() {
    let lines: Vec<String> = PAGES.iter().flat_map(|page| command_lines(&read(page))).collect();
    assert!(lines.len() > 12, "only {} command lines were found", lines.len());
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}\n{error}"));
    }
    assert!(Cli::try_parse_from(["leasehold", "task", "aprove", "T"]).is_err());
}

#[test]
fn the_log_in_the_tree_is_verified_by_the_command_of_the_readme() {
    let line = "leasehold evidence verify docs/evidence/log.bundle --keys docs/evidence/log.key";
    assert!(command_lines(&read("README.md")).iter().any(|it| it == line));
    let mut program = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let output = program.args(line.split(' ').skip(1)).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The block of the page that begins with this comment.
fn example(first: &str) -> String {
    let page = read(CONFIGURATION);
    let mut blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.starts_with(first)).unwrap_or_else(|| panic!("no example {first}")).to_owned()
}

/// First cells of the tables under a heading.
fn rows(heading: &str) -> BTreeSet<String> {
    let page = read(CONFIGURATION);
    let section = page.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
    section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).map(str::to_owned).collect()
}

/// Paths of all values; the second part of a path is a name if the table is one of named tables.
fn keys(text: &str, named: usize) -> BTreeSet<String> {
    fn walk(value: &toml::Value, path: &[String], named: usize, found: &mut BTreeSet<String>) {
        let Some(table) = value.as_table() else {
            found.insert(path.join("."));
            return;
        };
        for (key, value) in table {
            let key = if named > 0 && path.len() + 1 == named { "NAME" } else { key };
            walk(value, &[path, &[key.to_owned()]].concat(), named, found);
        }
    }
    let mut found = BTreeSet::new();
    walk(&toml::Value::Table(text.parse().unwrap()), &[], named, &mut found);
    found
}

/// Lines in `sh` blocks that begin with `leasehold`, joined where they are continued, without comments.
fn command_lines(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let text = blocks.collect::<String>().replace("\\\n", " ");
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    lines.filter(|line| line.starts_with("leasehold ")).map(str::to_owned).collect()
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
