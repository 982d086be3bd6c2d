//! What `leasehold doctor` shows: a table for people, one document for programs.

use crate::client::{Complaint, Terminal};
use crate::domain::base::SpiffeId;
use crate::domain::preflight::{Finding, Severity};
use serde_json::{Value, json};

/// All that was found.
pub(super) struct Report {
    /// Where the engine was looked for; `None` if the files did not say.
    pub(super) engine: Option<String>,
    /// Who the broker is, as far as known.
    pub(super) broker_id: Option<SpiffeId>,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    pub(super) fn has_failures(&self) -> bool {
        self.count(Severity::Fail) > 0
    }

    pub(super) fn show(&self, terminal: &mut Terminal) -> Result<(), Complaint> {
        if terminal.json { terminal.document(&self.document()) } else { self.table(terminal) }
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn document(&self) -> Value {
        let row = |it: &Finding| {
            let mend = Some(&it.mend).filter(|mend| !mend.is_empty());
            json!({ "check": it.check, "severity": it.severity.to_string(), "sentence": it.sentence, "mend": mend })
        };
        json!({
            "engine": self.engine,
            "broker_id": self.broker_id.as_ref().map(SpiffeId::as_str),
            "counts": {
                "ok": self.count(Severity::Ok),
                "warn": self.count(Severity::Warn),
                "fail": self.count(Severity::Fail),
            },
            "findings": self.findings.iter().map(row).collect::<Vec<_>>(),
        })
    }

    /// A mend is a line of its own, so that it can be copied whole.
    fn table(&self, terminal: &mut Terminal) -> Result<(), Complaint> {
        let width = self.findings.iter().map(|it| it.check.chars().count()).max().unwrap_or(0);
        for Finding { check, severity, sentence, mend } in &self.findings {
            terminal.line(&format!("{:4}  {check:width$}  {sentence}", severity.to_string()))?;
            mend.lines().try_for_each(|line| terminal.line(&format!("      {line}")))?;
        }
        terminal.say(&self.summary());
        Ok(())
    }

    fn summary(&self) -> String {
        let (ok, warn, fail) = (self.count(Severity::Ok), self.count(Severity::Warn), self.count(Severity::Fail));
        let verdict = match (fail, warn) {
            (0, 0) => "all is as it should be",
            (0, _) => "nothing fails",
            _ => "not fit for use: mend what fails, then run doctor again",
        };
        format!("checked {}: {ok} ok, {warn} warn, {fail} fail; {verdict}", self.findings.len())
    }
}
