//! `docs/reasons.md` is what the table of reasons says. Run with `LEASEHOLD_UPDATE_GOLDEN=1` to rewrite it.

use leasehold::domain::reason::Reason;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const HEAD: &str = "\
# Reasons: why a call was not served

Every refusal carries one of these codes in `google.rpc.ErrorInfo.reason` (domain `leasehold`), with a link to its row
here. The list is closed. This page is written by `tests/it/golden/reasons.rs` from `src/domain/reason.rs`.

*Retry* says after how many seconds the same call, with the same `request_id`, may be tried again. A dash means that it
fails again until something is changed.

| code | class | retry | next step |
|---|---|---|---|
";

/// The page, one row per reason in the order of the table. The anchor is the code in lower case.
fn page(reasons: &[Reason]) -> String {
    let mut page = HEAD.to_owned();
    for reason in reasons {
        let (code, class, next) = (reason.code(), reason.class(), reason.next_step());
        let retry = match reason.retry_after_seconds() {
            0 => "–".to_owned(),
            seconds => format!("{seconds} s"),
        };
        let anchor = code.to_lowercase();
        writeln!(page, "| <a id=\"{anchor}\"></a>`{code}` | {class:?} | {retry} | {next} |").unwrap();
    }
    page
}

#[test]
fn the_committed_page_lists_every_reason() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    let fresh = page(Reason::ALL);
    if env::var_os("LEASEHOLD_UPDATE_GOLDEN").is_some() {
        fs::write(&place, &fresh).unwrap();
    }
    let committed = fs::read_to_string(&place).unwrap_or_default();
    assert!(committed == fresh, "docs/reasons.md is stale: run LEASEHOLD_UPDATE_GOLDEN=1 cargo test --test it golden");
}

#[test]
fn a_row_holds_code_class_retry_and_next_step() {
    let page = page(&[Reason::Overloaded, Reason::NotFound]);
    let rows: Vec<&str> = page.lines().rev().take(2).collect();
    let next = Reason::NotFound.next_step();
    assert_eq!(rows[1], "| <a id=\"overloaded\"></a>`OVERLOADED` | ResourceExhausted | 1 s | try again shortly |");
    assert_eq!(rows[0], format!("| <a id=\"not_found\"></a>`NOT_FOUND` | NotFound | – | {next} |"));
}
