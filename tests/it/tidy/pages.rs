//! What stands around the Rust code: committed files name no machine, every dependency says why it is
//! there, and the map names only places that exist.

use super::Breach;
use super::assert_none;
use super::source::{files, root};
use std::fs;

/// Folders of one machine, in halves, so that this file keeps its own rule.
const MACHINE: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
/// Settings that name a package registry: the machine's business, never the project's.
const REGISTRY: [&str; 5] = [
    concat!("--index", "-url"),
    concat!("--extra-index", "-url"),
    concat!("npm_config_", "registry"),
    concat!("GOPROXY", "="),
    concat!("\"reso", "lved\":"),
];
/// The only address that a lock file may hold: the public index that cargo writes for every user.
const PUBLIC_INDEX: &str = "https://github.com/rust-lang/crates.io-index";

fn breach(file: &str, line: usize, rule: String) -> Breach {
    Breach { file: file.to_owned(), line: line + 1, rule }
}

fn no_machine_is_named(file: &str, text: &str) -> Vec<Breach> {
    let is_lock = ["Cargo.lock", "package-lock.json", "requirements.txt"].iter().any(|name| file.ends_with(name));
    let mut breaches = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let named = MACHINE
            .iter()
            .filter(|place| names_place(line, place))
            .chain(REGISTRY.iter().filter(|word| line.contains(**word)));
        breaches.extend(named.map(|word| breach(file, at, format!("`{word}` belongs to one machine"))));
        if is_lock && line.replace(PUBLIC_INDEX, "").contains("://") {
            breaches.push(breach(
                file,
                at,
                "a lock file names no host: packages come from where the machine says".to_owned(),
            ));
        }
    }
    breaches
}

/// `place` as the beginning of an absolute path, not as a part of a longer one such as `target/work/`.
fn names_place(line: &str, place: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(place).any(|(at, _)| !before(at).is_some_and(|c| c.is_alphanumeric() || "_-.}".contains(c)))
}

fn dependencies_say_why(file: &str, text: &str) -> Vec<Breach> {
    let mut inside = false;
    let mut breaches = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && line.starts_with(|c: char| c.is_ascii_lowercase()) && !is_said(line) {
            let name = line.split([' ', '=']).next().unwrap_or_default();
            breaches.push(breach(file, at, format!("say behind `{name}` in a comment what it is for")));
        }
    }
    breaches
}

/// Here, or once for all in `[workspace.dependencies]`.
fn is_said(line: &str) -> bool {
    let (line, reason) = line.split_once('#').unwrap_or((line, ""));
    !reason.trim().is_empty() || line.contains(".workspace = true") || line.contains("{ workspace = true")
}

/// Every word in backticks that looks like a path must be one.
fn the_map_names_real_places(file: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let missing = line.split('`').skip(1).step_by(2).filter(|word| is_path(word) && !exists(word));
        breaches.extend(missing.map(|word| breach(file, at, format!("`{word}` does not exist"))));
    }
    breaches
}

/// `src/a.rs::b` in backticks: the file must hold a function, constant or type `b`.
fn the_walks_name_real_functions(file: &str, text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for word in line.split('`').skip(1).step_by(2) {
            let Some((path, name)) = word.split_once(".rs::") else { continue };
            let path = format!("{path}.rs");
            let held = read(&path).is_some_and(|code| {
                ["fn", "const", "struct", "enum", "trait"].iter().any(|kind| code.contains(&format!("{kind} {name}")))
            });
            if !held {
                breaches.push(breach(file, at, format!("`{word}` does not exist")));
            }
        }
    }
    breaches
}

/// Every link that leaves its page without leaving the tree must lead to a file.
fn links_lead_somewhere(file: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Breach> {
    let folder = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut breaches = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let inside = targets.filter(|target| !target.is_empty() && !target.contains(':'));
        let missing = inside.filter(|target| !exists(&resolved(&folder, target)));
        breaches.extend(missing.map(|target| breach(file, at, format!("the link to `{target}` leads nowhere"))));
    }
    breaches
}

/// `docs/` and `../a.md` to `a.md`.
fn resolved(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')).filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// What `git merge` leaves where it could not decide.
fn no_merge_is_left_open(file: &str, text: &str) -> Vec<Breach> {
    let open = |line: &&str| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark));
    let lines = text.lines().enumerate().filter(|(_, line)| open(line));
    lines.map(|(at, _)| breach(file, at, "a merge was committed before it was decided".to_owned())).collect()
}

fn is_path(word: &str) -> bool {
    let shape = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) && !word.starts_with('/');
    let ends = [".rs", ".md", ".toml", ".proto", ".sh", ".json", ".yaml"].iter().any(|end| word.ends_with(end));
    shape && (ends || word.contains('/'))
}

fn texts(keep: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let kept = files().into_iter().filter(|file| keep(file));
    kept.filter_map(|file| fs::read_to_string(root().join(&file)).ok().map(|text| (file, text))).collect()
}

#[test]
fn committed_files_name_no_machine_and_hold_no_open_merge() {
    let texts = texts(|_| true);
    assert!(texts.len() > 40, "tidy sees only {} files", texts.len());
    assert_none(&texts.iter().flat_map(|(file, text)| no_machine_is_named(file, text)).collect::<Vec<_>>());
    assert_none(&texts.iter().flat_map(|(file, text)| no_merge_is_left_open(file, text)).collect::<Vec<_>>());
}

