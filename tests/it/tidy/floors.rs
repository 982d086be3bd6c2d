//! Floors are crates. The table of floors in ARCHITECTURE.md is the law, and the manifests of the workspace must
//! say the same, no more and no less; that a crate names only what its manifest does, the compiler holds.

use super::source::{Source, files, root};
use super::{Breach, assert_none, assert_tree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use toml::{Table, Value};

const PAGE: &str = "ARCHITECTURE.md";
const ROOT: &str = "Cargo.toml";
/// The floor that is the root package, and may name every other.
const APP: &str = "app";
/// The one floor besides `app` that `main.rs` calls.
const MAIN: &str = "client";

/// A row of the table of floors: its line, and what the floor may name.
type Row = (usize, BTreeSet<String>);

/// A manifest of the workspace, and where it stands.
type Manifest = (String, Table);

/// The rows between the heading and the next one, by the name of the floor. What else is wrong with the table
/// is a breach: a floor names floors of rows above.
fn table(page: &str) -> (BTreeMap<String, Row>, Vec<Breach>) {
    let (mut rows, mut breaches) = (BTreeMap::<String, Row>::new(), Vec::new());
    let section = page.lines().enumerate().skip_while(|(_, line)| *line != "## Floors").skip(1);
    for (at, line) in section.take_while(|(_, line)| !line.starts_with("## ")) {
        let cells: Vec<&str> = line.split('|').collect();
        let [_, floor, _, names, _] = cells[..] else { continue };
        let Some(floor) = in_backticks(floor).next() else { continue };
        let names: BTreeSet<String> = match floor.as_str() {
            APP => rows.keys().cloned().collect(),
            _ => in_backticks(names).collect(),
        };
        for above in names.iter().filter(|name| !rows.contains_key(*name)) {
            let rule = format!("{floor} may name floors of rows above, and `{above}` is none");
            breaches.push(Breach { file: PAGE.to_owned(), line: at + 1, rule });
        }
        rows.insert(floor, (at + 1, names));
    }
    (rows, breaches)
}

fn in_backticks(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The table, and every manifest against it.
fn the_manifests_are_the_table(page: &str, manifests: &[Manifest]) -> Vec<Breach> {
    let (rows, mut breaches) = table(page);
    for (file, manifest) in manifests {
        breaches.extend(manifest_is_a_row(file, manifest, &rows).into_iter().map(|rule| breach(file, rule)));
    }
    for (floor, (line, _)) in &rows {
        let file = place(floor);
        if !manifests.iter().any(|(there, _)| *there == file) {
            breaches.push(Breach { file: PAGE.to_owned(), line: *line, rule: format!("`{floor}` has no {file}") });
        }
    }
    breaches
}

/// Where the manifest of a floor stands.
fn place(floor: &str) -> String {
    if floor == APP { ROOT.to_owned() } else { format!("src/{floor}/Cargo.toml") }
}

fn breach(file: &str, rule: String) -> Breach {
    Breach { file: file.to_owned(), line: 1, rule }
}

fn manifest_is_a_row(file: &str, manifest: &Table, rows: &BTreeMap<String, Row>) -> Vec<String> {
    let mut objections = Vec::new();
    if at(manifest, &["lints", "workspace"]) != Some(&Value::Boolean(true)) {
        objections.push("take the lints of the house: [lints] workspace = true".to_owned());
    }
    let dependencies = dependencies(manifest);
    let own = dependencies.iter().filter(|(_, value)| value.get("workspace") != Some(&Value::Boolean(true)));
    objections
        .extend(own.map(|(name, _)| format!("`{name}` stands in [workspace.dependencies], and here as workspace")));
    let named: BTreeSet<String> =
        dependencies.iter().map(|(name, _)| name.clone()).filter(|name| rows.contains_key(name)).collect();
    let Some(floor) = rows.keys().find(|floor| place(floor) == file) else {
        let is_floor = file.starts_with("src/");
        objections.extend(is_floor.then(|| format!("this crate has no row in the table of floors ({PAGE})")));
        objections.extend((!named.is_empty()).then(|| format!("no floor may be named here, not {named:?}")));
        return objections;
    };
    let (_, may) = &rows[floor];
    if named != *may {
        objections.push(format!("{floor} names {named:?}; by the table of {PAGE} it is {may:?}"));
    }
    if floor != APP {
        let name = format!("leasehold-{floor}");
        let is_named = at(manifest, &["package", "name"]).and_then(Value::as_str) == Some(&name);
        objections.extend((!is_named).then(|| format!("this crate is called {name}")));
    }
    objections
}

/// Every dependency, of whatever table: normal, for tests, for builds, for one target.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, value) in manifest {
        let Value::Table(inner) = value else { continue };
        match name.as_str() {
            "dependencies" | "dev-dependencies" | "build-dependencies" => found.extend(inner.clone()),
            "target" => found.extend(inner.values().filter_map(Value::as_table).flat_map(dependencies)),
            _ => {}
        }
    }
    found
}

