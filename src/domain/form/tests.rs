//! Mistakes in forms: where they stand, what they say, and how many are told.

use super::*;
use crate::base::Name;

/// A form with one key `name`, and tables `part.…` with a flag.
fn names(text: &str) -> Result<usize, Mistakes> {
    let form = |root: &mut Fields<'_>, notes: &mut Notes<'_>| {
        root.text("name", notes, Name::parse);
        let parts = root.tables("part", notes);
        let count = parts.len();
        for (_, mut part) in parts {
            part.flag("spare", notes);
            part.close(notes);
        }
        Some(count)
    };
    read(text, form, |count, notes| {
        if *count > 2 {
            notes.at("part.x", "too many parts")
        }
    })
}

fn told(text: &str) -> String {
    names(text).unwrap_err().to_string()
}

#[test]
fn mistakes_are_told_where_they_stand() {
    assert_eq!(names("name = \"a\"\n[part.x]\nspare = true\n[part.y]\n"), Ok(2));
    assert_eq!(
        told("\nname = \"A B\""),
        "line 2, column 8: name: a name is 1 to 63 characters of a-z, 0-9 and dash, and does not begin with a dash"
    );
    assert_eq!(
        told("[part.x]\n  sapre = true"),
        "line 2, column 3: unknown key \"sapre\" in part.x; did you mean \"spare\"?"
    );
    assert_eq!(told("# é\nnaem = 1"), "line 2, column 1: unknown key \"naem\"; did you mean \"name\"?");
    assert_eq!(told("part = 1"), "line 1, column 8: part must be a table, not a whole number");
    assert_eq!(told("[part.w]\n[part.x]\n[part.y]"), "line 2, column 1: too many parts");
    assert_eq!(told("quite-another = 1"), "line 1, column 1: unknown key \"quite-another\"");
}

#[test]
fn a_text_that_is_no_toml_says_where() {
    assert!(names("name = \"a\"").is_ok());
    for (text, place) in [
        ("name = ", "line 1, column 8: "),
        ("name = \"a\"\nname = \"b\"", "line 2, column 1: "),
        ("[part.x]\n[part.x]", "line 2, column "),
        ("name = \"a", "line 1, column "),
        ("name = \"\u{1}\"", "line 1, column "),
    ] {
        assert!(told(text).starts_with(place), "{text:?}: {}", told(text));
    }
    let deep = format!("name = {}", "[".repeat(10_000));
    assert!(names(&deep).is_err());
}

#[test]
fn many_mistakes_are_bounded() {
    let text = |count: usize| (0..count).map(|n| format!("odd-{n:02} = 1\n")).collect::<String>();
    let twenty = names(&text(20)).unwrap_err();
    assert_eq!((twenty.told().len(), twenty.untold()), (20, 0));
    let more = names(&text(23)).unwrap_err();
    assert_eq!((more.told().len(), more.untold()), (20, 3));
    assert!(more.to_string().ends_with("and 3 more"));
    assert!(more.told().is_sorted_by_key(|mistake| mistake.line));
}

#[test]
fn a_text_of_mistakes_only_is_counted() {
    let lines = names(&"=\n".repeat(FORM_BYTES_MAX / 2)).unwrap_err();
    assert_eq!(lines.told().len(), 20);
    assert!(lines.untold() > 500_000, "{}", lines.untold());
    let long = "k".repeat(FORM_BYTES_MAX - 4);
    assert_eq!(names(&format!("{long} = 1")).unwrap_err().untold(), 0);
}

#[test]
fn a_form_is_bounded() {
    let text = |length: usize| "#".repeat(length);
    assert_eq!(names(&text(FORM_BYTES_MAX)), Ok(0));
    assert_eq!(told(&text(FORM_BYTES_MAX + 1)), "line 1, column 1: a file is at most 1048576 bytes");
}

#[test]
fn the_nearest_word_is_near() {
    let known = ["sensitivity", "path", "probe", "owner"];
    assert_eq!(nearest("sensitivty", known), Some("sensitivity"));
    assert_eq!(nearest("onwer", known), Some("owner"));
    assert_eq!(nearest("max_ttl", known), None);
    assert_eq!(nearest("sens", known), Some("sensitivity"));
    assert_eq!(nearest("se", known), None);
    assert_eq!(nearest("", known), None);
    assert_eq!(nearest("ab", ["x"]), None);
}
