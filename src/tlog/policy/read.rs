//! Reads a policy file, line by line, to the letter of C2SP tlog-policy. Whitespace is space and tab
//! only; names are compared as bytes.

use super::{Group, Member, Policy, PolicyError, Witness};
use crate::cosignature::WitnessKey;
use crate::note::VerifierKey;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of the largest file that is read.
const POLICY_BYTES_MAX: usize = 256 << 10;
/// Logs, witnesses and groups of a file, each. The specification recommends 32 at least.
const ITEMS_MAX: usize = 256;
/// The quorum that asks for nobody.
const NONE: &[u8] = b"none";

pub(super) fn read(bytes: &[u8]) -> Result<Policy, PolicyError> {
    let mut reader = Reader::default();
    if bytes.len() > POLICY_BYTES_MAX {
        return Err(PolicyError { line: 1, what: format!("a policy is at most {POLICY_BYTES_MAX} bytes") });
    }
    let items = lines(bytes)?;
    if let [(line, words)] = items.as_slice()
        && let [word] = words.as_slice()
    {
        let key = key(word, VerifierKey::parse).map_err(|what| PolicyError { line: *line, what })?;
        return Ok(Policy::of_log(key));
    }
    let end = bytes.split(|byte| *byte == b'\n').count();
    for (line, words) in items {
        reader.take(&words).map_err(|what| PolicyError { line, what })?;
    }
    let missing = || PolicyError { line: end, what: "a policy needs one quorum line, such as `quorum none`".into() };
    let Reader { logs, witnesses, groups, quorum, .. } = reader;
    Ok(Policy { logs, witnesses, groups, quorum: quorum.ok_or_else(missing)? })
}

/// Number and words of a line that has some.
type Item<'b> = (usize, Vec<&'b [u8]>);

fn lines(bytes: &[u8]) -> Result<Vec<Item<'_>>, PolicyError> {
    let mut items = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
            return Err(PolicyError { line: at + 1, what: "a policy has no control characters but tab".into() });
        }
        let words: Vec<&[u8]> = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|w| !w.is_empty()).collect();
        if words.first().is_some_and(|first| !first.starts_with(b"#")) {
            items.push((at + 1, words));
        }
    }
    Ok(items)
}

#[derive(Default)]
struct Reader {
    logs: Vec<VerifierKey>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    names: BTreeMap<Vec<u8>, Member>,
    /// Names that are members of a group: each may be in one place only.
    placed: BTreeSet<Vec<u8>>,
    quorum: Option<Option<Member>>,
}

impl Reader {
    fn take(&mut self, words: &[&[u8]]) -> Result<(), String> {
        match words {
            [b"log", key] | [b"log", key, _] => self.log(key),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, needed, members @ ..] if !members.is_empty() => self.group(name, needed, members),
            [b"quorum", name] => self.quorum(name),
            [b"log", ..] => Err("expected: log KEY [URL]".into()),
            [b"witness", ..] => Err("expected: witness NAME KEY [URL]".into()),
            [b"group", ..] => Err("expected: group NAME all|any|NUMBER MEMBER…".into()),
            [b"quorum", ..] => Err("expected: quorum NAME".into()),
            _ => Err("expected a line that begins with log, witness, group, quorum or #".into()),
        }
    }

    fn log(&mut self, text: &[u8]) -> Result<(), String> {
        let key = key(text, VerifierKey::parse)?;
        if self.logs.iter().any(|log| log.bytes() == key.bytes()) {
            return Err("this log's key stands twice".into());
        }
        bounded(self.logs.len())?;
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &[u8], text: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        let key = key(text, WitnessKey::parse)?;
        if self.witnesses.iter().any(|witness| witness.key.bytes() == key.bytes()) {
            return Err("this witness's key stands twice".into());
        }
        bounded(self.witnesses.len())?;
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: shown(name), key, url: url.map(shown) });
        Ok(())
    }

    fn group(&mut self, name: &[u8], needed: &[u8], members: &[&[u8]]) -> Result<(), String> {
        let count = members.len();
        let needed = match needed {
            b"all" => count,
            b"any" => 1,
            digits => number(digits).filter(|needed| (1..=count).contains(needed)).ok_or_else(|| {
                format!("the number behind the group's name must be all, any, or between 1 and {count}")
            })?,
        };
        bounded(self.groups.len())?;
        let members = members.iter().map(|member| self.place(member)).collect::<Result<_, _>>()?;
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { needed, members });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("a second quorum line".into());
        }
        self.quorum = Some(if name == NONE { None } else { Some(self.find(name)?) });
        Ok(())
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), String> {
        if name == NONE {
            return Err("the name none is taken".into());
        }
        match self.names.insert(name.to_vec(), member) {
            None => Ok(()),
            Some(_) => Err(format!("the name {} stands for something else already", shown(name))),
        }
    }

    fn find(&self, name: &[u8]) -> Result<Member, String> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| format!("{} is not defined above this line", shown(name)))
    }

    fn place(&mut self, name: &[u8]) -> Result<Member, String> {
        let member = self.find(name)?;
        let is_first = self.placed.insert(name.to_vec());
        if is_first { Ok(member) } else { Err(format!("{} is a member twice", shown(name))) }
    }
}

fn bounded(count: usize) -> Result<(), String> {
    if count < ITEMS_MAX { Ok(()) } else { Err(format!("more than {ITEMS_MAX} of this kind")) }
}

fn key<K, E: std::fmt::Display>(text: &[u8], parse: impl Fn(&str) -> Result<K, E>) -> Result<K, String> {
    let text = std::str::from_utf8(text).map_err(|_| "a key is text in UTF-8".to_owned())?;
    parse(text).map_err(|error| error.to_string())
}

/// Decimal, without sign or leading zeroes.
fn number(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