fn at<'v>(table: &'v Table, path: &[&str]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// The names of the workspace mean what they say, and none is left over.
fn the_workspace_names_what_is_used(page: &str, manifests: &[Manifest]) -> Vec<Breach> {
    let (rows, _) = table(page);
    let Some((_, root)) = manifests.iter().find(|(file, _)| file == ROOT) else {
        return vec![breach(ROOT, "there is no root manifest".to_owned())];
    };
    let used: BTreeSet<String> =
        manifests.iter().flat_map(|(_, manifest)| dependencies(manifest)).map(|(name, _)| name).collect();
    let listed = at(root, &["workspace", "dependencies"]).and_then(Value::as_table).cloned().unwrap_or_default();
    let mut breaches = Vec::new();
    for (name, value) in &listed {
        if !used.contains(name) {
            breaches.push(breach(ROOT, format!("no crate uses `{name}`: take it out of [workspace.dependencies]")));
        }
        let package = value.get("package").and_then(Value::as_str);
        let path = value.get("path").and_then(Value::as_str);
        let meant = rows.contains_key(name).then(|| (format!("leasehold-{name}"), format!("src/{name}")));
        let said = package.zip(path).map(|(package, path)| (package.to_owned(), path.to_owned()));
        if meant != said {
            breaches.push(breach(ROOT, format!("`{name}` is {said:?}; by the table of {PAGE} it is {meant:?}")));
        }
    }
    breaches
}

/// `main.rs` parses and hands over: to `app`, or to the client's verbs.
fn main_calls_two(source: &Source, rows: &BTreeMap<String, Row>) -> Vec<Breach> {
    let tokens = if source.path == "src/main.rs" { source.product() } else { &[] };
    let floors = tokens.iter().filter(|token| rows.contains_key(&token.text) && ![APP, MAIN].contains(&&*token.text));
    floors.map(|token| source.breach(token.line, format!("main.rs calls app and {MAIN} only"))).collect()
}

fn page() -> String {
    fs::read_to_string(root().join(PAGE)).unwrap()
}

fn manifests() -> Vec<Manifest> {
    let files = files().into_iter().filter(|file| file == ROOT || file.ends_with("/Cargo.toml"));
    let read = |file: String| {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        (file, text.parse().unwrap())
    };
    files.map(read).collect()
}

#[test]
fn the_crates_of_the_tree_are_the_floors_of_the_map() {
    let (page, manifests) = (page(), manifests());
    assert!(table(&page).0.len() > 10, "tidy does not find the table of floors");
    assert_none(&the_manifests_are_the_table(&page, &manifests));
    assert_none(&the_workspace_names_what_is_used(&page, &manifests));
    assert_tree(|source| main_calls_two(source, &table(&page).0));
}

/// A page with three floors, and the manifests that fit it.
const GOOD: [(&str, &str); 4] = [
    (
        ROOT,
        r#"
[workspace.dependencies]
low = { package = "leasehold-low", path = "src/low", version = "1" }
high = { package = "leasehold-high", path = "src/high", version = "1" }
serde = "1"
[package]
name = "leasehold"
[dependencies]
low.workspace = true
high = { workspace = true, optional = true }
[lints]
workspace = true
"#,
    ),
    (
        "src/low/Cargo.toml",
        "package.name = \"leasehold-low\"\ndependencies.serde.workspace = true\nlints.workspace = true",
    ),
    (
        "src/high/Cargo.toml",
        "package.name = \"leasehold-high\"\ndependencies.low.workspace = true\nlints.workspace = true",
    ),
    ("xtask/Cargo.toml", "package.name = \"xtask\"\nlints.workspace = true"),
];
const TABLE: &str = "## Floors\n| floor | what | may name |\n|---|---|---|\n| `low` | a | – |\n| `high` | b | `low` |\n| `app` | c | all |\n## Next\n| `gone` | d | – |\n";

