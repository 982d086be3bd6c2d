//! Bounds of pages, and what a filter may say.

use super::*;

#[test]
fn a_page_has_one_to_a_hundred_items() {
    assert_eq!([size(0), size(1), size(100)], [Ok(50), Ok(1), Ok(100)]);
    for bad in [-1, 101, i32::MIN, i32::MAX] {
        assert_eq!(size(bad).unwrap_err().field.as_deref(), Some("page_size"), "{bad}");
    }
}

#[test]
fn the_next_page_begins_behind_the_last_item() {
    let mut three = vec![9, 8, 7];
    assert_eq!(cut(&mut three, 3, |item| *item), "");
    assert_eq!(cut(&mut three, 2, |item| *item), "8");
    assert_eq!(three, [9, 8]);
    let read = |text: &str| text.parse::<u32>();
    assert_eq!([token("", read), token("8", read)], [Ok(None), Ok(Some(8))]);
    assert_eq!(token("x", read).unwrap_err().field.as_deref(), Some("page_token"));
}

#[test]
fn a_filter_is_terms_joined_by_and() {
    let known = ["state", "agent"];
    assert_eq!(terms("", &known), Ok(vec![]));
    assert_eq!(terms("state=active AND agent=a", &known), Ok(vec![("state", "active"), ("agent", "a")]));
    let long = format!("agent={}", "a".repeat(FILTER_BYTES_MAX));
    for bad in
        ["state", "stat=active", "state=a AND state=b", "state=a AND ", "state=a AND  agent=b", " state=a", &long]
    {
        assert_eq!(terms(bad, &known).unwrap_err().field.as_deref(), Some("filter"), "{bad}");
    }
    // Whatever follows the sign is the value: a lower-case `and` joins nothing.
    assert_eq!(terms("state=a and agent=b", &known), Ok(vec![("state", "a and agent=b")]));
    assert!(word("a and agent=b", &[("a", 1)]).is_err());
}
