//! `docs/errors.md` is what the gRPC surface sends for every reason, read back from the status itself.

use super::same;
use leasehold::domain::reason::{Denial, Reason};
use leasehold::surfaces::grpc::complaint::Complaint;
use std::fmt::Write as _;
use tonic_types::StatusExt as _;

const HEAD: &str = "\
# Errors on the wire

Every refusal over gRPC is a `google.rpc.Status` whose details hold an `ErrorInfo` (reason, domain `leasehold`, ids as
metadata) and a `Help` link. The last columns say what else is in the details. The message is one sentence that ends
with the next step; programs read the reason. What each reason means: [reasons.md](reasons.md). This page is written by
`tests/it/golden/errors.rs` from the statuses themselves.

| reason | gRPC code | `RetryInfo` | `PreconditionFailure` |
|---|---|---|---|
";

#[test]
fn the_committed_page_says_what_is_sent() {
    let mut page = HEAD.to_owned();
    for reason in Reason::ALL {
        let status = Complaint::from(Denial::new(*reason, "it is so")).status();
        let details = status.get_error_details();
        let name = &details.error_info().unwrap().reason;
        let retry = details.retry_info().and_then(|retry| retry.retry_delay);
        let retry = retry.map_or_else(|| "–".into(), |delay| format!("{} s", delay.as_secs()));
        let precondition = if details.precondition_failure().is_some() { "●" } else { "" };
        let (code, anchor) = (status.code(), name.to_lowercase());
        writeln!(page, "| [`{name}`](reasons.md#{anchor}) | {code:?} | {retry} | {precondition} |").unwrap();
    }
    page.push_str("\n`INVALID_ARGUMENT` with a named field also holds a `BadRequest`; an estate one violation for each mistake.\n`INTERNAL` has an `incident` among its ids, under which the broker's logs tell more.\n");
    same("docs/errors.md", &page);
}