/// The breaches after `old` became `new` in one of the good manifests, or in the page.
fn breaches_after(file: &str, old: &str, new: &str) -> Vec<Breach> {
    let change = |name: &str, text: &str| {
        assert!(name != file || text.contains(old), "{file} does not hold {old:?}");
        if name == file { text.replacen(old, new, 1) } else { text.to_owned() }
    };
    let page = change(PAGE, TABLE);
    let manifests: Vec<Manifest> =
        GOOD.iter().map(|(name, text)| ((*name).to_owned(), change(name, text).parse().unwrap())).collect();
    let mut breaches = the_manifests_are_the_table(&page, &manifests);
    breaches.extend(the_workspace_names_what_is_used(&page, &manifests));
    breaches
}

#[test]
fn a_crate_that_is_not_as_the_map_says_is_seen() {
    assert_eq!(breaches_after(PAGE, "", ""), []);
    let (low, high) = ("src/low/Cargo.toml", "src/high/Cargo.toml");
    for (file, old, new) in [
        // Looks up, in every table that cargo reads.
        (low, "dependencies.serde", "dependencies.high.workspace = true\ndependencies.serde"),
        (low, "dependencies.serde", "dev-dependencies.high.workspace = true\ndependencies.serde"),
        (low, "dependencies.serde", "build-dependencies.high.workspace = true\ndependencies.serde"),
        (low, "dependencies.serde", "target.'cfg(unix)'.dependencies.high.workspace = true\ndependencies.serde"),
        // Names less than the map says, in the one or the other.
        (high, "dependencies.low.workspace = true", ""),
        (PAGE, "| `low` |\n| `app`", "| – |\n| `app`"),
        // Another name or place for a floor.
        (low, "dependencies.serde", "dependencies.other = { path = \"../high\" }\ndependencies.serde"),
        (low, "serde.workspace = true", "serde = { version = \"1\" }"),
        (ROOT, "serde = \"1\"", "serde = { package = \"leasehold-high\", path = \"src/high\" }"),
        (ROOT, "path = \"src/high\"", "path = \"src/low\""),
        (low, "leasehold-low", "leasehold-lower"),
        // A floor without a row, a row without a floor, a row that looks up, a floor that app does not have.
        (PAGE, "| `low` | a | – |\n| `high` | b | `low` |", "| `high` | b | – |"),
        (PAGE, "| `app`", "| `higher` | e | – |\n| `app`"),
        (PAGE, "| `low` | a | – |", "| `low` | a | `high` |"),
        (ROOT, "high = { workspace = true, optional = true }", ""),
        // The workshop knows nothing of the product; no crate is without the lints; nothing is left over.
        ("xtask/Cargo.toml", "lints", "dependencies.low.workspace = true\nlints"),
        (high, "lints.workspace = true", ""),
        (ROOT, "serde = \"1\"", "serde = \"1\"\nserde_json = \"1\""),
    ] {
        assert_ne!(breaches_after(file, old, new), [], "{file}: {old:?} became {new:?}");
    }
}

#[test]
fn a_main_that_calls_another_floor_is_seen() {
    let (rows, _) = table("## Floors\n| `services` | a | – |\n| `client` | b | – |\n| `app` | c | all |\n");
    let seen = |path: &str, text: &str| main_calls_two(&Source::new(path, text), &rows).len();
    assert_eq!(seen("src/main.rs", "use leasehold::{app::cli, client}; fn main() { cli::run() }"), 0);
    assert_eq!(seen("src/app.rs", "use crate::services;"), 0);
    for text in ["fn main() { leasehold::services::run() }", "use leasehold::{app, services};", "use services::run;"] {
        assert_eq!(seen("src/main.rs", text), 1, "{text}");
    }
}