#[test]
fn a_merge_that_is_left_open_is_seen() {
    assert_eq!(no_merge_is_left_open("a.md", "# A\n=======\na <<<<<<< b\n"), []);
    let open = no_merge_is_left_open("a.md", "# A\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> h/d\n");
    assert_eq!(open.iter().map(|breach| breach.line).collect::<Vec<_>>(), [2, 6]);
}

#[test]
fn every_dependency_of_the_tree_says_why() {
    let manifests = texts(|file| file.ends_with("Cargo.toml"));
    assert!(manifests.len() > 1);
    assert_none(&manifests.iter().flat_map(|(file, text)| dependencies_say_why(file, text)).collect::<Vec<_>>());
}

#[test]
fn the_map_is_true_and_no_link_is_dead() {
    let files = files();
    let exists = |word: &str| {
        let word = word.trim_end_matches('/');
        files.iter().any(|file| file.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    let root_pages = ["ARCHITECTURE.md", "README.md"];
    let maps = texts(|file| root_pages.contains(&file) || file.starts_with("docs/walks/") || file == "docs/limits.md");
    assert!(maps.len() > root_pages.len(), "a page that newcomers expect is missing");
    let mut breaches: Vec<Breach> =
        maps.iter().flat_map(|(file, text)| the_map_names_real_places(file, text, exists)).collect();
    let pages = texts(|file| file.ends_with(".md"));
    let code = |path: &str| fs::read_to_string(root().join(path)).ok();
    breaches.extend(pages.iter().flat_map(|(file, text)| the_walks_name_real_functions(file, text, code)));
    breaches.extend(pages.iter().flat_map(|(file, text)| links_lead_somewhere(file, text, exists)));
    assert_none(&breaches);
}

#[test]
fn a_named_machine_is_seen() {
    assert_eq!(no_machine_is_named("a.md", "target/work/a and https://example.org/home/ and $HOME/a"), []);
    assert_eq!(no_machine_is_named("Cargo.lock", &format!("source = \"registry+{PUBLIC_INDEX}\"")), []);
    for place in MACHINE {
        for line in
            [format!("see {place}a"), format!("\"{place}\""), format!("FILE={place}b"), format!("file://{place}c")]
        {
            assert_eq!(no_machine_is_named("a.md", &line).len(), 1, "{line}");
        }
    }
    for word in REGISTRY {
        assert_eq!(no_machine_is_named("a.sh", &format!("x {word}y")).len(), 1, "{word}");
    }
    assert_eq!(no_machine_is_named("clients/package-lock.json", "\"url\": \"https://npm.example.org/a.tgz\"").len(), 1);
}

#[test]
fn a_dependency_without_a_reason_is_seen() {
    let good = "[package]\nname = \"a\"\n[dependencies]\n# A heading.\nbase64 = \"0.22\" # notes\nserde.workspace = true\n\
         clap = { workspace = true, optional = true }\n[profile.dev]\ndebug = 1\n";
    assert_eq!(dependencies_say_why("Cargo.toml", good), []);
    for line in ["base64 = \"0.22\"", "base64 = \"0.22\" #", "base64 = { version = \"0.22\" }"] {
        for table in
            ["[dependencies]", "[dev-dependencies]", "[target.'cfg(unix)'.dependencies]", "[workspace.dependencies]"]
        {
            assert_eq!(dependencies_say_why("Cargo.toml", &format!("{table}\n{line}\n")).len(), 1, "{table} {line}");
        }
    }
}

#[test]
fn a_place_that_does_not_exist_is_seen() {
    let exists = |word: &str| word == "src/lib.rs";
    let seen = |line: &str| !the_map_names_real_places("ARCHITECTURE.md", line, exists).is_empty();
    assert!(!seen("`src/lib.rs`, `cargo xtask test`, `crate::domain`, `/healthz`, src/gone.rs without backticks"));
    for line in ["`src/gone.rs`", "ok `src/lib.rs` then `GONE.md`", "`src/gone/`", "| `.ci/gone` |"] {
        assert!(seen(line), "{line}");
    }
}

#[test]
fn a_function_that_does_not_exist_is_seen() {
    let code =
        |path: &str| (path == "src/a.rs").then(|| "pub(super) async fn walk() {}\nconst MAX: u8 = 1;".to_owned());
    let seen = |line: &str| !the_walks_name_real_functions("docs/a.md", line, code).is_empty();
    assert!(!seen("`src/a.rs::walk`, `src/a.rs::MAX`, `Entry::read`, src/gone.rs::b without backticks"));
    for line in ["`src/a.rs::run`", "`src/gone.rs::walk`"] {
        assert!(seen(line), "{line}");
    }
}

#[test]
fn a_dead_link_is_seen() {
    let exists = |word: &str| ["README.md", "docs/testing.md"].contains(&word);
    let seen = |file: &str, line: &str| !links_lead_somewhere(file, line, exists).is_empty();
    assert!(!seen(
        "README.md",
        "[a](docs/testing.md) [b](docs/testing.md#canary) [c](#here) [d](https://example.org/e)"
    ));
    assert!(!seen("docs/a.md", "[a](testing.md) [b](../README.md) [c](./testing.md)"));
    for (file, line) in [("README.md", "[a](testing.md)"), ("docs/a.md", "[ok](testing.md) [b](README.md)")] {
        assert!(seen(file, line), "{file} {line}");
    }
}
