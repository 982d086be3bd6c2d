//! The story as text for people: one line an entry, in the order of the story, under its task or lease.

use super::Part;
use super::story::{Besides, Declared, LeaseEnd, LeaseStory, Story, TaskStory, Told};
use domain::base::Span;
use domain::entry::Actor;
use domain::entry::bodies::{lease, task};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Lines of one task or lease.
struct Page<'f, 'a> {
    f: &'f mut fmt::Formatter<'a>,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} in a log of {} entries", self.of, self.size)?;
        if self.is_empty() {
            return f.write_str("nothing in the log speaks of it");
        }
        let mut page = Page { f };
        if !self.declarations.is_empty() {
            page.heading("declared")?;
            self.declarations.iter().try_for_each(|told| page.line(Part::Entitlement, told, &declared(&told.what)))?;
        }
        self.tasks.iter().try_for_each(|task| page.task(task))?;
        self.leases.iter().try_for_each(|lease| page.lease(lease))?;
        if !self.besides.is_empty() {
            page.heading("besides")?;
            self.besides.iter().try_for_each(|told| page.besides(told))?;
        }
        self.cut.iter().try_for_each(|cut| writeln!(f, "\nmore than is shown here: {cut}"))?;
        match self.next_index {
            Some(index) => write!(f, "\nthere is more: ask again with --from {index}"),
            None => Ok(()),
        }
    }
}

impl Page<'_, '_> {
    fn heading(&mut self, text: &str) -> fmt::Result {
        writeln!(self.f, "\n{text}")
    }

    fn line<T>(&mut self, part: Part, told: &Told<T>, sentence: &str) -> fmt::Result {
        // What strangers wrote must not begin a line of its own.
        let sentence = sentence.replace(['\n', '\r'], " ");
        writeln!(self.f, "{:>8}  {}  {:<11}  {sentence}", told.index, told.time, part.word())
    }

