//! What is read is exactly what an ordinary parser reads of canonical bytes, and nothing else is read.

use super::*;
use proptest::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    One,
    TwoThree,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    deep: String,
    n: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    flag: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inner: Option<Inner>,
    list: Vec<String>,
    map: BTreeMap<String, u64>,
    word: Word,
}

fn outer() -> impl Strategy<Value = Outer> {
    let inner = (".*", 0..1_u64 << 53).prop_map(|(deep, n)| Inner { deep, n });
    let map = proptest::collection::btree_map("[a-z_.]{1,5}", 0..1_u64 << 53, 0..4);
    let list = proptest::collection::vec(".*", 0..4);
    (any::<bool>(), proptest::option::of(inner), list, map, any::<bool>()).prop_map(|(flag, inner, list, map, one)| {
        Outer { flag, inner, list, map, word: if one { Word::One } else { Word::TwoThree } }
    })
}

const GOOD: &str =
    r#"{"flag":true,"inner":{"deep":"a\n\u0001\"é","n":7},"list":["x",""],"map":{"a":1,"b":2},"word":"two-three"}"#;

fn good() -> Outer {
    Outer {
        flag: true,
        inner: Some(Inner { deep: "a\n\u{1}\"é".into(), n: 7 }),
        list: vec!["x".into(), String::new()],
        map: BTreeMap::from([("a".into(), 1), ("b".into(), 2)]),
        word: Word::TwoThree,
    }
}

#[test]
fn a_type_is_read_as_it_was_written() {
    assert_eq!(read(GOOD), Ok(good()));
    assert_eq!(read_at(&format!("12{GOOD}34"), 2), Ok((Ok(good()), GOOD.len() + 2)));
}

#[test]
fn one_spelling_alone_is_read() {
    for (from, to) in [
        (r#"{"deep":"a\n\u0001\"é","n":7}"#, r#"["a",7]"#),
        (r#"["x",""]"#, r#"{"x":""}"#),
        (r#"{"a":1,"b":2}"#, r#"[["a",1]]"#),
        (r#""two-three""#, r#"{"two-three":[]}"#),
        (r#""two-three""#, r#""three""#),
        ("true", "1"),
        (r#""n":7"#, r#""n":"7""#),
        (r#""n":7"#, r#""m":1,"n":7"#),
        (r#","n":7"#, ""),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        assert_eq!(super::super::check(text.as_bytes()), Ok(()), "{text}");
        assert!(matches!(read::<Outer>(&text), Err(Misread::Shape(_))), "{text}");
        assert!(matches!(read_at::<Outer>(&text, 0), Ok((Err(Misread::Shape(_)), end)) if end == text.len()), "{text}");
    }
}

#[test]
fn a_wrong_form_is_said_before_a_wrong_shape() {
    let both = GOOD.replace("true", "1").replace("\"b\":2", "\"b\":02");
    assert_eq!(
        read::<Outer>(&both).map_err(|misread| misread.to_string()),
        Err(format!("leading zero at byte {}", both.find("02").unwrap()))
    );
    assert!(read_at::<Outer>(&both, 0).is_err());
}

#[test]
fn a_value_is_kept_as_it_stands() {
    #[derive(Debug, PartialEq)]
    struct Kept(String);
    impl<'de> Deserialize<'de> for Kept {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Text;
            impl Visitor<'_> for Text {
                type Value = Kept;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_str<E>(self, text: &str) -> Result<Kept, E> {
                    Ok(Kept(text.into()))
                }
            }
            deserializer.deserialize_newtype_struct(VERBATIM, Text)
        }
    }
    let text = r#"{"a":{"x":[1,"é",{"y":true}]}}"#;
    assert_eq!(read(text), Ok(BTreeMap::from([("a".to_owned(), Kept(r#"{"x":[1,"é",{"y":true}]}"#.into()))])));
}

#[test]
fn nothing_is_nested_deeper_here_than_the_form_allows() {
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    for depth in [1, 8, 9, 200] {
        let text = nested(depth);
        let read = read::<serde_json::Value>(&text);
        assert_eq!(
            read.map(|_| ()).map_err(|misread| misread.to_string()),
            super::super::check(text.as_bytes()).map_err(|no| no.to_string())
        );
        assert_eq!(read_at::<serde_json::Value>(&text, 0).is_ok(), depth <= 8);
    }
}

proptest! {
    #[test]
    fn the_oracle_and_the_reader_agree(outer in outer()) {
        let text = serde_jcs::to_string(&outer).unwrap();
        prop_assert_eq!(read::<Outer>(&text), Ok(outer));
    }

    /// Any change of a byte: what is read is what the two checks one after the other would have read.
    #[test]
    fn both_passes_in_one_are_both_passes(outer in outer(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = serde_jcs::to_vec(&outer).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(()) };
        match (super::super::check(&bytes), read::<Outer>(text)) {
            (Err(form), read) => prop_assert_eq!(read, Err(Misread::Form(form))),
            (Ok(()), Ok(read)) => prop_assert_eq!(serde_json::from_slice::<Outer>(&bytes).unwrap(), read),
            (Ok(()), Err(misread)) => prop_assert!(matches!(misread, Misread::Shape(_)), "{misread:?}"),
        }
    }
}
