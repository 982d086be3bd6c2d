//! `docs/roles.md` is the table of `domain::roles`, and the table is the API: every call of the
//! descriptors stands in it, and nothing else. `LEASEHOLD_UPDATE_GOLDEN=1` rewrites the page.

use leasehold::domain::roles::{CALLS, CallerRole, NeededProof};
use prost::Message as _;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const HEAD: &str = "\
# Who may call what

This page is printed from `src/domain/roles.rs`; edit that file and run
`LEASEHOLD_UPDATE_GOLDEN=1 cargo test --test it golden`.

A caller is verified first; then one of the marked roles must be held. A call that is not in the
table is refused. The table says only who may knock: whose task or lease it is, the broker decides
on its state, and what is not yours looks as if it did not exist. Health and reflection need no SVID.

Workloads are the agents of the estate, approvers are the members of its teams; operators, auditors
and scorers are named in its roles. While the estate names no operators, those of `[bootstrap]` in
`leasehold.toml` count. Nobody decides on what they themselves requested.
";

#[test]
fn the_printed_table_is_the_table_in_force() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/roles.md");
    let fresh = page();
    if std::env::var_os("LEASEHOLD_UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, &fresh).unwrap();
    }
    let committed = fs::read_to_string(&place).unwrap_or_default();
    assert!(committed == fresh, "docs/roles.md is stale: run LEASEHOLD_UPDATE_GOLDEN=1 cargo test --test it golden");
}

#[test]
fn every_call_of_the_api_is_in_the_table_and_nothing_else() {
    let set = prost_types::FileDescriptorSet::decode(leasehold::proto::DESCRIPTORS).unwrap();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(|it| (file.package(), it)));
    let api: BTreeSet<String> = services
        .flat_map(|(package, it)| it.method.iter().map(move |m| format!("{package}.{}/{}", it.name(), m.name())))
        .collect();
    assert!(api.contains("leasehold.v1.TaskService/RequestTask"), "the descriptors hold the API");
    let table: BTreeSet<String> = CALLS.iter().map(|call| call.name.to_owned()).collect();
    assert_eq!(table, api);
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut service = "";
    for call in CALLS {
        let (prefix, verb) = call.name.split_once('/').unwrap();
        if prefix != service {
            service = prefix;
            let roles = CallerRole::ALL.map(CallerRole::as_str).join(" | ");
            let rule = "|:-:".repeat(CallerRole::ALL.len());
            write!(page, "\n## {prefix}\n\n| call | {roles} | proof |\n|---{rule}|---|\n").unwrap();
        }
        let marks = CallerRole::ALL.map(|role| if call.roles.contains(&role) { "●" } else { "" }).join(" | ");
        let proof = match call.proof {
            NeededProof::AnySvid => "any SVID",
            NeededProof::X509Svid => "X.509-SVID",
        };
        writeln!(page, "| {verb} | {marks} | {proof} |").unwrap();
    }
    page
}