    fn besides(&mut self, told: &Told<Besides>) -> fmt::Result {
        let sentence = format!("{}: {}, by {}", told.what.r#type, particulars(&told.what.what), actor(&told.by));
        self.line(Part::Besides, told, &sentence)
    }

    fn task(&mut self, it: &TaskStory) -> fmt::Result {
        self.heading(&it.task.to_string())?;
        match &it.requested {
            Some(told) => self.line(Part::Identity, told, &requested(told))?,
            None => writeln!(self.f, "          its request is not in what was looked through")?,
        }
        let entitlement = &it.entitlement;
        if let Some(told) = &entitlement.agent {
            self.line(Part::Entitlement, told, &declared(&told.what))?;
        }
        for told in &entitlement.credentials {
            self.line(Part::Entitlement, told, &declared(&told.what))?;
        }
        if let Some(told) = &entitlement.estate {
            let sentence = format!("estate version {} put into force by {}", told.what.version, actor(&told.by));
            self.line(Part::Entitlement, told, &sentence)?;
        }
        for told in &it.approvals {
            let bound = told.what.binds_this_request;
            self.line(Part::Approval, told, &approved(&told.what.said, bound, &told.by))?;
        }
        if let Some(told) = &it.denied {
            self.line(Part::Approval, told, &format!("denied by {}{}", actor(&told.by), because(told)))?;
        }
        if let Some(told) = &it.activated {
            self.line(Part::Approval, told, &format!("active until {}", told.what.ends))?;
        }
        for token in &it.tokens {
            let made = &token.made;
            let policies = made.what.policies.join(", ");
            let sentence = format!("engine token with {policies}, engine request {}", made.what.engine_request);
            self.line(Part::Issuance, made, &sentence)?;
        }
        it.leases.iter().try_for_each(|lease| self.lease(lease))?;
        for revoked in it.tokens.iter().filter_map(|token| token.revoked.as_ref()) {
            self.line(Part::End, revoked, &format!("engine token of entry {} gone, looked up", revoked.what.token))?;
        }
        if let Some(told) = &it.end {
            let sentence = format!("task {} by {}{}", told.what.how, actor(&told.by), because(told));
            self.line(Part::End, told, &sentence)?;
        }
        it.besides.iter().try_for_each(|told| self.besides(told))
    }

    fn lease(&mut self, it: &LeaseStory) -> fmt::Result {
        match &it.intended {
            Some(told) => {
                writeln!(self.f, "  {} of {}", it.lease, told.what.credential)?;
                self.line(Part::Issuance, told, &intended(&told.what, &told.by))?;
            }
            None => writeln!(self.f, "\n  {}: its intent is not in what was looked through", it.lease)?,
        }
        if let Some(told) = &it.issued {
            self.line(Part::Issuance, told, &issued(&told.what))?;
        }
        for told in &it.renewals {
            let sentence = format!(
                "until {}, at the engine until {}, by {}",
                told.what.expires,
                told.what.engine_expires,
                actor(&told.by)
            );
            self.line(Part::Renewal, told, &sentence)?;
        }
        if let Some(told) = &it.revocation_requested {
            self.line(Part::End, told, &format!("to end, {}, by {}", word(&told.what.why), actor(&told.by)))?;
        }
        if let Some(told) = &it.revocation_accepted {
            self.line(Part::End, told, "the engine took it on and still knows it")?;
        }
        if let Some(told) = &it.unproven {
            self.line(Part::End, told, &format!("unproven: the {} has not said gone", told.what.missing))?;
        }
        for told in &it.orphans {
            let sentence = format!("found, and ended: {} that the log did not account for", told.what.kind);
            self.line(Part::End, told, &sentence)?;
        }
        match &it.end {
            Some(told) => self.line(Part::End, told, &end(&told.what))?,
            None => writeln!(self.f, "          open at the end of what was looked through")?,
        }
        it.besides.iter().try_for_each(|told| self.besides(told))
    }
}

fn requested(told: &Told<task::Requested>) -> String {
    let task::Requested { agent, credentials, purpose_code, subject, window_seconds, .. } = &told.what;
    let names: Vec<&str> = credentials.iter().map(domain::base::Name::as_str).collect();
    let window = Span::from_seconds(*window_seconds);
    let purpose = told.opened.get("purpose").map(|text| format!(" ({text:?})")).unwrap_or_default();
    let proof = proof(&told.by);
    format!("{subject} as {agent} asked for {} for {window}: {purpose_code}{purpose}; {proof}", names.join(", "))
}

fn declared(it: &Declared) -> String {
    let Some(item) = &it.item else { return format!("{} {} removed", it.kind, it.name) };
    let fields: Value = serde_json::from_str(&item.0).unwrap_or_default();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("none").to_owned();
    match it.kind.as_str() {
        "agent" => {
            let (class, environment) = (text("class"), text("environment"));
            format!("agent {}: {class} in {environment}, owner {}, is {}", it.name, text("owner"), text("spiffe_id"))
        }
        _ => {
            let longest = fields.get("max_ttl_seconds").and_then(Value::as_u64).map(Span::from_seconds);
            let longest = longest.map(|span| format!(", at most {span}")).unwrap_or_default();
            let (kind, sensitivity) = (text("kind"), text("sensitivity"));
            format!("credential {}: {kind}, {sensitivity}{longest}, owner {}", it.name, text("owner"))
        }
    }
}

fn approved(said: &task::Approved, binds: Option<bool>, by: &Actor) -> String {
    let who = said.rule.as_ref().map_or_else(|| actor(by), |rule| format!("rule {rule}"));
    let teams: Vec<&str> = said.teams.iter().map(domain::base::Name::as_str).collect();
    let teams = if teams.is_empty() { String::new() } else { format!(" for {}", teams.join(", ")) };
    let what = match binds {
        Some(true) => "this very request",
        Some(false) => "ANOTHER REQUEST than this",
        None => "a request that is not shown",
    };
    format!("{who} said yes{teams} to {what}, until {}; {}", said.until, proof(by))
}

fn intended(what: &lease::Intended, by: &Actor) -> String {
    let supersedes = what.supersedes.map(|old| format!(", in place of {old}")).unwrap_or_default();
    format!("intended until {}{supersedes}; {}", what.expires, proof(by))
}

fn issued(what: &lease::Issued) -> String {
    let serial = what.serial.as_ref().map(|serial| format!(", certificate {serial}")).unwrap_or_default();
    let version = what.value_version.map(|version| format!(", value version {version}")).unwrap_or_default();
    let engine = what.engine_expires.map(|time| format!(", at the engine until {time}")).unwrap_or_default();
    let how = word(&what.revocability);
    format!("issued until {}{engine}, {how}{serial}{version}, engine request {}", what.expires, what.engine_request)
}

fn end(what: &LeaseEnd) -> String {
    match what {
        LeaseEnd::Revoked(body) => {
            let request = body.engine_request.as_ref().map(|id| format!(", engine request {id}")).unwrap_or_default();
            let crl = body.crl.as_ref().map(|crl| format!(", on revocation list {}", crl.number)).unwrap_or_default();
            let known = if body.known_before { "" } else { ", the engine did not know it any more" };
            format!("revoked, {}{known}{crl}{request}", word(&body.assurance))
        }
        LeaseEnd::NotIssued(body) => format!("no secret came of it: {}", word(&body.why)),
        LeaseEnd::Expired(body) => format!("over for the task; not ended: {}", word(&body.revocability)),
    }
}

/// A field's own word in the log.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => other.unwrap_or_default().to_string(),
    }
}

fn actor(by: &Actor) -> String {
    by.id.clone()
}

/// What proved the identity of a caller.
fn proof(by: &Actor) -> String {
    match (&by.serial, &by.issuer_key, &by.key_id) {
        (Some(serial), Some(key), _) => format!("SVID {serial} of issuer key {key}"),
        (_, _, Some(key)) => format!("JWT-SVID under key {key}"),
        _ => format!("by {}", by.id),
    }
}

fn because<T>(told: &Told<T>) -> String {
    told.opened.get("justification").map(|text| format!(": {text:?}")).unwrap_or_default()
}

fn particulars(what: &Value) -> String {
    let fields = what.as_object().into_iter().flatten();
    let words = fields.map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    words.collect::<Vec<_>>().join(" ")
}
