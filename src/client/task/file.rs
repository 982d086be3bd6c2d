//! Task files: what a workload asks for, written down (`billing.task.toml`). Pure but for reading.
//!
//! A key that is not known is refused with the nearest known name, so that a slip never becomes a
//! silent default.

use crate::complaint::{Complaint, Result};
use crate::text;
use domain::base::Span;
use std::path::Path;
use toml::Value;

/// What a file or a set of options says; nothing is required yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) agent: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) purpose_code: Option<String>,
    pub(crate) credentials: Vec<String>,
    pub(crate) window: Option<Span>,
}

/// Reads a task file.
pub(crate) fn read(path: &Path) -> Result<Wanted> {
    let next_step = "name a task file in TOML, such as billing.task.toml";
    let text = std::fs::read_to_string(path).map_err(|error| Complaint::file("read", path, &error, next_step))?;
    parse(&text).map_err(|what| {
        let what = format!("{}: {what}", path.display());
        Complaint::usage(what, format!("correct the file; its keys are {}", KEYS.join(", ")))
    })
}

fn parse(text: &str) -> std::result::Result<Wanted, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| not_toml(text, &error))?;
    let mut wanted = Wanted::default();
    for (key, value) in &table {
        match key.as_str() {
            "agent" => wanted.agent = Some(words(key, value)?),
            "purpose" => wanted.purpose = Some(words(key, value)?),
            "purpose_code" => wanted.purpose_code = Some(words(key, value)?),
            "window" => wanted.window = Some(text::span(&words(key, value)?)?),
            "credentials" => {
                let list = value.as_array().ok_or("credentials must be a list, such as [\"ledger-ro\"]")?;
                wanted.credentials =
                    list.iter().map(|name| words("a credential", name)).collect::<std::result::Result<_, _>>()?;
            }
            unknown => return Err(unknown_key(unknown)),
        }
    }
    Ok(wanted)
}

/// One line, as for an estate: the drawing that comes with `Display` takes five.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

fn words(key: &str, value: &Value) -> std::result::Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{key} must be text in quotes"))
}

fn unknown_key(key: &str) -> String {
    match text::nearest(key, &KEYS) {
        Some(known) => format!("unknown key \"{key}\"; did you mean \"{known}\"?"),
        None => format!("unknown key \"{key}\""),
    }
}

const KEYS: [&str; 5] = ["agent", "purpose", "purpose_code", "credentials", "window"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_read() {
        let text = "agent = \"billing-bot\"\npurpose = \"reconcile\"\npurpose_code = \"rec\"\n\
                    credentials = [\"ledger-ro\", \"tls\"]\nwindow = \"20m\"\n";
        let wanted = Wanted {
            agent: Some("billing-bot".into()),
            purpose: Some("reconcile".into()),
            purpose_code: Some("rec".into()),
            credentials: vec!["ledger-ro".into(), "tls".into()],
            window: Some(Span::from_seconds(1_200)),
        };
        assert_eq!(parse(text), Ok(wanted));
    }

    #[test]
    fn the_example_in_the_documentation_has_every_key() {
        let page = include_str!("../../../docs/configuration.md");
        let example = page.split("```toml\n# billing.task.toml\n").nth(1).unwrap().split("```").next().unwrap();
        let wanted = parse(example).unwrap();
        assert!(wanted.agent.is_some() && wanted.purpose.is_some() && wanted.purpose_code.is_some());
        assert!(!wanted.credentials.is_empty() && wanted.window.is_some());
    }

    #[test]
    fn slips_are_refused_with_a_hint() {
        for (text, hint) in [
            ("purpse = \"x\"", "unknown key \"purpse\"; did you mean \"purpose\"?"),
            ("credential = [\"x\"]", "unknown key \"credential\"; did you mean \"credentials\"?"),
            ("zzz = 1", "unknown key \"zzz\""),
            ("agent = 7", "agent must be text in quotes"),
            ("credentials = \"x\"", "credentials must be a list, such as [\"ledger-ro\"]"),
            ("credentials = [1]", "a credential must be text in quotes"),
            ("window = \"soon\"", "\"soon\" is not a length of time; write it like 90s, 20m or 1h30m"),
        ] {
            assert_eq!(parse(text), Err(hint.into()), "{text}");
        }
        assert!(parse("agent = ").unwrap_err().contains("line 1"));
    }
}
