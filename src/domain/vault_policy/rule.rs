//! One rule of a policy, in typed parts, and its text in HCL. The only place that writes quotes,
//! wildcards and braces.

use crate::estate::EnginePath;
use std::fmt::Write as _;

/// What a rule permits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Capability {
    List,
    Read,
    Sudo,
    Update,
}

/// One part of a rule's path; parts are joined by `/`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'e> {
    /// Written by us.
    Fixed(&'static str),
    /// The path of a credential: its segments hold only `[A-Za-z0-9._-]`.
    At(&'e EnginePath),
    /// Everything that begins so; only as the last part.
    Begins(&'static str),
    /// Everything below; only as the last part.
    Below,
}

/// A value that a parameter may have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'e> {
    False,
    True,
    Text(&'static str),
    /// Any lease of that path.
    LeasesBelow(&'e EnginePath),
}

/// One rule.
#[derive(Debug)]
pub(super) struct Rule<'e> {
    path: Vec<Part<'e>>,
    capabilities: &'static [Capability],
    required: &'static [&'static str],
    allowed: Vec<(&'static str, Vec<Value<'e>>)>,
}

impl Value<'_> {
    /// No list of values: the engine takes any.
    pub(super) fn any() -> Vec<Self> {
        Vec::new()
    }

    fn hcl(self) -> String {
        match self {
            Self::False => "false".into(),
            Self::True => "true".into(),
            Self::Text(text) => quoted(text),
            Self::LeasesBelow(path) => quoted(&format!("{path}/*")),
        }
    }
}

impl<'e> Rule<'e> {
    pub(super) fn of(path: Vec<Part<'e>>, capabilities: &'static [Capability]) -> Self {
        Self { path, capabilities, required: &[], allowed: Vec::new() }
    }

    /// Parameters without which the engine refuses.
    pub(super) fn requires(mut self, names: &'static [&'static str]) -> Self {
        self.required = names;
        self
    }

    /// A parameter that may be sent; once there is one, every other is refused.
    pub(super) fn allows(mut self, name: &'static str, values: Vec<Value<'e>>) -> Self {
        self.allowed.push((name, values));
        self
    }

    /// One line that says all of it, for hashing: path, capabilities, required and allowed
    /// parameters, separated by zero bytes. Its form never changes, however the HCL is laid out.
    pub(super) fn line(&self) -> String {
        let capabilities: Vec<&str> = self.capabilities.iter().map(|it| it.word()).collect();
        let allowed: Vec<String> = self.allowed.iter().map(|(name, of)| format!("{name}={}", list(of))).collect();
        [self.path(), capabilities.join(","), self.required.join(","), allowed.join(";")].join("\0")
    }

    fn path(&self) -> String {
        let parts = self.path.iter().map(|part| match part {
            Part::Fixed(text) => (*text).to_owned(),
            Part::At(path) => path.to_string(),
            Part::Begins(text) => format!("{text}*"),
            Part::Below => "*".to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn hcl(&self) -> String {
        let capabilities: Vec<String> = self.capabilities.iter().map(|it| quoted(it.word())).collect();
        let mut text = format!("path {} {{\n  capabilities = [{}]\n", quoted(&self.path()), capabilities.join(", "));
        if !self.required.is_empty() {
            let required: Vec<String> = self.required.iter().map(|name| quoted(name)).collect();
            let _ = writeln!(text, "  required_parameters = [{}]", required.join(", "));
        }
        if !self.allowed.is_empty() {
            text.push_str("  allowed_parameters = {\n");
            for (name, values) in &self.allowed {
                let _ = writeln!(text, "    {} = {}", quoted(name), list(values));
            }
            text.push_str("  }\n");
        }
        text.push_str("}\n");
        text
    }
}

impl Capability {
    const fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Sudo => "sudo",
            Self::Update => "update",
        }
    }
}

/// A policy as the engine reads it, rules in order.
pub(super) fn hcl(rules: &[Rule<'_>]) -> String {
    rules.iter().map(Rule::hcl).collect::<Vec<_>>().join("\n")
}

fn list(values: &[Value<'_>]) -> String {
    let values: Vec<String> = values.iter().map(|value| value.hcl()).collect();
    format!("[{}]", values.join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
