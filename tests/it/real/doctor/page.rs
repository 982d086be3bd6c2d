//! docs/operations.md is true: it has every check and no other, and its example is what doctor prints.

use super::practice::Practice;
use leasehold::domain::preflight::CHECKS;
use std::collections::BTreeSet;

fn page() -> String {
    std::fs::read_to_string(xtask::peers::repository().join("docs/operations.md")).unwrap()
}

#[test]
fn the_page_explains_every_check_and_no_other() {
    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let rows = rows.filter(|(check, _)| check.contains('.'));
    let explained: Vec<&str> = rows.map(|(check, _)| check).collect();
    assert_eq!(explained.len(), CHECKS.len(), "a row for each");
    assert_eq!(BTreeSet::from_iter(explained), BTreeSet::from(CHECKS));
}

/// The example leaves lines out where it says `…`; those that it has are real, and in this order.
#[test]
fn the_example_on_the_page_is_what_doctor_prints() {
    let practice = Practice::open();
    practice.shell("bao write auth/jwt/role/leasehold role_type=jwt expiration_leeway=0 clock_skew_leeway=0");
    practice.shell("bao policy delete $(bao policy list | grep leasehold-cred-ledger-ro)");
    let output = practice.doctor(&["--token-file", "root.token"]);
    let shown = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    let shown = shown.replace(&practice.scene.bao.address, "https://vault.example.org:8200");
    let shown = shown.replace(&practice.scene.file(""), "/var/lib/leasehold/");
    let page = page();
    let example = page.split("$ leasehold doctor").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut real = shown.lines();
    for line in example.lines().skip(1).filter(|line| *line != "…") {
        assert!(real.any(|it| it == line), "not printed, or not here: {line}\n{shown}");
    }
}
