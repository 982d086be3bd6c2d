//! `estate.toml` as people write it. A [`Document`] exists only if every key is known, every value
//! is well-formed and every rule about the whole is kept; otherwise up to 20 mistakes are told at once.

use super::{
    Agent, Class, Credential, EnginePath, IdPattern, Item, ItemKind, Items, Kind, Orphans, Probe, Role, RoleName,
    Sensitivity, Team, rules,
};
use crate::base::{Name, Span, SpiffeId};
use crate::form::{self, Fields, Mistakes, Notes};

/// A whole estate that somebody would like to be in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    items: Items,
    warnings: Vec<String>,
}

/// Items of one document: as many as fit into one estate group.
pub const ITEMS_MAX: usize = 4_096;
/// Bytes of one item as JSON, so that its entry stays below the log's bound of 65,535.
pub const ITEM_BYTES_MAX: usize = 30_000;
/// Bounds of `max_ttl`.
pub const TTL_SECONDS: std::ops::RangeInclusive<u64> = 10..=86_400;
const PURPOSE_BYTES_MAX: usize = 1_000;
const LABEL_BYTES_MAX: usize = 128;

impl Document {
    /// Reads a TOML text of at most 1 MiB.
    ///
    /// # Errors
    /// [`Mistakes`], each with line, column and path.
    pub fn parse(text: &str) -> Result<Self, Mistakes> {
        let items = form::read(text, |root, notes| Some(read_items(root, notes)), rules::check)?;
        Ok(Self { warnings: rules::warnings(&items), items })
    }

    /// What it declares.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// What a careful reader should know, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn read_items(root: &mut Fields<'_>, notes: &mut Notes<'_>) -> Items {
    let mut items = Items::default();
    let mut count = 0;
    for kind in ItemKind::ALL {
        for (name, mut fields) in root.tables(kind.as_str(), notes) {
            let path = fields.path().to_owned();
            let item = read_item(*kind, &name, &mut fields, notes);
            fields.close(notes);
            let Some(item) = item else { continue };
            if item.json().len() > ITEM_BYTES_MAX {
                notes.at(&path, format!("{path} is too large: an item is at most {ITEM_BYTES_MAX} bytes"));
            }
            items.set(item);
            count += 1;
        }
    }
    if count > ITEMS_MAX {
        notes.at("", format!("an estate has at most {ITEMS_MAX} items, this one has {count}"));
    }
    items
}

fn read_item(kind: ItemKind, name: &str, fields: &mut Fields<'_>, notes: &mut Notes<'_>) -> Option<Item> {
    if kind == ItemKind::Role {
        let role = Role { members: fields.texts("members", notes, SpiffeId::parse) };
        let name = RoleName::parse(name).map_err(|no| notes.at(fields.path(), no)).ok();
        return Some(Item::Role(name?, role));
    }
    // The fields are read even under a bad name, so that all mistakes are told at once.
    let read: fn(Option<Name>, &mut Fields<'_>, &mut Notes<'_>) -> Option<Item> = match kind {
        ItemKind::Agent => |name, fields, notes| read_agent(fields, notes).and_then(|it| Some(Item::Agent(name?, it))),
        ItemKind::Credential => {
            |name, fields, notes| read_credential(fields, notes).and_then(|it| Some(Item::Credential(name?, it)))
        }
        ItemKind::Role | ItemKind::Team => |name, fields, notes| {
            let members = fields.texts("members", notes, SpiffeId::parse);
            Some(Item::Team(name?, Team { members }))
        },
    };
    let name = Name::parse(name).map_err(|no| notes.at(fields.path(), format!("{name:?}: {no}"))).ok();
    read(name, fields, notes)
}

fn read_agent(fields: &mut Fields<'_>, notes: &mut Notes<'_>) -> Option<Agent> {
    let spiffe_id = fields.text_needed("spiffe_id", notes, IdPattern::parse);
    let owner = fields.text("owner", notes, Name::parse);
    let class = fields.text_needed("class", notes, Class::parse);
    let environment = fields.text_needed("environment", notes, Name::parse);
    let purpose = fields.text_needed("purpose", notes, purpose);
    let tools = fields.texts("tools", notes, label);
    let data_sets = fields.texts("data_sets", notes, label);
    Some(Agent {
        class: class?,
        data_sets,
        environment: environment?,
        owner,
        purpose: purpose?,
        spiffe_id: spiffe_id?,
        tools,
    })
}

fn read_credential(fields: &mut Fields<'_>, notes: &mut Notes<'_>) -> Option<Credential> {
    let kind = fields.text_needed("kind", notes, Kind::parse);
    let path = fields.text_needed("path", notes, EnginePath::parse);
    let max_ttl_seconds = fields.text_needed("max_ttl", notes, max_ttl_seconds);
    let owner = fields.text("owner", notes, Name::parse);
    let sensitivity = fields.text_needed("sensitivity", notes, Sensitivity::parse);
    let orphans = fields.text("orphans", notes, Orphans::parse);
    let exclusive = fields.flag("exclusive", notes);
    let probe = fields.table("probe", notes).and_then(|probe| read_probe(probe, notes));
    Some(Credential {
        exclusive,
        kind: kind?,
        max_ttl_seconds: max_ttl_seconds?,
        orphans,
        owner,
        path: path?,
        probe,
        sensitivity: sensitivity?,
    })
}

fn read_probe(mut probe: Fields<'_>, notes: &mut Notes<'_>) -> Option<Probe> {
    let postgres = probe.table_needed("postgres", notes);
    probe.close(notes);
    let mut postgres = postgres?;
    let dsn_credential = postgres.text_needed("dsn_credential", notes, Name::parse);
    postgres.close(notes);
    Some(Probe::Postgres { dsn_credential: dsn_credential? })
}

fn max_ttl_seconds(text: &str) -> Result<u64, String> {
    let seconds = Span::parse(text).map_err(|no| no.to_string())?.seconds();
    if TTL_SECONDS.contains(&seconds) { Ok(seconds) } else { Err("a longest life is 10s to 24h".into()) }
}

fn purpose(text: &str) -> Result<String, String> {
    let fits = (1..=PURPOSE_BYTES_MAX).contains(&text.len());
    // Control characters and the marks that turn text around could show an approver something else.
    let plain = !text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    });
    if fits && plain { Ok(text.into()) } else { Err("a purpose is 1 to 1000 bytes of plain text in one line".into()) }
}

fn label(text: &str) -> Result<String, String> {
    let fits = (1..=LABEL_BYTES_MAX).contains(&text.len());
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b));
    if fits && plain { Ok(text.into()) } else { Err("1 to 128 letters, digits and ._:/@- are expected".into()) }
}
